package track

import (
	"fmt"
	"time"

	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// lingering is how long an ended journey waits for events at returns of functions, and for
// word of losses: skb-collect looks for those every 100 ms.
const lingering = 250 * time.Millisecond

// maxLingering bounds the branches that wait so: those of 65,000 packets a second.
const maxLingering = 1 << 14

// expire ends what has waited for long enough.
func (t *tracker) expire(g *group, now uint64) {
	for g.first != 0 && (t.branches.at(g.first).queuedAt+uint64(t.limits.linger) <= now || g.queued > maxLingering) {
		g.queued--
		i := g.first
		b := t.branches.at(i)
		if g.first = b.fifo; g.first == 0 {
			g.last = 0
		}
		b.fifo = 0
		b.flags &^= queued
		if b.journey == 0 { // let go of already
			t.giveBranch(i)
			continue
		}
		t.countBranch(g, i)
	}
	for g.oldest != 0 && t.journeys.at(g.oldest).placed+uint64(t.limits.idle) <= now {
		n := t.unseenLongest(g)
		if t.journeys.at(n).end+uint64(t.limits.idle) > now {
			break
		}
		t.letGo(g, n, noRecord, 0, fmt.Sprintf("nothing was seen of it for %v", t.limits.idle))
	}
}

// queue lets a branch that ended linger before it is counted.
func (t *tracker) queue(g *group, i uint32) {
	b := t.branches.at(i)
	b.flags &^= held
	if b.flags&queued != 0 {
		return
	}
	b.flags |= queued
	b.queuedAt = g.now
	if g.last != 0 {
		t.branches.at(g.last).fifo = i
	} else {
		g.first = i
	}
	g.last = i
	g.queued++
}

// countBranch counts a branch that ended; the journey ends with its last one.
func (t *tracker) countBranch(g *group, i uint32) {
	b := t.branches.at(i)
	n := b.journey
	j := t.journeys.at(n)
	t.unhash(g, i)
	if t.infer != nil {
		t.forgetContent(g, i)
	}
	if b.prev != 0 {
		t.branches.at(b.prev).more = b.more
	} else {
		j.list = b.more
	}
	if b.more != 0 {
		t.branches.at(b.more).prev = b.prev
	}
	j.ends[b.end]++
	j.live--
	switch {
	case b.end == dropped && t.isDuplicateDrop(b):
		b.flags |= duplicateDrop
	case b.end == dropped && t.wasForOtherHost(b):
		b.flags |= forOtherHost
	}
	if worse := j.best; worse == 0 || b.better(t.branches.at(worse), j.resent) {
		j.best, i = i, worse
	}
	if i != 0 {
		t.giveBranch(i)
	}
	if j.live == 0 {
		t.close(g, n)
	}
}

// giveBranch lets the memory of a branch be used again, unless it still stands in the queue.
func (t *tracker) giveBranch(i uint32) {
	b := t.branches.at(i)
	t.headers.give(b.headers)
	*b = branch{flags: b.flags & queued, queuedAt: b.queuedAt, fifo: b.fifo}
	if b.flags&queued == 0 {
		t.branches.give(i)
	}
}

// letGo ends what is open of a journey, and the journey.
func (t *tracker) letGo(g *group, n uint32, record recordKind, ts uint64, note string) {
	j := t.journeys.at(n)
	loss, lossTS := t.lossBehind(g, j)
	undecided := false
	for j.list != 0 {
		i := j.list
		b := t.branches.at(i)
		if b.flags&ended == 0 && b.class == kfunc.Read {
			// Who read it has it, whatever becomes of the memory: kernels put off freeing it.
			b.end, b.record, b.endTS = delivered, eventRecord, b.last
		} else if b.flags&ended == 0 {
			undecided = true
			b.end, b.record, b.endTS = open, record, ts
			if loss {
				b.end, b.record, b.endTS = lost, lossRecord, lossTS
			}
		}
		if j.live == 1 && undecided {
			t.note = note
		}
		t.countBranch(g, i)
	}
	t.note = ""
}

// isDuplicateDrop knows drops that are not the packet's: of a copy that the kernel had made, and of an
// ICMP message that raw sockets, as ping's, have got clones of: icmp_rcv (net/ipv4/icmp.c) frees
// what it was left with as a drop, for want of a socket. Where there is another branch, the journey
// ended as that.
func (t *tracker) isDuplicateDrop(b *branch) bool {
	switch f := kfunc.Lookup(kfunc.Function(t.names.text(b.location))); {
	case f.Is(kfunc.FreesCopy):
		return true
	case f.Is(kfunc.Closes):
		return b.flags&seen == 0 // no probe came by it in the queue of a socket that was closed, as tcpdump's
	case !f.Is(kfunc.LeftOver):
		return false
	}
	reason := t.names.text(b.reason)
	return reason == "" || reason == "NO_SOCKET" || reason == "NOT_SPECIFIED"
}

// wasForOtherHost knows drops of frames that are addressed to another host (net/ipv4/ip_input.c,
// net/ipv6/ip6_input.c). Kernels without reasons drop at the same place what is no IP packet, which
// would be so of all branches.
func (t *tracker) wasForOtherHost(b *branch) bool {
	if reason := t.names.text(b.reason); reason != "" {
		return reason == "OTHERHOST"
	}
	return kfunc.Lookup(kfunc.Function(t.names.text(b.location))).Is(kfunc.OtherHost)
}
