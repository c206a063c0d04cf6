package text

import (
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/terminal"
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
		j := &p.ending
		if err := j.Decode(r); err != nil || j.End.How == "" {
			break
		}
		p.root(j.Packet)
		p.ended(j)
		p.journeyRest(r)
		p.at(j.First)
		return true
	case format.TypeEvent:
		if !p.hop(r) {
			break
		}
		return true
	}
	p.tree.packet = 0
	return false
}

// root begins the line of a packet.
func (p *Printer) root(packet uint64) {
	p.fitter.style = styleEnd
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
func (p *Printer) noEnd(e *fields, track *hop) {
	p.root(track.packet)
	n := len(p.line)
	if p.line = Flow(p.line, e.data, e.at, uint16(e.devType.V), uint16(e.protocol.V)); len(p.line) > n {
		p.line = append(p.line, ", "...)
	}
	p.say("no end by then", yellow)
	if e.ts.OK {
		p.at(e.ts.V - track.total)
	}
	p.takeLine()
	p.fitter.begin()
}

// hop prints an event below its packet: number, time since the hop before, place, and what
// is new there. It returns false, and has printed nothing, when the event is not tracked.
func (p *Printer) hop(r format.Raw) bool {
	e := &p.fields
	found := e.find(p.finder, r)
	var track wire.Value
	if !found {
		e.walk(r)
		track = r.Get("track")
	}
	for i := 0; found && track == nil && i < p.finder.Others(); i++ {
		if section, key, v := p.finder.Other(i); section == "" && string(key) == "track" {
			track = v
		}
	}
	h, ok := readHop(track)
	if !ok {
		return false
	}
	if h.packet != p.tree.packet {
		p.noEnd(e, &h)
	}
	p.fitter.style = styleEvent
	depth := p.depthOf(h.branch, h.from)
	p.line = pad(p.line, 1+2*depth)
	p.cell = p.cell[:0]
	if h.branch > 0 {
		p.cell = strconv.AppendUint(append(p.cell, '.'), h.branch, 10)
	}
	p.line = append(p.line, p.cell...)
	number := len(p.cell)
	p.cell = strconv.AppendUint(p.cell[:0], h.hop, 10)
	p.line = pad(p.line, 5-number-len(p.cell))
	p.line = append(p.line, p.cell...)
	p.cell = p.cell[:0]
	if h.since.OK {
		p.cell = appendDuration(append(p.cell, '+'), h.since.V)
	}
	p.line = pad(p.line, 9-terminal.Columns(p.cell))
	p.line = append(appendColored(p.line, p.cell, p.paint(faint)), ' ')
	p.fitter.cellsFrom = len(p.line)
	p.probe(e)
	p.device(e)
	if h.hop == 0 || len(h.from) > 0 {
		p.packet(e)
	}
	p.hopRest(track, h.packet)
	if found {
		for i := range p.finder.Others() {
			if section, key, v := p.finder.Other(i); section == "" {
				p.besidesHop(key, v)
			}
		}
	} else {
		p.malformed(r.Each(func(key []byte, v wire.Value) bool {
			p.besidesHop(key, v)
			return true
		}))
	}
	for n := len(p.line); n > 0 && p.line[n-1] == ' '; n-- {
		p.line = p.line[:n-1]
	}
	p.hex(e)
	return true
}

// A hop is what the section track says of an event's place in its journey.
type hop struct {
	packet, branch, hop, total uint64
	since                      number
	from                       wire.Value
}

// readHop reads the section track; false when it names no packet.
func readHop(track wire.Value) (h hop, ok bool) {
	of := pick(track, "packet", "branch", "hop", "total", "since", "from")
	h.packet, ok = of[0].Uint()
	h.branch, h.hop, h.total = numberOf(of[1]).V, numberOf(of[2]).V, numberOf(of[3]).V
	h.since, h.from = numberOf(of[4]), of[5]
	return h, ok
}

// depthOf is how many branches a branch is away from the packet's first.
func (p *Printer) depthOf(branch uint64, from wire.Value) int {
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

// hopRest prints where a hop's buffer came from, and what changed.
func (p *Printer) hopRest(track wire.Value, packet uint64) {
	p.malformed(track.Each(func(key []byte, v wire.Value) bool {
		switch string(key) {
		case "packet", "branch", "hop", "since", "total":
			return true
		case "from":
			if v.Kind() == wire.Map {
				p.cameFrom(packet, v, track.Get("since"))
				return true
			}
		case "changed":
			if v.Kind() == wire.Map {
				p.changed(v)
				return true
			}
		case "uncertain", "inferred":
			p.line = append(p.line, ' ')
			p.say(string(key), yellow)
			return true
		}
		p.pair([]byte("track"), key, v, plain)
		return true
	}))
}

// besidesHop prints a pair of an event that has no other place in its hop's line.
func (p *Printer) besidesHop(key []byte, v wire.Value) {
	switch string(key) {
	case "type", "ts", "cpu", "probe", "process", "skb", "dev", "netns", "packet", "track":
	default:
		p.section(key, v)
	}
}
