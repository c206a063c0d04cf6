package track

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/page"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/spell"
	"github.com/skb-tools/skb-tools/internal/text"
)

// A pager is a stage that makes a page of what it sees. Its numbers are those of the summary
// behind it.
type pager struct {
	file     string
	sum      *summary
	captured page.Captured
	choice   choice
	series   *page.Series
	part     string // what of the stream was selected, in words; ""
}

func newPager(o *Options, sum *summary) *pager {
	p := &pager{file: o.HTML, sum: sum, choice: choice{limit: maxPage}, series: page.NewSeries("other reasons"),
		part: o.Selection.words()}
	p.captured.Part, p.captured.Journeys = o.Part, true
	sum.heat = page.NewHeat()
	return p
}

func (p *pager) Flush() error { return p.sum.Flush() }

func (p *pager) Write(r format.Raw) error {
	p.captured.Write(r)
	p.sum.offset = p.captured.Offset()
	return p.sum.Write(r)
}

// take takes a journey that is whole.
func (p *pager) take(g *gathered) {
	p.choice.take(g)
	e := &g.j.End
	name := e.How
	if name == "dropped" {
		name += ": " + reasonOf(e)
	}
	p.series.Add(uint64(int64(max(e.TS, g.j.First))+g.from.offset), escape.String(name), 1)
}

// Close writes the page.
func (p *pager) Close() error {
	r := p.sum.report()
	d := &page.Data{Title: "Journeys", Tool: "skb-track " + pipe.Version, Series: p.series.Finish(), Summary: r}
	p.captured.Finish(d)
	d.Sure = append(d.Sure, r.notes()...)
	if p.part != "" {
		d.Sure = append(d.Sure, "Only a part was selected, and all numbers are of that part: "+p.part+".")
	}
	for _, h := range r.Hops[:min(len(r.Hops), page.HeatRows)] {
		if h.pair < page.HeatPairs {
			p.sum.heat.Row(h.pair, escape.String(h.From), escape.String(h.To))
		}
	}
	d.Heat = p.sum.heat.Finish()
	d.Chosen = p.chosen()
	r.escape()
	return d.WriteFile(p.file)
}

func (p *pager) chosen() *page.Chosen {
	c := &page.Chosen{Said: p.choice.said(), All: []page.Journey{}}
	c.Name("")
	for _, g := range p.choice.sorted() {
		c.All = append(c.All, g.page(c))
	}
	return c
}

// page is a journey as a page lists it.
func (g *gathered) page(c *page.Chosen) page.Journey {
	j := &g.j
	out := page.Journey{Packet: fmt.Sprint(j.Packet), Flow: string(text.AppendFlow(nil, j.From)),
		How:    escape.String(j.End.How),
		Ending: string(text.AppendEnding(nil, j, g.from.names)), At: seconds(int64(j.First) + g.from.offset),
		Total: atMost(j.Total()), Slowest: atMost(j.Slowest), Left: g.left, Unsure: unsure(j),
		Host:     c.Name(escape.String(g.from.host)),
		Branches: j.Branches, Hops: []page.Hop{}}
	if j.To != j.From && j.To.Src.IsValid() {
		out.Flow += ", as " + string(text.AppendFlow(nil, j.To))
	}
	name := func(s string) int64 { return int64(c.Name(escape.String(s))) }
	first := g.first()
	for i := range g.hops {
		h := &g.hops[i]
		since, sure := int64(-1), int64(0)
		if h.timed {
			since = int64(atMost(h.since))
		}
		if h.unsure {
			sure = 1
		}
		changed := int64(c.Name(strings.TrimPrefix(h.changed, " "))) // which is escaped
		out.Hops = append(out.Hops, page.Hop{int64(atMost(h.ts - min(h.ts, first))), since, name(h.probe), name(h.dev),
			name(lane{netns: h.netns, space: h.space}.namespace()), int64(h.cpu), int64(h.branch), name(h.from.How),
			int64(h.from.Branch), changed, name(h.drop), sure})
	}
	for _, e := range g.ends {
		out.Ends = append(out.Ends, page.End{int64(e.branch), int64(atMost(e.ts - min(e.ts, first))), name(e.how),
			name(e.drop)})
	}
	return out
}

// atMost makes ns a number that JavaScript holds exactly.
func atMost(ns uint64) uint64 { return min(ns, 1<<53-1) }

func seconds(ns int64) float64 { return float64(ns) / 1e9 }

// unsure says what is not sure of a journey.
func unsure(j *format.Journey) string {
	var words []string
	if len(j.Uncertain) > 0 {
		var kinds []string
		lost := slices.DeleteFunc(slices.Clone(j.Uncertain), func(kind string) bool { return kind == "held" })
		if len(lost) > 0 {
			kinds = append(kinds, "lost "+strings.Join(escape.Strings(lost), ", "))
		}
		if len(lost) < len(j.Uncertain) {
			kinds = append(kinds, "held back")
		}
		words = append(words, "uncertain: "+strings.Join(kinds, ", "))
	}
	if j.Inferred {
		words = append(words, "inferred from the packets' bytes")
	}
	if j.By != "" {
		words = append(words, "known by "+escape.String(j.By))
	}
	if j.Note != "" {
		words = append(words, escape.String(j.Note))
	}
	return strings.Join(words, "; ")
}

// notes say how sure the report's numbers are.
func (r *report) notes() (all []string) {
	doubts := r.doubts()
	if open := r.Endings["open"]; open > 0 {
		doubts = append(doubts, doubt{open, "open: it is not known how they ended"})
	}
	for _, d := range doubts {
		all = append(all, fmt.Sprintf("%s of %d: %s.", spell.Count(d.n, "journey"), r.Journeys, d.why))
	}
	if len(r.Held) > 0 {
		all = append(all, "Events that were counted and not written: "+counts(r.Held)+".")
	}
	if len(r.DropsHeld) > 0 {
		all = append(all, "Drops among them: "+counts(r.DropsHeld)+".")
	}
	if n := len(r.Unclear); n > 0 {
		all = append(all, "What the kernel did not tell (docs/drops.md): "+counts(r.Unclear)+".")
	}
	return all
}

// escape makes the names in the report fit to be shown, and its flows few enough.
func (r *report) escape() {
	for _, m := range [...]*map[string]uint64{&r.Lost, &r.Held, &r.DropsHeld, &r.Reasons, &r.Unclear} {
		next := map[string]uint64{}
		for name, n := range maps.All(*m) {
			next[escape.String(name)] += n
		}
		*m = next
	}
	for i := range r.Hops {
		r.Hops[i].From, r.Hops[i].To = escape.String(r.Hops[i].From), escape.String(r.Hops[i].To)
	}
	for i := range r.Flows {
		r.Flows[i].Words = string(text.AppendFlow(nil, r.Flows[i].flow))
		r.Flows[i].Src, r.Flows[i].Dst = escape.String(r.Flows[i].Src), escape.String(r.Flows[i].Dst)
	}
	for _, f := range r.Flows[min(len(r.Flows), pageFlows):] {
		r.MoreFlows += f.Journeys
	}
	r.Flows = r.Flows[:min(len(r.Flows), pageFlows)]
}

// pageFlows is how many flows a page has.
const pageFlows = 200
