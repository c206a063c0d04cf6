//go:build !(linux && (amd64 || arm64))

// Package collect is a stub here: skb-collect's programs for the kernel are made for Linux on amd64 and arm64.
package collect

import (
	"context"
	"fmt"
	"runtime"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Main is the command skb-collect, which says that it does not run here.
func Main() {
	pipe.Main("skb-collect", func(context.Context) error {
		return fmt.Errorf("it traces the Linux kernel on amd64 and arm64, and %s/%s is not supported; the other programs "+
			"read its streams here", runtime.GOOS, runtime.GOARCH)
	})
}
