package write

import (
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// What a stream makes --once remember is bounded.
func TestOnceForgets(t *testing.T) {
	f := newFirsts()
	o := &origin{}
	for n := range uint64(maxSeen + 1) {
		if !f.first(packetKey{o, true, n}) || f.first(packetKey{o, true, n}) {
			t.Fatalf("packet %d is not new, or it is twice", n)
		}
	}
	if f.first(packetKey{o, true, 1}) || !f.first(packetKey{o, true, 0}) {
		t.Error("it is not the oldest packet that is forgotten")
	}
	if n := f.seen.Len(); n != maxSeen {
		t.Errorf("it remembers %d packets", n)
	}

	var l lasts
	record := make(format.Raw, 1<<20)
	for n := range uint64(100) {
		l.hold(packetKey{o, true, n}, record)
		for h := l.next(false); h != nil; h = l.next(false) {
			if h.key.number != n-maxHeld>>20 {
				t.Fatalf("packet %d is let go of when %d comes", h.key.number, n)
			}
		}
	}
	if l.order.Len() != maxHeld>>20 || len(l.by) != l.order.Len() {
		t.Errorf("it holds %d events of 1 MB", l.order.Len())
	}
}

// What is kept of large starts, a merge of which comes back to each, is bounded by their bytes.
func TestLargeStarts(t *testing.T) {
	var w writer
	for n := range uint64(100) {
		if _, err := w.originOf((&format.Start{TS: n, Cmdline: []string{strings.Repeat("x", 1<<20)}}).AppendMsgpack(nil)); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.origins) == 0 || len(w.origins) > format.MaxStartBytes>>20 {
		t.Errorf("%d starts of 1 MiB are kept", len(w.origins))
	}
}
