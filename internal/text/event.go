package text

import (
	"bytes"
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/dissect"
)

// event prints an event: the columns, the packet, then what else it holds as
// key=value. Fields of the skb that say how the kernel keeps the packet, not
// what became of it (lengths, offsets, addresses, counts), are left to
// -o json; a key that is not known here is never left out.
func (p *Printer) event(r format.Raw) {
	p.fitter.style = styleEvent
	e := &p.fields
	found := e.find(p.finder, r)
	if !found {
		e.walk(r)
	}
	p.of.sees(e)
	p.time(e.ts)
	p.cpu(e.cpu)
	p.process(e)
	p.probe(e)
	p.device(e)
	p.packet(e)
	if mark := e.mark.V; mark != 0 {
		p.cell = strconv.AppendUint(append(p.cell[:0], "mark=0x"...), mark, 16)
		p.line = appendColored(append(p.line, ' '), p.cell, p.paint(yellow))
	}
	var why wire.Value
	if !found {
		err := r.Each(func(key []byte, v wire.Value) bool { return true })
		if err == nil {
			err = r.Each(func(key []byte, v wire.Value) bool {
				p.pairOfEvent(key, v, &why)
				return true
			})
		}
		p.malformed(err)
	} else {
		for i := range p.finder.Others() {
			section, key, v := p.finder.Other(i)
			if section == "" {
				p.pairOfEvent(key, v, &why)
			} else {
				p.pair([]byte(section), key, v, plain)
			}
		}
	}
	if why != nil {
		p.why(why)
	}
	p.hex(e)
}

// pairOfEvent prints what of a pair has no place of its own. An explanation goes into why: it
// comes last.
func (p *Printer) pairOfEvent(key []byte, v wire.Value, why *wire.Value) {
	if fields, ok := shown[string(key)]; ok {
		p.rest(string(key), v, fields...)
		return
	}
	switch string(key) {
	case "type", "ts", "cpu", "probe":
	case "why":
		if isWhy(v) {
			*why = v
			return
		}
		p.section(key, v)
	default:
		p.section(key, v)
	}
}

// column adds the cell at hand to the line; an empty one as -, so that the
// columns stay countable.
func (p *Printer) column(column int, color string) {
	if !p.columns.has(column) {
		return
	}
	if len(p.cell) == 0 {
		p.cell = append(p.cell, '-')
	}
	p.line = p.columns.append(p.line, column, p.fitter.cell(p.cell, p.columns.most(column)), p.paint(color))
	p.fitter.cellsEnd = len(p.line)
}

func (p *Printer) time(ts number) {
	p.cell = p.cell[:0]
	if ts.OK {
		p.cell = p.clock.append(p.cell, ts.V)
	}
	p.column(columnTime, faint)
}

func (p *Printer) cpu(cpu number) {
	p.cell = p.cell[:0]
	if cpu.OK {
		p.cell = append(appendNum(append(p.cell, '['), cpu.V), ']')
	}
	p.column(columnCPU, plain)
}

func (p *Printer) process(e *fields) {
	p.cell = p.cell[:0]
	if e.hasComm {
		p.cell = appendEscaped(p.cell, e.comm)
	}
	if e.tgid.OK {
		p.cell = appendNum(append(p.cell, '/'), e.tgid.V)
	}
	p.column(columnProcess, plain)
}

func (p *Printer) probe(e *fields) {
	p.cell = p.cell[:0]
	if e.hasProbe {
		p.cell = appendEscaped(p.cell, e.probe)
	}
	p.column(columnProbe, cyan)
}

// device prints the device's name, or its number where the kernel gave no
// name, and the network namespace when it is another than that of skb-collect.
func (p *Printer) device(e *fields) {
	p.cell = p.cell[:0]
	if e.hasDev {
		p.cell = appendEscaped(p.cell, e.dev)
	} else if e.ifindex.OK {
		p.cell = appendNum(append(p.cell, "if"...), e.ifindex.V)
	}
	if e.netns.OK {
		empty := len(p.cell) == 0
		if p.cell = p.of.appendNetns(p.cell, e.netns.V); empty && len(p.cell) > 0 {
			p.cell = append(p.cell, 0)
			copy(p.cell[1:], p.cell)
			p.cell[0] = '-'
		}
		if p.columns.few {
			p.cell = shortNetns(p.cell)
		}
	}
	p.column(columnDevice, green)
}

func (p *Printer) packet(e *fields) {
	p.line = p.dissector.ofEvent(p.line, e)
	p.fitter.packetEnd = len(p.line)
}

// ofEvent appends the packet of an event.
func (d *dissector) ofEvent(dst []byte, e *fields) []byte {
	if !e.hasData && !e.protocol.OK && e.addr.OK {
		// At a return skb-collect looks again only at what still is the same packet.
		return append(dst, "freed or passed on by then"...)
	}
	if !e.hasData && !e.protocol.OK && !e.skbLen.OK && bytes.HasPrefix(e.probe, []byte("xdp:")) {
		return append(dst, "no packet"...) // a tracepoint
	}
	if !e.hasData {
		d.out = dst
		d.etherTypeName(dissect.EtherType(e.protocol.V))
		dst, d.out = d.out, nil
		if e.skbLen.OK {
			dst = strconv.AppendUint(append(dst, ", length "...), e.skbLen.V, 10)
		}
		return append(dst, ", no bytes"...)
	}
	// The tag that a device has taken out of the frame (skb_vlan_tag_present)
	// stands where it stood; tcpdump's socket puts it back in.
	if tci := e.vlanTCI.V; tci != 0 && e.at == "mac" {
		dst = appendVLAN(dst, uint16(tci))
	}
	return d.packet(dst, e.data, e.at, uint16(e.devType.V), uint16(e.protocol.V), e.length())
}

// length is how many bytes the packet has on the wire from where data begins, as far as an int holds it.
func (e *fields) length() int { return int(min(e.len.V, 1<<31-1)) }

// malformed says that the record could not be read to its end.
func (p *Printer) malformed(err error) {
	if err != nil {
		p.line = append(p.line, ' ')
		p.cell = appendEscaped(append(p.cell[:0], "malformed record: "...), err.Error())
		p.say(string(p.cell), loud)
	}
}
