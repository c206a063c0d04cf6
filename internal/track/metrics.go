package track

import (
	"maps"
	"slices"
	"sync"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/metrics"
)

// What bounds the series that --metrics serves.
const (
	maxHopSeries    = 100 // pairs of probes, each a histogram
	maxReasonSeries = 200
)

// A meter is a stage that counts for --metrics what it hands on.
type meter struct {
	next stage

	mu        sync.Mutex
	s         *summary // which knows what hops are
	ends      map[string]*metrics.Histogram
	reasons   map[string]uint64
	hops      map[[2]uint32]*metrics.Histogram // by the names' numbers
	shown     map[[2]string]*metrics.Histogram // by the names as they are served
	more      uint64                           // hops between pairs beyond maxHopSeries
	losses    metrics.Losses
	held      uint64 // events
	uncertain uint64
	inferred  uint64
	unclear   uint64
}

func newMeter(next stage) *meter {
	m := &meter{next: next, s: newSummary(nil, false), ends: map[string]*metrics.Histogram{},
		reasons: map[string]uint64{}, hops: map[[2]uint32]*metrics.Histogram{},
		shown: map[[2]string]*metrics.Histogram{}}
	m.s.onHop = m.hop
	return m
}

// Flush hands on what the next stage holds.
func (m *meter) Flush() error { return m.next.Flush() }

// Write counts a record and hands it on.
func (m *meter) Write(r format.Raw) error {
	if err := m.count(r); err != nil {
		return err
	}
	return m.next.Write(r)
}

func (m *meter) count(r format.Raw) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch r.Type() {
	case format.TypeEvent:
		m.s.event(r)
	case format.TypeJourney:
		j := &m.s.j
		if err := j.Decode(r); err != nil {
			return err
		}
		m.s.forget(j)
		m.journey(j)
	case format.TypeHeld:
		n, _ := r.Get("count").Uint()
		m.held += n
	case format.TypeLoss:
		m.losses.Take(r)
	}
	return nil
}

func (m *meter) journey(j *format.Journey) {
	if !slices.Contains(format.EndNames[:], j.End.How) {
		return
	}
	h := m.ends[j.End.How]
	if h == nil {
		h = &metrics.Histogram{}
		m.ends[j.End.How] = h
	}
	h.Add(j.Total())
	if j.End.How == "dropped" {
		reason := metrics.Clean(reasonOf(&j.End))
		if _, known := m.reasons[reason]; !known && len(m.reasons) >= maxReasonSeries {
			reason = metrics.Other
		}
		m.reasons[reason]++
	}
	if len(j.Uncertain) > 0 {
		m.uncertain++
	}
	if j.Inferred {
		m.inferred++
	}
	if j.End.Unclear != "" {
		m.unclear++
	}
}

func (m *meter) hop(pair [2]uint32, since uint64) {
	h := m.hops[pair]
	if h == nil {
		if len(m.hops) >= maxHopSeries {
			m.more++
			return
		}
		names := [2]string{metrics.Clean(m.s.names.text(pair[0])), metrics.Clean(m.s.names.text(pair[1]))}
		if h = m.shown[names]; h == nil {
			h = &metrics.Histogram{}
			m.shown[names] = h
		}
		m.hops[pair] = h
	}
	h.Add(since)
}

// write puts all on a page.
func (m *meter) write(p *metrics.Page) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p.Family("skb_journey_duration_seconds", "histogram",
		"Packets' journeys, from the first event to the end, by how they ended.")
	for _, how := range format.EndNames {
		if h := m.ends[how]; h != nil {
			p.Histogram(h, metrics.Label{Name: "how", Value: how})
		}
	}
	p.Family("skb_journeys_dropped_total", "counter",
		"Journeys that ended with a drop, by its reason, or by the location where the kernel has no reasons.")
	for _, reason := range slices.Sorted(maps.Keys(m.reasons)) {
		p.Count(m.reasons[reason], metrics.Label{Name: "reason", Value: reason})
	}
	p.Family("skb_hop_duration_seconds", "histogram", "Time of packets from one probe to the next.")
	for _, pair := range slices.SortedFunc(maps.Keys(m.shown), func(a, b [2]string) int {
		return slices.Compare(a[:], b[:])
	}) {
		p.Histogram(m.shown[pair], metrics.Label{Name: "from", Value: pair[0]},
			metrics.Label{Name: "to", Value: pair[1]})
	}
	for _, c := range []struct {
		name, help string
		n          uint64
	}{
		{"skb_hops_beyond_total", "Hops between further pairs of probes, which have no histogram.", m.more},
		{"skb_journeys_uncertain_total",
			"Journeys during which records were lost or held back that could tell something else.", m.uncertain},
		{"skb_journeys_inferred_total", "Journeys that were joined by the packet's bytes alone.", m.inferred},
		{"skb_journeys_unclear_total", "Journeys of which the kernel does not tell the end.", m.unclear},
		{"skb_events_total", "Events that were read.", m.s.events},
		{"skb_held_total", "Events that were counted and not written (--limit), so that they are in no journey.", m.held},
	} {
		p.Family(c.name, "counter", c.help)
		p.Count(c.n)
	}
	m.losses.Write(p)
	p.Build("skb-track")
}
