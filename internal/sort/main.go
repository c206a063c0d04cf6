package sort

import (
	"context"
	"os"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Main is the command skb-sort.
func Main() {
	var o Options
	pipe.Parse("skb-sort", &o)
	pipe.MainFilter("skb-sort", func(ctx context.Context) error {
		return Run(ctx, o, os.Stdin, os.Stdout, os.Stderr)
	})
}
