package drops

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// A grid is cells in columns; numbers are aligned to the right. The first row is the head.
type grid struct {
	rows  [][]string
	right []bool
	width []int
}

// newGrid begins one by its head; > before a name aligns its column to the right.
func newGrid(head ...string) *grid {
	t := new(grid)
	for i, name := range head {
		name, right := strings.CutPrefix(name, ">")
		head[i] = name
		t.right = append(t.right, right)
	}
	t.add(head)
	return t
}

// addBy adds the columns of the fields that a summary is by.
func (t *grid) addBy(by []*field) {
	for _, fd := range by {
		name := strings.ToUpper(fd.name)
		t.rows[0] = append(t.rows[0], name)
		t.width = append(t.width, utf8.RuneCountInString(name))
		t.right = append(t.right, false)
	}
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

// over is by how many characters the grid is wider than width; 0 is no limit.
func (t *grid) over(width int) int {
	if width <= 0 {
		return 0
	}
	all := 2 * (len(t.width) - 1)
	for _, w := range t.width {
		all += w
	}
	return max(all-width, 0)
}

// fit drops columns until the grid fits, those first that are missed least.
func (t *grid) fit(width int) {
	for _, name := range [...]string{"LAST", "FIRST", "SHARE", "RATE"} {
		if t.over(width) == 0 {
			return
		}
		if i := slices.Index(t.rows[0], name); i >= 0 {
			t.drop(i)
		}
	}
}

// drop takes a column out.
func (t *grid) drop(i int) {
	t.width, t.right = slices.Delete(t.width, i, i+1), slices.Delete(t.right, i, i+1)
	for r, row := range t.rows {
		if i < len(row) {
			t.rows[r] = slices.Delete(row, i, i+1)
		}
	}
}

// narrow keeps the last characters of a column's cells, and the first of its head.
func (t *grid) narrow(i, width int) {
	t.width[i] = width
	for r, row := range t.rows {
		if r == 0 {
			row[i] = clip(row[i], width)
		} else if cell := []rune(row[i]); len(cell) > width {
			row[i] = string(cell[len(cell)-width:])
		}
	}
}

func (t *grid) line(cells []string) string {
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
	return strings.TrimRight(line.String(), " ")
}
