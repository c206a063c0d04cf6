package pcap

import (
	"encoding/binary"
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/pcapng"
)

// comments appends what e says besides its packet, which is in fr, one option for each
// key=value, so that a filter on a whole comment matches exactly. docs/pcapng.md is their
// specification, and comments.parse reads them back. What most events do not have is
// looked up in f, which has found e. ending is how its journey ends, as comments.
func (e *event) comments(dst []byte, o *origin, fr *frame, f *format.Finder, t *tree, m *written, ending []byte) []byte {
	dst = m.probe.append(dst, e.probe, [3]opt{}, func(dst []byte) []byte {
		return appendText(dst, "probe=", e.probe)
	})
	if o.foreign {
		dst = appendText(dst, "host=", []byte(o.start.Host))
	}
	dst = m.dev.append(dst, e.dev, [3]opt{e.rx, e.netns, e.cookie}, func(dst []byte) []byte {
		dst = appendFilled(dst, "dev=", e.dev)
		dst = appendNumber(dst, "dev.rx_ifindex=", e.rx)
		dst = appendNumber(dst, "netns=", e.netns)
		return appendNumber(dst, "netns.cookie=", e.cookie)
	})
	dst = appendNumber(dst, "packet=", e.packet)
	if f.Has(findMissing) {
		dst = appendMissing(dst, f.Cursor(findMissing), fr)
	}
	if e.packet.ok {
		dst = appendNumber(dst, "track.branch=", e.branch)
	}
	dst = appendNumber(dst, "hop=", e.hop)
	dst = appendTime(dst, "since=", e.since)
	dst = appendTime(dst, "track.total=", e.total)
	if e.changes {
		dst = appendChanges(dst, e.changed)
	}
	if e.packet.ok {
		dst = trackComments(dst, f, t)
	}
	if e.dropped {
		if reason := e.reason; len(reason) > 0 {
			dst = appendText(dst, "drop=", reason)
		} else {
			dst = append(dst, unknownDrop...)
		}
	}
	dst = appendFilled(dst, "why=", e.why)
	if f.Has(findWhy) {
		dst = e.whyComments(dst, f.Value(findWhy))
	}
	dst = appendFilled(dst, "location=", e.location)
	dst = m.process.append(dst, e.comm, [3]opt{e.cpu, e.pid, e.tgid}, func(dst []byte) []byte {
		dst = appendNumber(dst, "cpu=", e.cpu)
		dst = appendNumber(dst, "pid=", e.pid)
		dst = appendNumber(dst, "process.tgid=", e.tgid)
		return appendFilled(dst, "comm=", e.comm)
	})
	dst = appendHex(dst, "mark=0x", e.skb.mark)
	if e.skb.priority.v != 0 {
		dst = appendNumber(dst, "skb.priority=", e.skb.priority)
	}
	dst = appendHex(dst, "skb.hash=0x", e.skb.hash)
	if s := e.skb.summed; s.v != 0 && s.v < uint64(len(summed)) {
		dst = append(dst, summed[s.v]...)
	}
	dst = appendNumber(dst, "id=", e.skb.id)
	if fr.synthetic {
		dst = append(dst, syntheticComment...)
	}
	if f.Has(findCaller) {
		caller, _ := f.Str(findCaller)
		dst = appendFilled(dst, "caller=", caller)
	}
	if e.stack.ok {
		dst = append(dst, o.stacks[e.stack.v]...)
	}
	for i, name := range sections {
		if f.Has(findSections + i) {
			c := f.Cursor(findSections + i)
			dst = t.section(dst, name, &c)
		}
	}
	dst = append(dst, ending...)
	for c, n := e.others, e.othersLen; n > 0; n-- {
		if s, ok := c.Str(); ok {
			dst = appendComment(dst, s)
		}
	}
	return dst
}

// trackComments appends what skb-track is not sure of, and from where the packet came.
func trackComments(dst []byte, f *format.Finder, t *tree) []byte {
	if f.Has(findFrom) {
		c := f.Cursor(findFrom)
		dst = t.section(dst, "track.from", &c)
	}
	if f.Has(findBy) {
		by, _ := f.Str(findBy)
		dst = appendFilled(dst, "track.by=", by)
	}
	if yes, _ := f.Value(findUncertain).Bool(); yes {
		dst = append(dst, uncertainComment...)
	}
	if yes, _ := f.Value(findInferred).Bool(); yes {
		dst = append(dst, inferredComment...)
	}
	return appendNumber(dst, "track.resent=", optUint(f, findResent))
}

// whyComments appends what skb-drops says in a section besides the cause.
func (e *event) whyComments(dst []byte, why format.Value) []byte {
	dst = appendFilled(dst, "why.meaning=", e.meaning)
	where, _ := why.Get("where").Str()
	dst = appendFilled(dst, "why.where=", where)
	look := format.Raw(why.Get("look")).Cursor()
	for n := look.Array(); n > 0; n-- {
		if s, ok := look.Str(); ok {
			dst = appendText(dst, "why.look=", s)
		}
	}
	severity, _ := why.Get("severity").Str()
	dst = appendFilled(dst, "why.severity=", severity)
	confidence, _ := why.Get("confidence").Str()
	return appendFilled(dst, "why.confidence=", confidence)
}

// summedNames are those of skb->ip_summed, CHECKSUM_* of include/linux/skbuff.h.
var summedNames = [...]string{"NONE", "UNNECESSARY", "COMPLETE", "PARTIAL"}

// summed are comments by skb->ip_summed; none of NONE, which says that nothing was computed.
var summed = func() (s [len(summedNames)][]byte) {
	for i, name := range summedNames[1:] {
		s[i+1] = appendComment(nil, []byte("skb.ip_summed="+name))
	}
	return s
}()

var (
	unknownDrop      = appendComment(nil, []byte("drop=?"))
	syntheticComment = appendComment(nil, []byte("l2=synthetic"))
	uncertainComment = appendComment(nil, []byte("track.uncertain=true"))
	inferredComment  = appendComment(nil, []byte("track.inferred=true"))
)

// appendChanges appends a comment for each pair of track.changed: what, before, after.
func appendChanges(dst []byte, c format.Cursor) []byte {
	for n := c.Map(); n > 0; n-- {
		b := beginComment(&dst, "changed=")
		dst = appendEscaped(dst, c.Key())
		sep := byte(' ')
		for m := c.Array(); m > 0; m-- {
			dst = appendPlain(append(dst, sep), c.Value())
			sep = '>'
		}
		dst = endComment(dst, b)
	}
	return dst
}

// appendPlain appends a number or text; nothing for what has no plain form.
func appendPlain(dst []byte, v format.Value) []byte {
	if s, ok := v.Str(); ok {
		return appendEscaped(dst, s)
	}
	if u, ok := v.Uint(); ok {
		return strconv.AppendUint(dst, u, 10)
	}
	if i, ok := v.Int(); ok {
		return strconv.AppendInt(dst, i, 10)
	}
	if b, ok := v.Bool(); ok {
		return strconv.AppendBool(dst, b)
	}
	return dst
}

func appendText(dst []byte, key string, value []byte) []byte {
	b := beginComment(&dst, key)
	return endComment(appendEscaped(dst, value), b)
}

// appendFilled is appendText for what is absent when empty.
func appendFilled(dst []byte, key string, value []byte) []byte {
	if len(value) == 0 {
		return dst
	}
	return appendText(dst, key, value)
}

// appendHex appends a number unless it is 0. key ends with 0x.
func appendHex(dst []byte, key string, n opt) []byte {
	if n.v == 0 {
		return dst
	}
	b := beginComment(&dst, key)
	return endComment(strconv.AppendUint(dst, n.v, 16), b)
}

func appendTime(dst []byte, key string, ns opt) []byte {
	if !ns.ok {
		return dst
	}
	b := beginComment(&dst, key)
	return endComment(appendDuration(dst, ns.v), b)
}

func appendNumber(dst []byte, key string, n opt) []byte {
	if !n.ok {
		return dst
	}
	at := len(dst)
	dst = append(append(dst, pcapng.OptComment, 0, 0, 0), key...)
	return endShort(strconv.AppendUint(dst, n.v, 10), at)
}

// endShort is endComment for what is surely shorter.
func endShort(dst []byte, began int) []byte {
	n := len(dst) - began - 4
	dst[began+2], dst[began+3] = byte(n), byte(n>>8)
	return append(dst, padding[:-n&3]...)
}

var padding [3]byte

func appendComment(dst, text []byte) []byte {
	b := beginComment(&dst, "")
	return endComment(append(dst, text...), b)
}

// beginComment appends a comment's head and returns where it is.
func beginComment(dst *[]byte, key string) int {
	at := len(*dst)
	*dst = append(append(*dst, pcapng.OptComment, 0, 0, 0), key...)
	return at
}

// endComment cuts the comment that began at what its length can say, and pads it.
func endComment(dst []byte, began int) []byte {
	n := min(len(dst)-began-4, 1<<16-1)
	binary.LittleEndian.PutUint16(dst[began+2:], uint16(n))
	return append(dst[:began+4+n], padding[:-n&3]...)
}

// appendEscaped appends s as UTF-8 that stays on its line: what is not, and a backslash,
// as \xNN.
func appendEscaped(dst, s []byte) []byte {
	if n := plain(s); n < len(s) {
		return escape.AppendBytes(append(dst, s[:n]...), s[n:])
	}
	return append(dst, s...)
}

// plain returns how many bytes at the front of s are neither escaped nor need a look.
func plain(s []byte) int {
	for i, c := range s {
		if c < ' ' || c >= 0x7f || c == '\\' {
			return i
		}
	}
	return len(s)
}

// appendDuration appends ns exactly, in the largest unit that leaves it at least 1.
func appendDuration(dst []byte, ns uint64) []byte {
	unit, name := uint64(1), "ns"
	switch {
	case ns >= 1e9:
		unit, name = 1e9, "s"
	case ns >= 1e6:
		unit, name = 1e6, "ms"
	case ns >= 1e3:
		unit, name = 1e3, "us"
	}
	dst = strconv.AppendUint(dst, ns/unit, 10)
	if rest := ns % unit; rest != 0 {
		dst = append(dst, '.')
		for rest != 0 {
			unit /= 10
			dst = append(dst, byte('0'+rest/unit))
			rest %= unit
		}
	}
	return append(dst, name...)
}
