package track

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/screen"
	"github.com/skb-tools/skb-tools/internal/spell"
	"github.com/skb-tools/skb-tools/internal/terminal"
	"github.com/skb-tools/skb-tools/internal/text"
)

// redraw is how often --live draws.
const redraw = time.Second

// A watcher is a stage that draws the summary behind it on the terminal while records come in.
type watcher struct {
	next   stage
	sum    *summary
	screen *screen.Screen
	drawn  time.Time
	since  time.Time
	before uint64 // journeys, when it was drawn last
	rate   float64
	count  int // records since the clock was looked at
}

// start takes the terminal and draws on it at once.
func (l *watcher) start() error {
	l.since = time.Now()
	l.screen.Enter()
	return l.draw(l.since)
}

func (l *watcher) Write(r format.Raw) error {
	err := l.next.Write(r)
	if l.count++; l.count >= 256 && err == nil {
		err = l.due()
	}
	return err
}

// Flush is called while the input pauses: time goes on then too.
func (l *watcher) Flush() error { return cmp.Or(l.next.Flush(), l.due()) }

func (l *watcher) due() error {
	l.count = 0
	if now := time.Now(); now.Sub(l.drawn) >= redraw {
		return l.draw(now)
	}
	return nil
}

// Close gives the terminal back: the summary is written there.
func (l *watcher) Close() error {
	l.screen.Leave()
	return nil
}

func (l *watcher) draw(now time.Time) error {
	if !l.drawn.IsZero() {
		l.rate = float64(l.sum.journeys-l.before) / now.Sub(l.drawn).Seconds()
	}
	l.drawn, l.before = now, l.sum.journeys
	return l.screen.Draw(func(w io.Writer, columns, lines int) error {
		_, err := w.Write(l.sum.screen(columns, lines, now.Sub(l.since), l.rate))
		return err
	})
}

// screen is the summary as a screen shows it: the hops that took the most time, and the flows
// with the most drops, those with the longest journeys first among equals. It has no more lines
// than the screen, the last of which stays empty.
func (s *summary) screen(width, height int, since time.Duration, rate float64) []byte {
	var b bytes.Buffer
	b.WriteString(screen.Home)
	left := height - 1
	line := func(l string) {
		if left > 0 {
			left--
			b.WriteString(terminal.Clip(l, width) + screen.EndLine)
		}
	}
	lost, held, heldBack := uint64(0), uint64(0), ""
	for _, n := range s.lost {
		lost += n
	}
	for _, n := range s.held {
		held += n
	}
	if held > 0 {
		heldBack = fmt.Sprintf(", %d held back", held)
	}
	line(fmt.Sprintf("%s in %s, now %.0f/s; %d dropped; %d lost; %d records lost%s   (Ctrl-C ends)",
		spell.Count(s.journeys, "journey"),
		duration(uint64(since.Round(time.Second))), rate, s.endings["dropped"], s.endings["lost"], lost, heldBack))
	table := func(t *terminal.Table, rows, all int, what string) {
		shown := 0
		for l := range t.Lines(width) {
			if shown > rows {
				break
			}
			line(l)
			shown++
		}
		if all > rows {
			line(fmt.Sprintf("and %d %s more", all-rows, what))
		}
	}
	// Two tables, each with its head, a line for what is left out, and a blank line before.
	room := max(left-6, 0)
	hops := s.slowest()
	flows := s.worst()
	nHops := min(len(hops), max(room/2, room-len(flows)))
	nFlows := min(len(flows), room-nHops)
	if len(hops) > 0 && nHops > 0 {
		line("")
		t := terminal.NewTable("FROM", "TO", ">COUNT", ">P50", ">P90", ">P99", ">MAX")
		t.Spare("P90", "COUNT", "MAX")
		for _, h := range hops[:nHops] {
			q := h.l.quantiles()
			t.Row(clean(s.names.text(h.pair[0])), clean(s.names.text(h.pair[1])), fmt.Sprint(q.Count),
				duration(q.P50), duration(q.P90),
				duration(q.P99), duration(q.Max))
		}
		table(t, nHops, len(hops), "pairs of probes")
	}
	if len(flows) > 0 && nFlows > 0 {
		line("")
		t := terminal.NewTable("FLOW", ">JOURNEYS", ">DROPPED", ">LOST", ">LONGEST")
		t.Spare("LOST", "JOURNEYS")
		for _, f := range flows[:nFlows] {
			t.Row(string(text.AppendFlow(nil, f.flow)), fmt.Sprint(f.c.journeys), fmt.Sprint(f.c.endings[endDropped]),
				fmt.Sprint(f.c.endings[endLost]), duration(f.c.longest))
		}
		table(t, nFlows, len(flows), "flows")
	}
	b.WriteString(screen.ClearBelow)
	return b.Bytes()
}

var endDropped, endLost = slices.Index(format.EndNames[:], "dropped"), slices.Index(format.EndNames[:], "lost")

// A timedPair is a pair of probes, and the time between them.
type timedPair struct {
	pair [2]uint32
	l    *latencies
	sum  float64
}

// slowest are the pairs of probes, those where most of the time went first.
func (s *summary) slowest() (all []timedPair) {
	for pair, l := range s.pairs {
		all = append(all, timedPair{pair, l, l.sum()})
	}
	slices.SortFunc(all, func(a, b timedPair) int {
		return cmp.Or(cmp.Compare(b.sum, a.sum), slices.Compare(a.pair[:], b.pair[:]))
	})
	return all
}

// A countedFlow is a flow with its counts.
type countedFlow struct {
	flow format.Flow
	c    *flowCount
}

// worst are the flows, those with the most drops and losses first, then those with the longest journeys.
func (s *summary) worst() (all []countedFlow) {
	for flow, c := range s.flows {
		all = append(all, countedFlow{flow, c})
	}
	slices.SortFunc(all, func(a, b countedFlow) int {
		bad := func(f countedFlow) uint64 { return f.c.endings[endDropped] + f.c.endings[endLost] }
		return cmp.Or(cmp.Compare(bad(b), bad(a)), cmp.Compare(b.c.longest, a.c.longest), compareFlows(&a.flow, &b.flow))
	})
	return all
}
