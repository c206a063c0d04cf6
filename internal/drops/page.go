package drops

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/netname"
	"github.com/skb-tools/skb-tools/internal/page"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// A pageOf is what --html gathers beside the summary, whose numbers the page has.
type pageOf struct {
	captured page.Captured
	series   *page.Series
	name     []byte
}

// pageCauses is how many groups of the summary a page has.
const pageCauses = 500

var reasonField = field{name: "reason", id: fieldReason}

func newPage(part bool) *pageOf {
	return &pageOf{captured: page.Captured{Part: part}, series: page.NewSeries("other reasons")}
}

// drop counts n drops that are as in f.
func (p *pageOf) drop(f *facts, ts, n uint64) {
	p.name = f.appendShort(p.name[:0], &reasonField)
	name := "no reason told"
	if len(p.name) > 0 {
		name = escape.String(string(p.name))
	}
	p.series.Add(ts, name, n)
}

// unknown counts n drops of which nothing is known.
func (p *pageOf) unknown(ts, n uint64) {
	if p != nil {
		p.series.Add(ts, "not told apart", n)
	}
}

// writePage writes the page of a run that ended with err.
func (r *run) writePage(err error) error {
	p := r.page
	if err != nil {
		p.captured.Fault(err)
	}
	d := &page.Data{Title: "Drops", Tool: "skb-drops " + pipe.Version, Series: p.series.Finish()}
	p.captured.Finish(d)
	s := r.s
	d.Summary = s.totals()
	groups := s.sorted()
	d.Causes = []page.Cause{}
	for _, g := range groups[:min(len(groups), pageCauses)] {
		d.Causes = append(d.Causes, s.pageCause(g))
	}
	for i, n := range slices.Backward(s.folded[:]) {
		if n > 0 {
			d.Causes = append(d.Causes, page.Cause{Severity: Severity(i).String(), Count: n, Values: []string{"other"},
				Cause: "There were too many kinds of drops to tell these apart."})
		}
	}
	if s.held > 0 {
		d.Sure = append(d.Sure, fmt.Sprintf("%d of the drops were counted in the kernel, without an event "+
			"(--limit, --count-drops): the numbers have them, and no packet is known of them.", s.held))
	}
	if s.heldOVS > 0 {
		d.Sure = slices.Insert(d.Sure, 0, fmt.Sprintf("%d events by which Open vSwitch's drops are known were held back "+
			"(--limit): there may be more drops than this.", s.heldOVS)) // the page's head says the first
		d.Whole = false
	}
	if n := len(groups) - pageCauses; n > 0 {
		d.Sure = append(d.Sure, fmt.Sprintf(
			"%d more causes are not on this page: the %d with the worst severity and the most drops are.", n, pageCauses))
	}
	if s.groupsFolded > 0 {
		d.Sure = append(d.Sure,
			fmt.Sprintf("%d causes with few drops were counted together and are not listed.", s.groupsFolded))
	}
	var besides bytes.Buffer
	if err := r.besides(&besides, false); err != nil {
		return err
	}
	if text := strings.TrimSpace(besides.String()); text != "" {
		d.Besides = strings.Split(text, "\n")
	}
	return d.WriteFile(r.o.HTML)
}

func (s *summary) pageCause(g *group) page.Cause {
	e := &g.example
	c := page.Cause{Severity: g.severity.String(), Count: g.count, Values: s.shown(g), Cause: e.words(g.differ),
		Doubt: e.doubt(), OneOf: make([]string, len(e.OneOf)), Example: e.Packet,
		First: float64(g.first) / 1e9, Last: float64(g.last) / 1e9}
	for i := range c.OneOf {
		c.OneOf[i] = escape.Command(e.OneOf[i])
	}
	for _, look := range e.Look {
		enter, command := netname.CutEnter(escape.Command(look))
		if enter != "" {
			c.Enter = enter + "bash"
		}
		c.Look = append(c.Look, command)
	}
	return c
}

// watch takes a record that the page tells of.
func (p *pageOf) watch(raw format.Raw) {
	if p != nil {
		p.captured.Write(raw)
	}
}
