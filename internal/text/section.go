package text

import (
	"slices"
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
)

// section prints a key of a record that has no column: the few that a reader
// looks for in a short form, all others, known or not, as key=value.
func (p *Printer) section(key []byte, v wire.Value) {
	switch string(key) {
	case "drop":
		p.dropped.told(p.fields.addr)
		p.drop(v)
	case "ct":
		p.conntrack(v)
	case "nft":
		p.nft(v)
	case "ovs":
		p.ovs(v)
	case "sock":
		p.sock(v)
	case "track":
		p.track(v)
	case "fields":
		p.rest("", v)
	default:
		p.pairs(key, v)
	}
}

// pairs prints key=value; for a map key.name=value for each of its values.
// Maps and arrays further in are JSON.
func (p *Printer) pairs(key []byte, v wire.Value) {
	if v.Kind() != wire.Map {
		p.pair(key, nil, v, plain)
		return
	}
	p.rest(string(key), v)
}

// rest prints the values of the map v but those named in but. What is no map,
// where one should be, it prints as it is.
func (p *Printer) rest(section string, v wire.Value, but ...string) {
	if v.Kind() != wire.Map {
		if len(v) > 0 {
			p.pair([]byte(section), nil, v, loud)
		}
		return
	}
	p.malformed(v.Each(func(key []byte, v wire.Value) bool {
		for _, b := range but {
			if string(key) == b {
				return true
			}
		}
		p.pair([]byte(section), key, v, plain)
		return true
	}))
}

// pick returns the values that a map has under names, six at most: in one walk, where Get
// takes one for each, which was most of what a section took.
func pick(v wire.Value, names ...string) (values [6]wire.Value) {
	if v.Kind() != wire.Map {
		return values
	}
	v.Each(func(key []byte, v wire.Value) bool {
		for i, name := range names {
			if string(key) == name {
				if values[i] == nil {
					values[i] = v
				}
				break
			}
		}
		return true
	})
	return values
}

// pair prints " section.key=value", " section=value" without a key, or " key=value" without a section's name.
func (p *Printer) pair(section, key []byte, v wire.Value, color string) {
	p.line = append(p.line, ' ')
	p.colored(color)
	p.line = appendEscaped(p.line, section)
	if key != nil {
		if len(section) > 0 {
			p.line = append(p.line, '.')
		}
		p.line = appendEscaped(p.line, key)
	}
	p.line = append(p.line, '=')
	if n, ok := v.Uint(); ok && inHex(key) {
		p.line = strconv.AppendUint(append(p.line, "0x"...), n, 16)
	} else {
		p.line = appendValue(p.line, v)
	}
	p.uncolored(color)
}

// hexKeys are the keys whose numbers are told in hexadecimal: kernel addresses, marks, and of what
// changed what a packet's own text shows so.
var hexKeys = func() []string {
	keys := []string{"spi", "teid", "index", "cpi"}
	for _, tunnel := range [...]string{"outer.", "outer2.", "outer3.", "outer4."} {
		for _, id := range keys[:4] {
			keys = append(keys, tunnel+id)
		}
	}
	for _, k := range format.EventPaths() {
		if k.Unit.Hex() && !slices.Contains(keys, k.Name) {
			keys = append(keys, k.Name)
		}
	}
	return keys
}()

func inHex(key []byte) bool {
	for _, k := range hexKeys {
		if string(key) == k {
			return true
		}
	}
	return false
}

// drop prints drop=REASON location=FUNCTION: on kernels without reasons the
// location alone.
func (p *Printer) drop(v wire.Value) {
	of := pick(v, "name", "reason", "location")
	reason, location := of[0], of[2]
	if _, ok := reason.Str(); !ok {
		reason = of[1]
	}
	if len(reason) > 0 {
		p.pair([]byte("drop"), nil, reason, loud)
	} else {
		p.line = append(p.line, ' ')
		p.say("drop", loud)
	}
	if len(location) > 0 {
		p.pair([]byte("location"), nil, location, plain)
	}
	p.rest("drop", v, "name", "reason", "location")
}

// conntrack prints ct=STATE(status,...), then the tuples as flows.
func (p *Printer) conntrack(v wire.Value) {
	of := pick(v, "state", "status", "orig", "reply")
	if state := of[0]; len(state) > 0 {
		p.pair([]byte("ct"), nil, state, plain)
	}
	status := ""
	elements(of[1], func(i int, v wire.Value) {
		p.line = append(p.line, "(,"[min(i, 1)])
		p.line = appendValue(p.line, v)
		status = ")"
	})
	p.line = append(p.line, status...)
	for i, section := range [...]string{"ct.orig", "ct.reply"} {
		if tuple := of[2+i]; len(tuple) > 0 {
			ends := pick(tuple, "src", "sport", "dst", "dport")
			p.line = append(append(append(p.line, ' '), section...), '=')
			p.line = appendEndpoint(p.line, ends[0], ends[1])
			p.line = append(p.line, '>')
			p.line = appendEndpoint(p.line, ends[2], ends[3])
			p.rest(section, tuple, "src", "dst", "sport", "dport")
		}
	}
	p.rest("ct", v, "state", "status", "orig", "reply")
}

func appendEndpoint(dst []byte, addr, port wire.Value) []byte {
	dst = appendValue(dst, addr)
	if len(port) > 0 {
		dst = appendValue(append(dst, '.'), port)
	}
	return dst
}

// sock prints sock=LOCAL>PEER, each * where the socket has none.
func (p *Printer) sock(v wire.Value) {
	of := pick(v, "src", "sport", "dst", "dport")
	for i, before := range [...]string{" sock=", ">"} {
		addr, port := of[2*i], of[2*i+1]
		p.line = append(p.line, before...)
		if len(addr) == 0 {
			p.line = append(p.line, '*')
		} else {
			p.line = appendValue(p.line, addr)
		}
		if len(port) > 0 {
			p.line = appendValue(append(p.line, '.'), port)
		}
	}
	p.rest("sock", v, "src", "sport", "dst", "dport")
}

// nft prints nft=VERDICT and the chain as nft list chain takes it.
func (p *Printer) nft(v wire.Value) {
	of := pick(v, "verdict", "chain", "family", "table")
	if verdict := of[0]; len(verdict) > 0 {
		p.pair([]byte("nft"), nil, verdict, plain)
	}
	if chain, ok := of[1].Str(); ok {
		p.line = append(p.line, ` nft.chain="`...)
		for _, name := range of[2:4] {
			if len(name) > 0 {
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
func (p *Printer) hexPair(key string, v wire.Value) {
	if n, ok := v.Uint(); ok {
		p.line = append(append(append(p.line, ' '), key...), "=0x"...)
		p.line = strconv.AppendUint(p.line, n, 16)
	}
}
