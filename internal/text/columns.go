package text

import "unicode/utf8"

// columns are the widths of the cells that open a line. The stream's future is
// not known, so each starts at a width that most values fit in and grows when
// one does not: the lines after it are aligned again. A cell is never cut.
type columns struct {
	width [columnCount]int
	off   bool
}

const (
	columnTime = iota
	columnCPU
	columnProcess
	columnProbe
	columnDevice
	columnCount
)

// maxColumn is the width up to which a column grows. One odd long value must
// not push the packets of all later lines off the screen.
const maxColumn = 40

// narrow is the terminal width under which padding would only wrap lines.
const narrow = 100

func (c *columns) init(terminal int) {
	c.width = [columnCount]int{columnTime: 15, columnCPU: 3, columnProcess: 16, columnProbe: 24, columnDevice: 6}
	c.off = terminal > 0 && terminal < narrow
}

// append adds the cell to the line, padded, and a space. Numbers that count
// (times) align to the right.
func (c *columns) append(line []byte, column int, cell []byte, color string) []byte {
	n := 0
	if !c.off {
		width := utf8.RuneCount(cell)
		c.width[column] = max(c.width[column], min(width, maxColumn))
		n = c.width[column] - width
	}
	if column == columnTime {
		line = pad(line, n)
		n = 0
	}
	line = appendColored(line, cell, color)
	return append(pad(line, n), ' ')
}

func pad(line []byte, n int) []byte {
	for ; n > len(blanks); n -= len(blanks) {
		line = append(line, blanks...)
	}
	return append(line, blanks[:max(n, 0)]...)
}

const blanks = "                                "
