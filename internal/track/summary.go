package track

import (
	"bytes"
	"cmp"
	"io"
	"maps"
	"slices"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/page"
	"github.com/skb-tools/skb-tools/internal/terminal"
)

// A summary is a stage that counts journeys instead of handing them on.
type summary struct {
	out  io.Writer
	json bool

	names     *names
	at        map[spot]lastSeen // where an open branch was last
	pairs     map[[2]uint32]*latencies
	totals    *latencies
	again     *latencies        // from an event to that of a retransmission
	resent    [2]uint64         // journeys that TCP sent again, and how often
	bars      map[uint64]uint64 // journeys by their total, by the end of the bar, ns
	endings   map[string]uint64
	reasons   map[string]uint64
	unclear   map[string]uint64
	flows     map[format.Flow]*flowCount
	events    uint64
	journeys  uint64
	branches  uint64
	uncertain uint64
	inferred  uint64
	byAddr    uint64
	lost      map[string]uint64
	held      map[string]uint64 // by probe
	dropsHeld map[string]uint64 // by reason or place
	more      uint64            // pairs of probes beyond maxPairs, in hops
	others    flowCount
	sampling  sampling
	j         format.Journey // that of the record at hand

	heat   *page.Heat // the same over time, for a page; nil: not asked for
	offset int64      // from times to those of the page, ns

	onHop func(pair [2]uint32, since uint64) // is called in place of counting a hop, unless nil
}

type spot struct {
	packet uint64
	branch uint32
}

// lastSeen is where a branch was: the probe, and how often TCP had sent the packet before.
type lastSeen struct {
	probe  uint32
	resent uint32
}

type flowCount struct {
	journeys uint64
	longest  uint64 // ns
	endings  [len(format.EndNames)]uint64
}

// What bounds a summary. A histogram takes 34 kB.
const (
	maxPairs = 500
	maxFlows = 50_000
	maxSpots = 1 << 18
)

// latencies are a histogram of times in ns, true to 1 %, up to an hour.
type latencies struct {
	*hdrhistogram.Histogram
	max    uint64
	number int // of a pair
}

const longest = 3600e9

func newLatencies() *latencies { return &latencies{Histogram: hdrhistogram.New(1, longest, 2)} }

// add takes a time that stands for n.
func (l *latencies) add(ns, n uint64) {
	l.max = max(l.max, ns)
	_ = l.RecordValues(int64(min(ns, longest)), int64(n))
}

// sum is all of the times together, ns.
func (l *latencies) sum() float64 { return l.Mean() * float64(l.TotalCount()) }

func newSummary(out io.Writer, json bool) *summary {
	return &summary{out: out, json: json, names: newNames(), at: map[spot]lastSeen{}, pairs: map[[2]uint32]*latencies{},
		totals: newLatencies(), again: newLatencies(), bars: map[uint64]uint64{}, endings: map[string]uint64{},
		reasons: map[string]uint64{}, unclear: map[string]uint64{}, flows: map[format.Flow]*flowCount{},
		lost: map[string]uint64{}, held: map[string]uint64{}, dropsHeld: map[string]uint64{}}
}

func (s *summary) Flush() error { return nil }

func (s *summary) Write(r format.Raw) error {
	switch r.Type() {
	case format.TypeEvent:
		s.event(r)
	case format.TypeJourney:
		return s.journey(r)
	case format.TypeStart, format.TypeResume:
		s.sampling.under(r)
	case format.TypeHeld:
		s.heldBack(r)
	case format.TypeLoss:
		what, _ := r.Get("what").Str()
		n, _ := r.Get("count").Uint()
		if len(what) <= maxWhat && len(s.lost) < maxWhat {
			s.lost[string(what)] += n
		}
	}
	return nil
}

// heldBack counts events that were held back.
func (s *summary) heldBack(r format.Raw) {
	n, _ := r.Get("count").Uint()
	n *= s.sampling.stands()
	probe, _ := r.Get("probe").Str()
	add(s.held, cmp.Or(string(probe), "several"), n)
	if r.Get("drop") == nil {
		return
	}
	reason, _ := r.Get("drop", "name").Str()
	location, _ := r.Get("drop", "location").Str()
	add(s.dropsHeld, cmp.Or(string(reason), string(location)), n)
}

// add counts n by a name, of which there are maxPairs at most.
func add(counts map[string]uint64, name string, n uint64) {
	if _, known := counts[name]; !known && len(counts) >= maxPairs {
		name = "other"
	}
	counts[name] += n
}

// maxWhat bounds the kinds of losses, and their names in bytes.
const maxWhat = 64

// A timedEvent is what a summary needs of an event.
type timedEvent struct {
	probe         []byte
	ts            uint64
	here, from    spot
	since, resent uint64
	timed         bool // since is known
	linked        bool // it comes from another branch
}

// read reads r in one walk: to find the keys one by one takes as long again.
func (e *timedEvent) read(r format.Raw) {
	c := r.Cursor()
	for n := c.Map(); n > 0; n-- {
		switch string(c.Key()) {
		case "ts":
			e.ts, _ = c.Uint()
		case "probe":
			e.probe, _ = c.Str()
		case "track":
			e.track(&c)
		default:
			c.Skip()
		}
	}
}

func (e *timedEvent) track(c *wire.Cursor) {
	for n := c.Map(); n > 0; n-- {
		switch string(c.Key()) {
		case "packet":
			e.here.packet, _ = c.Uint()
		case "branch":
			u, _ := c.Uint()
			e.here.branch = uint32(u)
		case "since":
			e.since, e.timed = c.Uint()
		case "resent":
			e.resent, _ = c.Uint()
		case "from":
			e.linked = true
			e.from.read(c)
		default:
			c.Skip()
		}
	}
}

func (at *spot) read(c *wire.Cursor) {
	for n := c.Map(); n > 0; n-- {
		switch string(c.Key()) {
		case "packet":
			at.packet, _ = c.Uint()
		case "branch":
			u, _ := c.Uint()
			at.branch = uint32(u)
		default:
			c.Skip()
		}
	}
}

// event counts the time from the hop before.
func (s *summary) event(r format.Raw) {
	s.events += s.sampling.stands()
	var e timedEvent
	e.read(r)
	if e.here.packet == 0 {
		return
	}
	now := lastSeen{s.names.number(e.probe), uint32(e.resent)}
	before, kept := s.at[e.here]
	known := kept
	if e.linked {
		if e.from.packet == 0 {
			e.from.packet = e.here.packet
		}
		if p, ok := s.at[e.from]; ok {
			before, known = p, true
		}
	}
	switch {
	case e.timed && before.resent < now.resent && (known || e.linked):
		s.again.add(e.since, s.sampling.stands()) // no probe's doing: TCP waited, or was told
	case e.timed && known:
		s.hop([2]uint32{before.probe, now.probe}, e.since, e.ts)
	}
	if kept || len(s.at) < maxSpots {
		s.at[e.here] = now
	}
}

// hop counts the time between two probes.
func (s *summary) hop(pair [2]uint32, since, ts uint64) {
	if s.onHop != nil {
		s.onHop(pair, since)
		return
	}
	l := s.pairs[pair]
	if l == nil && len(s.pairs) < maxPairs {
		l = newLatencies()
		l.number = len(s.pairs)
		s.pairs[pair] = l
	}
	if l == nil {
		s.more += s.sampling.stands()
		return
	}
	l.add(since, s.sampling.stands())
	if s.heat != nil {
		s.heat.Add(uint64(int64(ts)+s.offset), l.number, since)
	}
}

// forget forgets where the branches of a packet were whose journey has ended.
func (s *summary) forget(j *format.Journey) {
	for b := range min(j.Branches, maxSpots) {
		delete(s.at, spot{j.Packet, b})
	}
}

func (s *summary) journey(r format.Raw) error {
	j := &s.j
	if err := j.Decode(r); err != nil {
		return err
	}
	s.forget(j)
	n := s.sampling.stands()
	s.journeys += n
	s.sampling.journey(j.End.How)
	s.branches += n * uint64(j.Branches)
	s.totals.add(j.Total(), n)
	s.bars[bar(j.Total())] += n
	end := slices.Index(format.EndNames[:], j.End.How)
	if end < 0 {
		return nil
	}
	s.endings[j.End.How] += n
	if j.End.How == "dropped" {
		add(s.reasons, reasonOf(&j.End), n)
	}
	if j.Resent > 0 {
		s.resent[0] += n
		s.resent[1] += n * uint64(j.Resent)
	}
	if what := j.End.Unclear; what != "" {
		add(s.unclear, what, n)
	}
	if len(j.Uncertain) > 0 {
		s.uncertain += n
	}
	if j.Inferred {
		s.inferred += n
	}
	if j.By != "" {
		s.byAddr += n
	}
	f := s.flows[j.From]
	if f == nil {
		f = &s.others
		if len(s.flows) < maxFlows && j.From.Src.IsValid() {
			f = &flowCount{}
			s.flows[j.From] = f
		}
	}
	if s.sampling.byFlow() {
		n = 1 // all packets of a flow are there, or none
	}
	f.journeys += n
	f.longest = max(f.longest, j.Total())
	f.endings[end] += n
	return nil
}

// reasonOf is why a journey ended that was dropped.
func reasonOf(e *format.JourneyEnd) string { return cmp.Or(e.Reason, e.Location, "not known") }

// bar is the end of the bar that a time is in: 1, 2 or 5 times a power of ten.
func bar(ns uint64) uint64 {
	for b := uint64(1); ; b *= 10 {
		for _, n := range [...]uint64{b, 2 * b, 5 * b} {
			if ns <= n || b >= 1e18 {
				return n
			}
		}
	}
}

// quantiles are what is told of times, in ns.
type quantiles struct {
	Count uint64 `json:"count"`
	P50   uint64 `json:"p50"`
	P90   uint64 `json:"p90"`
	P99   uint64 `json:"p99"`
	Max   uint64 `json:"max"`
}

func (l *latencies) quantiles() quantiles {
	at := func(q float64) uint64 { return min(uint64(l.ValueAtQuantile(q)), l.max) }
	return quantiles{uint64(l.TotalCount()), at(50), at(90), at(99), l.max}
}

// A report is a summary as it is written. Times are in ns.
type report struct {
	Events    uint64            `json:"events"`
	Journeys  uint64            `json:"journeys"`
	Branches  uint64            `json:"branches"`
	Uncertain uint64            `json:"uncertain"`
	Inferred  uint64            `json:"inferred"`
	ByAddr    uint64            `json:"by_addr"`
	Lost      map[string]uint64 `json:"lost"`
	Held      map[string]uint64 `json:"held"`       // events that were counted and not written, by probe
	DropsHeld map[string]uint64 `json:"held_drops"` // the drops among them, by reason
	Endings   map[string]uint64 `json:"endings"`
	Reasons   map[string]uint64 `json:"reasons"`
	Unclear   map[string]uint64 `json:"unclear"` // names of docs/drops.md: what ends may have been
	Resent    reportResent      `json:"resent"`
	Total     quantiles         `json:"total"`
	Histogram []reportBar       `json:"histogram"`
	Hops      []reportHop       `json:"hops"`
	MoreHops  uint64            `json:"more_hops,omitempty"`
	Flows     []reportFlow      `json:"flows"`
	MoreFlows uint64            `json:"more_flows,omitempty"`
	Sample    uint64            `json:"sample,omitempty"`  // one packet in so many was looked at, or in fewer
	ByFlow    bool              `json:"by_flow,omitempty"` // errors are at least as told, and counts of flows are no estimates
	Error     uint64            `json:"error,omitempty"`   // the standard error of journeys, an estimate
	Errors    map[string]uint64 `json:"errors,omitempty"`  // of endings
	several   bool              // samples
}

// reportResent is what TCP sent again: journeys, how often in all, and how long behind the
// last event before. The journeys' total times have these in them, the times between probes not.
type reportResent struct {
	Journeys uint64    `json:"journeys"`
	Times    uint64    `json:"times"`
	After    quantiles `json:"after"`
}

type reportBar struct {
	UpTo  uint64 `json:"up_to"`
	Count uint64 `json:"count"`
}

type reportHop struct {
	From string `json:"from"`
	To   string `json:"to"`
	quantiles
	sum  float64
	pair int // its number
}

type reportFlow struct {
	Src      string            `json:"src"`
	Dst      string            `json:"dst"`
	Sport    uint16            `json:"sport,omitempty"`
	Dport    uint16            `json:"dport,omitempty"`
	Proto    uint8             `json:"proto"`
	Journeys uint64            `json:"journeys"`
	Endings  map[string]uint64 `json:"endings"`
	Words    string            `json:"flow,omitempty"` // on a page alone
	flow     format.Flow
}

func (s *summary) report() *report {
	r := &report{Events: s.events, Journeys: s.journeys, Branches: s.branches, Uncertain: s.uncertain,
		Inferred: s.inferred, ByAddr: s.byAddr, Lost: s.lost, Held: s.held, DropsHeld: s.dropsHeld, Endings: s.endings,
		Reasons: s.reasons, Unclear: s.unclear,
		Resent: reportResent{s.resent[0], s.resent[1], s.again.quantiles()}, Total: s.totals.quantiles(),
		Histogram: []reportBar{}, Hops: []reportHop{}, Flows: []reportFlow{}, MoreHops: s.more, MoreFlows: s.others.journeys}
	s.sampling.report(r)
	if ends := slices.Sorted(maps.Keys(s.bars)); len(ends) > 0 {
		last := ends[len(ends)-1]
		for end := ends[0]; end < last; end = bar(end + 1) { // those in between with no journey, too: a gap tells
			r.Histogram = append(r.Histogram, reportBar{end, s.bars[end]})
		}
		r.Histogram = append(r.Histogram, reportBar{last, s.bars[last]})
	}
	for pair, l := range s.pairs {
		r.Hops = append(r.Hops, reportHop{s.names.text(pair[0]), s.names.text(pair[1]), l.quantiles(),
			l.sum(), l.number})
	}
	// Where the time goes comes first.
	slices.SortFunc(r.Hops, func(a, b reportHop) int {
		return cmp.Or(cmp.Compare(b.sum, a.sum), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	for flow, f := range s.flows {
		endings := map[string]uint64{}
		for i, n := range f.endings {
			if n > 0 {
				endings[format.EndNames[i]] = n
			}
		}
		r.Flows = append(r.Flows, reportFlow{flow.Src.String(), flow.Dst.String(), flow.Sport, flow.Dport, flow.Proto,
			f.journeys, endings, "", flow})
	}
	slices.SortFunc(r.Flows, func(a, b reportFlow) int {
		return cmp.Or(cmp.Compare(b.Journeys, a.Journeys), compareFlows(&a.flow, &b.flow))
	})
	return r
}

// compareFlows puts flows that are equal otherwise in an order.
func compareFlows(a, b *format.Flow) int {
	return cmp.Or(a.Src.Compare(b.Src), a.Dst.Compare(b.Dst), cmp.Compare(a.Sport, b.Sport),
		cmp.Compare(a.Dport, b.Dport), cmp.Compare(a.Proto, b.Proto))
}

// Close writes the summary.
func (s *summary) Close() error {
	r := s.report()
	var b bytes.Buffer
	if s.json {
		line, err := format.AppendJSONValue(nil, r)
		if err != nil {
			return err
		}
		b.Write(line)
	} else {
		r.text(&b, terminal.Width(s.out))
	}
	_, err := s.out.Write(b.Bytes())
	return err
}
