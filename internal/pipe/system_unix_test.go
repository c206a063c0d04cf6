//go:build unix

package pipe

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// TestChildrenDieOfWriteSignals: what kills others when they write to a closed pipe kills our children, and not us.
func TestChildrenDieOfWriteSignals(t *testing.T) {
	ignoreWriteSignals()
	for name, want := range map[string]syscall.Signal{"PIPE": syscall.SIGPIPE, "XFSZ": syscall.SIGXFSZ} {
		err := exec.Command("sh", "-c", "kill -"+name+" $$").Run()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != want {
			t.Errorf("a child that gets SIG%s: %v, want it killed", name, err)
		}
		if err := syscall.Kill(os.Getpid(), want); err != nil {
			t.Error(err)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	if _, err := w.WriteString("x"); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("a write to a closed pipe: %v, want EPIPE", err)
	}
}
