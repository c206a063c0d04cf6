package track

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/page"
	"github.com/skb-tools/skb-tools/test/pagetest"
)

// heldStream is a whole stream of which some events were counted and not written.
func heldStream(held ...*format.HeldBack) []byte {
	var b bytes.Buffer
	enc := format.NewEncoder(&b)
	enc.Write(&format.Start{TS: 1e9, ClockOffset: 1, Host: "h"})
	e := seenAt(1e9+1, "ip_rcv", 0x100, 1, 1)
	e.Skb.Set(format.SkbHead, 1)
	enc.Write(e)
	back := uint32(0)
	if len(held) > 0 {
		back = 2
	}
	enc.Write(&format.Free{TS: 1e9 + 2, How: "consumed", Skb: format.Buffer{Addr: 0x100, Head: 1, ID: 1}, Last: true, Held: back})
	for _, h := range held {
		enc.Write(h)
	}
	enc.Write(&format.End{TS: 2e9, Events: 1, Frees: 1, Cause: "signal"})
	enc.Flush()
	return b.Bytes()
}

// pageData is what --html writes of a stream.
func pageData(t *testing.T, stream []byte) (d page.Data) {
	t.Helper()
	o := options()
	o.HTML, o.Output = filepath.Join(t.TempDir(), "x.html"), "text"
	if err := Run(t.Context(), o, bytes.NewReader(stream), io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	html, err := os.ReadFile(o.HTML)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(pagetest.Data(html), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestPageHeld: a page of journeys is not whole if events were counted and not written, and says so first.
func TestPageHeld(t *testing.T) {
	held := heldStream(&format.HeldBack{TS: 1e9 + 3, Since: 1e9, Count: 8, Cause: "limit", Probe: "ip_rcv"},
		&format.HeldBack{TS: 1e9 + 3, Since: 1e9, Count: 1, Cause: "limit", Probe: "skb:kfree_skb",
			Drop: format.Drop{Reason: 3, Name: "NO_SOCKET", Location: "udp_rcv+0x1"}})
	d := pageData(t, held)
	if want := "No journey has the 9 events that skb-collect counted and did not write (--limit, --count-drops)."; d.Whole || d.Sure[0] != want {
		t.Errorf("whole %v: %q", d.Whole, d.Sure)
	}
	for _, want := range []string{
		"1 journey of 1: uncertain: records were lost or held back that could have told otherwise.",
		"Events that were counted and not written: ip_rcv 8, skb:kfree_skb 1.",
		"Drops among them: NO_SOCKET 1.",
	} {
		if !slices.Contains(d.Sure, want) {
			t.Errorf("%q lacks %q", d.Sure, want)
		}
	}
	if u := d.Chosen.All[0].Unsure; !strings.HasPrefix(u, "uncertain: held back;") {
		t.Errorf("%q", u)
	}
	if u := unsure(&format.Journey{Uncertain: []string{"event", "held", "link"}}); u != "uncertain: lost event, link, held back" {
		t.Errorf("%q", u)
	}
	if d := pageData(t, heldStream()); !d.Whole || !strings.HasPrefix(d.Sure[0], "The capture is whole") {
		t.Errorf("whole %v: %q", d.Whole, d.Sure)
	}
}

// TestMetricsHeld: --metrics and --live tell of events that were counted and not written.
func TestMetricsHeld(t *testing.T) {
	stream := heldStream(&format.HeldBack{TS: 1e9 + 3, Since: 1e9, Count: 8, Cause: "limit", Probe: "ip_rcv"},
		&format.HeldBack{TS: 1e9 + 3, Since: 1e9, Count: 1, Cause: "limit", Probe: "udp_rcv"})
	o := metricOptions()
	o.Part = true
	text, _ := served(t, o, stream)
	for _, want := range []string{"\nskb_held_total 9\n", "\nskb_journeys_uncertain_total 1\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q:\n%s", want, text)
		}
	}
	s := newSummary(io.Discard, false)
	first := func() string { return string(s.screen(200, 10, time.Second, 0)) }
	if strings.Contains(first(), "held") {
		t.Error(first())
	}
	each(t, stream, func(r format.Raw) {
		if err := s.Write(r); err != nil {
			t.Fatal(err)
		}
	})
	if !strings.Contains(first(), " 0 records lost, 9 held back   (Ctrl-C ends)") {
		t.Error(first())
	}
}
