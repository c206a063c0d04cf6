package track

import (
	"slices"

	"github.com/skb-tools/skb-tools/format"
)

// What can be lost, in the order of format.LossKinds.
const (
	lossEvent = iota
	lossLink
	lossFree
	lossIdentity
	lossProbe
)

// intervals are times in which something was lost, in order and apart.
type intervals []interval

type interval struct{ since, until uint64 }

// maxIntervals bounds them; beyond it the two oldest become one.
const maxIntervals = 512

func (s *intervals) add(x interval) {
	i, _ := slices.BinarySearchFunc(*s, x.since, func(y interval, since uint64) int {
		if y.until < since {
			return -1
		}
		return 1
	})
	k := i
	for ; k < len(*s) && (*s)[k].since <= x.until; k++ {
		x.since, x.until = min(x.since, (*s)[k].since), max(x.until, (*s)[k].until)
	}
	*s = slices.Replace(*s, i, k, x)
	if n := len(*s); n > maxIntervals {
		(*s)[1].since = (*s)[0].since
		*s = slices.Delete(*s, 0, 1)
	}
}

// in returns the end of the last that overlaps a time.
func (s intervals) in(since, until uint64) (end uint64, ok bool) {
	i, _ := slices.BinarySearchFunc(s, until, func(y interval, until uint64) int {
		if y.since <= until {
			return -1
		}
		return 1
	})
	if i == 0 || s[i-1].until < since {
		return 0, false
	}
	return s[i-1].until, true
}

// loss takes a loss record. What was concluded before it came has gone on without a mark;
// journeys linger for longer than skb-collect takes to tell of a loss.
func (t *tracker) loss(r format.Raw) {
	ts, _ := r.Time()
	t.advance(ts)
	since, _ := r.Get("since").Uint()
	what, _ := r.Get("what").Str()
	kind := max(0, slices.Index(format.LossKinds[:], string(what)))
	t.group.losses[kind].add(interval{min(since, ts), ts})
	t.group.lossy = true
}

// held takes a record of events that were counted and not written. A packet says itself whether it lacks some, unless
// it has no identity. While events are held back such records come one after another, and a journey may be written
// shortly before the next one: what comes shortly after one is in doubt too.
func (t *tracker) held(r format.Raw) {
	ts, _ := r.Time()
	t.advance(ts)
	since, _ := r.Get("since").Uint()
	t.group.heldBack.add(interval{min(since, ts), ts + uint64(t.limits.linger)})
}

// heldIn tells whether events may be missing of a journey that is known by address, until a time.
func (g *group) heldIn(j *journey, until uint64) bool {
	if len(g.heldBack) == 0 {
		return false
	}
	_, ok := g.heldBack.in(j.born, until)
	return ok
}

// doubt returns the kinds of what was lost, as bits, that could make wrong what is known
// of a journey at a time. That its first event is one of a packet seen before, and the link
// lost, is thought possible as long after the loss as a packet may rest: the time after
// which an idle journey is let go of.
func (t *tracker) doubt(g *group, j *journey, now uint64) (kinds uint8) {
	for kind := range format.LossKinds {
		since := j.born
		if kind == lossLink || kind == lossIdentity || kind == lossProbe || j.flags&late != 0 {
			since -= min(since, uint64(t.limits.idle))
		}
		if _, ok := g.losses[kind].in(since, now); ok {
			kinds |= 1 << kind
		}
	}
	return kinds
}

// lossBehind tells whether records were lost that may have said how a journey ended.
func (t *tracker) lossBehind(g *group, j *journey) (yes bool, ts uint64) {
	if !g.lossy {
		return false, 0
	}
	for _, kind := range [...]int{lossEvent, lossLink, lossFree, lossProbe} {
		if end, ok := g.losses[kind].in(j.born, g.now); ok {
			yes, ts = true, max(ts, end)
		}
	}
	return yes, ts
}
