package pcap

import (
	"bytes"
	"math"
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pcapng"
)

// keys are those of comments, in the order in which event.comments writes them. host= is
// known from the interface. One that ends with a dot is that of a section.
var keys = func() []string {
	keys := []string{"probe", "host", "dev", "dev.rx_ifindex", "netns", "netns.cookie", "packet", "packet.missing",
		"track.branch", "hop", "since", "track.total", "changed", "track.from.", "track.by", "track.uncertain", "track.inferred", "track.resent",
		"drop", "why", "why.meaning", "why.where", "why.look", "why.severity", "why.confidence", "location",
		"cpu", "pid", "process.tgid", "comm", "mark", "skb.priority", "skb.hash", "skb.ip_summed", "id", "l2", "caller", "stack"}
	for _, s := range sections {
		keys = append(keys, s+".")
	}
	return keys
}()

// comments are what a packet's say.
type comments struct {
	changed   [][]byte // the values of changed=
	others    [][]byte // that event.comments would not write so
	synthetic bool
	text      []byte // holds what was unescaped

	missing                     [][2]uint64 // stretches of the frame: where, how many bytes
	from                        leaves      // of track.from
	by                          []byte
	uncertain, inferred         bool
	resent                      opt
	where, severity, confidence []byte
	look                        [][]byte
	caller                      []byte
	stack                       []byte   // the calls, < between them
	sections                    []leaves // in the order of sections
}

// reset forgets the packet before, and keeps its memory.
func (c *comments) reset() {
	old := *c
	*c = comments{changed: old.changed[:0], others: old.others[:0], text: old.text[:0], missing: old.missing[:0],
		from: old.from[:0], look: old.look[:0], sections: old.sections}
	if c.sections == nil {
		c.sections = make([]leaves, len(sections))
	}
	for i, l := range c.sections {
		c.sections[i] = l[:0]
	}
}

// parse reads the comments of p into e. One that event.comments would write otherwise, or
// elsewhere, is no key=value of ours and is kept as it is.
func (c *comments) parse(e *event, p *pcapng.Captured) {
	c.reset()
	next := 0
	for _, text := range p.Comments {
		at, value := find(text, next)
		if at < 0 || !c.take(e, at, value, p) {
			c.others = append(c.others, text)
			continue
		}
		if next = at + 1; isRepeated(keys[at]) {
			next = at
		}
	}
}

// isRepeated says which keys may come several times.
func isRepeated(key string) bool {
	return key == "changed" || key == "packet.missing" || key == "why.look" || key[len(key)-1] == '.'
}

// find returns the place of a comment's key among keys, not before from. The value of a
// section's key begins with the path in it.
func find(text []byte, from int) (at int, value []byte) {
	for i := from; i < len(keys); i++ {
		n := len(keys[i])
		if len(text) <= n || text[0] != keys[i][0] || string(text[:n]) != keys[i] {
			continue
		}
		if keys[i][n-1] == '.' {
			return i, text[n:]
		}
		if text[n] == '=' {
			return i, text[n+1:]
		}
	}
	return -1, nil
}

// firstSection is where those of sections begin among keys.
var firstSection = len(keys) - len(sections)

func (c *comments) take(e *event, at int, value []byte, p *pcapng.Captured) bool {
	ok := false
	switch key := keys[at]; key {
	case "probe":
		e.probe, ok = c.unescape(value)
	case "host":
		plain, good := c.unescape(value)
		ok = good && string(plain) == comment(p.Interface.Comments, "host=")
	case "dev":
		e.dev, ok = c.filled(value)
	case "dev.rx_ifindex":
		return e.rx.take(number(value))
	case "netns":
		return e.netns.take(number(value))
	case "netns.cookie":
		return e.cookie.take(number(value))
	case "packet":
		return e.packet.take(number(value))
	case "packet.missing":
		begin, length, _ := bytes.Cut(value, []byte("+"))
		from, n := number(begin), number(length)
		if ok = from.ok && n.ok && n.v > 0 && from.v <= pcapng.SnapLen && n.v <= pcapng.SnapLen; ok {
			c.missing = append(c.missing, [2]uint64{from.v, n.v})
		}
	case "hop":
		return e.hop.take(number(value))
	case "since":
		return e.since.take(duration(value))
	case "track.total":
		return e.total.take(duration(value))
	case "changed":
		plain, good := c.unescape(value)
		if ok = good && !c.twice(plain); ok {
			c.changed = append(c.changed, plain)
		}
	case "track.branch":
		return e.packet.ok && e.branch.take(number(value))
	case "track.from.":
		return e.packet.ok && c.leaf(&c.from, value)
	case "track.by":
		if e.packet.ok {
			c.by, ok = c.filled(value)
		}
	case "track.uncertain":
		c.uncertain = e.packet.ok && string(value) == "true"
		return c.uncertain
	case "track.inferred":
		c.inferred = e.packet.ok && string(value) == "true"
		return c.inferred
	case "track.resent":
		return e.packet.ok && c.resent.take(number(value))
	case "drop":
		if string(value) != "?" {
			e.reason, ok = c.filled(value)
			e.dropped = ok
			return ok
		}
		e.dropped, ok = true, true
	case "why":
		e.why, ok = c.filled(value)
	case "why.meaning":
		if e.why != nil { // which is the cause, then
			e.meaning, ok = c.filled(value)
		}
	case "why.where":
		c.where, ok = c.filled(value)
	case "why.look":
		plain, good := c.unescape(value)
		if ok = good; ok {
			c.look = append(c.look, plain)
		}
	case "why.severity":
		c.severity, ok = c.filled(value)
	case "why.confidence":
		c.confidence, ok = c.filled(value)
	case "location":
		if e.dropped {
			e.location, ok = c.filled(value)
		}
	case "cpu":
		return e.cpu.take(number(value))
	case "pid":
		return e.pid.take(number(value))
	case "process.tgid":
		return e.tgid.take(number(value))
	case "comm":
		e.comm, ok = c.filled(value)
	case "mark":
		return e.skb.mark.take(hexadecimal(value))
	case "skb.priority":
		n := number(value)
		return n.v != 0 && e.skb.priority.take(n)
	case "skb.hash":
		return e.skb.hash.take(hexadecimal(value))
	case "skb.ip_summed":
		for i, name := range summedNames {
			if i > 0 && string(value) == name {
				e.skb.summed, ok = opt{uint64(i), true}, true
			}
		}
	case "id":
		return e.skb.id.take(number(value))
	case "l2":
		ok = string(value) == "synthetic" && p.Interface.LinkType == pcapng.LinkTypeEthernet && isSynthetic(p.Data)
		c.synthetic = ok
	case "caller":
		c.caller, ok = c.filled(value)
	case "stack":
		if isStack(value) {
			c.stack, ok = c.unescape(value)
		}
	default:
		return c.leaf(&c.sections[at-firstSection], value)
	}
	return ok
}

// take sets o to n if that is known, and reports it.
func (o *opt) take(n opt) bool {
	if n.ok {
		*o = n
	}
	return n.ok
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
	dst = format.AppendMap(dst, len(c.changed))
	for _, value := range c.changed {
		name, rest, has := bytes.Cut(value, []byte(" "))
		dst = format.AppendStr(dst, name)
		if !has {
			dst = format.AppendArray(dst, 0)
			continue
		}
		dst = format.AppendArray(dst, 1+bytes.Count(rest, []byte(">")))
		for more := true; more; {
			var v []byte
			v, rest, more = bytes.Cut(rest, []byte(">"))
			if n := number(v); n.ok {
				dst = format.AppendUint(dst, n.v)
			} else {
				dst = format.AppendStr(dst, v)
			}
		}
	}
	return dst
}

// number reads a decimal number as strconv would write it.
func number(s []byte) opt {
	if len(s) == 0 || s[0] == '0' && len(s) > 1 {
		return opt{}
	}
	n := uint64(0)
	for _, c := range s {
		d := uint64(c - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return opt{}
		}
		n = 10*n + d
	}
	return opt{n, true}
}

// hexadecimal reads a number that is not 0, with 0x before it.
func hexadecimal(s []byte) opt {
	digits, ok := bytes.CutPrefix(s, []byte("0x"))
	n, err := strconv.ParseUint(string(digits), 16, 64)
	var again [16]byte
	ok = ok && err == nil && n != 0 && bytes.Equal(strconv.AppendUint(again[:0], n, 16), digits)
	return opt{n, ok}
}

// duration reads what appendDuration writes.
func duration(s []byte) opt {
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
		return opt{}
	}
	whole, fraction, _ := bytes.Cut(digits, []byte("."))
	n := number(whole)
	if !n.ok || n.v > math.MaxUint64/unit {
		return opt{}
	}
	ns := n.v * unit
	for _, c := range fraction {
		if unit /= 10; unit == 0 || c < '0' || c > '9' {
			return opt{}
		}
		ns += uint64(c-'0') * unit
	}
	var again [32]byte
	return opt{ns, bytes.Equal(appendDuration(again[:0], ns), s)}
}

// filled is unescape for what is absent when empty.
func (c *comments) filled(value []byte) ([]byte, bool) {
	if len(value) == 0 {
		return nil, false
	}
	return c.unescape(value)
}

// unescape returns value as it was before appendEscaped, nil and false if that would have
// written it otherwise.
func (c *comments) unescape(value []byte) ([]byte, bool) {
	if plain(value) == len(value) {
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
	return dst, bytes.Equal(appendEscaped(again[:0], dst[from:]), s)
}
