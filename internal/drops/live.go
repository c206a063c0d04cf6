package drops

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/skb-tools/skb-tools/internal/screen"
	"github.com/skb-tools/skb-tools/internal/terminal"
)

// sparkTicks is for how many ticks --live shows the rate of a group.
const sparkTicks = 24

// minBars is how few of them are still worth their place on a narrow terminal.
const minBars = 8

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

// draw puts the summary on the screen, as many groups as fit. Rates are those of the
// latest tick, so that they fall when drops stop.
func (s *summary) draw(w io.Writer, width, height int, tick time.Duration) error {
	var b bytes.Buffer
	line := func(l string) { b.WriteString(terminal.Clip(l, width) + screen.EndLine) }
	b.WriteString(screen.Home)
	groups := s.sorted()
	now := uint64(0)
	for _, g := range groups {
		now += g.latest()
	}
	rate := func(n uint64) string { return perSecond(float64(n) / tick.Seconds()) }
	line(fmt.Sprintf("%s in %s, now %s; %d no fault; %d lost   (Ctrl-C ends)", s.totalWords(), seconds(s.seconds()),
		rate(now), s.leftOut, s.lost))
	if line(s.besides); s.besides != "" {
		line("")
		height--
	}
	rows := max(height-5, 1)
	more := len(groups) - rows
	if more > 0 {
		groups = groups[:rows]
	}
	if len(groups) > 0 {
		const bars = "RATE OVER TIME"
		t := s.newTable("SEVERITY", ">COUNT", ">SHARE", ">RATE", bars)
		for _, g := range groups {
			t.Row(append([]string{g.severity.String(), about(g.count, g.noise), s.share(g.count), rate(g.latest()),
				spark(g.history)}, s.shown(g)...)...)
		}
		if t.Over(width) > sparkTicks-minBars {
			t.Drop("SHARE")
		}
		if over := t.Over(width); over > sparkTicks-minBars {
			t.Drop(bars)
		} else if over > 0 {
			t.Narrow(bars, sparkTicks-over)
		}
		for l := range t.Lines(width) {
			line(l)
		}
	}
	if more > 0 {
		line(fmt.Sprintf("and %d groups more", more))
	}
	b.WriteString(screen.ClearBelow)
	_, err := w.Write(b.Bytes())
	return err
}

// latest is the drops of the latest tick.
func (g *group) latest() uint64 {
	if len(g.history) == 0 {
		return 0
	}
	return uint64(g.history[len(g.history)-1])
}
