package track

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// journeys makes n, of which each 100th was dropped, and the i-th took i ns.
func journeys(n int) (all []*gathered) {
	for i := range n {
		g := &gathered{hops: make([]drawnHop, 4)}
		g.j = format.Journey{Packet: uint64(i + 1), First: 1e9, Last: 1e9 + uint64(i), End: format.JourneyEnd{How: "consumed"}}
		if i%100 == 0 {
			g.j.End.How = "dropped"
		}
		all = append(all, g)
	}
	return all
}

// TestChoice: a page has no more events than its limit, whatever comes: first what was dropped, then the slowest, then
// some of all others. It says so. The same input gives the same page.
func TestChoice(t *testing.T) {
	for _, n := range []int{10, 1000, 30_000} {
		c, again := choice{limit: 5000}, choice{limit: 5000}
		most := 0
		for _, g := range journeys(n) {
			c.take(g)
			again.take(g)
			most = max(most, c.events)
		}
		kept := c.sorted()
		if most > 5000 {
			t.Errorf("of %d: %d events are held", n, most)
		}
		twice := again.sorted()
		if len(twice) != len(kept) {
			t.Fatalf("of %d: %d are kept, and then %d", n, len(kept), len(twice))
		}
		dropped, slowest, early := 0, 0, 0
		for i, g := range kept {
			if twice[i].j.Packet != g.j.Packet {
				t.Fatalf("of %d: not the same ones", n)
			}
			switch at := int(g.j.Packet) - 1; {
			case g.j.End.How == "dropped":
				dropped++
			case at >= n-200:
				slowest++
			case at < n/2:
				early++
			}
		}
		said := c.said()
		switch n {
		case 10, 1000:
			if len(kept) != n || said != "" {
				t.Errorf("of %d journeys %d are kept: %q", n, len(kept), said)
			}
		default:
			// All 300 drops are there, which leave more room for a sample of all than a quarter; a quarter is the slowest.
			if dropped != 300 || slowest < 197 || early < 70 || early > 280 {
				t.Errorf("of %d: %d dropped, %d of the slowest, %d of the first half", n, dropped, slowest, early)
			}
			if !strings.Contains(said, "of 30000 journeys are listed") || !strings.Contains(said, "all 300 with a drop or a loss") {
				t.Errorf("it says %q", said)
			}
		}
	}
}

// TestGatherBounds: however many journeys are open, and however long one is, what is held of them is bounded, and a
// journey says what it lacks.
func TestGatherBounds(t *testing.T) {
	var done []*gathered
	ends := newBranchEnds(nil)
	g := newGatherer(nothing{}, ends, func(g *gathered) { done = append(done, g) })
	ends.next, g.limit = g, 8000
	event := func(packet, hop uint64) {
		e := format.Event{TS: 1e9 + hop, Probe: "ip_rcv"}
		raw := e.AppendMsgpack(nil)
		raw[0]++ // one key more
		track := format.Track{Packet: packet, Hop: uint32(hop)}
		raw = track.AppendMsgpack(append(raw, "\xa5track"...))
		if err := ends.Write(raw); err != nil {
			t.Fatal(err)
		}
		if g.count > g.limit {
			t.Fatalf("%d hops are held", g.count)
		}
	}
	for hop := range uint64(maxHops + 7) {
		event(1, hop)
	}
	for packet := range uint64(16_000) {
		event(packet+2, 0)
	}
	held := 0
	for _, j := range g.open {
		held += 1 + len(j.hops)
	}
	if held > g.limit || held != g.count || held < g.limit/2 {
		t.Errorf("%d journeys and hops are held, %d are counted", held, g.count)
	}
	for packet, hops := range map[uint64]uint32{1: maxHops + 7, 2: 1, 16_000: 1} {
		j := format.Journey{Packet: packet, First: 1e9, Hops: hops, End: format.JourneyEnd{How: "consumed"}}
		if err := ends.Write(j.AppendMsgpack(nil)); err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(done, func(a, b *gathered) int { return cmp.Compare(a.j.Packet, b.j.Packet) })
	if len(done) != 3 || len(done[0].hops) != 0 || done[0].left != maxHops+7 || done[1].left != 1 || len(done[2].hops) != 1 {
		t.Errorf("%d journeys: %d of %d, %d", len(done), len(done[0].hops), done[0].left, done[1].left)
	}
	if n := len(g.queue); n > 2*len(g.open)+1000 {
		t.Errorf("%d packets are in the queue, %d are open", n, len(g.open))
	}
}

// TestGatherTexts: however long the texts of a stream are, what is kept of each is short.
func TestGatherTexts(t *testing.T) {
	var done []*gathered
	g := newGatherer(nothing{}, newBranchEnds(nil), func(g *gathered) { done = append(done, g) })
	long := strings.Repeat("\u00e9", 1000)
	for _, r := range []interface{ AppendMsgpack([]byte) []byte }{
		&format.Start{TS: 1, Host: long},
		&format.Journey{Packet: 1, First: 1, By: long, Note: long, Uncertain: slices.Repeat([]string{long}, 100), Joined: make([]uint64, 1000),
			End: format.JourneyEnd{How: "dropped", Probe: long, Dev: long, Reason: long, Location: long, Comm: long, Unclear: long}},
	} {
		if err := g.Write(r.AppendMsgpack(nil)); err != nil {
			t.Fatal(err)
		}
	}
	j := done[0].j
	for _, s := range append([]string{done[0].from.host, j.By, j.Note, j.End.Probe, j.End.Dev, j.End.Reason, j.End.Location, j.End.Comm, j.End.Unclear}, j.Uncertain...) {
		if s != strings.Repeat("\u00e9", 128)+"..." {
			t.Errorf("%q", s)
		}
	}
	if len(j.Uncertain) > 10 || len(j.Joined) > 0 {
		t.Errorf("%d kinds, %d packets", len(j.Uncertain), len(j.Joined))
	}
}
