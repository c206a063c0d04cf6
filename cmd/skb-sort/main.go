// skb-sort puts the records of streams in the order of their times.
package main

import (
	"context"
	"os"

	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/sort"
)

func main() {
	var o sort.Options
	pipe.Parse("skb-sort", "Sort the records of streams by time or by journey, and merge several streams.", &o)
	pipe.MainFilter("skb-sort", func(ctx context.Context) error {
		return sort.Run(ctx, o, os.Stdin, os.Stdout, os.Stderr)
	})
}
