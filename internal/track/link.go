package track

import (
	"bytes"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// A lifetime is what matters of a link or free record. Its slices alias the record.
type lifetime struct {
	ts               uint64
	how, by          []byte
	from, to         format.Buffer // a free record's buffer is from
	last             bool
	held             bool // events of the packet were held back
	dropped          bool
	reason, location []byte
}

func (l *lifetime) decode(r format.Raw) {
	*l = lifetime{}
	c := r.Cursor()
	for n := c.Map(); n > 0; n-- {
		switch string(c.Key()) {
		case "ts":
			l.ts, _ = c.Uint()
		case "how":
			l.how, _ = c.Str()
		case "by":
			l.by, _ = c.Str()
		case "from", "skb":
			buffer(&l.from, &c)
		case "to":
			buffer(&l.to, &c)
		case "held":
			l.held = true
			c.Skip()
		case "last":
			l.last, _ = c.Value().Bool()
		case "drop":
			var v view
			v.drop(&c)
			l.reason, l.location = v.reason, v.location
		default:
			c.Skip()
		}
	}
	l.dropped = string(l.how) == "dropped"
}

func buffer(b *format.Buffer, c *wire.Cursor) {
	for n := c.Map(); n > 0; n-- {
		switch string(c.Key()) {
		case "addr":
			b.Addr, _ = c.Uint()
		case "id":
			b.ID, _ = c.Uint()
		default:
			c.Skip()
		}
	}
}

// known returns the branch of a buffer, 0 when it has none. exact: not another sk_buff of
// the same data.
func (t *tracker) known(g *group, b format.Buffer, exact bool) uint32 {
	if b.ID == 0 {
		if b.Addr == 0 {
			return 0
		}
		return t.table.get(g.addresses(), b.Addr)
	}
	i := t.lookup(g, b.ID, b.Addr)
	if i == 0 && !exact {
		i = t.table.get(g.ids(), b.ID)
	}
	return i
}

// link tracks a link record.
func (t *tracker) link(r format.Raw) {
	var l lifetime
	l.decode(r)
	t.advance(l.ts)
	g := t.group
	if string(l.how) == "upcall" {
		t.upcall(g, &l)
		return
	}
	if l.from.ID|l.from.Addr == 0 || l.to.ID|l.to.Addr == 0 {
		return
	}
	src := t.source(g, &l)
	switch how := string(l.how); how {
	case "expand":
		t.expand(g, src, l.to)
	case "xdp":
		t.built(g, src, l.to)
	case "gro", "coalesce", "reassemble":
		dst := t.known(g, l.to, false)
		if dst == 0 {
			if dst = t.child(g, src, l.to.ID, l.to.Addr, how); t.branches.at(src).journey == 0 {
				return
			}
			if how != "reassemble" { // of which the whole is new
				// It was there before. If it was seen, the event that is lost may be older than this journey.
				t.journeys.at(t.branches.at(src).journey).flags |= late
			}
		}
		if dst != src {
			t.join(g, src, dst, how, l.ts)
		}
		if how == "reassemble" && l.to.Addr != 0 && l.to.ID != l.from.ID {
			// The datagram has the fragment's data buffer now, and a new identity.
			t.release(g, l.from.ID)
		}
	default:
		dst := t.known(g, l.to, true)
		if dst != 0 && dst != src && l.to.ID == l.from.ID {
			// A new sk_buff where one was that must have been freed.
			t.over(g, dst, l.ts)
			dst = 0
		}
		if dst == 0 {
			t.child(g, src, l.to.ID, l.to.Addr, how)
		}
		if b := t.branches.at(src); how == "copy" && b.flags&ended == 0 {
			b.flags |= copied
		}
	}
}

// source returns the branch that a link is from.
func (t *tracker) source(g *group, l *lifetime) uint32 {
	src := t.known(g, l.from, true)
	if src == 0 {
		src = t.unseen(g, l.from, l.ts)
		t.branches.at(src).flags |= holder
	}
	t.touch(t.branches.at(src).journey, l.ts)
	return src
}

// unseen returns a branch for a buffer of which there was no event: it shares the data of
// another, or its events were lost, or are in the file before. What comes from it is one
// packet nevertheless.
func (t *tracker) unseen(g *group, b format.Buffer, ts uint64) uint32 {
	if i := t.known(g, b, false); i != 0 {
		return t.child(g, i, b.ID, b.Addr, "shared")
	}
	i := t.newPacket(g, b.ID, b.Addr, ts)
	t.journeys.at(t.branches.at(i).journey).flags |= late
	return i
}

// expand gives branch src's sk_buff another data buffer.
func (t *tracker) expand(g *group, src uint32, to format.Buffer) {
	b := t.branches.at(src)
	if to.ID == b.id || t.known(g, to, true) != 0 {
		t.comesFrom(b, b, "expand")
		return
	}
	from := *b
	t.unhash(g, src)
	b.id, b.addr = to.ID, to.Addr
	t.hash(g, src)
	t.comesFrom(b, &from, "expand")
	// It has another identity because a clone holds the old data: by what comes of that this
	// packet is known, too, though no record may have told of the clone yet.
	if from.id != 0 && !t.stays(g, from.id) {
		t.child(g, src, from.id, 0, "shared")
	}
}

// built gives branch src, which an XDP program saw, the sk_buff that was built on its frame. If it had one
// before, that has gone: veth lets go of the sk_buff of what it sends elsewhere.
func (t *tracker) built(g *group, src uint32, to format.Buffer) {
	b := t.branches.at(src)
	from := *b
	t.unhash(g, src)
	b.id, b.addr = to.ID, to.Addr
	t.hash(g, src)
	t.comesFrom(b, &from, "xdp")
}

// stays tells whether a branch is kept by which the identity is known until its data is released.
func (t *tracker) stays(g *group, id uint64) bool {
	n := 0
	for i := t.table.get(g.ids(), id); i != 0 && n < maxSharers; i = t.branches.at(i).next {
		if f := t.branches.at(i).flags; f&ended == 0 || f&held != 0 {
			return true
		}
		n++
	}
	return n == maxSharers
}

// join ends branch src in dst.
func (t *tracker) join(g *group, src, dst uint32, how string, ts uint64) {
	b, d := t.branches.at(src), t.branches.at(dst)
	if b.flags&ended != 0 && (b.end == merged || b.record == linkRecord) {
		return
	}
	b.flags |= ended | held
	b.end, b.endTS, b.record, b.intoID = merged, ts, linkRecord, d.id
	if how == "coalesce" && (b.class == kfunc.Deliver || b.class == kfunc.Handed) {
		b.end = delivered // in the socket's queue it became part of what was there
	}
	if d.hop < b.hop {
		d.hop, d.last = b.hop, b.last
	}
	t.comesFrom(d, b, how)
	if b.journey == d.journey {
		return
	}
	from, into := t.journeys.at(b.journey), t.journeys.at(d.journey)
	if from.packet == 0 {
		return
	}
	if into.packet == 0 {
		t.begin(into, ts)
	}
	b.into = into.packet
	t.touch(d.journey, ts)
	if list := t.joined[d.journey]; len(list) < maxJoined {
		t.joined[d.journey] = append(list, from.packet)
	}
}

// maxJoined bounds the packets that a journey names as joined.
const maxJoined = 16

// over ends a branch of which no record said that it ended.
func (t *tracker) over(g *group, i uint32, ts uint64) {
	b := t.branches.at(i)
	if b.flags&ended == 0 {
		b.flags |= ended
		b.end, b.endTS, b.record = b.outcome(), ts, linkRecord
	}
	t.unhash(g, i)
	t.queue(g, i)
}

// release ends what is left of an identity.
func (t *tracker) release(g *group, id uint64) {
	for i, n := t.table.get(g.ids(), id), 0; i != 0 && n < maxSharers; n++ {
		b := t.branches.at(i)
		if b.flags&ended == 0 {
			b.flags |= ended
			b.end, b.endTS, b.record = b.outcome(), g.now, freeRecord
		}
		t.queue(g, i)
		i = b.next
	}
}

// free tracks a free record.
func (t *tracker) free(r format.Raw) {
	var l lifetime
	l.decode(r)
	t.advance(l.ts)
	g := t.group
	if l.from.Addr == 0 && l.from.ID != 0 {
		t.notBack(g, &l)
	}
	// Without an address it is of the data alone: how its sk_buffs ended has been told.
	if i := t.known(g, l.from, true); i != 0 && l.from.Addr != 0 {
		b := t.branches.at(i)
		t.touch(b.journey, l.ts)
		if l.held {
			t.journeys.at(b.journey).flags |= lacking
		}
		t.freed(b, &l)
		if b.id == 0 || t.alive(g, b.id) {
			t.queue(g, i)
		} else {
			t.holdLast(g, i)
		}
	}
	if i := t.known(g, l.from, false); i != 0 && l.from.Addr == 0 && l.dropped {
		t.freed(t.branches.at(i), &l) // a frame, which had no sk_buff
	}
	if l.last && l.from.ID != 0 {
		if t.table.get(g.ids(), l.from.ID) == 0 {
			// A tracepoint behind a driver, or a return, may tell of it still.
			g.freedUnseen[g.nextUnseen] = l.from.ID
			g.nextUnseen = (g.nextUnseen + 1) % len(g.freedUnseen)
		}
		t.release(g, l.from.ID)
	}
}

// freed notes how a branch ended by its free record.
func (t *tracker) freed(b *branch, l *lifetime) {
	was, known := b.end, b.flags&ended != 0
	b.flags |= ended
	if l.dropped && bytes.HasPrefix(l.location, []byte(kfunc.ReleaseData+"+")) {
		// What hangs on another sk_buff (frag_list) goes when that does; it was not
		// dropped itself.
		l.dropped = false
	}
	switch used, end, u := t.group.usedAsDrop(b, l.location, l.reason); {
	case l.dropped && used:
		b.end, b.unclear = end, u
	case l.dropped:
		if known && was == merged {
			t.abandon(b.intoID)
			b.into = 0
		}
		b.end = dropped
		if len(l.reason) > 0 {
			b.reason = t.names.number(l.reason)
		}
		if len(l.location) > 0 {
			b.location = t.names.number(l.location)
		}
	case known && (was == merged || b.record == linkRecord):
		return
	case known && (was == dropped || was == delivered):
	case string(l.how) == "merged", b.flags&copied != 0:
		b.end = merged // of a copy that was made last of all: into that
	default:
		b.end = b.outcome()
	}
	b.endTS, b.record = l.ts, freeRecord
}

// abandon forgets the packet that fragments were waiting to become.
func (t *tracker) abandon(id uint64) {
	g := t.group
	if i := t.table.get(g.ids(), id); i != 0 {
		if b := t.branches.at(i); b.addr == 0 && b.flags&(seen|ended) == 0 {
			b.flags |= ended
			b.end = merged
			t.queue(g, i)
		}
	}
}

// alive tells whether another sk_buff holds the identity's data, as far as is known.
func (t *tracker) alive(g *group, id uint64) bool {
	n := 0
	for i := t.table.get(g.ids(), id); i != 0 && n < maxSharers; i = t.branches.at(i).next {
		if t.branches.at(i).flags&ended == 0 {
			return true
		}
		n++
	}
	return n == maxSharers
}

// holdLast keeps the branch that ended last of an identity's until the data buffer is
// released: sk_buffs that no probe has seen may beget others.
func (t *tracker) holdLast(g *group, last uint32) {
	n := 0
	for i := t.table.get(g.ids(), t.branches.at(last).id); i != 0 && n < maxSharers; i = t.branches.at(i).next {
		if i != last {
			t.queue(g, i)
		}
		n++
	}
	b := t.branches.at(last)
	if b.flags&queued == 0 {
		b.flags |= held
	}
}
