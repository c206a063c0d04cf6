package read

import (
	"bytes"
	"math"
	"strconv"

	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
	"github.com/skb-tools/skb-tools/internal/pcapng"
)

// comments are what a packet's say.
type comments struct {
	e *event // that they are of
	p *pcapng.Captured

	changed   [][]byte // the values of changed=
	others    [][]byte // that package write would not write so
	synthetic bool
	text      []byte // holds what was unescaped

	missing                     [][2]uint64 // stretches of the frame: where, how many bytes
	from                        leaves      // of track.from
	by                          []byte
	uncertain, inferred         bool
	resent                      packet.Opt
	where, severity, confidence []byte
	look                        [][]byte
	caller, netnsName           []byte
	stack                       []byte   // the calls, < between them
	sections                    []leaves // in the order of sections
}

// reset forgets the packet before, and keeps its memory.
func (c *comments) reset() {
	old := *c
	*c = comments{changed: old.changed[:0], others: old.others[:0], text: old.text[:0], missing: old.missing[:0],
		from: old.from[:0], look: old.look[:0], sections: old.sections}
	if c.sections == nil {
		c.sections = make([]leaves, len(packet.Sections))
	}
	for i, l := range c.sections {
		c.sections[i] = l[:0]
	}
}

// parse reads the comments of p into e. One that package write would write otherwise, or
// elsewhere, is no key=value of ours and is kept as it is.
func (c *comments) parse(e *event, p *pcapng.Captured) {
	c.reset()
	c.e, c.p = e, p
	next := 0
	for _, text := range p.Comments {
		at, value := find(text, next)
		if at < 0 || !keys[at].take(c, value) {
			c.others = append(c.others, text)
			continue
		}
		if next = at + 1; keys[at].repeats {
			next = at
		}
	}
}

// find returns the place of a comment's key among keys, not before from. The value of a
// section's key begins with the path in it.
func find(text []byte, from int) (at int, value []byte) {
	for i := from; i < len(keys); i++ {
		name := keys[i].name
		n := len(name)
		if len(text) <= n || text[0] != name[0] || string(text[:n]) != name {
			continue
		}
		if name[n-1] == '.' {
			return i, text[n:]
		}
		if text[n] == '=' {
			return i, text[n+1:]
		}
	}
	return -1, nil
}

// take sets o to n if that is known, and reports it.
func take(o *packet.Opt, n packet.Opt) bool {
	if n.OK {
		*o = n
	}
	return n.OK
}

// leaf takes the rest of a comment of a section: path=value.
func (c *comments) leaf(to *leaves, rest []byte) bool {
	path, value, ok := bytes.Cut(rest, []byte("="))
	if !ok {
		return false
	}
	plain, ok := c.unescape(value)
	return ok && to.add(path, plain)
}

// twice reports whether what changed, the first word of value, did so in another comment.
func (c *comments) twice(value []byte) bool {
	name, _, _ := bytes.Cut(value, []byte(" "))
	for _, other := range c.changed {
		if n, _, _ := bytes.Cut(other, []byte(" ")); bytes.Equal(n, name) {
			return true
		}
	}
	return false
}

// appendChanged appends the map of what changed: a name with its values.
func (c *comments) appendChanged(dst []byte) []byte {
	dst = wire.AppendMap(dst, len(c.changed))
	for _, value := range c.changed {
		name, rest, has := bytes.Cut(value, []byte(" "))
		dst = wire.AppendStr(dst, name)
		if !has {
			dst = wire.AppendArray(dst, 0)
			continue
		}
		dst = wire.AppendArray(dst, 1+bytes.Count(rest, []byte(">")))
		for more := true; more; {
			var v []byte
			v, rest, more = bytes.Cut(rest, []byte(">"))
			if n := number(v); n.OK {
				dst = wire.AppendUint(dst, n.V)
			} else {
				dst = wire.AppendStr(dst, v)
			}
		}
	}
	return dst
}

// number reads a decimal number as strconv would write it.
func number(s []byte) packet.Opt {
	if len(s) == 0 || s[0] == '0' && len(s) > 1 {
		return packet.Opt{}
	}
	n := uint64(0)
	for _, c := range s {
		d := uint64(c - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return packet.Opt{}
		}
		n = 10*n + d
	}
	return packet.Some(n)
}

// hexadecimal reads a number that is not 0, with 0x before it.
func hexadecimal(s []byte) packet.Opt {
	digits, ok := bytes.CutPrefix(s, []byte("0x"))
	n, err := strconv.ParseUint(string(digits), 16, 64)
	var again [16]byte
	ok = ok && err == nil && n != 0 && bytes.Equal(strconv.AppendUint(again[:0], n, 16), digits)
	return packet.Opt{V: n, OK: ok}
}

// duration reads what packet.AppendDuration writes.
func duration(s []byte) packet.Opt {
	unit := uint64(0)
	digits := bytes.TrimRight(s, "numsec")
	switch string(s[len(digits):]) {
	case "ns":
		unit = 1
	case "us":
		unit = 1e3
	case "ms":
		unit = 1e6
	case "s":
		unit = 1e9
	default:
		return packet.Opt{}
	}
	whole, fraction, _ := bytes.Cut(digits, []byte("."))
	n := number(whole)
	if !n.OK || n.V > math.MaxUint64/unit {
		return packet.Opt{}
	}
	ns := n.V * unit
	for _, c := range fraction {
		if unit /= 10; unit == 0 || c < '0' || c > '9' {
			return packet.Opt{}
		}
		ns += uint64(c-'0') * unit
	}
	var again [32]byte
	return packet.Opt{V: ns, OK: bytes.Equal(packet.AppendDuration(again[:0], ns), s)}
}

// filled is unescape for what is absent when empty.
func (c *comments) filled(value []byte) ([]byte, bool) {
	if len(value) == 0 {
		return nil, false
	}
	return c.unescape(value)
}

// unescape returns value as it was before packet.AppendEscaped, nil and false if that would have
// written it otherwise.
func (c *comments) unescape(value []byte) ([]byte, bool) {
	if packet.Plain(value) == len(value) {
		return value, true
	}
	from := len(c.text)
	text, ok := unescape(c.text, value)
	if !ok {
		return nil, false
	}
	c.text = text
	return text[from:len(text):len(text)], true
}

func unescape(dst, s []byte) ([]byte, bool) {
	if dst == nil {
		dst = []byte{} // what is empty is not absent
	}
	from := len(dst)
	rest := s
	for {
		plain, behind, found := bytes.Cut(rest, []byte(`\x`))
		dst = append(dst, plain...)
		if !found {
			break
		}
		if len(behind) < 2 {
			return nil, false
		}
		n, err := strconv.ParseUint(string(behind[:2]), 16, 8)
		if err != nil {
			return nil, false
		}
		dst, rest = append(dst, byte(n)), behind[2:]
	}
	var again [64]byte
	return dst, bytes.Equal(packet.AppendEscaped(again[:0], dst[from:]), s)
}
