package track

import (
	"slices"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/netname"
	"github.com/skb-tools/skb-tools/internal/page"
	"github.com/skb-tools/skb-tools/internal/text"
)

// A gatherer is a stage that puts journeys together for those who draw them, and hands
// everything on. Behind a selector it has the events of the journeys that are selected.
type gatherer struct {
	next  stage
	ends  *branchEnds
	take  []func(*gathered) // each is called for each journey, when its end is seen
	names *names
	open  map[uint64]*gathered // by packet
	queue []uint64             // packets in the order of their first event; some are gone already
	count int                  // weight of those that are open
	limit int                  // of count
	full  bool                 // some were let go of
	from  origins
	event format.Event
	track format.Track
}

// A gathered journey has what pictures need of it.
type gathered struct {
	j    format.Journey
	from origin
	hops []drawnHop
	ends []branchEnd
	left int // events that are not among hops
}

// An origin is the start that a journey is behind.
type origin struct {
	host   string
	offset int64 // from its times to Unix time, ns
	clock  bool  // offset is known; that of a stream which was read from a capture is 0
	names  *netname.Names
}

// An origins is the origin of what comes in.
type origins struct {
	origin
	came format.Starts[origin]
}

// see takes a start or resume record.
func (o *origins) see(r format.Raw) {
	if r.Type() == format.TypeResume {
		if from, ok := o.came.Resume(r); ok {
			o.origin = from
		}
		return
	}
	host, _ := r.Get("host").Str()
	o.host = page.Short(string(host))
	o.names = netname.Of(r)
	o.offset, o.clock = r.Get("clock_offset").Int()
	o.came.Set(r, o.origin)
}

// A drawnHop is what pictures need of an event.
type drawnHop struct {
	ts, since, total uint64 // ns
	probe, dev       string
	space            string // name of the network namespace; "": it has none
	netns, cpu       uint32
	branch, number   uint32
	from             format.From
	changed          string // as text has it, each with a blank in front
	drop             string // reason and place; "": it is none
	timed            bool   // since is known
	unsure           bool   // uncertain or inferred
}

// What bounds a gatherer, in hops; a journey counts as one more. A hop takes about 200 bytes, a journey 500.
const (
	maxGathered = 100_000
	maxHops     = 5_000 // of a journey
	maxChanged  = 1_000 // bytes of what changed at a hop
)

func newGatherer(next stage, ends *branchEnds, take ...func(*gathered)) *gatherer {
	return &gatherer{next: next, ends: ends, take: take, names: newNames(), open: map[uint64]*gathered{},
		limit: maxGathered}
}

func (g *gatherer) Flush() error { return g.next.Flush() }

func (g *gatherer) Write(r format.Raw) error {
	switch r.Type() {
	case format.TypeStart, format.TypeResume:
		g.from.see(r)
	case format.TypeNamespace:
		g.from.names.Found(r)
	case format.TypeEvent:
		g.hop(r)
	case format.TypeJourney:
		if err := g.journey(r); err != nil {
			return err
		}
	}
	return g.next.Write(r)
}

func (g *gatherer) hop(r format.Raw) {
	g.track.Decode(r.Get("track"))
	if !g.track.Present() || g.event.Decode(r) != nil {
		return
	}
	e, t := &g.event, &g.track
	j := g.open[t.Packet]
	if j == nil {
		j = &gathered{from: g.from.origin}
		g.open[t.Packet] = j
		g.queue = append(g.queue, t.Packet)
		g.count++
	}
	if len(j.hops) >= maxHops {
		j.left++
		return
	}
	g.from.names.Sees(uint64(e.Netns.Inum), e.Netns.Cookie)
	h := drawnHop{ts: e.TS, since: t.Since, total: t.Total, probe: g.name(e.Probe), dev: g.name(e.Dev.Name),
		netns: e.Netns.Inum, space: g.name(g.from.names.Name(uint64(e.Netns.Inum))),
		cpu: e.CPU, branch: t.Branch, number: t.Hop, from: t.From,
		timed: t.Hop > 0 || t.Wire, unsure: t.Uncertain || t.Inferred}
	h.from.How = g.name(t.From.How)
	if t.Changed != nil {
		h.changed = clip(string(text.AppendChanges(nil, t.Changed, g.from.names)), maxChanged)
	}
	if e.Drop.Present() {
		h.drop = g.name(dropWords(&e.Drop))
	}
	j.hops = append(j.hops, h)
	for g.count++; g.count > g.limit; {
		g.crowd()
	}
}

// dropWords says why and where: "NO_SOCKET at udp_rcv+0x1a".
func dropWords(d *format.Drop) string {
	words := d.Name
	if d.Location != "" {
		if words != "" {
			words += " "
		}
		words += "at " + d.Location
	}
	if words == "" {
		return "not told why"
	}
	return words
}

// name returns s, which many hops share.
func (g *gatherer) name(s string) string {
	s = page.Short(s)
	if i, ok := g.names.index[s]; ok {
		return g.names.text(i)
	}
	if i := g.names.number([]byte(s)); i != 0 {
		return g.names.text(i)
	}
	return s
}

// crowd lets go of the journey that has been open for the longest time. What comes of it later is gathered anew.
func (g *gatherer) crowd() {
	g.full = true
	for i, packet := range g.queue {
		if j := g.open[packet]; j != nil {
			g.count -= j.weight()
			delete(g.open, packet)
			g.queue = g.queue[i+1:]
			return
		}
	}
	g.count = 0
}

func (g *gatherer) journey(r format.Raw) error {
	var j format.Journey
	if err := j.Decode(r); err != nil {
		return err
	}
	of := g.open[j.Packet]
	if of != nil {
		g.count -= of.weight()
		delete(g.open, j.Packet)
	} else {
		of = &gathered{from: g.from.origin}
	}
	if g.full {
		of.left = max(of.left, int(j.Hops)-len(of.hops))
	}
	if len(g.queue) > 2*len(g.open)+1000 {
		g.queue = slices.DeleteFunc(g.queue, func(p uint64) bool { return g.open[p] == nil })
	}
	shorten(&j)
	of.j = j
	of.ends = g.ends.of(&j)
	of.sort()
	for _, take := range g.take {
		take(of)
	}
	return nil
}

// shorten bounds what a journey has of texts.
func shorten(j *format.Journey) {
	for _, s := range [...]*string{&j.By, &j.Note, &j.End.How, &j.End.Record, &j.End.Probe, &j.End.Dev, &j.End.Reason,
		&j.End.Location, &j.End.Comm, &j.End.Unclear} {
		*s = page.Short(*s)
	}
	j.Uncertain = slices.Clone(j.Uncertain[:min(len(j.Uncertain), 2*len(format.LossKinds))])
	for i, kind := range j.Uncertain {
		j.Uncertain[i] = page.Short(kind)
	}
	j.Joined = nil // no picture has them
}

// clip cuts text at a blank, so that it is about n bytes at most.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for i := n; i > 0; i-- {
		if s[i] == ' ' {
			return s[:i] + " ..."
		}
	}
	return " ..."
}
