package track

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/skb-tools/skb-tools/format"
)

// append puts a journey at the end of the list of those that are open.
func (t *tracker) append(g *group, n uint32) {
	j := t.journeys.at(n)
	j.older, j.newer, j.placed = g.newest, 0, j.end
	if g.newest != 0 {
		t.journeys.at(g.newest).newer = n
	} else {
		g.oldest = n
	}
	g.newest = n
}

// unseenLongest returns the journey about which there was no record for longest, 0 when none is
// open. Only here those that have been seen since they were put in the list go to its end:
// to move each at each event costs four reads from memory.
func (t *tracker) unseenLongest(g *group) uint32 {
	for n := g.oldest; n != 0; n = g.oldest {
		if j := t.journeys.at(n); j.end == j.placed {
			return n
		}
		t.unlist(g, n)
		t.append(g, n)
	}
	return 0
}

func (t *tracker) unlist(g *group, n uint32) {
	j := t.journeys.at(n)
	if j.older != 0 {
		t.journeys.at(j.older).newer = j.newer
	} else {
		g.oldest = j.newer
	}
	if j.newer != 0 {
		t.journeys.at(j.newer).older = j.older
	} else {
		g.newest = j.older
	}
}

// touch notes a record about a journey.
func (t *tracker) touch(n uint32, ts uint64) {
	j := t.journeys.at(n)
	j.end = max(j.end, ts)
}

// close writes a journey's record and forgets it.
func (t *tracker) close(g *group, n uint32) {
	j := t.journeys.at(n)
	if j.packet != 0 {
		t.report(g, n)
	}
	if j.best != 0 {
		t.giveBranch(j.best)
	}
	t.headers.give(j.from)
	if len(t.joined) > 0 {
		delete(t.joined, n)
	}
	t.unlist(g, n)
	*j = journey{}
	t.journeys.give(n)
}

func (t *tracker) report(g *group, n uint32) {
	j := t.journeys.at(n)
	b := t.branches.at(j.best)
	end := format.JourneyEnd{How: format.EndNames[b.end], Branch: b.number, TS: b.endTS, Record: recordNames[b.record],
		Probe: t.names.text(b.probe), Dev: t.names.text(b.dev), Netns: b.netns, Into: b.into}
	switch b.end {
	case dropped:
		end.Reason, end.Location = t.names.text(b.reason), t.names.text(b.location)
	case delivered:
		end.Comm, end.TGID, end.Sock = t.names.text(b.comm), b.tgid, b.sock
	}
	r := format.Journey{Packet: j.packet, First: j.first, Last: j.end, Hops: j.hops, Branches: j.branches,
		Slowest: j.slowest, End: end, Ends: j.ends, Joined: t.joined[n], Inferred: j.flags&guessed != 0, Note: t.note,
		Resent: j.resent}
	if b.unclear != plainEnd && (b.end == consumed || b.end == delivered && b.unclear == unclearRead) {
		s := &silents[b.unclear]
		r.End.Unclear = s.name
		if r.Note == "" {
			r.Note = s.note
		}
	}
	if b.end == open && b.flags&(wentUp|seen) == wentUp {
		r.Note = "Open vSwitch's user space was not seen to send it back"
	}
	if j.flags&alike != 0 {
		r.Uncertain = append(r.Uncertain, "upcall")
		if r.Note == "" {
			r.Note = "equal packets went up to Open vSwitch's user space, and not all were seen to come back: " +
				"which one this is, is not known"
		}
	}
	if j.from != 0 {
		var h headers
		h.unpack(t.headers.get(j.from))
		r.From = h.flow()
		r.To = r.From
		if last := t.headers.get(b.headers); hasIP(last) {
			h.unpack(last)
			r.To = h.flow()
		}
	}
	if j.flags&byAddr != 0 {
		r.By = "addr"
	} else if j.flags&byContent != 0 {
		r.By = "content"
	}
	if j.flags&byAddr != 0 && g.heldIn(j, j.end) {
		j.flags |= lacking
	}
	if j.flags&lacking != 0 {
		r.Uncertain = append(r.Uncertain, "held")
		if r.Note == "" {
			r.Note = "not all of its events are here: --limit held some back"
		}
	}
	if g.lossy {
		until := j.end
		if j.ends[lost] > 0 {
			until = g.now
		}
		kinds := t.doubt(g, j, until)
		for kind, what := range format.LossKinds {
			if kinds&(1<<kind) != 0 {
				r.Uncertain = append(r.Uncertain, what)
			}
		}
	}
	t.record = r.AppendMsgpack(t.record[:0])
	t.write(t.record)
}

// room makes room for one more journey and branch.
func (t *tracker) room(g *group) {
	for t.journeys.live() >= t.limits.open {
		t.letGoOldest(fmt.Sprintf("more than %d were open", t.limits.open))
	}
	for t.full() && t.letGoOldest("there was no memory for more") {
	}
}

// full tells whether one more would take more memory than is allowed.
func (t *tracker) full() bool {
	size := t.size()
	if size < t.limits.memory {
		return false
	}
	grows := t.journeys.grows() || t.branches.grows()
	return grows || size >= t.limits.memory+t.limits.memory/4 &&
		(t.headers.small.grows() || t.headers.medium.grows() || t.headers.large.grows())
}

func (t *tracker) size() int {
	return t.journeys.size() + t.branches.size() + t.headers.small.size() + t.headers.medium.size() +
		t.headers.large.size() +
		cap(t.table.slots)*int(unsafe.Sizeof(slot{}))
}

func (t *tracker) letGoOldest(note string) bool {
	i := slices.IndexFunc(t.order, func(g *group) bool { return g.oldest != 0 })
	if i < 0 {
		return false
	}
	t.letGo(t.order[i], t.unseenLongest(t.order[i]), noRecord, 0, note)
	return true
}
