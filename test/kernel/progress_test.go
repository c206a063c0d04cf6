//go:build kernel

package kerneltest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal returns both ends of a pseudo-terminal of 80 columns (pty(7)).
func terminal(t *testing.T) (user, program *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/pts/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { user.Close() })
	fd := int(user.Fd())
	number, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80})
	}
	if err == nil {
		program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return user, program
}

// attachAndEnd runs skb-collect with many probes until they are attached, ends it as ^C does,
// and returns all that it wrote on its stderr, which is a terminal or a pipe.
func attachAndEnd(t *testing.T, onTerminal bool, args ...string) string {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if onTerminal {
		read, write = terminal(t)
	}
	ready := t.TempDir() + "/ready"
	cmd := exec.Command("skb-collect", append([]string{"-w", "/dev/null", "--ready-file", ready}, args...)...)
	cmd.Stderr = write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	written := make(chan string, 1)
	go func() {
		var b bytes.Buffer
		io.Copy(&b, read) // a terminal that its last program left is an error (EIO)
		written <- b.String()
	}()
	until(t, "all is attached", func() (bool, string) { return exists(ready), "" })
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return <-written
}

var _ = sameOnAllKernels("TestProgress", "what is drawn on a terminal and what is not")

// TestProgress: on a terminal a bar shows how far it is with attaching and detaching, and
// nothing of it stays. Elsewhere there is none.
func TestProgress(t *testing.T) {
	got := attachAndEnd(t, true, "-p", "ip_*", "--no-follow", "--backend", "kprobe")
	attached := regexp.MustCompile(`skb-collect: (\d+) probes attached`).FindStringSubmatch(got)
	if attached == nil {
		t.Fatalf("nothing is attached: %q", got)
	}
	before, after, _ := strings.Cut(got, attached[0])
	for doing, text := range map[string]string{"attaching": before, "detaching": after} {
		bars := regexp.MustCompile(doing+` +\d+% \|[^|]*\| *\((\d+)/(\d+)`).FindAllStringSubmatch(text, -1)
		if len(bars) < 2 {
			t.Errorf("%s: %d bars in %q", doing, len(bars), text)
			continue
		}
		last := -1
		for _, bar := range bars {
			n, _ := strconv.Atoi(bar[1])
			if bar[2] != attached[1] || n < last {
				t.Errorf("%s: %s after %d, of %s probes", doing, bar[0], last, attached[1])
			}
			last = n
		}
		// It is not drawn for every probe, so maybe not for the last.
		if all, _ := strconv.Atoi(attached[1]); last < all/2 {
			t.Errorf("%s: the last bar says %d of %d", doing, last, all)
		}
		// What comes behind the last bar clears its line (ECMA-48's EL).
		if behind := text[strings.LastIndex(text, doing):]; !strings.Contains(behind, "\r\x1b[K") {
			t.Errorf("%s: the bar stays: %q", doing, behind)
		}
	}
	many := []string{"-p", "icmp*,net:*", "--no-follow", "--backend", "kprobe"}
	// In a pipeline the terminal is the reader's: nothing is drawn once the stream has ended.
	_, ending, _ := strings.Cut(attachAndEnd(t, true, append(many, "-w", "")...), " attached")
	if strings.ContainsAny(strings.ReplaceAll(ending, "\r\n", "\n"), "\r\x1b") {
		t.Errorf("a bar while another program uses the terminal: %q", ending)
	}
	for what, text := range map[string]string{
		"no terminal": attachAndEnd(t, false, many...),
		"-q":          attachAndEnd(t, true, append(many, "-q")...),
		"few probes":  attachAndEnd(t, true, "-p", "ip_rcv", "--no-follow"),
	} {
		if strings.Contains(text, "taching") || strings.ContainsAny(strings.ReplaceAll(text, "\r\n", "\n"), "\r\x1b") {
			t.Errorf("%s: a bar: %q", what, text)
		}
	}
}
