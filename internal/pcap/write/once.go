package write

import (
	"bytes"
	"container/list"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/recent"
)

// A packetKey says which events are of one packet: skb-track's number, else the identity
// of the buffer.
type packetKey struct {
	origin  *origin
	tracked bool
	number  uint64
}

// packetKey is false for an event of which neither is known.
func (e *event) packetKey(o *origin) (packetKey, bool) {
	if e.Packet.OK {
		return packetKey{o, true, e.Packet.V}, true
	}
	return packetKey{o, false, e.Skb.ID.V}, e.Skb.ID.OK
}

// maxSeen is how many packets --once first remembers. One that comes again after so many
// others is taken for new.
const maxSeen = 1 << 20

// A firsts knows the packets of which an event was seen.
type firsts struct {
	seen *recent.Map[packetKey, struct{}]
}

func newFirsts() firsts { return firsts{recent.New[packetKey, struct{}](maxSeen)} }

// first reports whether k is new.
func (f firsts) first(k packetKey) bool {
	if f.seen.Has(k) {
		return false
	}
	f.seen.Set(k, struct{}{})
	return true
}

// maxHeld is how much --once last holds back of packets whose journey is not over, in
// bytes.
const maxHeld = 64 << 20

// A lasts holds the last event of each packet until nothing more can come of it, and of
// the packets with an earlier one.
type lasts struct {
	order list.List // of *held, by the time of their events
	by    map[packetKey]*list.Element
	bytes int
}

type held struct {
	key    packetKey
	record format.Raw
	over   bool
	ending []byte // comments, where the journey's end is known
}

// hold keeps r, an event of the packet k, in place of the one before.
func (l *lasts) hold(k packetKey, r format.Raw) {
	at := l.by[k]
	if at == nil {
		if l.by == nil {
			l.by = map[packetKey]*list.Element{}
		}
		at = l.order.PushBack(&held{key: k})
		l.by[k] = at
	}
	h := at.Value.(*held)
	l.bytes += len(r) - len(h.record)
	h.record, h.over, h.ending = append(h.record[:0], r...), false, nil
	l.order.MoveToBack(at)
}

// behind keeps r, whose packet is not known, in its place if any are held before it.
func (l *lasts) behind(o *origin, r format.Raw) bool {
	if l.order.Len() == 0 {
		return false
	}
	l.order.PushBack(&held{key: packetKey{origin: o}, record: bytes.Clone(r), over: true})
	l.bytes += len(r)
	return true
}

// next takes out the oldest event that need not be held, nil when there is none.
func (l *lasts) next(all bool) *held {
	at := l.order.Front()
	if at == nil {
		return nil
	}
	h := at.Value.(*held)
	if !all && !h.over && l.bytes <= maxHeld {
		return nil
	}
	l.order.Remove(at)
	if l.by[h.key] == at {
		delete(l.by, h.key)
	}
	l.bytes -= len(h.record)
	return h
}
