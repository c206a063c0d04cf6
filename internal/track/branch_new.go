package track

import "github.com/skb-tools/skb-tools/internal/kfunc"

// newPacket begins a journey.
func (t *tracker) newPacket(g *group, id, addr, ts uint64) uint32 {
	t.room(g)
	n := t.journeys.take()
	*t.journeys.at(n) = journey{born: ts, first: ts, end: ts, placed: ts}
	t.append(g, n)
	return t.newBranch(g, n, id, addr)
}

// newBranch adds a branch to journey n.
func (t *tracker) newBranch(g *group, n uint32, id, addr uint64) uint32 {
	i := t.branches.take()
	j := t.journeys.at(n)
	b := t.branches.at(i)
	*b = branch{id: id, addr: addr, journey: n, number: j.branches, more: j.list}
	if j.list != 0 {
		t.branches.at(j.list).prev = i
	}
	j.list = i
	j.branches++
	j.live++
	t.hash(g, i)
	return i
}

// child is a new branch that comes from branch i.
func (t *tracker) child(g *group, i uint32, id, addr uint64, how string) uint32 {
	t.room(g)
	if t.branches.at(i).journey == 0 { // it was let go of to make room
		return t.newPacket(g, id, addr, g.now)
	}
	n := t.branches.at(i).journey
	c := t.newBranch(g, n, id, addr)
	b, from := t.branches.at(c), t.branches.at(i)
	t.inherit(b, from, how)
	if h := t.headers.get(from.headers); h != nil {
		b.headers = t.headers.set(0, h)
	}
	return c
}

// inherit makes b go on from where from is.
func (t *tracker) inherit(b, from *branch, how string) {
	b.last, b.hop, b.dev, b.netns, b.mark, b.cpu, b.sock = from.last, from.hop, from.dev, from.netns, from.mark, from.cpu,
		from.sock
	b.flags |= from.flags & (hasDevs | hasMarks | hasCPUs | inferredBranch | isSYN)
	if from.class == kfunc.Transmit && (how == "segment" || how == "fragment") {
		b.class, b.probe = from.class, from.probe // its parts are sent as it was
	}
	if from.flags&ended != 0 && from.end == merged && from.flags&copied == 0 {
		// What is part of another packet now stays that, however its sk_buffs come and
		// go; reassembly morphs and clones fragments. Of what went on in a copy the data is its own
		// still: TCP may send it again.
		b.flags |= ended | held
		b.end, b.endTS, b.record, b.into, b.intoID = merged, from.endTS, from.record, from.into, from.intoID
	}
	b.resent = from.resent
	t.sentAgain(b, from, how)
	t.comesFrom(b, from, how)
}

// comesFrom tells the next event of b where its buffer is from.
func (t *tracker) comesFrom(b, from *branch, how string) {
	b.fromWord, b.fromBranch, b.fromPacket = t.names.number([]byte(how)), from.number, 0
	if b.journey != from.journey {
		b.fromPacket = t.journeys.at(from.journey).packet
	}
	if from.id != b.id {
		b.fromID = from.id
	}
}
