// skb-collect sees packets inside the kernel, at any function or tracepoint, and writes
// what it sees as a stream.
package main

import (
	"context"
	"os"

	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/skbcollect"
)

func main() {
	var o skbcollect.Options
	pipe.Parse("skb-collect", "See packets inside the kernel, at any function or tracepoint.", &o)
	pipe.Main("skb-collect", func(ctx context.Context) error {
		return skbcollect.Run(ctx, o, os.Stdout, os.Stderr)
	})
}
