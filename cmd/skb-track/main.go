// skb-track passes a stream on. It will tell which events are one packet's journey.
package main

import (
	"context"
	"os"

	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/skbtrack"
)

func main() {
	var o skbtrack.Options
	pipe.Parse("skb-track", "Pass a stream on unchanged. (Following packets is not built yet.)", &o)
	pipe.MainFilter("skb-track", func(ctx context.Context) error {
		return skbtrack.Run(ctx, o, os.Stdin, os.Stdout, os.Stderr)
	})
}
