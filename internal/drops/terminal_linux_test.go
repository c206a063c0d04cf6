package drops

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// On a terminal --live draws the summary while drops come in, gives the terminal back at
// the end, and leaves the summary on it.
func TestLiveOnTerminal(t *testing.T) {
	master, terminal := openTerminal(t, 100, 20)
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- Run(t.Context(), Options{Input: pipe.Input{Part: true}, Live: true, Interval: 20e6}, pr, terminal, io.Discard)
		terminal.Close()
	}()
	for i := range 3 {
		fmt.Fprintf(pw, oneDrop, 1e9+i)
	}
	// A screen may have been drawn between two of them: the one with all three counts.
	out := readUntil(t, master, "3 drops")
	if !strings.HasSuffix(out, clearBelow) {
		out += readUntil(t, master, clearBelow)
	}
	if i := strings.Index(out, enterScreen); i != 0 {
		t.Errorf("the other screen is entered at %d: %q", i, out)
	}
	for _, want := range []string{"3 drops", "fault", "100.0%", "█", "NOMEM"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q on the screen: %q", want, out)
		}
	}
	// What comes later is drawn over what was there.
	fmt.Fprintf(pw, oneDrop, int(2e9))
	if out := readUntil(t, master, "4 drops"); !strings.Contains(out, home) || strings.Contains(out, enterScreen) {
		t.Errorf("drawn anew: %q", out)
	}
	pw.Close()
	_, after, left := strings.Cut(readUntil(t, master, leaveScreen), leaveScreen)
	if !strings.Contains(after, "4 drops in ") {
		after += readUntil(t, master, "4 drops in ")
	}
	if !left || !strings.Contains(after, "SEVERITY") || strings.Contains(after, leaveScreen) {
		t.Errorf("at the end: %q", after)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// openTerminal makes a terminal of so many columns and lines; what is written to it is
// read from master.
func openTerminal(t *testing.T, columns, lines uint16) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: lines, Col: columns}); err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return master, terminal
}
