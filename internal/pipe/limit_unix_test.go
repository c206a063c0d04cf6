//go:build linux || darwin

package pipe

import (
	"os/signal"
	"testing"

	"golang.org/x/sys/unix"
)

// limitFileSize calls f while no file of this process can be longer than n bytes: a disk
// that is full. Tests that use it do not run beside others.
func limitFileSize(t *testing.T, n int, f func()) {
	t.Helper()
	signal.Ignore(unix.SIGXFSZ)
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: uint64(n), Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	f()
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
}
