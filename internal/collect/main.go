//go:build linux && (amd64 || arm64)

package collect

import (
	"context"
	"os"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Main is the command skb-collect.
func Main() {
	args, err := WithProfiles(os.Args)
	if err != nil {
		pipe.Say(os.Stderr, "skb-collect", err.Error())
		os.Exit(2)
	}
	os.Args = args
	var o Options
	pipe.Parse("skb-collect", &o)
	pipe.Main("skb-collect", func(ctx context.Context) error {
		return Run(ctx, o, os.Stdout, os.Stderr)
	})
}
