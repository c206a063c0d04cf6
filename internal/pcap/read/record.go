package read

import (
	"slices"

	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
)

// An event is a packet of a capture on its way into a stream.
type event struct{ packet.Event }

// append appends e as a record, with the keys that are known.
func (e *event) append(dst []byte, c *comments) []byte {
	dst = append(dst, "\x80\xa4type\xa5event\xa2ts"...)
	record := pairs{len(dst) - len("\x80\xa4type\xa5event\xa2ts"), 2}
	dst = wire.AppendUint(dst, e.TS)
	dst = record.number(dst, "cpu", e.CPU)
	dst = record.text(dst, "probe", e.Probe)
	if e.PID.OK || e.Comm != nil || e.TGID.OK {
		var p pairs
		dst = record.section(dst, "process", &p)
		dst = p.number(dst, "pid", e.PID)
		dst = p.number(dst, "tgid", e.TGID)
		dst = p.text(dst, "comm", e.Comm)
		dst = p.end(dst)
	}
	var s pairs
	dst = record.section(dst, "skb", &s)
	dst = s.number(dst, "id", e.Skb.ID)
	dst = s.number(dst, "protocol", e.Skb.Protocol)
	dst = s.number(dst, "pkt_type", e.Skb.PktType)
	dst = s.number(dst, "ip_summed", e.Skb.Summed)
	dst = s.number(dst, "mark", e.Skb.Mark)
	dst = s.number(dst, "priority", e.Skb.Priority)
	dst = s.number(dst, "hash", e.Skb.Hash)
	dst = s.number(dst, "queue", e.Skb.Queue)
	dst = s.number(dst, "vlan_tci", e.Skb.VLANTCI)
	dst = s.number(dst, "vlan_proto", e.Skb.VLANProto)
	dst = s.end(dst)
	if e.Dev != nil || e.Ifindex.OK || e.RX.OK {
		var d pairs
		dst = record.section(dst, "dev", &d)
		dst = d.text(dst, "name", e.Dev)
		dst = d.number(dst, "ifindex", e.Ifindex)
		dst = d.number(dst, "rx_ifindex", e.RX)
		dst = d.number(dst, "type", e.DevType)
		dst = d.end(dst)
	}
	if e.Netns.OK || e.Cookie.OK {
		var n pairs
		dst = record.section(dst, "netns", &n)
		dst = n.number(dst, "inum", e.Netns)
		dst = n.number(dst, "cookie", e.Cookie)
		dst = n.end(dst)
	}
	var p pairs
	dst = record.section(dst, "packet", &p)
	dst = p.number(dst, "len", packet.Some(e.Len))
	dst = p.text(dst, "at", e.At)
	dst = wire.AppendBin(p.key(dst, "data"), e.Data)
	if len(c.missing) > 0 {
		dst = wire.AppendArray(p.key(dst, "missing"), len(c.missing))
		for _, m := range c.missing {
			dst = wire.AppendUint(wire.AppendUint(wire.AppendArray(dst, 2), max(m[0], e.Cut)-e.Cut), m[1])
		}
	}
	dst = p.end(dst)
	if e.Dropped {
		var d pairs
		dst = record.section(dst, "drop", &d)
		dst = d.text(dst, "name", e.Reason)
		dst = d.text(dst, "location", e.Location)
		dst = d.end(dst)
	}
	for i, l := range c.sections {
		if len(l) > 0 {
			dst = l.append(record.key(dst, packet.Sections[i]), packet.Sections[i], 0)
		}
	}
	dst = record.text(dst, "caller", c.caller)
	dst = record.number(dst, "stack", e.Stack)
	dst = e.appendTrack(dst, &record, c)
	dst = e.appendWhy(dst, &record, c)
	if e.Flags.OK || e.Header != nil || len(c.others) > 0 {
		var g pairs
		dst = record.section(dst, "pcapng", &g)
		dst = g.number(dst, "flags", e.Flags)
		if e.Header != nil {
			dst = g.number(dst, "linktype", e.LinkType)
			dst = wire.AppendBin(g.key(dst, "header"), e.Header)
		}
		if len(c.others) > 0 {
			dst = wire.AppendArray(g.key(dst, "comments"), len(c.others))
			for _, o := range c.others {
				dst = wire.AppendStr(dst, o)
			}
		}
		dst = g.end(dst)
	}
	return record.end(dst)
}

func (e *event) appendTrack(dst []byte, record *pairs, c *comments) []byte {
	if !e.Packet.OK && !e.Hop.OK && !e.Since.OK && !e.Total.OK && len(c.changed) == 0 {
		return dst
	}
	var t pairs
	dst = record.section(dst, "track", &t)
	dst = t.number(dst, "packet", e.Packet)
	dst = t.number(dst, "branch", e.Branch)
	dst = t.number(dst, "hop", e.Hop)
	dst = t.number(dst, "since", e.Since)
	dst = t.number(dst, "total", e.Total)
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
	if e.Why == nil && c.where == nil && len(c.look) == 0 && c.severity == nil && c.confidence == nil {
		return dst
	}
	meaning, cause := e.Why, []byte(nil)
	if e.Meaning != nil {
		meaning, cause = e.Meaning, e.Why
	}
	var w pairs
	dst = record.section(dst, "why", &w)
	dst = w.text(dst, "meaning", meaning)
	dst = w.text(dst, "where", c.where)
	dst = w.text(dst, "cause", cause)
	if len(c.look) > 0 {
		dst = wire.AppendArray(w.key(dst, "look"), len(c.look))
		for _, l := range c.look {
			dst = wire.AppendStr(dst, l)
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
	return wire.AppendStr(dst, key)
}

func (p *pairs) number(dst []byte, key string, v packet.Opt) []byte {
	if !v.OK {
		return dst
	}
	return wire.AppendUint(p.key(dst, key), v.V)
}

// text appends a pair unless v is nil.
func (p *pairs) text(dst []byte, key string, v []byte) []byte {
	if v == nil {
		return dst
	}
	return wire.AppendStr(p.key(dst, key), v)
}

// yes appends a pair if it is true.
func (p *pairs) yes(dst []byte, key string, v bool) []byte {
	if !v {
		return dst
	}
	return wire.AppendBool(p.key(dst, key), v)
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
