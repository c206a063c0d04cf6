package track

import "github.com/skb-tools/skb-tools/format"

// upcall tracks a link of a packet that Open vSwitch sends to user space, or of one that comes back. One
// that has gone up is a branch without an sk_buff until then. Where equal packets went up and were not seen
// to come back, which of them comes back is not known: it is a packet of its own.
func (t *tracker) upcall(g *group, l *lifetime) {
	ambiguous := string(l.by) == "ambiguous"
	if l.from == (format.Buffer{}) {
		if i := t.cameBack(g, l.to, l.ts); i != 0 && ambiguous {
			t.journeys.at(t.branches.at(i).journey).flags |= alike
		}
		return
	}
	src := t.source(g, l)
	if ambiguous {
		t.journeys.at(t.branches.at(src).journey).flags |= alike
		return
	}
	if l.to.ID == 0 {
		return
	}
	dst := t.known(g, l.to, true)
	if dst == 0 {
		dst = t.child(g, src, l.to.ID, l.to.Addr, "upcall")
	}
	b := t.branches.at(dst)
	b.flags |= wentUp
	if l.to.Addr == 0 {
		if b := t.branches.at(src); b.flags&ended == 0 {
			b.flags |= copied // if it is freed now, it has gone up
		}
	}
	if string(l.by) == "content" {
		b.flags |= inferredBranch
		t.journeys.at(b.journey).flags |= guessed
	}
}

// cameBack returns the branch of a packet that comes from user space.
func (t *tracker) cameBack(g *group, to format.Buffer, ts uint64) uint32 {
	if to.ID == 0 || to.Addr == 0 {
		return 0
	}
	if i := t.known(g, to, true); i != 0 {
		return i
	}
	return t.newPacket(g, to.ID, to.Addr, ts)
}

// notBack ends the branch of a packet that went up, and does not come back as what it was to be: it could
// not be queued, or equal packets have come back.
func (t *tracker) notBack(g *group, l *lifetime) {
	i := t.known(g, l.from, true)
	if i == 0 || t.branches.at(i).flags&(wentUp|seen) != wentUp {
		return
	}
	b := t.branches.at(i)
	t.touch(b.journey, l.ts)
	t.freed(b, l)
	if !l.dropped {
		t.journeys.at(b.journey).flags |= alike
	}
}
