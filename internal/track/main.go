package track

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Main is the command skb-track.
func Main() {
	var o Options
	pipe.Parse("skb-track", &o)
	debug.SetMemoryLimit(Memory * 3 / 4) // the rest is the runtime's
	pipe.MainFilter("skb-track", func(ctx context.Context) error {
		return Run(ctx, o, os.Stdin, os.Stdout, os.Stderr)
	})
}
