package drops

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/netname"
	"github.com/skb-tools/skb-tools/internal/sampled"
	"github.com/skb-tools/skb-tools/internal/terminal"
)

// writeText writes a summary as a table. Its rows fit width, 0 is no limit; what is there
// to be read on or to be copied is not cut.
func (s *summary) writeText(w io.Writer, width int) error {
	var b bytes.Buffer
	groups := s.sorted()
	if s.interval {
		fmt.Fprintf(&b, "%s to %s\n", s.clock(s.first), s.clock(s.last))
	}
	if len(groups) > 0 {
		t := s.table(groups)
		row := -1 // the head
		for line := range t.Lines(width) {
			b.WriteString(line + "\n")
			if 0 <= row && row < len(groups) {
				groups[row].writeExample(&b)
			}
			row++
		}
		b.WriteByte('\n')
	}
	s.writeTotal(&b)
	if s.interval {
		b.WriteByte('\n')
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (g *group) writeExample(b *bytes.Buffer) {
	e := &g.example
	line := func(l string) { b.WriteString("    " + l + "\n") }
	line(e.words(g.differ) + e.doubt())
	if e.Packet != "" {
		line("example: " + e.Packet) // text.Packet has escaped it
	}
	entered := false
	for _, look := range e.Look {
		enter, command := netname.CutEnter(escape.Command(look))
		switch {
		case enter == "":
			line("look: " + command)
			continue
		case !entered:
			line("in its network namespace (" + enter + "bash):")
			entered = true
		}
		line("look there: " + command)
	}
}

// words say why, as a terminal may have them.
func (e *example) words(differ bool) string {
	why := cmp.Or(e.Cause, e.Meaning, "no explanation of this reason is known here")
	if differ {
		why = "for example: " + why
	}
	return escape.Command(why)
}

// doubt says how sure the cause is, where that is not quite.
func (e *example) doubt() string {
	var words []string
	if e.Confidence == "inferred" && e.Cause != "" {
		words = append(words, "inferred")
	}
	switch {
	case len(e.OneOf) > 0:
		// They are listed.
	case e.Alternatives == 1:
		words = append(words, "1 other cause fits")
	case e.Alternatives > 1:
		words = append(words, strconv.Itoa(e.Alternatives)+" other causes fit")
	}
	if words == nil {
		return ""
	}
	return " (" + strings.Join(words, "; ") + ")"
}

func (s *summary) writeTotal(b *bytes.Buffer) {
	fmt.Fprintf(b, "%s in %s", s.totalWords(), seconds(s.seconds()))
	if s.leftOut > 0 {
		fmt.Fprintf(b, "; %d of them no fault and left out (--normal shows them)", s.leftOut)
	}
	if s.held > 0 {
		fmt.Fprintf(b, "; %d of them counted in the kernel, without an event (skb-collect --limit, --count-drops)", s.held)
	}
	b.WriteByte('\n')
	if words := s.sampling.words(); words != "" {
		b.WriteString(words + "\n")
	}
	if s.groupsFolded > 0 {
		fmt.Fprintf(b, "more than %d groups: %d of them, those with the fewest drops, are counted as other; a group that "+
			"came again counts from then on\n", maxGroups, s.groupsFolded)
	}
	if s.lost > 0 {
		fmt.Fprintf(b, "%d events were lost before they could be counted: there were more drops than this\n", s.lost)
	}
	if s.heldOVS > 0 {
		fmt.Fprintf(b, "%d events by which Open vSwitch's drops are known were held back (skb-collect --limit): "+
			"there may be more drops than this\n", s.heldOVS)
	}
}

// shown are a group's values as a terminal may have them. The names in a cause are so already.
func (s *summary) shown(g *group) []string {
	all := escape.Strings(g.values)
	for i, fd := range s.by {
		if fd.id == fieldCause && i < len(all) {
			all[i] = escape.Command(g.values[i])
		}
	}
	return all
}

func (s *summary) table(groups []*group) *terminal.Table {
	t := s.newTable("SEVERITY", ">COUNT", ">SHARE", ">RATE", "FIRST", "LAST")
	for _, g := range groups {
		t.Row(append(s.numbers(g.severity, g.count, g.noise, s.clock(g.first), s.clock(g.last)), s.shown(g)...)...)
	}
	for i := len(s.folded) - 1; i >= 0; i-- {
		if s.folded[i] > 0 {
			t.Row(append(s.numbers(Severity(i), s.folded[i], s.foldedNoise[i], "", ""), "other")...)
		}
	}
	return t
}

// newTable begins a table by its head; the columns of what the summary is by stand behind.
func (s *summary) newTable(head ...string) *terminal.Table {
	t := terminal.NewTable(head...)
	for _, fd := range s.by {
		t.Column(strings.ToUpper(fd.name))
	}
	t.Spare("LAST", "FIRST", "SHARE", "RATE")
	return t
}

func (s *summary) numbers(severity Severity, count uint64, noise float64, first, last string) []string {
	return []string{severity.String(), about(count, noise), s.share(count), perSecond(s.rate(count)), first,
		last}
}

func (s *summary) share(count uint64) string {
	return fmt.Sprintf("%.1f%%", 100*float64(count)/float64(s.total))
}

func perSecond(r float64) string {
	switch {
	case r == 0:
		return "-"
	case r < 10:
		return fmt.Sprintf("%.1f/s", r)
	case r < 10000:
		return fmt.Sprintf("%.0f/s", r)
	case r < 10e6:
		return fmt.Sprintf("%.0fk/s", r/1e3)
	}
	return fmt.Sprintf("%.0fM/s", r/1e6)
}

func drops(n uint64) string {
	if n == 1 {
		return "1 drop"
	}
	return strconv.FormatUint(n, 10) + " drops"
}

func seconds(s float64) string {
	if s < 100 {
		return strconv.FormatFloat(s, 'f', 3, 64) + " s"
	}
	return strconv.FormatFloat(s, 'f', 0, 64) + " s"
}

// clock shows a time: of day where the stream says how its times relate to that, else in
// seconds of the traced host's monotonic clock.
func (s *summary) clock(t uint64) string {
	if s.zone != nil {
		return time.Unix(0, int64(t)).In(s.zone).Format("15:04:05.000")
	}
	return fmt.Sprintf("%d.%03d", t/1e9, t/1e6%1000)
}

// What writeJSON writes for each group.
type groupJSON struct {
	Type     string            `json:"type"` // "summary"
	Since    uint64            `json:"since"`
	Until    uint64            `json:"until"`
	By       map[string]string `json:"by"`
	Severity string            `json:"severity"`
	Count    uint64            `json:"count"`
	Error    uint64            `json:"error,omitempty"` // the standard error of count, an estimate
	Rate     float64           `json:"rate"`            // drops per second
	Share    float64           `json:"share"`           // of all drops, 0 to 1
	First    uint64            `json:"first,omitempty"`
	Last     uint64            `json:"last,omitempty"`
	Example  *example          `json:"example,omitempty"`
	Differ   bool              `json:"causes_differ,omitempty"` // not all have the example's cause
	Other    bool              `json:"other,omitempty"`         // what was folded: no group
}

type totalJSON struct {
	Type         string  `json:"type"` // "total"
	Since        uint64  `json:"since"`
	Until        uint64  `json:"until"`
	Count        uint64  `json:"count"`
	Error        uint64  `json:"error,omitempty"`   // as of a group
	Sample       uint64  `json:"sample,omitempty"`  // one packet in so many was looked at, or in fewer
	ByFlow       bool    `json:"by_flow,omitempty"` // errors are at least as told
	Rate         float64 `json:"rate"`
	LeftOut      uint64  `json:"left_out"`
	GroupsFolded uint64  `json:"groups_folded"`
	Lost         uint64  `json:"lost"`
	Held         uint64  `json:"held"`     // of count: without an event
	HeldOVS      uint64  `json:"held_ovs"` // events that may have told of more drops
}

// writeJSON writes a summary as JSON lines: one for each group, then one for the total.
// Times are nanoseconds, Unix time where the stream's start says how to get it.
func (s *summary) writeJSON(w io.Writer) error {
	var all []any
	line := func(severity Severity, count uint64, noise float64) groupJSON {
		return groupJSON{Type: "summary", Since: s.first, Until: s.last, Severity: severity.String(), Count: count,
			Error: sampled.Error(noise),
			Rate:  s.rate(count), Share: float64(count) / float64(s.total), By: map[string]string{}}
	}
	for _, g := range s.sorted() {
		l := line(g.severity, g.count, g.noise)
		l.First, l.Last, l.Example, l.Differ = g.first, g.last, &g.example, g.differ
		for i, fd := range s.by {
			if g.values[i] != "" {
				l.By[fd.name] = g.values[i]
			}
		}
		all = append(all, l)
	}
	for i := len(s.folded) - 1; i >= 0; i-- {
		if s.folded[i] > 0 {
			l := line(Severity(i), s.folded[i], s.foldedNoise[i])
			l.Other = true
			all = append(all, l)
		}
	}
	return writeLines(w, append(all, s.totals()))
}

func (s *summary) totals() totalJSON {
	return totalJSON{"total", s.first, s.last, s.total, sampled.Error(s.noise), s.sampling.most, s.sampling.byFlow,
		s.rate(s.total), s.leftOut, s.groupsFolded, s.lost, s.held, s.heldOVS}
}

// writeLines writes each value as a line of JSON.
func writeLines(w io.Writer, all []any) error {
	var b []byte
	for _, v := range all {
		var err error
		if b, err = format.AppendJSONValue(b, v); err != nil {
			return err
		}
	}
	_, err := w.Write(b)
	return err
}
