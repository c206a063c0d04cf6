//go:build kernel

package kerneltest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for another process. Guests are emulated: nothing is quick.
const patience = 5 * time.Minute

// pipelineLimit is how long a pipeline may take: one that waits for ever fails its own test
// and not all of them.
const pipelineLimit = 5 * patience

// A process is one that has said on stderr that it is ready.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	mu     sync.Mutex
	stderr bytes.Buffer
	done   chan error
}

// start starts cmd and waits until a line of its stderr contains ready.
func start(t *testing.T, cmd *exec.Cmd, ready string) *process {
	t.Helper()
	return startWithin(t, patience, cmd, ready)
}

// Attaching and detaching a thousand single kprobes takes minutes of an emulated kernel's.
const slow = 3 * patience

func startWithin(t *testing.T, patience time.Duration, cmd *exec.Cmd, ready string) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, done: make(chan error, 1)}
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill() })
	isReady := make(chan bool, 1)
	go func() {
		r := bufio.NewReader(pipe)
		for {
			line, err := r.ReadString('\n')
			p.mu.Lock()
			p.stderr.WriteString(line)
			p.mu.Unlock()
			if strings.Contains(line, ready) {
				select {
				case isReady <- true:
				default:
				}
			}
			if err != nil {
				break
			}
		}
		close(isReady)
		p.done <- cmd.Wait()
	}()
	select {
	case ok := <-isReady:
		if !ok {
			t.Fatalf("%v ended before it was ready: %s", cmd.Args, p.errors())
		}
	case <-time.After(patience):
		t.Fatalf("%v was not ready after %v: %s", cmd.Args, patience, p.errors())
	}
	return p
}

// errors is what the process wrote on stderr so far.
func (p *process) errors() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// wait waits for the end and returns the exit status.
func (p *process) wait() int {
	p.t.Helper()
	return p.waitWithin(patience)
}

func (p *process) waitWithin(patience time.Duration) int {
	p.t.Helper()
	select {
	case err := <-p.done:
		p.done <- err
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.t.Fatalf("%v did not end within %v: %s", p.cmd.Args, patience, p.errors())
	}
	return -1
}

// stop interrupts the process as ^C does and waits for its good end.
func (p *process) stop() {
	p.t.Helper()
	p.cmd.Process.Signal(syscall.SIGINT)
	if status := p.wait(); status != 0 {
		p.t.Fatalf("%v ended with status %d: %s", p.cmd.Args, status, p.errors())
	}
}

// collect starts skb-collect with args, writing to the file returned.
func collect(t *testing.T, args ...string) (p *process, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "events.skb")
	p = start(t, exec.Command("skb-collect", append([]string{"-w", file}, args...)...), " attached")
	return p, file
}

// tcpdump starts tcpdump on a device of a namespace, writing to the file returned.
func (n *network) tcpdump(i int, args ...string) (p *process, file string) {
	n.t.Helper()
	file = filepath.Join(n.t.TempDir(), "tcpdump.pcap")
	args = append([]string{"tcpdump", "-Z", "root", "-U", "-w", file, "--immediate-mode", "-B", "8192"}, args...)
	return start(n.t, n.command(i, args...), "listening on"), file
}

// pipeline runs a shell pipeline and returns its stdout; stderr fails the test unless
// the pipeline says 2>.
func pipeline(t *testing.T, script string) string {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), pipelineLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // with all parts of the pipe
	cmd.Stdout, cmd.Stderr = &out, io.Writer(&errs)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, errs.String())
	}
	return out.String()
}

// background starts cmd, which ends with the test.
func background(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
}

// newCgroup makes a cgroup, which goes when all have left it at the end of the test, and returns
// its directory.
func newCgroup(t *testing.T, name string) string {
	t.Helper()
	cgroup := "/sys/fs/cgroup/" + name
	if err := os.Mkdir(cgroup, 0o777); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		until(t, "all have left the cgroup "+name, func() (bool, string) {
			err := os.Remove(cgroup)
			return err == nil, fmt.Sprint(err)
		})
	})
	return cgroup
}
