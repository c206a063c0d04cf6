// Package terminal has what the programs know of a terminal: its width, tables that adapt to it, and words that a
// shell takes as they are.
package terminal

import (
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Table is cells in columns, two blanks apart. Its cells are written as they are: text from a
// stream has been escaped before.
type Table struct {
	rows  [][]string // the first is the head
	right []bool     // by column
	width []int      // characters
	spare []string
	wrap  bool
}

// NewTable begins a table by the names of its columns. A > before a name aligns the column to
// the right, as numbers are. A head without a name in it is not shown.
func NewTable(head ...string) *Table {
	t := &Table{rows: [][]string{nil}}
	t.Column(head...)
	return t
}

// Column adds columns, behind the others.
func (t *Table) Column(head ...string) {
	for _, name := range head {
		name, right := strings.CutPrefix(name, ">")
		t.rows[0] = append(t.rows[0], name)
		t.width = append(t.width, utf8.RuneCountInString(name))
		t.right = append(t.right, right)
	}
}

// Spare names the columns that go where the table is too wide, the first of them first.
func (t *Table) Spare(names ...string) { t.spare = names }

// Wrap lets the cells of the last column go on in the next line, at a blank, where the table is too wide.
func (t *Table) Wrap() { t.wrap = true }

// minWrapped is how wide a column is at least that goes on in the next line.
const minWrapped = 12

// wrapped breaks the last column, so that the table fits width if it can.
func (t *Table) wrapped(width int) {
	last := len(t.width) - 1
	room := max(t.width[last]-t.Over(width), minWrapped)
	if room >= t.width[last] {
		return
	}
	rows := t.rows
	t.rows, t.width[last] = nil, room
	for _, row := range rows {
		if len(row) <= last {
			t.rows = append(t.rows, row)
			continue
		}
		line, rest := breakAt(row[last], room)
		t.rows = append(t.rows, append(slices.Clone(row[:last]), line))
		for rest != "" {
			line, rest = breakAt(rest, room)
			t.rows = append(t.rows, append(make([]string, last), line))
		}
	}
}

// breakAt cuts a text at the last blank so that the first part has at most so many characters, or at the first if
// that is farther.
func breakAt(s string, width int) (line, rest string) {
	at, n := -1, 0
	for i, r := range s {
		if r == ' ' && (n <= width || at < 0) {
			at = i
		}
		n++
	}
	if n <= width || at < 0 {
		return s, ""
	}
	return s[:at], s[at+1:]
}

// Row adds a row. Cells that are missing at its end are empty; there are none beyond the columns.
func (t *Table) Row(cells ...string) {
	for i, c := range cells {
		t.width[i] = max(t.width[i], utf8.RuneCountInString(c))
	}
	t.rows = append(t.rows, cells)
}

// Over is by how many characters the table is wider than width; 0 is no limit.
func (t *Table) Over(width int) int {
	if width <= 0 {
		return 0
	}
	all := 2 * (len(t.width) - 1)
	for _, w := range t.width {
		all += w
	}
	return max(all-width, 0)
}

// Drop takes a column out, if there is one of the name.
func (t *Table) Drop(name string) {
	i := slices.Index(t.rows[0], name)
	if i < 0 {
		return
	}
	t.width, t.right = slices.Delete(t.width, i, i+1), slices.Delete(t.right, i, i+1)
	for r, row := range t.rows {
		if i < len(row) {
			t.rows[r] = slices.Delete(row, i, i+1)
		}
	}
}

// Narrow makes a column at most width characters wide. Of its cells the last characters stay, and
// of its head the first.
func (t *Table) Narrow(name string, width int) {
	i := slices.Index(t.rows[0], name)
	if i < 0 {
		return
	}
	t.width[i] = min(t.width[i], width)
	for r, row := range t.rows {
		switch {
		case i >= len(row):
		case r == 0:
			row[i] = Clip(row[i], width)
		default:
			if cell := []rune(row[i]); len(cell) > width {
				row[i] = string(cell[len(cell)-width:])
			}
		}
	}
}

// Lines are the lines of the table, without their ends, the head first. None is longer than width,
// 0 is no limit: columns that can be spared go first, and what is too long still is cut.
func (t *Table) Lines(width int) iter.Seq[string] {
	for _, name := range t.spare {
		if t.Over(width) == 0 {
			break
		}
		t.Drop(name)
	}
	if t.wrap {
		t.wrapped(width)
	}
	rows := t.rows
	if !slices.ContainsFunc(rows[0], func(name string) bool { return name != "" }) {
		rows = rows[1:]
	}
	return func(yield func(string) bool) {
		for _, row := range rows {
			line := t.line(row)
			if !t.wrap { // there a word that is longer goes over, as nothing of it is to be lost
				line = Clip(line, width)
			}
			if !yield(line) {
				return
			}
		}
	}
}

// Write writes the lines of the table.
func (t *Table) Write(w io.Writer, width int) error {
	for line := range t.Lines(width) {
		if _, err := io.WriteString(w, line+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func (t *Table) line(cells []string) string {
	var line strings.Builder
	for i, c := range cells {
		pad := strings.Repeat(" ", max(t.width[i]-utf8.RuneCountInString(c), 0)) // what has no blank is wider
		if t.right[i] {
			line.WriteString(pad + c)
		} else {
			line.WriteString(c + pad)
		}
		line.WriteString("  ")
	}
	return strings.TrimRight(line.String(), " ")
}

// Clip cuts a line to so many characters; 0 is no limit.
func Clip(s string, width int) string {
	if width <= 0 || utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:width])
}
