package pcap

import (
	"slices"

	"github.com/skb-tools/skb-tools/format"
)

// append appends e as a record, with the keys that are known.
func (e *event) append(dst []byte, c *comments) []byte {
	dst = append(dst, "\x80\xa4type\xa5event\xa2ts"...)
	record := pairs{len(dst) - len("\x80\xa4type\xa5event\xa2ts"), 2}
	dst = format.AppendUint(dst, e.ts)
	dst = record.number(dst, "cpu", e.cpu)
	dst = record.text(dst, "probe", e.probe)
	if e.pid.ok || e.comm != nil || e.tgid.ok {
		var p pairs
		dst = record.section(dst, "process", &p)
		dst = p.number(dst, "pid", e.pid)
		dst = p.number(dst, "tgid", e.tgid)
		dst = p.text(dst, "comm", e.comm)
		dst = p.end(dst)
	}
	var s pairs
	dst = record.section(dst, "skb", &s)
	dst = s.number(dst, "id", e.skb.id)
	dst = s.number(dst, "protocol", e.skb.protocol)
	dst = s.number(dst, "pkt_type", e.skb.pktType)
	dst = s.number(dst, "ip_summed", e.skb.summed)
	dst = s.number(dst, "mark", e.skb.mark)
	dst = s.number(dst, "priority", e.skb.priority)
	dst = s.number(dst, "hash", e.skb.hash)
	dst = s.number(dst, "queue", e.skb.queue)
	dst = s.number(dst, "vlan_tci", e.skb.vlanTCI)
	dst = s.number(dst, "vlan_proto", e.skb.vlanProto)
	dst = s.end(dst)
	if e.dev != nil || e.ifindex.ok || e.rx.ok {
		var d pairs
		dst = record.section(dst, "dev", &d)
		dst = d.text(dst, "name", e.dev)
		dst = d.number(dst, "ifindex", e.ifindex)
		dst = d.number(dst, "rx_ifindex", e.rx)
		dst = d.number(dst, "type", e.devType)
		dst = d.end(dst)
	}
	if e.netns.ok || e.cookie.ok {
		var n pairs
		dst = record.section(dst, "netns", &n)
		dst = n.number(dst, "inum", e.netns)
		dst = n.number(dst, "cookie", e.cookie)
		dst = n.end(dst)
	}
	var p pairs
	dst = record.section(dst, "packet", &p)
	dst = p.number(dst, "len", opt{e.len, true})
	dst = p.text(dst, "at", e.at)
	dst = format.AppendBin(p.key(dst, "data"), e.data)
	if len(c.missing) > 0 {
		dst = format.AppendArray(p.key(dst, "missing"), len(c.missing))
		for _, m := range c.missing {
			dst = format.AppendUint(format.AppendUint(format.AppendArray(dst, 2), max(m[0], e.cut)-e.cut), m[1])
		}
	}
	dst = p.end(dst)
	if e.dropped {
		var d pairs
		dst = record.section(dst, "drop", &d)
		dst = d.text(dst, "name", e.reason)
		dst = d.text(dst, "location", e.location)
		dst = d.end(dst)
	}
	for i, l := range c.sections {
		if len(l) > 0 {
			dst = l.append(record.key(dst, sections[i]), sections[i], 0)
		}
	}
	dst = record.text(dst, "caller", c.caller)
	dst = record.number(dst, "stack", e.stack)
	dst = e.appendTrack(dst, &record, c)
	dst = e.appendWhy(dst, &record, c)
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

func (e *event) appendTrack(dst []byte, record *pairs, c *comments) []byte {
	if !e.packet.ok && !e.hop.ok && !e.since.ok && !e.total.ok && len(c.changed) == 0 {
		return dst
	}
	var t pairs
	dst = record.section(dst, "track", &t)
	dst = t.number(dst, "packet", e.packet)
	dst = t.number(dst, "branch", e.branch)
	dst = t.number(dst, "hop", e.hop)
	dst = t.number(dst, "since", e.since)
	dst = t.number(dst, "total", e.total)
	if len(c.from) > 0 {
		dst = c.from.append(t.key(dst, "from"), "track.from", 0)
	}
	if len(c.changed) > 0 {
		dst = c.appendChanged(t.key(dst, "changed"))
	}
	dst = t.text(dst, "by", c.by)
	dst = t.yes(dst, "uncertain", c.uncertain)
	dst = t.yes(dst, "inferred", c.inferred)
	dst = t.number(dst, "resent", c.resent)
	return t.end(dst)
}

func (e *event) appendWhy(dst []byte, record *pairs, c *comments) []byte {
	if e.why == nil && c.where == nil && len(c.look) == 0 && c.severity == nil && c.confidence == nil {
		return dst
	}
	meaning, cause := e.why, []byte(nil)
	if e.meaning != nil {
		meaning, cause = e.meaning, e.why
	}
	var w pairs
	dst = record.section(dst, "why", &w)
	dst = w.text(dst, "meaning", meaning)
	dst = w.text(dst, "where", c.where)
	dst = w.text(dst, "cause", cause)
	if len(c.look) > 0 {
		dst = format.AppendArray(w.key(dst, "look"), len(c.look))
		for _, l := range c.look {
			dst = format.AppendStr(dst, l)
		}
	}
	dst = w.text(dst, "severity", c.severity)
	dst = w.text(dst, "confidence", c.confidence)
	return w.end(dst)
}

// A pairs is a map that is being appended.
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

// yes appends a pair if it is true.
func (p *pairs) yes(dst []byte, key string, v bool) []byte {
	if !v {
		return dst
	}
	return format.AppendBool(p.key(dst, key), v)
}

func (p *pairs) end(dst []byte) []byte {
	if p.n > 15 { // which takes a head of three bytes
		dst = slices.Insert(dst, p.at, 0xde, 0)
		dst[p.at+2] = byte(p.n)
		return dst
	}
	dst[p.at] = 0x80 | byte(p.n)
	return dst
}
