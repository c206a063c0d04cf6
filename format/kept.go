package format

import (
	"hash/maphash"

	"github.com/skb-tools/skb-tools/format/wire"
)

// A Kept makes the ends of a stream count what a filter has left of it: each is to count
// fewer records by those that the filter did not hand on. What the input lacked is so
// still seen to lack in the output.
type Kept struct {
	// Part makes ends count what was handed on instead, for an input of which Checker.Part holds.
	Part bool

	by      map[uint64]*kept // by hash of the start
	in, out side
}

// A kept is what there was of a start.
type kept struct {
	in, out counts
	told    counts // of the records not handed on, those that an end was told of; with Part of those handed on
}

// A side is the input or the output.
type side struct {
	recent  Starts[*kept]
	current *kept
}

// of returns what r belongs to, nil where that is no start.
func (k *Kept) of(s *side, t RecordType, r Raw) *kept {
	switch t {
	case TypeStart:
		if k.by == nil {
			k.by = map[uint64]*kept{}
		}
		hash := maphash.Bytes(startSeed, r)
		if s.current = k.by[hash]; s.current == nil && len(k.by) < maxOpen {
			s.current = &kept{}
			k.by[hash] = s.current
		}
		s.recent.Set(r, s.current)
	case TypeResume:
		s.current, _ = s.recent.Resume(r)
	}
	return s.current
}

// Took takes a record of the input.
func (k *Kept) Took(r Raw) {
	t := r.Type()
	if c := k.of(&k.in, t, r); c != nil && t != TypeLoss {
		c.in.count(t, r)
	}
}

// Gives takes a record of the output, and returns what to write in its place.
func (k *Kept) Gives(r Raw) Raw {
	t := r.Type()
	c := k.of(&k.out, t, r)
	if c == nil {
		return r
	}
	if t != TypeEnd {
		c.out.count(t, r)
		return r
	}
	for i, key := range countKeys[:3] {
		said, ok := r.Get(key).Uint()
		if !ok {
			continue
		}
		now := said
		if k.Part {
			now = c.out[i] - c.told[i]
			c.told[i] = c.out[i]
		} else if gone := c.in[i] - min(c.in[i], c.out[i]); gone > c.told[i] {
			left := min(now, gone-c.told[i]) // what is more, the next of its ends is told of
			now -= left
			c.told[i] += left
		}
		if now != said {
			r = wire.Splice(nil, r, key, wire.AppendUint(nil, now))
		}
	}
	return r
}

// A Held counts what is written and makes each end count what came since the start or the
// end before it.
type Held struct{ have counts }

// Gives takes a record of the output, and returns what to write in its place.
func (h *Held) Gives(r Raw) Raw {
	switch t := r.Type(); t {
	case TypeStart:
		h.have = counts{}
	case TypeEnd:
		for i, key := range countKeys {
			if said, ok := r.Get(key).Uint(); ok && said != h.have[i] {
				r = wire.Splice(nil, r, key, wire.AppendUint(nil, h.have[i]))
			}
		}
		h.have = counts{}
	default:
		h.have.count(t, r)
	}
	return r
}
