package sort

import (
	"cmp"
	"math"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
)

// An order is what records are sorted by. Always, hosts and their boots are kept apart, one
// after the other, and each `start` stands in front of what belongs to it.
type order uint8

const (
	byTime    order = iota
	byJourney       // of a journey, its `journey` record first
	byPacket
)

// A key says where a record goes among those of its boot.
type key struct{ a, b, c uint64 }

func (k *key) compare(l *key) int {
	switch {
	case k.a != l.a:
		return cmp.Compare(k.a, l.a)
	case k.b != l.b:
		return cmp.Compare(k.b, l.b)
	}
	return cmp.Compare(k.c, l.c)
}

// What follows what at one time. A stack goes to its start: it has no time, and a record that
// names it may be anywhere behind. So does a change where the order is not that of time.
const (
	startFirst = iota
	thenStacks
	beforeOthers // a flow or a namespace, whose time is that of an event
	thenOthers
	thenJourneys
	thenEnd
)

// keyOf is the key of a record of this type, whose time is ts or, when it has none, that of
// the record before it. start is when its `start` was. Times are in ns. track is the section
// of the record, nil when it is still to be found.
func (o order) keyOf(t format.RecordType, r format.Raw, track wire.Value, ts, start uint64) key {
	rank := uint64(thenOthers)
	switch t {
	case format.TypeEvent:
		if o != byTime {
			if track == nil {
				track = r.Get("track")
			}
			return o.keyOfEvent(track, ts)
		}
		return key{a: ts, b: thenOthers}
	case format.TypeStart:
		rank = startFirst
	case format.TypeStack:
		ts, rank = start, thenStacks
	case format.TypeFlow, format.TypeNamespace:
		if rank = beforeOthers; o != byTime {
			ts, rank = start, thenStacks
		}
	case format.TypeChange:
		if o != byTime { // where a drop can stand in front of what came before it
			ts, rank = start, thenStacks
		}
	case format.TypeCounters:
		if o != byTime && r.Get("since") == nil { // from when on drops are counted, of which some can be of earlier journeys
			ts, rank = start, thenStacks
		}
	case format.TypeEnd:
		rank = thenEnd
	case format.TypeJourney:
		if o != byTime {
			packet, _ := r.Get("packet").Uint()
			first, _ := r.Get("first").Uint()
			return o.keyOfPacket(packet, first, 0)
		}
		rank = thenJourneys
	}
	switch o {
	case byJourney:
		return key{ts, 0, rank}
	case byPacket:
		if rank > thenStacks {
			return key{math.MaxUint64, ts, rank}
		}
		return key{0, ts, rank}
	}
	return key{a: ts, b: rank}
}

func (o order) keyOfEvent(track wire.Value, ts uint64) key {
	packet, _ := track.Get("packet").Uint()
	if packet == 0 {
		if o == byPacket {
			return key{math.MaxUint64, ts, thenOthers}
		}
		return key{ts, 0, thenOthers}
	}
	total, _ := track.Get("total").Uint()
	if o == byPacket {
		branch, _ := track.Get("branch").Uint()
		hop, _ := track.Get("hop").Uint()
		return o.keyOfPacket(packet, ts-total, 1+branch<<32+hop)
	}
	return o.keyOfPacket(packet, ts-total, 1+ts)
}

func (o order) keyOfPacket(packet, first, c uint64) key {
	if o == byPacket {
		return key{packet, first, c}
	}
	return key{first, packet, c}
}

// journey returns what is the same in all keys of a journey, and whether k is of one.
func (o order) journey(k *key) (a, b uint64, ok bool) {
	if o == byPacket {
		return k.a, k.b, k.a != 0 && k.a != math.MaxUint64
	}
	return k.a, k.b, k.b != 0
}

// toldLater says that records of a type come behind those of later times, when it is noticed what they tell.
func toldLater(t format.RecordType) bool {
	return t == format.TypeLoss || t == format.TypeHeld || olderThanItsPlace(t)
}

// olderThanItsPlace says that the time of records of a type can be long before that of what they come behind: they bear
// the time of what they are about, and come when that was asked for and answered. So their time says nothing of what
// follows, nor of whether the stream is live.
func olderThanItsPlace(t format.RecordType) bool {
	return t == format.TypeChange || t == format.TypeCounters || t == format.TypeFlow
}
