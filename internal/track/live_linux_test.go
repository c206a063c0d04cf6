package track

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/screen"
	"github.com/skb-tools/skb-tools/test/terminaltest"
)

// readUntil reads a terminal until it has read what. A terminal that never shows it ends the test.
func readUntil(t *testing.T, r *os.File, what string) string {
	t.Helper()
	if err := r.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	var all []byte
	buf := make([]byte, 4096)
	for !strings.Contains(string(all), what) {
		n, err := r.Read(buf)
		all = append(all, buf[:n]...)
		if err != nil {
			t.Fatalf("no %q: %v: %q", what, err, all)
		}
	}
	return string(all)
}

// TestLiveOnTerminal: on a terminal --live draws while packets come in, also when no more come, gives the terminal back at
// the end, and leaves the summary on it.
func TestLiveOnTerminal(t *testing.T) {
	master, terminal := terminaltest.Open(t, 100, 30)
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	o := options()
	o.Live, o.Part, o.Output = true, true, "auto"
	go func() {
		done <- Run(context.Background(), o, pr, terminal, io.Discard)
		terminal.Close()
	}()
	first := readUntil(t, master, "0 journeys in ")
	if !strings.HasPrefix(first, screen.Enter) {
		t.Errorf("the other screen is not entered first: %q", first)
	}
	s := newScene()
	s.start("h", 0)
	h := wireHeaders{src: [4]byte{10, 0, 0, 1}, dst: [4]byte{10, 0, 0, 2}, sport: 1, dport: 53, ttl: 64, ipid: 7}
	s.event("ip_rcv", "eth0", 1, 5, h, "a")
	s.event("udp_rcv", "eth0", 1, 5, h, "a")
	s.free(1)
	s.enc.Flush()
	if _, err := pw.Write(s.b.Bytes()); err != nil {
		t.Fatal(err)
	}
	out := readUntil(t, master, "10.0.0.1.1 > 10.0.0.2.53 UDP")
	for _, want := range []string{screen.Home, "1 journey in ", "ip_rcv", "udp_rcv", "10.0µs", "DROPPED"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q on the screen: %q", want, out)
		}
	}
	readUntil(t, master, "(Ctrl-C ends)") // drawn anew, though nothing comes
	pw.Close()
	_, after, left := strings.Cut(readUntil(t, master, "1 journey of 1 branch"), screen.Leave)
	if !left || strings.Contains(after, screen.Home) {
		t.Errorf("at the end: %q", after)
	}
	// Else the summary would wait for a reader.
	go func() { _, _ = io.Copy(io.Discard, master) }()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestLiveSizes: whatever the size of the terminal, no line is longer than it, and there are fewer lines than it has. What
// is worst comes first.
func TestLiveSizes(t *testing.T) {
	sum := newSummary(io.Discard, false)
	for i := range 50 {
		pair := [2]uint32{sum.names.number([]byte(fmt.Sprint("probe", i, strings.Repeat("x", i)))), sum.names.number([]byte("ip_rcv"))}
		sum.hop(pair, uint64(1000*(i+1)), 1)
		f := format.Flow{Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Sport: uint16(i + 1), Dport: 53, Proto: 17}
		c := &flowCount{journeys: 5, longest: uint64(i)}
		c.endings[endDropped] = uint64(i % 10)
		sum.flows[f] = c
	}
	for _, size := range [][2]int{{1, 1}, {10, 3}, {20, 8}, {40, 12}, {80, 24}, {120, 40}, {200, 60}, {300, 200}} {
		out := string(sum.screen(size[0], size[1], time.Minute, 7))
		body := strings.TrimSuffix(strings.TrimPrefix(out, screen.Home), screen.ClearBelow)
		lines := strings.Split(strings.TrimSuffix(body, screen.EndLine), screen.EndLine)
		if body != "" && len(lines) >= size[1] {
			t.Errorf("%v: %d lines", size, len(lines))
		}
		for _, l := range lines {
			if utf8.RuneCountInString(l) > size[0] {
				t.Errorf("%v: %q is too long", size, l)
			}
		}
		if size[0] >= 80 {
			for _, want := range []string{"probe49x", "10.0.0.1.50 > 10.0.0.2.53 UDP"} {
				if !strings.Contains(body, want) {
					t.Errorf("%v: no %q:\n%s", size, want, body)
				}
			}
			if size[1] == 200 && strings.Contains(body, "more") || size[1] == 24 && strings.Count(body, "more") != 2 {
				t.Errorf("%v: what is left out is not told:\n%s", size, body)
			}
		}
	}
}
