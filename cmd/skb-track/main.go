// skb-track tells which events of a stream are of one packet, and how its journey ended.
package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/track"
)

func main() {
	var o track.Options
	pipe.Parse("skb-track", "Group events into packets, hop by hop, and show how each journey ended.", &o)
	debug.SetMemoryLimit(track.Memory * 3 / 4) // the rest is the runtime's
	pipe.MainFilter("skb-track", func(ctx context.Context) error {
		return track.Run(ctx, o, os.Stdin, os.Stdout, os.Stderr)
	})
}
