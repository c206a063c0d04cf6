package track

import (
	"slices"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// TestHeld: a journey of which events were held back says so, by the packet's own events and free records; one that is
// known by address if events were held back in its time.
func TestHeld(t *testing.T) {
	first := seenAt(1e9+1, "ip_rcv", 0x100, 1, 1)
	later := seenAt(1e9+5, "tcp_v4_rcv", 0x100, 1, 1)
	later.Held = 2
	whole := seenAt(1e9+2, "ip_rcv", 0x200, 2, 1)
	freed := seenAt(1e9+3, "ip_rcv", 0x300, 3, 1)
	byAddress := seenAt(1e9+4, "ip_rcv", 0x400, 0, 1)
	packets, journeys := tracks(t, first, whole, freed, byAddress, later,
		&format.Free{TS: 1e9 + 6, How: "dropped", Skb: format.Buffer{Addr: 0x300, Head: 1, ID: 3}, Last: true, Held: 1, Counted: true,
			Drop: format.Drop{Reason: 3, Name: "NO_SOCKET", Location: "udp_rcv+0x1"}},
		&format.HeldBack{TS: 1e9 + 7, Since: 1e9, Count: 9, Cause: "limit", Probe: "ip_rcv"})
	for _, j := range journeys {
		want := j.Packet != packets[1]
		if slices.Contains(j.Uncertain, "held") != want || strings.Contains(j.Note, "--limit") != want {
			t.Errorf("packet %d of %d: %q %q", j.Packet, packets, j.Uncertain, j.Note)
		}
	}
	if len(journeys) != 4 {
		t.Errorf("%d journeys", len(journeys))
	}
}

// TestHeldBehind: a journey by address that was written before the record of what was held back in its time is marked,
// where one shortly before says that events are held back. One that comes long after is not.
func TestHeldBehind(t *testing.T) {
	const ms = 1e6
	_, journeys := tracks(t,
		&format.HeldBack{TS: 1e9 + 10*ms, Since: 1e9, Count: 9, Cause: "limit", Probe: "ip_rcv"},
		seenAt(1e9+20*ms, "ip_rcv", 0x100, 0, 1),
		&format.Free{TS: 1e9 + 21*ms, How: "consumed", Skb: format.Buffer{Addr: 0x100}, Last: true},
		seenAt(1e9+290*ms, "ip_rcv", 0x200, 2, 1), // the first has lingered
		&format.HeldBack{TS: 1e9 + 310*ms, Since: 1e9 + 10*ms, Count: 9, Cause: "limit", Probe: "ip_rcv"},
		seenAt(1e9+900*ms, "ip_rcv", 0x300, 0, 1),
		&format.Free{TS: 1e9 + 901*ms, How: "consumed", Skb: format.Buffer{Addr: 0x300}, Last: true})
	var marked []bool
	for _, j := range journeys {
		if j.By == "addr" {
			marked = append(marked, slices.Contains(j.Uncertain, "held"))
		}
	}
	if !slices.Equal(marked, []bool{true, false}) {
		t.Errorf("marked: %v in %+v", marked, journeys)
	}
}
