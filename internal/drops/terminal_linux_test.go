package drops

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/screen"
	"github.com/skb-tools/skb-tools/test/terminaltest"
)

// On a terminal --live draws the summary while drops come in, gives the terminal back at
// the end, and leaves the summary on it.
func TestLiveOnTerminal(t *testing.T) {
	master, terminal := terminaltest.Open(t, 100, 20)
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
	if !strings.HasSuffix(out, screen.ClearBelow) {
		out += readUntil(t, master, screen.ClearBelow)
	}
	if i := strings.Index(out, screen.Enter); i != 0 {
		t.Errorf("the other screen is entered at %d: %q", i, out)
	}
	for _, want := range []string{"3 drops", "fault", "100.0%", "█", "NOMEM"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q on the screen: %q", want, out)
		}
	}
	// What comes later is drawn over what was there.
	fmt.Fprintf(pw, oneDrop, int(2e9))
	if out := readUntil(t, master, "4 drops"); !strings.Contains(out, screen.Home) || strings.Contains(out, screen.Enter) {
		t.Errorf("drawn anew: %q", out)
	}
	pw.Close()
	_, after, left := strings.Cut(readUntil(t, master, screen.Leave), screen.Leave)
	if !strings.Contains(after, "4 drops in ") {
		after += readUntil(t, master, "4 drops in ")
	}
	if !left || !strings.Contains(after, "SEVERITY") || strings.Contains(after, screen.Leave) {
		t.Errorf("at the end: %q", after)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
