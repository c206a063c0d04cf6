// skb-drops finds the drops in a stream of packet events and says why they happened.
package main

import (
	"context"
	"os"

	"github.com/skb-tools/skb-tools/internal/drops"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

func main() {
	var o drops.Options
	pipe.Parse("skb-drops", "Find the drops in a stream of packet events and explain each, or count them.", &o)
	pipe.MainFilter("skb-drops", func(ctx context.Context) error {
		return drops.Run(ctx, o, os.Stdin, os.Stdout, os.Stderr)
	})
}
