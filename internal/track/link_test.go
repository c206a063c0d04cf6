package track

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// recorded is a stream of records that begins at 1 s and ends at a time, in ns.
func recorded(end uint64, records []format.Appender) []byte {
	var b bytes.Buffer
	e := format.NewEncoder(&b)
	e.Write(&format.Start{TS: 1e9, Host: "h", BootID: "b"})
	for _, r := range records {
		e.Write(r)
	}
	e.Write(&format.End{TS: end, Events: 1 << 32, Links: 1 << 32, Frees: 1 << 32, Lost: 1 << 32})
	e.Flush()
	return b.Bytes()
}

// tracks runs skb-track over records and returns the packet of each event, and the journeys.
func tracks(t *testing.T, records ...format.Appender) (packets []uint64, journeys []format.Journey) {
	t.Helper()
	each(t, runTrack(t, options(), recorded(2e9, records)), func(r format.Raw) {
		switch r.Type() {
		case format.TypeEvent:
			var track format.Track
			track.Decode(r.Get("track"))
			packets = append(packets, track.Packet)
		case format.TypeJourney:
			var j format.Journey
			if err := j.Decode(r); err != nil {
				t.Fatal(err)
			}
			journeys = append(journeys, j)
		}
	})
	return packets, journeys
}

// seenAt is an event of an sk_buff that is there, or, with users 0, is gone.
func seenAt(ts uint64, probe string, addr, id, users uint64) *format.Event {
	e := &format.Event{TS: ts, Probe: probe}
	e.Skb.Set(format.SkbAddr, addr)
	e.Skb.Set(format.SkbID, id)
	if users > 0 {
		e.Skb.Set(format.SkbUsers, users)
	}
	e.Skb.Set(format.SkbLen, 60)
	return e
}

// What stays behind with the old data, as the sk_buff gets a head of its own, is the same packet,
// also where that link is the first record of it: TCP's is, whose clones have all been sent.
func TestExpandLeavesAClone(t *testing.T) {
	packets, _ := tracks(t,
		&format.Link{TS: 1e9 + 1, How: "expand", From: format.Buffer{Addr: 0x100, ID: 1}, To: format.Buffer{Addr: 0x100, ID: 2}},
		seenAt(1e9+2, "ip_output", 0x100, 2, 1),
		seenAt(1e9+3, "tcp_v4_rcv", 0x200, 1, 1))
	if packets[0] != packets[1] {
		t.Errorf("packets %v", packets)
	}
}

// What a tracepoint behind the driver says of a packet is no other branch of it, wherever that is by
// then, and tells that it was sent.
func TestHandedOverIsNoBranch(t *testing.T) {
	free := func(ts, addr, id uint64) *format.Free {
		return &format.Free{TS: ts, How: "consumed", Skb: format.Buffer{Addr: addr, ID: id}, Last: true}
	}
	for name, records := range map[string][]format.Appender{
		"freed":          {seenAt(1e9+1, "ip_output", 0x100, 1, 1), free(1e9+2, 0x100, 1), seenAt(1e9+3, "net:net_dev_xmit", 0x100, 1, 0)},
		"the only event": {seenAt(1e9+3, "net:net_dev_xmit", 0x100, 1, 0), free(1e9+2, 0x100, 1)},
		"alive":          {seenAt(1e9+1, "ip_output", 0x100, 1, 1), seenAt(1e9+3, "net:net_dev_xmit", 0x100, 1, 0), free(1e9+4, 0x100, 1)},
		"with another head": {seenAt(1e9+1, "ip_output", 0x100, 1, 1),
			&format.Link{TS: 1e9 + 2, How: "clone", From: format.Buffer{Addr: 0x100, ID: 1}, To: format.Buffer{Addr: 0x200, ID: 1}},
			&format.Link{TS: 1e9 + 3, How: "expand", From: format.Buffer{Addr: 0x100, ID: 1}, To: format.Buffer{Addr: 0x100, ID: 2}},
			seenAt(1e9+4, "net:net_dev_xmit", 0x100, 1, 0), free(1e9+5, 0x100, 2), free(1e9+6, 0x200, 1)},
	} {
		packets, journeys := tracks(t, records...)
		if records[0].(*format.Event).Probe == "net:net_dev_xmit" {
			packets = append(packets, packets[0])
		}
		branches := uint32(1)
		if name == "with another head" {
			branches = 2
		}
		if len(packets) != 2 || packets[0] != packets[1] || len(journeys) != 1 || journeys[0].Branches != branches || journeys[0].End.How != "transmitted" {
			t.Errorf("%s: packets %v, journeys %+v", name, packets, journeys)
		}
	}
}

// A packet that goes on in a copy ends nowhere but there; one that is seen after it was copied
// has an end of its own.
func TestCopied(t *testing.T) {
	link := &format.Link{TS: 1e9 + 2, How: "copy", From: format.Buffer{Addr: 0x100, ID: 1}, To: format.Buffer{Addr: 0x200, ID: 2}}
	free := func(ts, addr, id uint64) *format.Free {
		return &format.Free{TS: ts, How: "consumed", Skb: format.Buffer{Addr: addr, ID: id}, Last: true}
	}
	_, journeys := tracks(t, seenAt(1e9+1, "net:net_dev_start_xmit", 0x100, 1, 1), link, free(1e9+3, 0x100, 1),
		seenAt(1e9+4, "udp_queue_rcv_skb", 0x200, 2, 1), seenAt(1e9+5, "skb_consume_udp", 0x200, 2, 1), free(1e9+6, 0x200, 2))
	if len(journeys) != 1 || journeys[0].End.How != "delivered" || journeys[0].Ends[transmitted] != 0 || journeys[0].Ends[merged] != 1 {
		t.Errorf("%+v", journeys)
	}
	_, journeys = tracks(t, seenAt(1e9+1, "ip_output", 0x100, 1, 1), link, seenAt(1e9+3, "net:net_dev_start_xmit", 0x100, 1, 1), free(1e9+4, 0x100, 1),
		free(1e9+6, 0x200, 2))
	if len(journeys) != 1 || journeys[0].Ends[transmitted] != 1 {
		t.Errorf("%+v", journeys)
	}
}

// Equal packets that went up to Open vSwitch's user space: which of them comes back is not known, be it that the first is
// still up or that it was dropped there, which nothing tells.
func TestEqualUpcalls(t *testing.T) {
	packets, journeys := tracks(t,
		seenAt(1e9+1, "openvswitch:ovs_dp_upcall", 0x100, 1, 1),
		&format.Link{TS: 1e9 + 2, How: "upcall", From: format.Buffer{Addr: 0x100, ID: 1}, To: format.Buffer{ID: 9}},
		seenAt(1e9+3, "openvswitch:ovs_dp_upcall", 0x200, 2, 1),
		&format.Link{TS: 1e9 + 4, How: "upcall", By: "ambiguous", From: format.Buffer{Addr: 0x200, ID: 2}},
		&format.Link{TS: 1e9 + 5, How: "upcall", By: "ambiguous", To: format.Buffer{Addr: 0x300, ID: 3}},
		seenAt(1e9+6, "openvswitch:ovs_do_execute_action", 0x300, 3, 1))
	if len(packets) != 3 || packets[2] == packets[0] || packets[2] == packets[1] || packets[0] == packets[1] {
		t.Errorf("packets %v", packets)
	}
	sure := 0
	for _, j := range journeys {
		switch {
		case slices.Equal(j.Uncertain, []string{"upcall"}):
			if !strings.Contains(j.Note, "not all were seen to come back") {
				t.Errorf("packet %d: %q", j.Packet, j.Note)
			}
		case j.Uncertain == nil && j.Packet == packets[0]: // nothing came back as what it was to be
			sure++
		default:
			t.Errorf("packet %d is uncertain: %q", j.Packet, j.Uncertain)
		}
	}
	if len(journeys) != 3 || sure != 1 {
		t.Errorf("%d journeys, %d of them sure", len(journeys), sure)
	}
}
