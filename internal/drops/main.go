package drops

import (
	"context"
	"os"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Main is the command skb-drops.
func Main() {
	var o Options
	pipe.Parse("skb-drops", &o)
	pipe.MainFilter("skb-drops", func(ctx context.Context) error {
		return Run(ctx, o, os.Stdin, os.Stdout, os.Stderr)
	})
}
