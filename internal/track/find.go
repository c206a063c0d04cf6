package track

import (
	"slices"

	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// find returns the branch that an event is of.
func (t *tracker) find(v *view, class kfunc.Class, keys contentKeys) uint32 {
	g := t.group
	if v.has&hasID == 0 {
		i := t.table.get(g.addresses(), v.addr)
		if i != 0 && t.same(i, v, class) {
			return i
		}
		if i != 0 {
			t.reused(g, i)
		}
		if i := t.inferred(v, class, keys); i != 0 {
			return i
		}
		return t.newPacket(g, 0, v.addr, v.ts)
	}
	i := t.lookup(g, v.id, v.addr)
	if i == 0 {
		i = t.table.get(g.ids(), v.id)
		if i == 0 {
			if i := t.inferred(v, class, keys); i != 0 {
				return i
			}
			i = t.newPacket(g, v.id, v.addr, v.ts)
			if v.has&hasLen == 0 && !v.frame || v.handedOver() {
				t.journeys.at(t.branches.at(i).journey).flags |= late
				if b := t.branches.at(i); slices.Contains(g.freedUnseen[:], v.id) {
					b.flags |= ended
					b.end, b.endTS, b.record = consumed, v.ts, freeRecord
					t.queue(g, i)
				}
			}
			return i
		}
		if v.handedOver() {
			return t.moved(i, v.addr)
		}
		return t.child(g, i, v.id, v.addr, "shared")
	}
	if b := t.branches.at(i); b.flags&ended != 0 && b.end != merged && class != kfunc.Neutral && class != kfunc.Freeing &&
		v.ts > b.endTS {
		// The sk_buff is another one, at the address of one that was freed.
		return t.child(g, i, v.id, v.addr, "shared")
	}
	return i
}

// moved returns the branch of i's journey that has the sk_buff, with another data buffer by now;
// else i.
func (t *tracker) moved(i uint32, addr uint64) uint32 {
	k := t.journeys.at(t.branches.at(i).journey).list
	for n := 0; k != 0 && n < maxSharers; n++ {
		b := t.branches.at(k)
		if b.addr == addr {
			return k
		}
		k = b.more
	}
	return i
}

// same tells whether an event is of a packet known by its sk_buff's address.
func (t *tracker) same(i uint32, v *view, class kfunc.Class) bool {
	b := t.branches.at(i)
	if b.flags&ended != 0 && class != kfunc.Neutral && class != kfunc.Freeing {
		return false
	}
	var was headers
	was.unpack(t.headers.get(b.headers))
	p, ok := was.print()
	q, now := t.parsed.print()
	return !ok || !now || len(t.packed) == 0 || p == q
}

// reused ends a branch whose address belongs to another packet now.
func (t *tracker) reused(g *group, i uint32) {
	b := t.branches.at(i)
	t.unhash(g, i)
	if b.flags&ended == 0 {
		b.end = open
		b.flags |= ended
	}
	t.queue(g, i)
}

// maxSharers bounds the sk_buffs of one data buffer that are looked through.
const maxSharers = 1024

// lookup returns the branch of an identity with the sk_buff's address; that becomes the
// first of the buffer's. addr is 0 where it is not known: then it is any, as is a branch
// whose address was not known before.
func (t *tracker) lookup(g *group, id, addr uint64) uint32 {
	first := t.table.get(g.ids(), id)
	for i, n := first, 0; i != 0 && n < maxSharers; n++ {
		b := t.branches.at(i)
		if b.addr == addr || addr == 0 || b.addr == 0 && b.flags&ended == 0 {
			if b.addr == 0 {
				b.addr = addr
			}
			if i != first {
				t.unhash(g, i)
				t.hash(g, i)
			}
			return i
		}
		i = b.next
	}
	return 0
}

// hash puts a branch into the table, in front of others of its buffer.
func (t *tracker) hash(g *group, i uint32) {
	b := t.branches.at(i)
	space, key := b.tableKey(g)
	b.before, b.next = 0, t.table.get(space, key)
	if b.next != 0 {
		t.branches.at(b.next).before = i
	}
	t.table.set(space, key, i)
	b.flags |= hashed
}

// unhash removes a branch from the table.
func (t *tracker) unhash(g *group, i uint32) {
	b := t.branches.at(i)
	if b.flags&hashed == 0 {
		return
	}
	b.flags &^= hashed
	if b.next != 0 {
		t.branches.at(b.next).before = b.before
	}
	if b.before != 0 {
		t.branches.at(b.before).next = b.next
	} else if space, key := b.tableKey(g); b.next != 0 {
		t.table.set(space, key, b.next)
	} else {
		t.table.remove(space, key)
	}
	b.before, b.next = 0, 0
}

// tableKey is where the table has a branch.
func (b *branch) tableKey(g *group) (space uint32, key uint64) {
	if b.id != 0 {
		return g.ids(), b.id
	}
	return g.addresses(), b.addr
}
