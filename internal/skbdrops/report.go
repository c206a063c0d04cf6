package skbdrops

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// writeText writes a summary as a table. Its rows are cut to width, 0 is no limit; what is
// there to be read on or to be copied is not.
func (s *summary) writeText(w io.Writer, width int) error {
	var b bytes.Buffer
	groups := s.sorted()
	if len(groups) > 0 {
		t := s.table(groups)
		for i, row := range t.rows {
			t.write(&b, row, width)
			if i == 0 {
				continue
			}
			if i-1 < len(groups) {
				groups[i-1].example.write(&b)
			}
		}
		b.WriteByte('\n')
	}
	s.writeTotal(&b)
	_, err := w.Write(b.Bytes())
	return err
}

func (e *example) write(b *bytes.Buffer) {
	why := e.Cause
	if why == "" {
		why = e.Meaning
	}
	lines := []string{why, "example: " + e.Packet}
	if e.Packet == "" {
		lines = lines[:1]
	}
	for _, look := range e.Look {
		lines = append(lines, "look: "+look)
	}
	for _, l := range lines {
		if l != "" {
			b.WriteString("    " + l + "\n")
		}
	}
}

func (s *summary) writeTotal(b *bytes.Buffer) {
	fmt.Fprintf(b, "%d drops in %s", s.total, seconds(s.seconds()))
	if s.leftOut > 0 {
		fmt.Fprintf(b, "; %d of them no fault and left out (--normal shows them)", s.leftOut)
	}
	b.WriteByte('\n')
	if s.groupsFolded > 0 {
		fmt.Fprintf(b, "more than %d groups: %d of them, those with the fewest drops, are counted as other; a group that came again counts from then on\n", maxGroups, s.groupsFolded)
	}
	if s.lost > 0 {
		fmt.Fprintf(b, "%d events were lost before they could be counted: there were more drops than this\n", s.lost)
	}
}

// A table is cells in columns; numbers are aligned to the right.
type grid struct {
	rows  [][]string
	right []bool
	width []int
}

func (s *summary) table(groups []*group) *grid {
	t := &grid{right: []bool{false, true, true, true, false, false}}
	head := []string{"SEVERITY", "COUNT", "SHARE", "RATE", "FIRST", "LAST"}
	for _, fd := range s.by {
		head = append(head, strings.ToUpper(fd.name))
		t.right = append(t.right, false)
	}
	t.add(head)
	for _, g := range groups {
		t.add(append(s.numbers(g.severity, g.count, s.clock(g.first), s.clock(g.last)), g.values...))
	}
	for i := len(s.folded) - 1; i >= 0; i-- {
		if s.folded[i] > 0 {
			t.add(append(s.numbers(Severity(i), s.folded[i], "", ""), "other"))
		}
	}
	return t
}

func (s *summary) numbers(severity Severity, count uint64, first, last string) []string {
	return []string{severity.String(), strconv.FormatUint(count, 10),
		fmt.Sprintf("%.1f%%", 100*float64(count)/float64(s.total)), perSecond(s.rate(count)), first, last}
}

func (t *grid) add(cells []string) {
	for i, c := range cells {
		if i == len(t.width) {
			t.width = append(t.width, 0)
		}
		t.width[i] = max(t.width[i], utf8.RuneCountInString(c))
	}
	t.rows = append(t.rows, cells)
}

func (t *grid) write(b *bytes.Buffer, cells []string, width int) {
	var line strings.Builder
	for i, c := range cells {
		pad := strings.Repeat(" ", t.width[i]-utf8.RuneCountInString(c))
		switch {
		case t.right[i]:
			line.WriteString(pad + c)
		case i == len(cells)-1:
			line.WriteString(c)
		default:
			line.WriteString(c + pad)
		}
		if i < len(cells)-1 {
			line.WriteString("  ")
		}
	}
	b.WriteString(clip(strings.TrimRight(line.String(), " "), width))
	b.WriteByte('\n')
}

// clip cuts a line to so many characters; 0 is no limit.
func clip(s string, width int) string {
	if width <= 0 || utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:width])
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
	Rate     float64           `json:"rate"`  // drops per second
	Share    float64           `json:"share"` // of all drops, 0 to 1
	First    uint64            `json:"first,omitempty"`
	Last     uint64            `json:"last,omitempty"`
	Example  *example          `json:"example,omitempty"`
	Other    bool              `json:"other,omitempty"` // what was folded: no group
}

type totalJSON struct {
	Type         string  `json:"type"` // "total"
	Since        uint64  `json:"since"`
	Until        uint64  `json:"until"`
	Count        uint64  `json:"count"`
	Rate         float64 `json:"rate"`
	LeftOut      uint64  `json:"left_out"`
	GroupsFolded uint64  `json:"groups_folded"`
	Lost         uint64  `json:"lost"`
}

// writeJSON writes a summary as JSON lines: one for each group, then one for the total.
// Times are nanoseconds, Unix time where the stream's start says how to get it.
func (s *summary) writeJSON(w io.Writer) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	line := func(severity Severity, count uint64) groupJSON {
		return groupJSON{Type: "summary", Since: s.first, Until: s.last, Severity: severity.String(), Count: count,
			Rate: s.rate(count), Share: float64(count) / float64(s.total), By: map[string]string{}}
	}
	for _, g := range s.sorted() {
		l := line(g.severity, g.count)
		l.First, l.Last, l.Example = g.first, g.last, &g.example
		for i, fd := range s.by {
			if g.values[i] != "" {
				l.By[fd.name] = g.values[i]
			}
		}
		if err := enc.Encode(l); err != nil {
			return err
		}
	}
	for i := len(s.folded) - 1; i >= 0; i-- {
		if s.folded[i] > 0 {
			l := line(Severity(i), s.folded[i])
			l.Other = true
			if err := enc.Encode(l); err != nil {
				return err
			}
		}
	}
	err := enc.Encode(totalJSON{"total", s.first, s.last, s.total, s.rate(s.total), s.leftOut, s.groupsFolded, s.lost})
	if err != nil {
		return err
	}
	_, err = w.Write(b.Bytes())
	return err
}
