package text

import (
	"slices"
	"strconv"

	"github.com/skb-tools/skb-tools/format"
)

// section prints a key of a record that has no column: the few that a reader
// looks for in a short form, all others, known or not, as key=value.
func (p *Printer) section(key []byte, v format.Value) {
	switch string(key) {
	case "drop":
		p.drop(v)
	case "ct":
		p.conntrack(v)
	case "nft":
		p.nft(v)
	case "sock":
		p.sock(v)
	case "track":
		p.track(v)
	default:
		p.pairs(key, v)
	}
}

// pairs prints key=value; for a map key.name=value for each of its values.
// Maps and arrays further in are JSON.
func (p *Printer) pairs(key []byte, v format.Value) {
	if v.Kind() != format.Map {
		p.pair(key, nil, v, plain)
		return
	}
	p.rest(string(key), v)
}

// rest prints the values of the map v but those named in but. What is no map,
// where one should be, it prints as it is.
func (p *Printer) rest(section string, v format.Value, but ...string) {
	if v.Kind() != format.Map {
		if len(v) > 0 {
			p.pair([]byte(section), nil, v, loud)
		}
		return
	}
	p.malformed(v.Each(func(key []byte, v format.Value) bool {
		if !slices.Contains(but, string(key)) {
			p.pair([]byte(section), key, v, plain)
		}
		return true
	}))
}

// pair prints " section.key=value", or " section=value" without a key.
func (p *Printer) pair(section, key []byte, v format.Value, color string) {
	p.cell = appendEscaped(p.cell[:0], section)
	if key != nil {
		p.cell = appendEscaped(append(p.cell, '.'), key)
	}
	p.cell = append(p.cell, '=')
	if n, ok := v.Uint(); ok && inHex(key) {
		p.cell = strconv.AppendUint(append(p.cell, "0x"...), n, 16)
	} else {
		p.cell = appendValue(p.cell, v)
	}
	p.line = appendColored(append(p.line, ' '), p.cell, p.paint(color))
}

// inHex says which numbers are told in hexadecimal: kernel addresses, marks, and what ip xfrm
// shows so.
func inHex(key []byte) bool {
	switch string(key) {
	case "addr", "head", "mark", "rx_sk", "skb", "spi", "outer.spi", "teid":
		return true
	}
	return false
}

// drop prints drop=REASON location=FUNCTION: on kernels without reasons the
// location alone.
func (p *Printer) drop(v format.Value) {
	reason := v.Get("name")
	if _, ok := reason.Str(); !ok {
		reason = v.Get("reason")
	}
	if len(reason) > 0 {
		p.pair([]byte("drop"), nil, reason, loud)
	} else {
		p.line = append(p.line, ' ')
		p.say("drop", loud)
	}
	if location := v.Get("location"); len(location) > 0 {
		p.pair([]byte("location"), nil, location, plain)
	}
	p.rest("drop", v, "name", "reason", "location")
}

// conntrack prints ct=STATE(status,...), then the tuples as flows.
func (p *Printer) conntrack(v format.Value) {
	if state := v.Get("state"); len(state) > 0 {
		p.pair([]byte("ct"), nil, state, plain)
	}
	status := ""
	elements(v.Get("status"), func(i int, v format.Value) {
		p.line = append(p.line, "(,"[min(i, 1)])
		p.line = appendValue(p.line, v)
		status = ")"
	})
	p.line = append(p.line, status...)
	for i, section := range [...]string{"ct.orig", "ct.reply"} {
		if tuple := v.Get([...]string{"orig", "reply"}[i]); len(tuple) > 0 {
			p.line = append(append(append(p.line, ' '), section...), '=')
			p.line = appendEndpoint(p.line, tuple.Get("src"), tuple.Get("sport"))
			p.line = append(p.line, '>')
			p.line = appendEndpoint(p.line, tuple.Get("dst"), tuple.Get("dport"))
			p.rest(section, tuple, "src", "dst", "sport", "dport")
		}
	}
	p.rest("ct", v, "state", "status", "orig", "reply")
}

func appendEndpoint(dst []byte, addr, port format.Value) []byte {
	dst = appendValue(dst, addr)
	if len(port) > 0 {
		dst = appendValue(append(dst, '.'), port)
	}
	return dst
}

// sock prints sock=LOCAL>PEER, each * where the socket has none.
func (p *Printer) sock(v format.Value) {
	for i, end := range [...]struct{ addr, port format.Value }{
		{v.Get("src"), v.Get("sport")}, {v.Get("dst"), v.Get("dport")},
	} {
		p.line = append(p.line, [...]string{" sock=", ">"}[i]...)
		if len(end.addr) == 0 {
			p.line = append(p.line, '*')
		} else {
			p.line = appendValue(p.line, end.addr)
		}
		if len(end.port) > 0 {
			p.line = appendValue(append(p.line, '.'), end.port)
		}
	}
	p.rest("sock", v, "src", "sport", "dst", "dport")
}

// nft prints nft=VERDICT and the chain as nft list chain takes it.
func (p *Printer) nft(v format.Value) {
	if verdict := v.Get("verdict"); len(verdict) > 0 {
		p.pair([]byte("nft"), nil, verdict, plain)
	}
	if chain, ok := v.Get("chain").Str(); ok {
		p.line = append(p.line, ` nft.chain="`...)
		for _, key := range [...]string{"family", "table"} {
			if name := v.Get(key); len(name) > 0 {
				p.line = append(appendValue(p.line, name), ' ')
			}
		}
		p.line = append(appendEscaped(p.line, chain), '"')
		p.rest("nft", v, "verdict", "family", "table", "chain")
		return
	}
	p.rest("nft", v, "verdict")
}

// hexPair prints " key=0x...", how addresses are told.
func (p *Printer) hexPair(key string, v format.Value) {
	if n, ok := v.Uint(); ok {
		p.line = append(append(append(p.line, ' '), key...), "=0x"...)
		p.line = strconv.AppendUint(p.line, n, 16)
	}
}
