//go:build linux

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/test/terminaltest"
)

// An onTerminal is a program that runs on a pseudo terminal (pty(7)).
type onTerminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	keys   *os.File // what is typed
	shown  chan []byte
	output []byte // so far
}

// at starts a program on a terminal of 24 lines and 80 columns. stdin, unless nil, is not the terminal.
func at(t *testing.T, env []string, stdin *os.File, program string, args ...string) *onTerminal {
	t.Helper()
	return atWidth(t, 80, env, stdin, program, args...)
}

// atWidth is at with so many columns.
func atWidth(t *testing.T, columns int, env []string, stdin *os.File, program string, args ...string) *onTerminal {
	t.Helper()
	keys, tty := terminaltest.Open(t, uint16(columns), 24)
	defer tty.Close()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: exe, Args: append([]string{program}, args...), Stdin: tty, Stdout: tty, Stderr: tty,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1}}
	if stdin != nil {
		cmd.Stdin = stdin
	}
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TERM=xterm", "TZ=UTC", "LC_ALL=C.UTF-8", "HOME=/nonexistent"}, env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	o := &onTerminal{t: t, cmd: cmd, keys: keys, shown: make(chan []byte, 1000)}
	go func() {
		defer close(o.shown)
		for {
			b := make([]byte, 4096)
			n, err := keys.Read(b)
			if n > 0 {
				o.shown <- b[:n]
			}
			if err != nil { // EIO: nobody has the terminal any more
				return
			}
		}
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return o
}

// until reads what the terminal shows until there is text.
func (o *onTerminal) until(text string) {
	o.t.Helper()
	late := time.After(60 * time.Second)
	for !bytes.Contains(o.output, []byte(text)) {
		select {
		case b, more := <-o.shown:
			if !more {
				o.t.Fatalf("%q ended and never showed %q, but %q", o.cmd.Args, text, o.output)
			}
			o.output = append(o.output, b...)
		case <-late:
			o.t.Fatalf("%q never showed %q, but %q", o.cmd.Args, text, o.output)
		}
	}
}

func (o *onTerminal) types(keys string) {
	o.t.Helper()
	if _, err := io.WriteString(o.keys, keys); err != nil {
		o.t.Fatal(err)
	}
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[a-zA-Z]|\x1b[=>]")

// end waits for the program, and returns its exit status and all that was shown.
func (o *onTerminal) end() (status int, shown string) {
	o.t.Helper()
	kill := time.AfterFunc(60*time.Second, func() { _ = o.cmd.Process.Kill() })
	defer kill.Stop()
	for b := range o.shown { // it ends when all that have the terminal have
		o.output = append(o.output, b...)
	}
	_ = o.cmd.Wait()
	return o.cmd.ProcessState.ExitCode(), escapes.ReplaceAllString(string(o.output), "")
}

const pagedBy = `sed s/^/PAGED:/`

// TestPager: text of saved streams is shown by a pager, which the environment chooses.
func TestPager(t *testing.T) {
	name := filepath.Join(t.TempDir(), "big.skb")
	if err := os.WriteFile(name, big(), 0o600); err != nil {
		t.Fatal(err)
	}
	saved := func() *os.File {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	for _, c := range []struct {
		what  string
		env   []string
		stdin *os.File
		args  []string
		paged bool
	}{
		{what: "a file", env: []string{"SKB_PAGER=" + pagedBy}, args: []string{"skb-sort", name}, paged: true},
		{what: "a file as stdin", env: []string{"SKB_PAGER=" + pagedBy}, stdin: saved(), args: []string{"skb-sort"}, paged: true},
		{what: "PAGER", env: []string{"PAGER=" + pagedBy}, args: []string{"skb-track", name}, paged: true},
		{what: "SKB_PAGER before PAGER", env: []string{"PAGER=false", "SKB_PAGER=" + pagedBy}, args: []string{"skb-drops", "--summary", name}, paged: true},
		{what: "no input", env: []string{"SKB_PAGER=" + pagedBy}, args: []string{"skb-drops", "--explain", "all"}, paged: true},
		{what: "--no-pager", env: []string{"SKB_PAGER=" + pagedBy}, args: []string{"skb-sort", "--no-pager", name}},
		{what: "JSON", env: []string{"SKB_PAGER=" + pagedBy}, args: []string{"skb-sort", "-o", "json", name}},
		{what: "cat", env: []string{"SKB_PAGER=cat", "PAGER=" + pagedBy}, args: []string{"skb-sort", name}},
		{what: "a terminal that can't", env: []string{"SKB_PAGER=" + pagedBy, "TERM=dumb"}, args: []string{"skb-sort", name}},
		{what: "no less", env: []string{"PATH=/nonexistent"}, args: []string{"skb-sort", name}},
	} {
		status, shown := at(t, c.env, c.stdin, c.args[0], c.args[1:]...).end()
		if got := strings.Contains(shown, "PAGED:"); got != c.paged || status != 0 || shown == "" {
			t.Errorf("%s: paged %v, status %d: %.300q", c.what, got, status, shown)
		}
	}
	status, shown := at(t, []string{"SKB_PAGER=no-such-pager -x"}, nil, "skb-sort", "-v", name).end()
	if status != 0 || !strings.Contains(shown, "skb-sort: $SKB_PAGER: no-such-pager can't be run: printing without a pager\r\n") ||
		!strings.Contains(shown, "end events=3000") {
		t.Errorf("a pager that is not there: status %d: %.300q", status, shown)
	}
}

// TestPagerLive: of a pipe whose writer goes on, nothing goes to a pager.
func TestPagerLive(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	o := at(t, []string{"SKB_PAGER=" + pagedBy}, r, "skb-track", "--time", "ns")
	r.Close()
	b := big()
	if _, err := w.Write(b[:20000]); err != nil {
		t.Fatal(err)
	}
	o.until("000001503")
	w.Close()
	if status, shown := o.end(); status != 1 || strings.Contains(shown, "PAGED:") {
		t.Errorf("status %d: %.300q", status, shown)
	}
}

// TestPagerMessages: what is wrong with the input is told behind the pager, where it is not overwritten.
func TestPagerMessages(t *testing.T) {
	name := filepath.Join(t.TempDir(), "cut.skb")
	if err := os.WriteFile(name, big()[:20000], 0o600); err != nil {
		t.Fatal(err)
	}
	status, shown := at(t, []string{"SKB_PAGER=cat; echo END OF PAGER"}, nil, "skb-sort", "-v", name).end()
	if _, behind, ok := strings.Cut(shown, "END OF PAGER"); !ok || status != 1 || !strings.Contains(behind, "the stream is cut off") {
		t.Errorf("status %d: %q", status, shown)
	}
}

// TestPagerPipeline: of a pager of several programs, one whose reader has ended is killed as in a shell, and says nothing.
func TestPagerPipeline(t *testing.T) {
	name := filepath.Join(t.TempDir(), "big.skb")
	if err := os.WriteFile(name, big(), 0o600); err != nil {
		t.Fatal(err)
	}
	status, shown := at(t, []string{"SKB_PAGER=" + pagedBy + " | head -n 2"}, nil, "skb-sort", "-v", name).end()
	if lines := strings.Count(shown, "\n"); status != 0 || lines != 2 || strings.Count(shown, "PAGED:") != 2 {
		t.Errorf("status %d: %.2000q", status, shown)
	}
}

// TestLess: the pager is less unless something else is asked for. q ends all, and ^C does not leave it alone with the terminal.
func TestLess(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "big.skb")
	if err := os.WriteFile(name, big(), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, env := range [][]string{nil, {"PAGER=less"}} {
		o := at(t, env, nil, "skb-sort", "-v", name)
		o.until("1500") // the probe of the first event
		o.types("q")
		status, shown := o.end()
		if status != 0 || strings.Contains(shown, "end events=3000") || strings.Contains(shown, "skb-sort:") {
			t.Errorf("%q: q: status %d: %.2000q", env, status, shown)
		}
	}

	o := at(t, nil, nil, "skb-sort", "-v", name)
	o.until("1500")
	o.types("\x03\x03\x03\x03") // of which two end a program that reads a pipe, and the next would kill it
	done := make(chan struct{})
	go func(keys *os.File) { // less throws away what is typed behind a ^C, for how long depends
		for again := time.NewTicker(300 * time.Millisecond); ; {
			select {
			case <-again.C:
				_, _ = io.WriteString(keys, "q")
			case <-done:
				again.Stop()
				return
			}
		}
	}(o.keys)
	if status, shown := o.end(); status < 0 || status > 1 {
		t.Errorf("^C: status %d: %.2000q", status, shown)
	}
	close(done)

	// To the end.
	o = at(t, nil, nil, "skb-sort", "-v", name)
	o.until("1500")
	o.types("G")
	o.until("events=3000")
	o.types("q")
	if status, shown := o.end(); status != 0 {
		t.Errorf("at the end, q: status %d: %.2000q", status, shown)
	}

	// What fits on the screen is left there, and nothing is to be typed.
	status, shown := at(t, nil, nil, "skb-drops", "--summary", name).end()
	if status != 0 || !strings.Contains(shown, "0 drops in 0.000 s") {
		t.Errorf("a short one: status %d: %q", status, shown)
	}
}
