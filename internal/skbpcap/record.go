package skbpcap

import "github.com/skb-tools/skb-tools/format"

// append appends e as a record, with the keys that are known.
func (e *event) append(dst []byte, c *comments) []byte {
	dst = append(dst, "\x80\xa4type\xa5event\xa2ts"...)
	record := pairs{len(dst) - len("\x80\xa4type\xa5event\xa2ts"), 2}
	dst = format.AppendUint(dst, e.ts)
	dst = record.number(dst, "cpu", e.cpu)
	dst = record.text(dst, "probe", e.probe)
	if e.pid.ok || e.comm != nil {
		var p pairs
		dst = record.section(dst, "process", &p)
		dst = p.number(dst, "pid", e.pid)
		dst = p.text(dst, "comm", e.comm)
		dst = p.end(dst)
	}
	var s pairs
	dst = record.section(dst, "skb", &s)
	dst = s.number(dst, "id", e.skb.id)
	dst = s.number(dst, "protocol", e.skb.protocol)
	dst = s.number(dst, "pkt_type", e.skb.pktType)
	dst = s.number(dst, "mark", e.skb.mark)
	dst = s.number(dst, "queue", e.skb.queue)
	dst = s.number(dst, "vlan_tci", e.skb.vlanTCI)
	dst = s.number(dst, "vlan_proto", e.skb.vlanProto)
	dst = s.end(dst)
	if e.dev != nil || e.ifindex.ok {
		var d pairs
		dst = record.section(dst, "dev", &d)
		dst = d.text(dst, "name", e.dev)
		dst = d.number(dst, "ifindex", e.ifindex)
		dst = d.number(dst, "type", e.devType)
		dst = d.end(dst)
	}
	if e.netns.ok {
		var n pairs
		dst = record.section(dst, "netns", &n)
		dst = n.number(dst, "inum", e.netns)
		dst = n.end(dst)
	}
	var p pairs
	dst = record.section(dst, "packet", &p)
	dst = p.number(dst, "len", opt{e.len, true})
	dst = p.text(dst, "at", e.at)
	dst = format.AppendBin(p.key(dst, "data"), e.data)
	dst = p.end(dst)
	if e.dropped {
		var d pairs
		dst = record.section(dst, "drop", &d)
		dst = d.text(dst, "name", e.reason)
		dst = d.text(dst, "location", e.location)
		dst = d.end(dst)
	}
	if e.packet.ok || e.hop.ok || e.since.ok || len(c.changed) > 0 {
		var t pairs
		dst = record.section(dst, "track", &t)
		dst = t.number(dst, "packet", e.packet)
		dst = t.number(dst, "hop", e.hop)
		dst = t.number(dst, "since", e.since)
		if len(c.changed) > 0 {
			dst = c.appendChanged(t.key(dst, "changed"))
		}
		dst = t.end(dst)
	}
	if e.why != nil {
		var w pairs
		dst = record.section(dst, "why", &w)
		dst = w.text(dst, "meaning", e.why)
		dst = w.end(dst)
	}
	if e.flags.ok || e.header != nil || len(c.others) > 0 {
		var g pairs
		dst = record.section(dst, "pcapng", &g)
		dst = g.number(dst, "flags", e.flags)
		if e.header != nil {
			dst = g.number(dst, "linktype", e.linkType)
			dst = format.AppendBin(g.key(dst, "header"), e.header)
		}
		if len(c.others) > 0 {
			dst = format.AppendArray(g.key(dst, "comments"), len(c.others))
			for _, o := range c.others {
				dst = format.AppendStr(dst, o)
			}
		}
		dst = g.end(dst)
	}
	return record.end(dst)
}

// A pairs is a map of up to 15 pairs that is being appended.
type pairs struct {
	at, n int
}

// section begins the map s under key.
func (p *pairs) section(dst []byte, key string, s *pairs) []byte {
	dst = p.key(dst, key)
	*s = pairs{at: len(dst)}
	return append(dst, 0x80)
}

func (p *pairs) key(dst []byte, key string) []byte {
	p.n++
	return format.AppendStr(dst, key)
}

func (p *pairs) number(dst []byte, key string, v opt) []byte {
	if !v.ok {
		return dst
	}
	return format.AppendUint(p.key(dst, key), v.v)
}

// text appends a pair unless v is nil.
func (p *pairs) text(dst []byte, key string, v []byte) []byte {
	if v == nil {
		return dst
	}
	return format.AppendStr(p.key(dst, key), v)
}

func (p *pairs) end(dst []byte) []byte {
	dst[p.at] = 0x80 | byte(p.n)
	return dst
}
