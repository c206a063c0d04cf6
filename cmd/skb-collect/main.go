// skb-collect sees packets inside the kernel, at any function or tracepoint, and writes
// what it sees as a stream.
package main

import (
	"context"
	"os"

	"github.com/skb-tools/skb-tools/internal/collect"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

func main() {
	args, err := collect.WithProfiles(os.Args)
	if err != nil {
		pipe.Say(os.Stderr, "skb-collect", err.Error())
		os.Exit(2)
	}
	os.Args = args
	var o collect.Options
	pipe.Parse("skb-collect", "See packets inside the kernel, at any function or tracepoint.", &o)
	pipe.Main("skb-collect", func(ctx context.Context) error {
		return collect.Run(ctx, o, os.Stdout, os.Stderr)
	})
}
