// skb-track tells which events of a stream are of one packet, and how its journey ended.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/skbtrack"
)

func main() {
	var o skbtrack.Options
	pipe.Parse("skb-track", "Tell which events are of one packet, hop by hop, and how each journey ended.", &o)
	debug.SetMemoryLimit(skbtrack.Memory * 3 / 4) // the rest is the runtime's
	pipe.MainFilter("skb-track", func(ctx context.Context) error {
		return skbtrack.Run(ctx, o, os.Stdin, os.Stdout, os.Stderr)
	})
}
