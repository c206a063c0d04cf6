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
	args, err := skbcollect.WithProfiles(os.Args)
	if err != nil {
		pipe.Say(os.Stderr, "skb-collect", err.Error())
		os.Exit(2)
	}
	os.Args = args
	var o skbcollect.Options
	pipe.Parse("skb-collect", "See packets inside the kernel, at any function or tracepoint.", &o)
	pipe.Main("skb-collect", func(ctx context.Context) error {
		return skbcollect.Run(ctx, o, os.Stdout, os.Stderr)
	})
}
