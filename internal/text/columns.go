package text

import "github.com/skb-tools/skb-tools/internal/terminal"

// columns are the widths of the cells that open a line. The stream's future is
// not known, so each starts at a width that most values fit in and grows when
// one does not: the lines after it are aligned again. A cell is never cut.
type columns struct {
	width [columnCount]int
	room  int  // of the terminal; 0: no limit
	off   bool // nothing is padded
	few   bool // the columns of CPU and process are left out
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

// narrow is the terminal width under which padding would only take room from the packets, wide the one from which on
// there is room for CPU and process.
const (
	narrow = 100
	wide   = 140
)

func (c *columns) init(room int, ns bool) {
	*c = columns{room: room, off: room > 0 && room < narrow, few: room > 0 && room < wide}
	c.width = [columnCount]int{columnTime: 15, columnCPU: 3, columnProcess: 16, columnProbe: 24, columnDevice: 6}
	if ns {
		c.width[columnTime] = 18
	}
}

// most is how many columns of the terminal a cell may take; 0 is no limit.
func (c *columns) most(column int) int {
	switch {
	case c.room == 0:
		return 0
	case column == columnProbe: // net:net_dev_start_xmit is to be whole
		return max(c.room/4, 24)
	}
	return max(c.room/4, 18)
}

// has reports whether the column is printed.
func (c *columns) has(column int) bool {
	return !c.few || column != columnCPU && column != columnProcess
}

// append adds the cell to the line, padded, and a space. Numbers that count
// (times) align to the right.
func (c *columns) append(line []byte, column int, cell []byte, color string) []byte {
	n := 0
	if !c.off {
		width := terminal.Columns(cell)
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
