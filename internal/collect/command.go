//go:build linux && (amd64 || arm64)

package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// A child is the command given after --.
type child struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// startChild starts args. Its output goes to out, because stdout may be the stream.
func startChild(ctx context.Context, args []string, out, stderr io.Writer) (*child, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, out, stderr
	// On ^C the terminal has told the command itself; let it end as it does.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		return nil, notRun(args[0], err)
	}
	c := &child{cmd: cmd, done: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		close(c.done)
	}()
	return c, nil
}

// canRun tells of a wrong command before anything is attached or written.
func canRun(name string) error {
	if _, err := exec.LookPath(name); err != nil {
		return notRun(name, err)
	}
	return nil
}

// notRun makes an error that names the command once.
func notRun(name string, err error) error {
	var wrong *exec.Error
	if errors.As(err, &wrong) {
		err = wrong.Err
	}
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("running %s: %w", name, err)
}

func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// endsWithin waits for the end of the command, but not longer than that.
func (c *child) endsWithin(d time.Duration) {
	select {
	case <-c.done:
	case <-time.After(d):
	}
}

// stop ends a command that is still running when collecting failed or its reader left.
func (c *child) stop() {
	if !c.ended() {
		_ = c.cmd.Process.Signal(syscall.SIGTERM)
	}
}

// status is the exit status as a shell gives it: 128 + the signal for one that was killed.
func (c *child) status() int {
	<-c.done
	ws, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return c.cmd.ProcessState.ExitCode()
}
