package text

import (
	"net/netip"
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/dissect"
	"github.com/skb-tools/skb-tools/internal/netname"
)

// track prints skb-track's section: the packet and branch as #12.1, times in the unit that
// suits, and what changed as name=before>after.
func (p *Printer) track(v wire.Value) {
	of := pick(v, "packet", "branch")
	packet, ok := of[0].Uint()
	if !ok {
		p.rest("track", v)
		return
	}
	p.line = append(p.line, ' ')
	p.colored(cyan)
	p.line = appendPacket(append(p.line, "track="...), packet, of[1])
	p.uncolored(cyan)
	p.malformed(v.Each(func(key []byte, x wire.Value) bool {
		switch string(key) {
		case "packet", "branch":
			return true
		case "hop":
			p.line = appendValue(append(p.line, " hop="...), x)
			return true
		case "since", "total":
			if ns, ok := x.Uint(); ok {
				p.line = append(append(append(p.line, ' '), key...), '=')
				p.line = appendDuration(p.line, ns)
				return true
			}
		case "from":
			if x.Kind() == wire.Map {
				p.cameFrom(packet, x, v.Get("since"))
				return true
			}
		case "changed":
			if x.Kind() == wire.Map {
				p.changed(x)
				return true
			}
		case "by":
			p.line = appendValue(append(p.line, " by="...), x)
			return true
		case "uncertain", "inferred":
			p.line = append(p.line, ' ')
			p.say(string(key), yellow)
			return true
		}
		p.pair([]byte("track"), key, x, plain)
		return true
	}))
}

func appendPacket(dst []byte, packet uint64, branch wire.Value) []byte {
	dst = strconv.AppendUint(append(dst, '#'), packet, 10)
	if n, ok := branch.Uint(); ok && n > 0 {
		dst = strconv.AppendUint(append(dst, '.'), n, 10)
	}
	return dst
}

// cameFrom prints from=HOW#PACKET.BRANCH. Of a packet that was in user space it prints how long: upcall 1.3ms.
func (p *Printer) cameFrom(packet uint64, v, since wire.Value) {
	if how, ok := v.Get("how").Str(); ok && string(how) == "upcall" {
		p.line = append(p.line, " upcall"...)
		if ns, ok := since.Uint(); ok {
			p.line = appendDuration(append(p.line, ' '), ns)
		}
		if n, _ := v.Get("branch").Uint(); n == 0 && v.Get("packet") == nil {
			p.rest("track.from", v, "how", "branch")
			return
		}
	}
	if other, ok := v.Get("packet").Uint(); ok {
		packet = other
	}
	p.line = appendValue(append(p.line, " from="...), v.Get("how"))
	p.line = appendPacket(p.line, packet, v.Get("branch"))
	p.rest("track.from", v, "how", "branch", "packet")
}

// changed prints name=before>after, for each that changed.
func (p *Printer) changed(v wire.Value) {
	p.malformed(v.Each(func(key []byte, x wire.Value) bool {
		if x.Kind() != wire.Array || x.Len() != 2 {
			p.pair([]byte("track.changed"), key, x, plain)
			return true
		}
		p.cell = append(appendEscaped(p.cell[:0], key), '=')
		elements(x, func(i int, x wire.Value) {
			if i > 0 {
				p.cell = append(p.cell, '>')
			}
			if n, ok := x.Uint(); ok && inHex(key) {
				p.cell = strconv.AppendUint(append(p.cell, "0x"...), n, 16)
			} else if name := p.of.names.Name(n); ok && name != "" && string(key) == "netns" {
				p.cell = appendEscaped(p.cell, name)
			} else if s, ok := x.Str(); ok && bare(s) {
				p.cell = append(p.cell, s...)
			} else if x.Kind() == wire.Nil {
				p.cell = append(p.cell, '-')
			} else {
				p.cell = appendValue(p.cell, x)
			}
		})
		p.line = appendColored(append(p.line, ' '), p.cell, p.paint(yellow))
		return true
	}))
}

// journey prints how a packet's way ended.
func (p *Printer) journey(r format.Raw) {
	j := &p.ending
	if err := j.Decode(r); err != nil || j.End.How == "" {
		p.unknown(r, string(r.Type()))
		return
	}
	p.head(r)
	p.fitter.style = styleEnd
	p.say("journey", cyan)
	p.line = append(strconv.AppendUint(append(p.line, " #"...), j.Packet, 10), ' ')
	p.ended(j)
	p.journeyRest(r)
}

// ended prints of whom the packet was and how it ended.
func (p *Printer) ended(j *format.Journey) {
	p.line = AppendFlow(p.line, j.From)
	if j.From.Src.IsValid() {
		p.line = append(p.line, ", "...)
	}
	p.cell = appendEnding(p.cell[:0], j, &p.of)
	p.line = appendColored(p.line, p.cell, p.paint(endColor(j.End.How)))
	if j.To != j.From {
		p.line = AppendFlow(append(p.line, ", as "...), j.To)
	}
	p.line = appendDuration(append(p.line, ", slowest hop "...), j.Slowest)
	if j.Branches > 1 {
		p.line = strconv.AppendUint(append(p.line, ", "...), uint64(j.Branches), 10)
		p.line = append(p.line, " branches"...)
		sep := " ("
		for i, n := range j.Ends {
			if n > 0 {
				p.line = strconv.AppendUint(append(p.line, sep...), uint64(n), 10)
				p.line = append(append(p.line, ' '), format.EndNames[i]...)
				sep = ", "
			}
		}
		if sep == ", " {
			p.line = append(p.line, ')')
		}
	}
	for i, packet := range j.Joined {
		if i == 0 {
			p.line = append(p.line, ", joined by"...)
		}
		p.line = strconv.AppendUint(append(p.line, " #"...), packet, 10)
	}
	if j.By != "" {
		p.line = appendEscaped(append(p.line, ", by "...), []byte(j.By))
	}
	lost := false
	for i, what := range j.Uncertain {
		p.line = append(p.line, ", "...)
		if i == 0 {
			p.say("uncertain", yellow)
			p.line = append(p.line, ": "...)
		}
		switch {
		case what == "held": // by --limit: it was counted, not lost
			p.line = append(p.line, "held back"...)
			continue
		case !lost:
			p.line, lost = append(p.line, "lost "...), true
		}
		p.line = appendEscaped(p.line, []byte(what))
	}
	if j.Inferred {
		p.line = append(p.line, ", "...)
		p.say("inferred", yellow)
	}
	if j.Resent > 0 {
		p.line = append(p.line, ", "...)
		p.cell = append(strconv.AppendUint(append(p.cell[:0], "sent again "...), uint64(j.Resent), 10), " times"...)
		if j.Resent == 1 {
			p.cell = append(p.cell[:0], "sent again"...)
		}
		p.line = appendColored(p.line, p.cell, p.paint(yellow))
	}
	if j.Note != "" {
		p.line = appendEscaped(append(p.line, "; "...), []byte(j.Note))
	}
}

// journeyRest prints what a journey holds besides.
func (p *Printer) journeyRest(r format.Raw) {
	p.others(r, "packet", "first", "total", "hops", "branches", "slowest", "flow", "end", "ends", "joined", "by",
		"uncertain", "inferred", "note", "resent")
}

func endColor(how string) string {
	switch how {
	case "delivered", "transmitted":
		return green
	case "dropped", "lost":
		return loud
	case "open":
		return yellow
	}
	return plain
}

// AppendFlow appends who sends to whom as [Flow] does; nothing for the zero Flow.
func AppendFlow(dst []byte, f format.Flow) []byte {
	if !f.Src.IsValid() {
		return dst
	}
	ports := dissect.Proto(f.Proto).HasPorts() && f.Sport|f.Dport != 0
	dst = appendAddr(dst, f.Src)
	if ports {
		dst = strconv.AppendUint(append(dst, '.'), uint64(f.Sport), 10)
	}
	dst = appendAddr(append(dst, " > "...), f.Dst)
	if ports {
		dst = strconv.AppendUint(append(dst, '.'), uint64(f.Dport), 10)
	}
	return appendProto(append(dst, ' '), dissect.Proto(f.Proto))
}

// AppendEnding appends how a journey ended, where, and after how long and how many hops:
// "dropped NO_SOCKET at udp_rcv+0x1a on eth0 after 84.0µs, 5 hops".
// names are those of its stream.
func AppendEnding(dst []byte, j *format.Journey, names *netname.Names) []byte {
	return appendEnding(dst, j, &came{own: names.Own(), names: names})
}

// appendEnding is AppendEnding in a stream with the start of.
func appendEnding(dst []byte, j *format.Journey, of *came) []byte {
	e := &j.End
	dst = appendEscaped(dst, []byte(e.How))
	word := func(before, s string) {
		if s != "" {
			dst = appendEscaped(append(dst, before...), []byte(s))
		}
	}
	word(" ", e.Reason)
	word(" at ", e.Location)
	if e.Location == "" {
		word(" after ", e.Probe)
	}
	word(" on ", e.Dev)
	if e.Netns != 0 && (uint64(e.Netns) != of.own || of.guessed) {
		dst = of.appendOther(dst, uint64(e.Netns))
	}
	if e.Comm != "" {
		dst = strconv.AppendUint(append(appendEscaped(append(dst, " by "...), []byte(e.Comm)), '/'), uint64(e.TGID), 10)
	}
	if e.Into != 0 {
		dst = strconv.AppendUint(append(dst, " into #"...), e.Into, 10)
	}
	word(", unclear: ", e.Unclear)
	dst = appendDuration(append(dst, ", "...), j.Total())
	dst = strconv.AppendUint(append(dst, ", "...), uint64(j.Hops), 10)
	if j.Hops == 1 {
		return append(dst, " hop"...)
	}
	return append(dst, " hops"...)
}

// AppendDuration appends a time as people read it: three digits and a unit.
func AppendDuration(dst []byte, ns uint64) []byte { return appendDuration(dst, ns) }

// AppendChanges appends what changed at a hop, each with a blank in front:
// " dst=10.0.0.2>10.0.1.2 ttl=64>63". names are those of its stream.
func AppendChanges(dst []byte, changed wire.Value, names *netname.Names) []byte {
	if changed.Kind() != wire.Map {
		return dst
	}
	p := Printer{line: dst, of: came{names: names}}
	p.changed(changed)
	return p.line
}

// appendAddr appends an address. A zone, which any text may be, is escaped.
func appendAddr(dst []byte, a netip.Addr) []byte {
	dst = a.WithZone("").AppendTo(dst)
	if zone := a.Zone(); zone != "" {
		dst = appendEscaped(append(dst, '%'), zone)
	}
	return dst
}
