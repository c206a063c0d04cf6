package text

import (
	"strconv"
	"unicode/utf8"

	"github.com/skb-tools/skb-tools/format"
)

// tree is what a Printer knows of the journey that it prints as a tree.
type tree struct {
	on     bool
	packet uint64 // whose hops come now, 0: none
	depth  map[uint64]int
}

// maxBranches is of how many of a packet's branches the depth is known. The others are
// printed as if they came from its first.
const maxBranches = 4096

// maxIndent is how deep branches are indented.
const maxIndent = 8

// Journeys makes the Printer print each packet as a tree: a line that says how its journey
// ended, and below it a line for each hop, the branches indented. Records are to come
// journey by journey, the journey record first, as skb-sort writes them. Links and frees
// are left out: what follows from them stands there.
func (p *Printer) Journeys() { p.tree = tree{on: true, depth: map[uint64]int{}} }

// inTree prints r if it is part of a tree, or leaves it out.
func (p *Printer) inTree(r format.Raw) bool {
	switch r.Type() {
	case format.TypeLink, format.TypeFree:
		return true
	case format.TypeJourney:
		var j format.Journey
		if err := j.Decode(r); err != nil || j.End.How == "" {
			break
		}
		p.root(j.Packet)
		p.ended(&j)
		p.journeyRest(r)
		p.at(j.First)
		return true
	case format.TypeEvent:
		track := r.Get("track")
		packet, ok := track.Get("packet").Uint()
		if !ok {
			break
		}
		if packet != p.tree.packet {
			p.noEnd(packet, r)
		}
		p.hop(r, track)
		return true
	}
	p.tree.packet = 0
	return false
}

// root begins the line of a packet.
func (p *Printer) root(packet uint64) {
	p.tree.packet = packet
	clear(p.tree.depth)
	p.cell = strconv.AppendUint(append(p.cell[:0], '#'), packet, 10)
	p.line = append(appendColored(p.line, p.cell, p.paint(cyan)), ' ')
}

// at ends the line with the time of the packet's first event.
func (p *Printer) at(ts uint64) {
	p.clock.last, p.clock.begun = ts, true
	p.cell = p.clock.appendTime(append(p.cell[:0], "at "...), ts)
	p.line = appendColored(append(p.line, ", "...), p.cell, p.paint(faint))
}

// noEnd prints the line of a packet whose journey record is not there: it is still under
// way, or more of it came than was waited for.
func (p *Printer) noEnd(packet uint64, r format.Raw) {
	p.root(packet)
	at, _ := r.Get("packet", "at").Str()
	data, _ := r.Get("packet", "data").Bin()
	linkType, _ := r.Get("dev", "type").Uint()
	protocol, _ := r.Get("skb", "protocol").Uint()
	n := len(p.line)
	if p.line = Flow(p.line, data, string(at), uint16(linkType), uint16(protocol)); len(p.line) > n {
		p.line = append(p.line, ", "...)
	}
	p.say("no end by then", yellow)
	if ts, ok := r.Time(); ok {
		total, _ := r.Get("track", "total").Uint()
		p.at(ts - total)
	}
	p.line = append(p.line, '\n')
}

// hop prints an event below its packet: number, time since the hop before, place, and what
// is new there.
func (p *Printer) hop(r format.Raw, track format.Value) {
	branch, _ := track.Get("branch").Uint()
	from := track.Get("from")
	depth := p.depthOf(branch, from)
	p.line = pad(p.line, 1+2*depth)
	p.cell = p.cell[:0]
	if branch > 0 {
		p.cell = strconv.AppendUint(append(p.cell, '.'), branch, 10)
	}
	p.line = append(p.line, p.cell...)
	hop, _ := track.Get("hop").Uint()
	number := len(p.cell)
	p.cell = strconv.AppendUint(p.cell[:0], hop, 10)
	p.line = pad(p.line, 5-number-len(p.cell))
	p.line = append(p.line, p.cell...)
	p.cell = p.cell[:0]
	if since, ok := track.Get("since").Uint(); ok {
		p.cell = appendDuration(append(p.cell, '+'), since)
	}
	p.line = pad(p.line, 9-utf8.RuneCount(p.cell))
	p.line = append(appendColored(p.line, p.cell, p.paint(faint)), ' ')
	p.cell = p.cell[:0]
	if name, ok := r.Get("probe").Str(); ok {
		p.cell = appendEscaped(p.cell, name)
	}
	p.column(columnProbe, cyan)
	p.device(r.Get("dev"), r.Get("netns"))
	if hop == 0 || len(from) > 0 {
		p.packet(r.Get("packet"), r.Get("skb"), r.Get("dev"))
	}
	p.hopRest(r, track)
	for n := len(p.line); n > 0 && p.line[n-1] == ' '; n-- {
		p.line = p.line[:n-1]
	}
}

// depthOf is how many branches a branch is away from the packet's first.
func (p *Printer) depthOf(branch uint64, from format.Value) int {
	depth, known := p.tree.depth[branch]
	if !known && branch > 0 {
		source, _ := from.Get("branch").Uint()
		depth = min(p.tree.depth[source]+1, maxIndent)
		if len(p.tree.depth) < maxBranches {
			p.tree.depth[branch] = depth
		}
	}
	return depth
}

// hopRest prints where a hop's buffer came from, what changed, and the event's other
// sections.
func (p *Printer) hopRest(r format.Raw, track format.Value) {
	packet, _ := track.Get("packet").Uint()
	p.malformed(track.Each(func(key []byte, v format.Value) bool {
		switch k := string(key); {
		case k == "packet" || k == "branch" || k == "hop" || k == "since" || k == "total":
		case k == "from" && v.Kind() == format.Map:
			p.cameFrom(packet, v)
		case k == "changed" && v.Kind() == format.Map:
			p.changed(v)
		case k == "uncertain" || k == "inferred":
			p.line = append(p.line, ' ')
			p.say(k, yellow)
		default:
			p.pair([]byte("track"), key, v, plain)
		}
		return true
	}))
	p.malformed(r.Each(func(key []byte, v format.Value) bool {
		switch string(key) {
		case "type", "ts", "cpu", "probe", "process", "skb", "dev", "netns", "packet", "track":
		default:
			p.section(key, v)
		}
		return true
	}))
}
