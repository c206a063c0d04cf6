package track

import (
	"slices"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// wentUpAs are the records of a packet that goes up to Open vSwitch's user space, and will be the buffer `as` when it
// comes back.
func wentUpAs(ts, addr, id, as uint64) []format.Appender {
	return []format.Appender{
		seenAt(ts+1, "openvswitch:ovs_dp_upcall", addr, id, 1),
		&format.Link{TS: ts + 2, How: "upcall", From: format.Buffer{Addr: addr, ID: id}, To: format.Buffer{ID: as}},
		&format.Free{TS: ts + 3, How: "consumed", Skb: format.Buffer{Addr: addr, ID: id}, Last: true},
	}
}

// cameBackAs are those of one that comes back, and is sent on.
func cameBackAs(ts uint64, by string, from format.Buffer, addr, id uint64) []format.Appender {
	return []format.Appender{
		&format.Link{TS: ts + 1, How: "upcall", By: by, From: from, To: format.Buffer{Addr: addr, ID: id}},
		seenAt(ts+2, "openvswitch:ovs_do_execute_action", addr, id, 1),
		&format.Free{TS: ts + 3, How: "consumed", Skb: format.Buffer{Addr: addr, ID: id}, Last: true},
	}
}

// trackSections is what skb-track says of each event.
func trackSections(t *testing.T, records []format.Appender) (all []format.Track) {
	t.Helper()
	each(t, runTrack(t, options(), recorded(100e9, records)), func(r format.Raw) {
		if r.Type() == format.TypeEvent {
			var track format.Track
			track.Decode(r.Get("track"))
			all = append(all, track)
		}
	})
	return all
}

// TestUpcallBy: a packet that user space sends back is the one that went up, by the kernel's hash for sure, by its
// content alone as inferred; the time in user space is that of the hop at which it is back.
func TestUpcallBy(t *testing.T) {
	for _, by := range []string{"hash", "content"} {
		up, back := wentUpAs(1e9, 0x100, 1, 9), cameBackAs(1e9+2_000_000, by, format.Buffer{Addr: 0x100, ID: 1}, 0x300, 9)
		records := slices.Concat(up, back)
		packets, journeys := tracks(t, records...)
		if len(packets) != 2 || packets[0] != packets[1] || len(journeys) != 1 || journeys[0].Uncertain != nil {
			t.Errorf("%s: packets %v, journeys %+v", by, packets, journeys)
			continue
		}
		hops := trackSections(t, records)
		if hops[0].Inferred || hops[1].Inferred != (by == "content") || hops[1].From.How != "upcall" || hops[1].Since != 2_000_001 {
			t.Errorf("%s: %+v", by, hops)
		}
	}
}

// TestOverdueUpcall: a packet that did not come back for 30 seconds ends there, and the equal one that then goes up and
// comes back is another, whose return is inferred.
func TestOverdueUpcall(t *testing.T) {
	const later = 40e9
	records := slices.Concat(wentUpAs(1e9, 0x100, 1, 9),
		[]format.Appender{&format.Free{TS: later, How: "consumed", Skb: format.Buffer{ID: 9}, Last: true}},
		wentUpAs(later, 0x200, 2, 10), cameBackAs(later+1000, "content", format.Buffer{Addr: 0x200, ID: 2}, 0x300, 10))
	packets, journeys := tracks(t, records...)
	if len(packets) != 3 || packets[0] == packets[1] || packets[1] != packets[2] || len(journeys) != 2 {
		t.Fatalf("packets %v, journeys %+v", packets, journeys)
	}
	if hops := trackSections(t, records); hops[0].Inferred || !hops[2].Inferred || hops[2].From.How != "upcall" {
		t.Errorf("%+v", hops)
	}
	for _, j := range journeys {
		if j.Packet == packets[1] && j.Uncertain != nil {
			t.Errorf("it is uncertain: %q", j.Uncertain)
		}
	}
}
