package text

import (
	"strconv"

	"github.com/skb-tools/skb-tools/format"
)

// event prints an event: the columns, the packet, then what else it holds as
// key=value. Fields of the skb that say how the kernel keeps the packet, not
// what became of it (lengths, offsets, addresses, counts), are left to
// -o json; a key that is not known here is never left out.
func (p *Printer) event(r format.Raw) {
	var cpu, probe, process, skb, dev, netns, packet, why format.Value
	err := r.Each(func(key []byte, v format.Value) bool {
		switch string(key) {
		case "cpu":
			cpu = v
		case "probe":
			probe = v
		case "process":
			process = v
		case "skb":
			skb = v
		case "dev":
			dev = v
		case "netns":
			netns = v
		case "packet":
			packet = v
		}
		return true
	})
	p.time(r)
	p.cpu(cpu)
	p.process(process)
	p.cell = p.cell[:0]
	if name, ok := probe.Str(); ok {
		p.cell = appendEscaped(p.cell, name)
	}
	p.column(columnProbe, cyan)
	p.device(dev, netns)
	p.packet(packet, skb, dev)

	if mark, ok := skb.Get("mark").Uint(); ok && mark != 0 {
		p.cell = strconv.AppendUint(append(p.cell[:0], "mark=0x"...), mark, 16)
		p.line = appendColored(append(p.line, ' '), p.cell, p.paint(yellow))
	}
	if err == nil {
		err = r.Each(func(key []byte, v format.Value) bool {
			switch string(key) {
			case "type", "ts", "cpu", "probe":
			case "process":
				p.rest("process", v, "pid", "tgid", "comm")
			case "skb":
				p.rest("skb", v, skbFields...)
			case "dev":
				p.rest("dev", v, "name", "ifindex", "rx_ifindex", "type")
			case "netns":
				p.rest("netns", v, "inum", "cookie")
			case "packet":
				p.rest("packet", v, "len", "at", "data")
			case "why":
				if why = v; !isWhy(v) {
					why = nil
					p.section(key, v)
				}
			default:
				p.section(key, v)
			}
			return true
		})
	}
	p.malformed(err)
	if why != nil {
		p.why(why)
	}
}

// skbFields are those that event shows in its own way or leaves to -o json.
var skbFields = []string{"addr", "head", "id", "len", "data_len", "mac_len", "protocol", "pkt_type", "ip_summed", "mark",
	"priority", "hash", "queue", "vlan_tci", "vlan_proto", "napi_id", "tstamp", "users", "dataref", "cloned", "nr_frags",
	"mac_header", "network_header", "transport_header"}

// column adds the cell at hand to the line; an empty one as -, so that the
// columns stay countable.
func (p *Printer) column(column int, color string) {
	if len(p.cell) == 0 {
		p.cell = append(p.cell, '-')
	}
	p.line = p.columns.append(p.line, column, p.cell, p.paint(color))
}

func (p *Printer) time(r format.Raw) {
	p.cell = p.cell[:0]
	if ts, ok := r.Time(); ok {
		p.cell = p.clock.append(p.cell, ts)
	}
	p.column(columnTime, faint)
}

func (p *Printer) cpu(v format.Value) {
	p.cell = p.cell[:0]
	if cpu, ok := v.Uint(); ok {
		p.cell = append(strconv.AppendUint(append(p.cell, '['), cpu, 10), ']')
	}
	p.column(columnCPU, plain)
}

func (p *Printer) process(v format.Value) {
	p.cell = p.cell[:0]
	if comm, ok := v.Get("comm").Str(); ok {
		p.cell = appendEscaped(p.cell, comm)
	}
	if tgid, ok := v.Get("tgid").Uint(); ok {
		p.cell = strconv.AppendUint(append(p.cell, '/'), tgid, 10)
	}
	p.column(columnProcess, plain)
}

// device prints the device's name, or its number where the kernel gave no
// name, and the network namespace when it is another than the stream's first.
func (p *Printer) device(dev, netns format.Value) {
	p.cell = p.cell[:0]
	if name, ok := dev.Get("name").Str(); ok {
		p.cell = appendEscaped(p.cell, name)
	} else if index, ok := dev.Get("ifindex").Uint(); ok {
		p.cell = strconv.AppendUint(append(p.cell, "if"...), index, 10)
	}
	if inum, ok := netns.Get("inum").Uint(); ok {
		if !p.inNetns {
			p.netns, p.inNetns = inum, true
		}
		if inum != p.netns {
			if len(p.cell) == 0 {
				p.cell = append(p.cell, '-')
			}
			p.cell = strconv.AppendUint(append(p.cell, " netns="...), inum, 10)
		}
	}
	p.column(columnDevice, green)
}

func (p *Printer) packet(packet, skb, dev format.Value) {
	protocol, known := skb.Get("protocol").Uint()
	data, ok := packet.Get("data").Bin()
	if !ok && !known && skb.Get("addr") != nil {
		// At a return skb-collect looks again only at what still is the same packet.
		p.line = append(p.line, "freed or passed on by then"...)
		return
	}
	if !ok {
		d := dissector{out: p.line}
		d.etherTypeName(uint16(protocol))
		p.line = d.out
		if n, ok := skb.Get("len").Uint(); ok {
			p.line = strconv.AppendUint(append(p.line, ", length "...), n, 10)
		}
		p.line = append(p.line, ", no bytes"...)
		return
	}
	at, _ := packet.Get("at").Str()
	// The tag that a device has taken out of the frame (skb_vlan_tag_present)
	// stands where it stood; tcpdump's socket puts it back in.
	if tci, ok := skb.Get("vlan_tci").Uint(); ok && tci != 0 && string(at) == "mac" {
		p.line = appendVLAN(p.line, uint16(tci))
	}
	linkType, _ := dev.Get("type").Uint()
	n, _ := packet.Get("len").Uint()
	p.line = Packet(p.line, data, string(at), uint16(linkType), uint16(protocol), int(min(n, 1<<31-1)))
}

// malformed says that the record could not be read to its end.
func (p *Printer) malformed(err error) {
	if err != nil {
		p.line = append(p.line, ' ')
		p.cell = appendEscaped(append(p.cell[:0], "malformed record: "...), err.Error())
		p.say(string(p.cell), loud)
	}
}
