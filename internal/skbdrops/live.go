package skbdrops

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

const (
	// The other screen of the terminal, without a cursor, and back: what was on the
	// terminal before is there again afterwards (xterm's control sequences).
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// sparkTicks is for how many ticks --live shows the rate of a group.
const sparkTicks = 24

// tick moves the history of each group on: it is drawn once for each.
func (s *summary) tick() {
	for _, g := range s.groups {
		if len(g.history) == sparkTicks {
			copy(g.history, g.history[1:])
			g.history = g.history[:sparkTicks-1]
		}
		g.history = append(g.history, uint32(min(g.count-g.counted, 1<<32-1)))
		g.counted = g.count
	}
}

// spark draws counts as bars, the highest of them at full height.
func spark(history []uint32) string {
	bars := []rune(" ▁▂▃▄▅▆▇█")
	var top uint32
	for _, n := range history {
		top = max(top, n)
	}
	line := []rune(strings.Repeat(" ", sparkTicks-len(history)))
	for _, n := range history {
		i := 0
		if n > 0 {
			i = 1 + int(uint64(n)*uint64(len(bars)-2)/uint64(top))
		}
		line = append(line, bars[i])
	}
	return string(line)
}

// draw puts the summary on the screen, as many groups as fit.
func (s *summary) draw(w io.Writer, width, height int) error {
	var b bytes.Buffer
	line := func(l string) { b.WriteString(clip(l, width) + clearLine + "\r\n") }
	b.WriteString(home)
	line(fmt.Sprintf("%d drops in %s, %s; %d no fault; %d lost   (Ctrl-C ends)", s.total, seconds(s.seconds()),
		perSecond(s.rate(s.total)), s.leftOut, s.lost))
	line("")
	rows := max(height-5, 1)
	groups := s.sorted()
	more := len(groups) - rows
	if more > 0 {
		groups = groups[:rows]
	}
	if len(groups) > 0 {
		t := s.table(groups)
		t.rows = t.rows[:1+len(groups)]
		var cells bytes.Buffer
		for i, row := range t.rows {
			cells.Reset()
			// The times give way to the rate over time.
			short := append([]string{}, row[:4]...)
			bars := fmt.Sprintf("%-*s", sparkTicks, "RATE OVER TIME")
			if i > 0 {
				bars = spark(groups[i-1].history)
			}
			u := grid{width: append(append([]int{}, t.width[:4]...), sparkTicks), right: append(append([]bool{}, t.right[:4]...), false)}
			u.width = append(u.width, t.width[6:]...)
			u.right = append(u.right, t.right[6:]...)
			u.write(&cells, append(append(short, bars), row[6:]...), 0)
			line(strings.TrimSuffix(cells.String(), "\n"))
		}
	}
	if more > 0 {
		line(fmt.Sprintf("and %d groups more", more))
	}
	b.WriteString(clearBelow)
	_, err := w.Write(b.Bytes())
	return err
}
