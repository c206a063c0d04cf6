package text

import (
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
)

// Decoded makes the key `decoded` of events in JSON (FORMAT.md, "JSON"). Each record of the stream goes through it, as
// a start says which clock the events behind it have. The zero value is not ready: see NewDecoded.
type Decoded struct {
	finder    *format.Finder
	fields    fields
	dissector dissector
	headers   headers
	info      []byte
	text      []byte // of a time or a number
	of        []byte // the value, as msgpack

	clock  clock
	starts format.Starts[came]
	start  came // in force
}

// NewDecoded returns a Decoded.
func NewDecoded() *Decoded {
	return &Decoded{finder: format.NewFinder(paths...), clock: clock{mode: "utc"}}
}

// Append puts the key into line, which is what AppendJSON made of r, as its last. It adds nothing to
// records that are no events.
func (d *Decoded) Append(line []byte, r format.Raw) []byte {
	switch r.Type() {
	case format.TypeStart:
		c := cameWith(r)
		d.starts.Set(r, c)
		d.clock.start(c.offset, c.wall)
		d.start = c
		return line
	case format.TypeResume:
		if c, ok := d.starts.Resume(r); ok {
			d.clock.start(c.offset, c.wall)
			d.start = c
		}
		return line
	case format.TypeNamespace:
		d.start.names.Found(r)
		return line
	case format.TypeEvent:
	default:
		return line
	}
	e := &d.fields
	if !e.find(d.finder, r) {
		e.walk(r)
	}
	d.start.sees(e)
	d.event(e)
	line = append(line[:len(line)-1], `,"`+format.Decoded+`":`...)
	// It has a form: its keys are ours, and no value is an extension.
	line, _ = format.AppendJSON(line, d.of)
	return append(line, '}')
}

// event makes the value of the event that e was read from.
func (d *Decoded) event(e *fields) {
	h := &d.headers
	*h = headers{tunnels: h.tunnels[:0]}
	if e.hasData {
		h.read(e)
	} else {
		h.outerTag(e)
	}
	d.info = d.info[:0]
	if e.hasData || e.protocol.OK || e.addr.OK {
		d.info = d.dissector.ofEvent(d.info, e)
	}

	pairs := 0
	body := append(d.of[:0], 0x80) // at most 15 pairs
	str := func(key string, value []byte) {
		if len(value) > 0 {
			body = wire.AppendStr(wire.AppendStr(body, key), value)
			pairs++
		}
	}
	num := func(key string, value uint64, ok bool) {
		if ok {
			body = wire.AppendUint(wire.AppendStr(body, key), value)
			pairs++
		}
	}
	if e.ts.OK && d.clock.wall {
		d.text = d.clock.appendUTC(d.text[:0], e.ts.V)
		str("time", d.text)
	}
	if len(h.src) > 0 {
		d.text = appendIP(d.text[:0], h.src)
		str("src", d.text)
		d.text = appendIP(d.text[:0], h.dst)
		str("dst", d.text)
	}
	num("sport", uint64(h.sport), h.ports)
	num("dport", uint64(h.dport), h.ports)
	d.text = h.appendProto(d.text[:0])
	str("proto", d.text)
	num("vlan", uint64(h.vlan[0]&0xfff), h.tags > 0)
	num("inner_vlan", uint64(h.vlan[1]&0xfff), h.tags > 1)
	if n := len(h.tunnels); n > 0 {
		pairs++
		body = wire.AppendArray(wire.AppendStr(body, "tunnel"), n)
		for i := range h.tunnels {
			body = h.tunnels[i].append(body)
		}
	}
	if h.tcp {
		d.text = appendFlags(d.text[:0], h.flags)
		str("flags", d.text)
	}
	str("info", d.info)
	if e.netns.OK {
		d.text = d.start.netnsName(d.text[:0], e.netns.V)
		str("netns", d.text)
	}
	body[0] |= byte(pairs)
	d.of = body
}
