package pcap

import (
	"context"
	"os"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Main is the command skb-pcap.
func Main() {
	var o Options
	pipe.Parse("skb-pcap", &o)
	pipe.MainFilter("skb-pcap", func(ctx context.Context) error {
		return Run(ctx, o, os.Stdin, os.Stdout, os.Stderr)
	})
}
