//go:build linux && (amd64 || arm64)

package collect

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestErrnoName(t *testing.T) {
	for want, e := range map[string]unix.Errno{"EOPNOTSUPP": unix.EOPNOTSUPP, "ENETDOWN": unix.ENETDOWN, "ENXIO": unix.ENXIO} {
		if got := errnoName(e); got != want {
			t.Errorf("%d is %s, want %s", e, got, want)
		}
	}
}
