//go:build linux

package netns

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func init() { runtime.LockOSThread() } // TestMain runs on the main thread

// TestMain asks from the main thread. When who asks waits, the scheduler gives its thread to what it has just started.
func TestMain(m *testing.M) {
	runtime.UnlockOSThread()
	for range 100 {
		if err := onOwnThread(func() error {
			if unix.Gettid() == unix.Getpid() {
				return errors.New("it is the main thread, which would stay in the other network namespace")
			}
			return nil
		}); err != nil {
			println(err.Error())
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// TestErrors: what is not of the function is told with the path, and the function's own error as it is.
func TestErrors(t *testing.T) {
	var p *fs.PathError
	err := Within("/nowhere", func() error { t.Error("it was called"); return nil })
	if !errors.As(err, &p) || p.Op == Enter || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no file: %v", err)
	}
	err = Within("/dev/null", func() error { t.Error("it was called"); return nil })
	if !errors.As(err, &p) || p.Op != Enter {
		t.Errorf("of no network namespace: %v", err)
	}
	own := errors.New("own")
	switch err := Within("/proc/thread-self/ns/net", func() error { return own }); {
	case errors.Is(err, unix.EPERM): // without CAP_SYS_ADMIN
	case err != own:
		t.Errorf("of the function: %v", err)
	}
}
