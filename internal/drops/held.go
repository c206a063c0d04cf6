package drops

import (
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// held takes drops that the kernel counted instead of writing their events. Only what they have in common is known:
// they are judged by that.
func (r *run) held(raw format.Raw) error {
	f := &r.facts
	n, _ := raw.Get("count").Uint()
	f.set(raw, r.host)
	r.seen(f)
	switch probe, _ := raw.Get("probe").Str(); {
	case f.find.Has(findDrop):
		f.setDrop()
		ts, _ := f.find.Uint(findTS)
		f.host = f.host.at(ts)
		r.t.judge(f, false)
		r.judged(n)
		if r.s != nil {
			r.s.held += n * r.host.stands(f)
			since, ok := raw.Get("since").Uint()
			if !ok {
				since = ts
			}
			r.ledgers.add(f, r.t, r.host, since, ts, n)
		}
	case string(probe) == kfunc.TraceKfreeSkb:
		var noise float64
		n := estimated(n, r.host.stands(f), &noise)
		r.count(Suspect, n)
		if r.meter != nil {
			r.meter.unknown(n)
		}
		if r.s != nil {
			r.s.sampling.of(r.host)
			r.s.addUnknown(n, noise)
			r.page.unknown(r.now, n)
			r.ledgers.partOf(r.host)
		}
	case r.s != nil && r.host.toldByOVS(probe):
		r.s.heldOVS += n * r.host.stands(f)
	}
	if r.sink != nil {
		return r.sink.Write(r.kept.Gives(raw))
	}
	return nil
}

// addUnknown counts drops of which nothing is known: too many different ones came at once.
func (s *summary) addUnknown(n uint64, noise float64) {
	s.total += n
	s.noise += noise
	s.foldedNoise[Suspect] += noise
	s.held += n
	s.worst = max(s.worst, Suspect)
	s.folded[Suspect] += n
}
