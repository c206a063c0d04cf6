package track

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/text"
)

// A lane is a row of the picture.
type lane struct {
	netns uint32
	name  string
	space string // name of the network namespace; "": it has none
}

// Measures of the picture, px.
const (
	drawWidth  = 1200 // at least: many hops make it wider
	drawEdge   = 12   // around all
	drawMargin = 32   // between the lanes' ends and the first and last dot: half of a label
	drawNames  = 400  // the names of the lanes, at most
	drawLane   = 28
	drawTall   = 16 // a dot
	drawLine   = 18 // of text
	drawChar   = 7.4
	drawSmall  = 5.6 // a character in a dot
)

// drawing is the picture of one journey: a lane for each device, by namespace, and for each
// cpu; time goes to the right; each hop is a dot with its number, and has a line in the list
// below.
type drawing struct {
	b          bytes.Buffer
	g          *gathered
	points     []point
	columns    []column
	stretches  []stretch
	devs, cpus lanes
	left       float64 // where the lanes begin
	width      float64 // of all
	dot        float64 // width of a dot
	top, y     float64 // of the lanes; of what is written next
	bottom     float64 // of the lanes
}

// A point is a hop, or the end of a branch.
type point struct {
	hop    *drawnHop
	end    *branchEnd
	branch uint32
	number int // of the hop, in the list
	ns     uint64
	column int
	x      float64
}

// drop is why a packet was dropped there; "": it was not.
func (at *point) drop() string {
	if at.hop != nil {
		return at.hop.drop
	}
	return at.end.drop
}

// lanes are rows of one kind, one below the other.
type lanes struct {
	top  float64
	all  []lane
	rows []int // of each lane
	of   []int // lane of each point; -1: none
}

// add gives the next point its lane.
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

// middle is the y of a lane.
func (l *lanes) middle(lane int) float64 { return l.top + float64(l.rows[lane])*drawLane + drawLane/2 }

// svg draws a journey.
func (g *gathered) svg() []byte {
	p := &drawing{g: g}
	p.place()
	p.head()
	p.drawLanes()
	p.drawScale()
	p.drawLines()
	p.drawPoints()
	p.legend()
	p.list()
	return p.framed()
}

// framed is what was drawn, in a frame that has its size.
func (p *drawing) framed() []byte {
	height := p.y + drawEdge
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" `+
		`font-family="'DejaVu Sans Mono','Liberation Mono',monospace" font-size="12">`+"\n", p.width, height, p.width, height)
	b.WriteString(svgStyle)
	b.WriteString(`<rect width="100%" height="100%" class="paper"/>` + "\n")
	b.Write(p.b.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// first is the time of the journey's first event, also where that is not among the hops.
func (g *gathered) first() uint64 {
	if len(g.hops) > 0 {
		return g.hops[0].ts - min(g.hops[0].ts, g.hops[0].total)
	}
	return g.j.First
}

// place finds where everything is.
func (p *drawing) place() {
	g := p.g
	first := g.first()
	for i := range g.hops {
		h := &g.hops[i]
		p.points = append(p.points, point{hop: h, branch: h.branch, number: i, ns: h.ts - min(h.ts, first)})
	}
	for i := range g.ends {
		e := &g.ends[i]
		p.points = append(p.points, point{end: e, branch: e.branch, ns: e.ts - min(e.ts, first)})
	}
	slices.SortStableFunc(p.points, func(a, b point) int { return int(min(max(int64(a.ns-b.ns), -1), 1)) })
	p.lanes()
	ns := make([]uint64, len(p.points))
	for i := range p.points {
		ns[i] = p.points[i].ns
	}
	p.columns = columns(ns, p.weight)
	p.dot = max(drawTall, drawSmall*float64(len(fmt.Sprint(len(g.hops))))+6)
	for i := range p.columns {
		if n := len(p.columns[i].points); n > 1 {
			p.dot = max(p.dot, drawSmall*float64(len(fmt.Sprint("+", n)))+6)
		}
	}
	for _, l := range p.devs.all {
		p.left = max(p.left, drawChar*float64(utf8.RuneCountInString(l.label())))
	}
	p.left = drawEdge + min(max(p.left, 10*drawChar), drawNames) + 12
	right := 0.0
	p.stretches, right = spread(p.columns, p.left+drawMargin, drawWidth-drawEdge-2*drawMargin-p.left, p.dot+2)
	p.width = max(drawWidth, right+drawMargin+drawEdge)
	for i, c := range p.columns {
		for _, n := range c.points {
			p.points[n].column, p.points[n].x = i, c.x
		}
	}
}

// lanes gives each point its lanes. A hop without a device is where its branch was, and so is
// the end of a branch.
func (p *drawing) lanes() {
	last := map[uint32]lane{}
	for i := range p.points {
		at := &p.points[i]
		was, known := last[at.branch]
		if at.end != nil {
			p.devs.add(was)
			p.cpus.of = append(p.cpus.of, -1)
			continue
		}
		h := at.hop
		if !known && h.from.How != "" {
			was, known = last[h.from.Branch]
		}
		to := lane{h.netns, h.dev, h.space}
		if h.dev == "" {
			if to = was; !known {
				to = lane{h.netns, "no device yet", h.space}
			}
		}
		last[at.branch] = to
		p.devs.add(to)
		p.cpus.add(lane{name: fmt.Sprint("cpu ", h.cpu)})
	}
	// Devices in order of namespaces, as they were first seen; cpus by number.
	p.devs.sort(func(a, b lane) int {
		first := func(l lane) int { return slices.IndexFunc(p.devs.all, func(o lane) bool { return o.netns == l.netns }) }
		return first(a) - first(b)
	})
	p.cpus.sort(func(a, b lane) int {
		if n := len(a.name) - len(b.name); n != 0 {
			return n
		}
		return strings.Compare(a.name, b.name)
	})
}

// weight says how much a point has to be seen: what changes first, then what took long.
func (p *drawing) weight(i int) uint64 {
	at := &p.points[i]
	const most = 1 << 62
	switch {
	case i == 0 || i == len(p.points)-1 || at.drop() != "":
		return most + 2
	case at.end != nil || at.hop.from.How != "" || at.hop.changed != "":
		return most + 1
	}
	return min(at.hop.since, most)
}

func (l lane) label() string {
	name := escape.String(l.name)
	switch {
	case l.space != "":
		name += "@" + escape.String(l.space)
	case l.netns != 0:
		name += "  " + l.namespace()
	}
	return name
}

// namespace is what its network namespace is called; "": none is known.
func (l lane) namespace() string {
	switch {
	case l.space != "":
		return l.space
	case l.netns != 0:
		return fmt.Sprint("netns ", l.netns)
	}
	return ""
}

const svgStyle = `<style>
svg{--paper:#fff;--ink:#222;--dim:#666;--line:#ccc;--band:#0000000d;--bad:#c01c28;--good:#1a7f37}
.b0{--c:#1f5fa8}.b1{--c:#a8471f}.b2{--c:#2f7d3b}.b3{--c:#7a4aa0}.b4{--c:#8a6100}.b5{--c:#00707f}
@media(prefers-color-scheme:dark){svg{--paper:#16181d;--ink:#e6e6e6;--dim:#a0a4ab;--line:#3a3f48;--band:#ffffff14;--bad:#f2555f;--good:#4cc26b}
.b0{--c:#6aa9f0}.b1{--c:#f0936a}.b2{--c:#6fc97e}.b3{--c:#c39be6}.b4{--c:#e0b44a}.b5{--c:#4fc4d4}}
text{fill:var(--ink);white-space:pre}
.paper{fill:var(--paper)}.dim{fill:var(--dim)}.lane{stroke:var(--line)}.tick{stroke:var(--line);stroke-dasharray:2 3}
.crowd{fill:var(--band)}.cut{stroke:var(--ink);stroke-width:1.5}
.way{stroke:var(--c);stroke-width:1.5;fill:none}.dot{fill:var(--c)}.hop{fill:var(--c)}
.in{fill:var(--paper);font-size:9px;font-weight:bold}.fold{fill:var(--paper);stroke:var(--c);stroke-dasharray:3 2}
.freed{fill:var(--c)}.drop{fill:var(--bad)}.cross{stroke:var(--bad);stroke-width:3;stroke-linecap:round}.good{fill:var(--good)}
</style>
`

// head begins the picture: what the journey is, and how it ended. The lanes come below.
func (p *drawing) head() {
	j := &p.g.j
	title := string(text.AppendFlow([]byte(fmt.Sprintf("#%d  ", j.Packet)), j.From))
	if host := p.g.from.host; host != "" {
		title += "  on " + escape.String(host)
	}
	p.y = drawEdge + drawLine
	p.text(drawEdge, p.y, `font-weight="bold"`, clip(title, p.chars()))
	class := ""
	if j.End.How == "dropped" {
		class = `class="drop"`
	}
	for _, line := range p.wrap(string(text.AppendEnding(nil, j, p.g.from.names)), 0) {
		p.y += drawLine
		p.text(drawEdge, p.y, class, line)
	}
	p.top = p.y + drawLine + 8
	p.devs.top = p.top
	p.cpus.top = p.top + float64(len(p.devs.all))*drawLane + drawLane/2
	p.bottom = p.cpus.top + float64(len(p.cpus.all))*drawLane
}

// drawLanes draws the lanes, their names beside them.
func (p *drawing) drawLanes() {
	one := func(y float64, name string) {
		fmt.Fprintf(&p.b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="lane"/>`+"\n", p.left, y, p.width-drawEdge, y)
		shown := name
		if most := int((p.left - drawEdge - 12) / drawChar); utf8.RuneCountInString(name) > most {
			runes := []rune(name)
			shown = string(runes[:most/2]) + "…" + string(runes[len(runes)-(most-most/2-1):])
		}
		p.b.WriteString("<g><title>" + markup(name) + "</title>")
		p.text(drawEdge, y+4, "", shown)
		p.b.WriteString("</g>\n")
	}
	for i, l := range p.devs.all {
		one(p.devs.middle(i), l.label())
	}
	for i, l := range p.cpus.all {
		one(p.cpus.middle(i), l.name)
	}
}

// drawScale draws the times below the lanes, and marks what is not to scale.
func (p *drawing) drawScale() {
	free, marked := 0.0, 0.0 // px from the left that are written on, in the two lines
	for i, c := range p.columns {
		label := duration(c.ns)
		half := drawChar * float64(utf8.RuneCountInString(label)) / 2
		if c.x-half > free && c.x-half > 0 && c.x+half < p.width {
			fmt.Fprintf(&p.b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="tick"/>`+"\n", c.x, p.top, c.x, p.bottom)
			p.text(c.x, p.bottom+14, `text-anchor="middle" class="dim"`, label)
			free = c.x + half + drawChar
		}
		if i == len(p.stretches) || p.stretches[i] == toScale ||
			p.stretches[i] == crowded && i > 0 && p.stretches[i-1] == crowded {
			continue
		}
		k := i + 1
		for p.stretches[i] == crowded && k < len(p.stretches) && p.stretches[k] == crowded {
			k++
		}
		from, to := c.x, p.columns[k].x
		label = duration(p.columns[k].ns - c.ns)
		if p.stretches[i] == crowded {
			fmt.Fprintf(&p.b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" class="crowd">`, from, p.top, to-from,
				p.bottom-p.top)
			fmt.Fprintf(&p.b, "<title>not to scale: %s</title></rect>\n", label)
		} else {
			middle := (from + to) / 2
			for _, x := range [...]float64{middle - 5, middle + 1} {
				for _, y := range [...]float64{p.top, p.bottom - 8} {
					fmt.Fprintf(&p.b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="cut"/>`+"\n", x, y+8, x+4, y)
				}
			}
			label = "cut: " + label
		}
		half = drawChar * float64(utf8.RuneCountInString(label)) / 2
		if middle := (from + to) / 2; middle-half > marked && middle-half > 0 && middle+half < p.width {
			p.text(middle, p.bottom+14+drawLine, `text-anchor="middle" class="dim"`, label)
			marked = middle + half + drawChar
		}
	}
}

// drawLines draws the way from hop to hop, and to the end of each branch.
func (p *drawing) drawLines() {
	previous := map[uint32]int{} // point of a branch
	for i := range p.points {
		at := &p.points[i]
		from, ok := previous[at.branch]
		if !ok && at.hop != nil && at.hop.from.How != "" && at.hop.from.Packet == 0 {
			from, ok = previous[at.hop.from.Branch]
		}
		previous[at.branch] = i
		if was := &p.points[from]; ok && was.column != at.column {
			fmt.Fprintf(&p.b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="way %s"/>`+"\n", was.x,
				p.devs.middle(p.devs.of[from]), at.x, p.devs.middle(p.devs.of[i]), branchClass(at.branch))
		}
	}
}

// drawPoints draws the hops, each at its device and at its cpu, and the ends.
func (p *drawing) drawPoints() {
	for i, c := range p.columns {
		if len(c.points) > 1 {
			p.drawFolded(i)
			continue
		}
		n := c.points[0]
		at, y := &p.points[n], p.devs.middle(p.devs.of[n])
		fmt.Fprintf(&p.b, `<g class="%s"><title>%s</title>`, branchClass(at.branch), markup(p.row(n)))
		if at.end != nil {
			p.drawEnd(at, y)
		} else {
			p.drawHop(at, y)
			p.drawHop(at, p.cpus.middle(p.cpus.of[n]))
		}
		p.b.WriteString("</g>\n")
	}
	p.drawReasons()
}

func (p *drawing) drawHop(at *point, y float64) {
	r := p.dot / 2
	if at.hop.drop != "" { // a stop sign
		const half, corner = drawTall / 2, 5
		p.polygon("drop", at.x-r+corner, y-half, at.x+r-corner, y-half, at.x+r, y-half+corner, at.x+r, y+half-corner,
			at.x+r-corner, y+half, at.x-r+corner, y+half, at.x-r, y+half-corner, at.x-r, y-half+corner)
	} else {
		fmt.Fprintf(&p.b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="8" class="dot"/>`, at.x-r,
			y-drawTall/2, p.dot, drawTall)
	}
	fmt.Fprintf(&p.b, `<text x="%.1f" y="%.1f" text-anchor="middle" class="in">%d</text>`, at.x, y+3.5, at.number)
}

func (p *drawing) drawEnd(at *point, y float64) {
	switch {
	case at.end.drop != "":
		for _, d := range [...]float64{5, -5} {
			fmt.Fprintf(&p.b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="cross"/>`, at.x-5, y-d, at.x+5, y+d)
		}
	case at.end.good():
		p.polygon("good", at.x-5, y-7, at.x+7, y, at.x-5, y+7)
	default:
		fmt.Fprintf(&p.b, `<rect x="%.1f" y="%.1f" width="4" height="16" class="freed"/>`, at.x-2, y-8)
	}
}

// drawFolded draws one mark for several points: across the lanes that they are in.
func (p *drawing) drawFolded(i int) {
	c := &p.columns[i]
	top, bottom := p.bottom, p.top
	for _, n := range c.points {
		y := p.devs.middle(p.devs.of[n])
		top, bottom = min(top, y), max(bottom, y)
	}
	fmt.Fprintf(&p.b, `<g class="%s"><title>%s</title>`, branchClass(p.points[c.points[0]].branch), markup(p.folded(c)))
	fmt.Fprintf(&p.b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="8" class="fold"/>`, c.x-p.dot/2,
		top-drawTall/2, p.dot, bottom-top+drawTall)
	fmt.Fprintf(&p.b, `<text x="%.1f" y="%.1f" text-anchor="middle" font-size="9">+%d</text></g>`+"\n", c.x,
		(top+bottom)/2+3.5, len(c.points))
}

func (p *drawing) folded(c *column) string {
	last := c.points[len(c.points)-1]
	return fmt.Sprintf("%d hops in %s that are not drawn", len(c.points), duration(p.points[last].ns-c.ns))
}

// drawReasons writes why a packet was dropped beside the dot, where there is room.
func (p *drawing) drawReasons() {
	type extent struct{ left, right float64 }
	taken := map[int][]extent{} // by lane
	for i, c := range p.columns {
		for _, n := range c.points {
			taken[p.devs.of[n]] = append(taken[p.devs.of[n]], extent{p.columns[i].x - p.dot/2, c.x + p.dot/2})
		}
		if len(c.points) > 1 { // the mark lies across other lanes too
			for l := range p.devs.all {
				taken[l] = append(taken[l], extent{c.x - p.dot/2, c.x + p.dot/2})
			}
		}
	}
	for _, c := range p.columns {
		n := c.points[0]
		at, l := &p.points[n], p.devs.of[n]
		why := at.drop()
		if why == "" || len(c.points) > 1 {
			continue
		}
		why, _, _ = strings.Cut(escape.String(why), " at ")
		long := drawChar*float64(utf8.RuneCountInString(why)) + 8
		right, left := at.x+p.dot/2, at.x-p.dot/2
		for _, e := range [...]extent{{right, right + long}, {left - long, left}} {
			meets := func(o extent) bool { return e.left < o.right && o.left < e.right }
			if e.left < p.left || e.right > p.width-drawEdge || slices.ContainsFunc(taken[l], meets) {
				continue
			}
			fmt.Fprintf(&p.b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%d" class="paper"/>`, e.left,
				p.devs.middle(l)-8, long, drawTall)
			p.text(e.left+4, p.devs.middle(l)+4, `class="drop"`, why)
			taken[l] = append(taken[l], e)
			break
		}
	}
}

// What the picture's marks mean, as far as they are in it.
func (p *drawing) legends() []string {
	all := []string{"● hop, with its number in the list"}
	if slices.ContainsFunc(p.points, func(at point) bool { return at.hop != nil && at.hop.drop != "" }) {
		all = append(all, "red stop sign: dropped at that hop")
	}
	if slices.ContainsFunc(p.points, func(at point) bool { return at.end != nil && at.end.drop != "" }) {
		all = append(all, "red cross: dropped, without an event")
	}
	if slices.ContainsFunc(p.points, func(at point) bool { return at.end != nil && at.end.good() }) {
		all = append(all, "triangle: delivered or transmitted")
	}
	if slices.ContainsFunc(p.points, func(at point) bool { return at.end != nil && at.end.drop == "" && !at.end.good() }) {
		all = append(all, "bar: freed")
	}
	if slices.Contains(p.stretches, crowded) {
		all = append(all, "shaded: crowded, not to scale")
	}
	if slices.Contains(p.stretches, cutOut) {
		all = append(all, "//: long, not to scale")
	}
	if slices.ContainsFunc(p.columns, func(c column) bool { return len(c.points) > 1 }) {
		all = append(all, "+N: N hops, not drawn")
	}
	return all
}

func (p *drawing) legend() {
	p.y = p.bottom + 3*drawLine
	for _, line := range p.wrap(strings.Join(p.legends(), "   "), 0) {
		p.text(drawEdge, p.y, `class="dim"`, line)
		p.y += drawLine
	}
	p.y += drawLine
}

// leftOut says what the list lacks; "" if that is nothing.
func (p *drawing) leftOut() string {
	switch {
	case p.g.left == 0:
		return ""
	case len(p.g.hops) < maxHops:
		return fmt.Sprintf("%d more hops are not in this picture: there was no memory for them", p.g.left)
	}
	return fmt.Sprintf("%d more hops are not in this picture: it holds at most %d of a journey", p.g.left, maxHops)
}

// row says what is known of a point.
func (p *drawing) row(n int) string {
	at := &p.points[n]
	line := fmt.Sprintf("%4s  %9s  ", "", duration(at.ns))
	if h := at.hop; h != nil {
		since := ""
		if h.timed {
			since = "+" + duration(h.since)
		}
		line = fmt.Sprintf("%4d  %9s  %-9s %-28s cpu %d", at.number, duration(at.ns), since, escape.String(h.probe), h.cpu)
	} else {
		how := at.end.how
		if how == "consumed" {
			how = "freed"
		}
		line += fmt.Sprintf("%-9s %-28s", "", how)
	}
	if at.branch != 0 {
		line += fmt.Sprintf("  branch %d", at.branch)
	}
	if h := at.hop; h != nil {
		if h.from.How != "" {
			line += "  from " + escape.String(h.from.How)
		}
		line += h.changed
		if h.drop != "" {
			line += "  dropped " + escape.String(h.drop)
		}
		if h.unsure {
			line += "  unsure"
		}
	} else if at.end.drop != "" {
		line += "  " + escape.String(at.end.drop)
	}
	return strings.TrimRight(line, " ")
}

// list writes a line for each point that is drawn, and for each mark of several, below the lanes.
func (p *drawing) list() {
	write := func(class, row string) {
		for _, line := range p.wrap(row, 1) {
			p.text(drawEdge, p.y, class, line)
			p.y += drawLine
		}
	}
	for i := range p.columns {
		c := &p.columns[i]
		at := &p.points[c.points[0]]
		class := `class="hop ` + branchClass(at.branch) + `"`
		if at.drop() != "" {
			class = `class="drop"`
		}
		row := p.row(c.points[0])
		if len(c.points) > 1 {
			row = "     " + p.folded(c)
		}
		write(class, row)
	}
	write("", p.leftOut())
}
