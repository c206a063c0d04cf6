package drops

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/metrics"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// metricsBy is what --metrics tells drops apart by, unless --by says more or less.
var metricsBy = []string{"reason", "function", "dev.name"}

// maxSeries bounds the values of --by that drops are told apart by. All further drops have the value metrics.Other,
// so that no series ever goes away: Prometheus would take that for a restart.
const maxSeries = 1000

// A meter is what --metrics serves: what came so far. Prometheus asks while the stream is read.
type meter struct {
	by     []*field
	labels []string // names of the fields

	mu     sync.Mutex
	series map[string]*series // by the key of a group
	shown  map[string]*series // by the labels' values as they are served: what differs behind a cut is one
	others [len(severities)]series
	events uint64
	losses metrics.Losses
	newest uint64 // time of the newest record, Unix ns
	key    []byte
}

// A series counts drops with the same values.
type series struct {
	severity Severity
	values   []string
	count    uint64
}

func newMeter(by []string) (*meter, error) {
	if len(by) == 0 {
		by = metricsBy
	}
	fields, err := parseBy(by)
	if err != nil {
		return nil, err
	}
	m := &meter{series: map[string]*series{}, shown: map[string]*series{}}
	for i, f := range fields {
		name := metrics.LabelName(f.name)
		switch at := slices.Index(m.labels, name); {
		case f.id == fieldSeverity: // which all series have
		case at >= 0:
			return nil, pipe.Usagef("--metrics: the label of both %s and %s would be %s: leave one of them out of --by",
				m.by[at].name, fields[i].name, name)
		default:
			m.by, m.labels = append(m.by, f), append(m.labels, name)
		}
	}
	return m, nil
}

// drop counts the drop in f, which has its verdict.
func (m *meter) drop(f *facts, n uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.key = f.appendGroup(m.key[:0], m.by)
	s := m.series[string(m.key)]
	if s == nil && len(m.series) < maxSeries {
		s = m.begin(f.verdict.severity, groupValues(m.key))
		m.series[string(m.key)] = s
	}
	if s == nil {
		s = &m.others[f.verdict.severity]
	}
	s.count += n
}

// unknown counts drops of which nothing is known.
func (m *meter) unknown(n uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.others[Suspect].count += n
}

// begin returns the series that has these values as they are served.
func (m *meter) begin(severity Severity, values []string) *series {
	other := true
	for i, v := range values {
		values[i] = metrics.Clean(v)
		other = other && values[i] == metrics.Other
	}
	if other {
		return &m.others[severity]
	}
	key := severity.String() + "\x00" + strings.Join(values, "\x00")
	if m.shown[key] == nil {
		m.shown[key] = &series{severity: severity, values: values}
	}
	return m.shown[key]
}

// record counts any record, of a host.
func (m *meter) record(r format.Raw, h *host) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch r.Type() {
	case format.TypeEvent:
		m.events++
	case format.TypeLoss:
		m.losses.Take(r)
	}
	if ts, ok := r.Time(); ok && h.clock {
		m.newest = max(m.newest, ts+uint64(h.offset))
	}
}

// write puts all on a page.
func (m *meter) write(p *metrics.Page) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p.Family("skb_drops_total", "counter", "Packets that were dropped. Labels are those of --by.")
	for _, key := range slices.Sorted(maps.Keys(m.shown)) {
		s := m.shown[key]
		m.sample(p, s.severity, s.values, s.count)
	}
	other := slices.Repeat([]string{metrics.Other}, len(m.by))
	for severity, s := range m.others {
		if s.count > 0 {
			m.sample(p, Severity(severity), other, s.count)
		}
	}
	p.Family("skb_events_total", "counter", "Events that were read, drops or not.")
	p.Count(m.events)
	m.losses.Write(p)
	if m.newest > 0 {
		p.Family("skb_newest_record_timestamp_seconds", "gauge", "Time of the newest record that was read.")
		p.Value(float64(m.newest) / 1e9)
	}
	p.Build("skb-drops")
}

func (m *meter) sample(p *metrics.Page, severity Severity, values []string, n uint64) {
	labels := []metrics.Label{{Name: "severity", Value: severity.String()}}
	for i, v := range values {
		labels = append(labels, metrics.Label{Name: m.labels[i], Value: v})
	}
	p.Count(n, labels...)
}
