package track

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/text"
)

// A drawer is a stage that draws the first journey whose end it sees, and hands everything
// on. Behind a selector it has that journey's events, and no more.
type drawer struct {
	file  string
	next  stage
	drawn bool
	hops  map[uint64][]drawnHop // by packet
	count int
}

type drawnHop struct {
	event format.Event
	track format.Track
}

// maxDrawn bounds the hops that are kept and drawn.
const maxDrawn = 10_000

func newDrawer(file string, next stage) *drawer {
	return &drawer{file: file, next: next, hops: map[uint64][]drawnHop{}}
}

func (d *drawer) Flush() error { return d.next.Flush() }

func (d *drawer) Write(r format.Raw) error {
	if !d.drawn {
		switch r.Type() {
		case format.TypeEvent:
			var h drawnHop
			h.track.Decode(append(wire.Value(nil), r.Get("track")...))
			if h.track.Present() && d.count < maxDrawn && h.event.Decode(r) == nil {
				h.event.Packet = format.Packet{}
				d.hops[h.track.Packet] = append(d.hops[h.track.Packet], h)
				d.count++
			}
		case format.TypeJourney:
			var j format.Journey
			if err := j.Decode(r); err != nil {
				return err
			}
			if err := d.draw(&j); err != nil {
				return err
			}
		}
	}
	return d.next.Write(r)
}

// Close tells where nothing was drawn.
func (d *drawer) Close() error {
	if !d.drawn {
		return errors.New("--svg: no journey was selected, nothing is drawn")
	}
	return nil
}

// A lane is a row of the drawing.
type lane struct {
	netns uint32
	name  string
}

// Measures of the drawing, px.
const (
	drawLeft   = 220
	drawWidth  = 960
	drawLane   = 28
	drawTop    = 64
	drawDot    = 8
	drawLegend = 18
)

// draw writes the file: a lane for each device, by namespace, and for each cpu; time goes
// to the right; each hop is a dot with its number, and has a line in the list below.
func (d *drawer) draw(j *format.Journey) error {
	hops := d.hops[j.Packet]
	slices.SortStableFunc(hops, func(a, b drawnHop) int { return cmp.Compare(a.event.TS, b.event.TS) })
	p := newDrawing(hops)
	p.head(j)
	p.drawLanes()
	p.times()
	p.dots()
	p.list()
	p.b.WriteString("</svg>\n")
	d.drawn, d.hops = true, nil
	if err := os.WriteFile(d.file, p.b.Bytes(), 0o644); err != nil {
		return fmt.Errorf("--svg %s: %w", d.file, errors.Unwrap(err))
	}
	return nil
}

// A drawing is the picture of one journey.
type drawing struct {
	b          bytes.Buffer
	hops       []drawnHop
	devs, cpus lanes
	bottom     int    // of the lanes, px
	span       uint64 // from the first hop to the last, ns
}

// lanes are rows of one kind, one below the other.
type lanes struct {
	top  int // px
	all  []lane
	rows []int // of each lane
	of   []int // lane of each hop
}

// add gives the next hop its lane.
func (l *lanes) add(to lane) {
	i := slices.Index(l.all, to)
	if i < 0 {
		i = len(l.all)
		l.all = append(l.all, to)
	}
	l.of = append(l.of, i)
}

// sort gives each lane its row.
func (l *lanes) sort(compare func(a, b lane) int) {
	sorted := slices.Clone(l.all)
	slices.SortStableFunc(sorted, compare)
	for _, one := range l.all {
		l.rows = append(l.rows, slices.Index(sorted, one))
	}
}

// y is the top of a lane's row, px.
func (l *lanes) y(lane int) int { return l.top + l.rows[lane]*drawLane }

// middle is where hop i's dot is, px from the top.
func (l *lanes) middle(i int) int { return l.y(l.of[i]) + drawLane/2 }

func newDrawing(hops []drawnHop) *drawing {
	p := &drawing{hops: hops, span: 1}
	last := map[uint32]lane{} // a hop without a device is where its branch was
	for i := range hops {
		e := &hops[i].event
		l := lane{e.Netns.Inum, e.Dev.Name}
		if l.name == "" {
			if l = last[hops[i].track.Branch]; l.name == "" {
				l = lane{e.Netns.Inum, "no device yet"}
			}
		}
		last[hops[i].track.Branch] = l
		p.devs.add(l)
		p.cpus.add(lane{name: fmt.Sprint("cpu ", e.CPU)})
		p.span = max(p.span, hops[i].track.Total)
	}
	// Devices in order of namespaces, as they were first seen; cpus by number.
	p.devs.sort(func(a, b lane) int {
		first := func(l lane) int { return slices.IndexFunc(p.devs.all, func(o lane) bool { return o.netns == l.netns }) }
		return first(a) - first(b)
	})
	p.cpus.sort(func(a, b lane) int { return cmp.Or(len(a.name)-len(b.name), cmp.Compare(a.name, b.name)) })
	p.devs.top = drawTop
	p.cpus.top = drawTop + len(p.devs.all)*drawLane + drawLane
	p.bottom = p.cpus.top + len(p.cpus.all)*drawLane
	return p
}

// head begins the picture: what the journey is, and how it ended.
func (p *drawing) head(j *format.Journey) {
	height := p.bottom + 3*drawLegend + (len(p.hops)+1)*drawLegend
	fmt.Fprintf(&p.b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="monospace" font-size="12">
<rect width="100%%" height="100%%" fill="white"/>
`, drawLeft+drawWidth+40, height)
	title := string(text.AppendFlow([]byte(fmt.Sprintf("#%d  ", j.Packet)), j.From))
	write(&p.b, 12, 24, `font-size="15" font-weight="bold"`, title)
	write(&p.b, 12, 44, "", string(text.AppendEnding(nil, j)))
}

// drawLanes draws the lanes and their names.
func (p *drawing) drawLanes() {
	for i, l := range p.devs.all {
		name := l.name
		if l.netns != 0 {
			name += fmt.Sprint("  netns ", l.netns)
		}
		drawLaneAt(&p.b, p.devs.y(i), name)
	}
	for i, l := range p.cpus.all {
		drawLaneAt(&p.b, p.cpus.y(i), l.name)
	}
}

// x is where a time since the first hop is, px from the left.
func (p *drawing) x(ns uint64) int {
	return drawLeft + int(float64(ns)/float64(p.span)*drawWidth)
}

// times draws the lines of the times.
func (p *drawing) times() {
	for tick := range 5 {
		ns := p.span / 4 * uint64(tick)
		fmt.Fprintf(&p.b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#ddd"/>`+"\n", p.x(ns), drawTop, p.x(ns), p.bottom)
		write(&p.b, p.x(ns), p.bottom+14, `text-anchor="middle" fill="#666"`, duration(ns))
	}
}

// dots draws the hops, each at its device and at its cpu, and lines from hop to hop. Dots that would
// lie on one another stand side by side.
func (p *drawing) dots() {
	free := map[int]int{}
	place := func(ns uint64, y int) int {
		x := max(p.x(ns), free[y])
		free[y] = x + 2*drawDot
		return x
	}
	type point struct{ x, y int }
	points := make([]point, len(p.hops))
	previous := map[uint32]int{} // hop of a branch
	var dots bytes.Buffer        // above the lines
	for i, h := range p.hops {
		y := p.devs.middle(i)
		points[i] = point{place(h.track.Total, y), y}
		from, ok := previous[h.track.Branch]
		if !ok && h.track.From.How != "" {
			from, ok = previous[h.track.From.Branch]
		}
		if ok {
			fmt.Fprintf(&p.b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="%s" stroke-width="1.5"/>`+"\n",
				points[from].x, points[from].y, points[i].x, y, branchColor(h.track.Branch))
		}
		previous[h.track.Branch] = i
		cy := p.cpus.middle(i)
		for _, at := range [...]point{points[i], {place(h.track.Total, cy), cy}} {
			fmt.Fprintf(&dots, `<g><title>%s at %s</title><circle cx="%d" cy="%d" r="%d" fill="%s"/>`,
				markup(h.event.Probe), duration(h.track.Total), at.x, at.y, drawDot, branchColor(h.track.Branch))
			write(&dots, at.x, at.y+3, `text-anchor="middle" fill="white" font-size="9"`, fmt.Sprint(i))
			dots.WriteString("</g>\n")
		}
	}
	p.b.Write(dots.Bytes())
}

// list writes a line for each hop, below the lanes.
func (p *drawing) list() {
	y := p.bottom + 3*drawLegend
	for i, h := range p.hops {
		line := fmt.Sprintf("%3d  %9s  +%-8s %-28s cpu %d", i, duration(h.track.Total), duration(h.track.Since),
			h.event.Probe, h.event.CPU)
		if h.track.Branch != 0 {
			line += fmt.Sprintf("  branch %d", h.track.Branch)
		}
		if h.track.From.How != "" {
			line += "  from " + h.track.From.How
		}
		line += string(text.AppendChanges(nil, h.track.Changed))
		write(&p.b, 12, y, `xml:space="preserve" fill="`+branchColor(h.track.Branch)+`"`, line)
		y += drawLegend
	}
}

func drawLaneAt(b *bytes.Buffer, y int, name string) {
	fmt.Fprintf(b, `<line x1="%d" y1="%d" x2="%d" y2="%d" stroke="#bbb"/>`+"\n", drawLeft, y+drawLane/2,
		drawLeft+drawWidth, y+drawLane/2)
	write(b, 12, y+drawLane/2+4, "", name)
}

func write(b *bytes.Buffer, x, y int, attributes, s string) {
	fmt.Fprintf(b, `<text x="%d" y="%d" %s>%s</text>`+"\n", x, y, attributes, markup(s))
}

// markup is s as text of the picture, fit for a terminal too.
func markup(s string) string {
	var b bytes.Buffer
	// a Buffer takes everything; what text made of names is escaped already
	_ = xml.EscapeText(&b, escape.AppendCommand(nil, s))
	return b.String()
}

// branchColor tells branches apart, also in print.
func branchColor(branch uint32) string {
	colors := [...]string{"#1f5fa8", "#b5442e", "#2f7d3b", "#7a4aa0", "#a06c00", "#00798c"}
	return colors[branch%uint32(len(colors))]
}
