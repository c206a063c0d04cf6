package skbpcap

import (
	"encoding/binary"
	"strconv"
	"unicode/utf8"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pcapng"
)

// comments appends what e says besides its packet, one option for each key=value, so that
// a filter on a whole comment matches exactly. docs/pcapng.md is their specification, and
// parseComment reads them back.
func (e *event) comments(dst []byte, o *origin, synthetic bool) []byte {
	dst = appendText(dst, "probe=", e.probe)
	if o.foreign {
		dst = appendText(dst, "host=", []byte(o.start.Host))
	}
	if len(e.dev) > 0 {
		dst = appendText(dst, "dev=", e.dev)
	}
	dst = appendNumber(dst, "netns=", e.netns)
	dst = appendNumber(dst, "packet=", e.packet)
	dst = appendNumber(dst, "hop=", e.hop)
	if e.since.ok {
		b := beginComment(&dst, "since=")
		dst = endComment(appendDuration(dst, e.since.v), b)
	}
	if e.changes {
		dst = appendChanges(dst, e.changed)
	}
	if e.dropped {
		if reason := e.reason; len(reason) > 0 {
			dst = appendText(dst, "drop=", reason)
		} else {
			dst = append(dst, unknownDrop...)
		}
	}
	if len(e.why) > 0 {
		dst = appendText(dst, "why=", e.why)
	}
	if len(e.location) > 0 {
		dst = appendText(dst, "location=", e.location)
	}
	dst = appendNumber(dst, "cpu=", e.cpu)
	dst = appendNumber(dst, "pid=", e.pid)
	if len(e.comm) > 0 {
		dst = appendText(dst, "comm=", e.comm)
	}
	if e.skb.mark.v != 0 {
		b := beginComment(&dst, "mark=0x")
		dst = endComment(strconv.AppendUint(dst, e.skb.mark.v, 16), b)
	}
	dst = appendNumber(dst, "id=", e.skb.id)
	if synthetic {
		dst = append(dst, syntheticComment...)
	}
	for c, n := e.others, e.othersLen; n > 0; n-- {
		if s, ok := c.Str(); ok {
			dst = appendComment(dst, s)
		}
	}
	return dst
}

var (
	unknownDrop      = appendComment(nil, []byte("drop=?"))
	syntheticComment = appendComment(nil, []byte("l2=synthetic"))
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
	return dst
}

func appendText(dst []byte, key string, value []byte) []byte {
	b := beginComment(&dst, key)
	return endComment(appendEscaped(dst, value), b)
}

func appendNumber(dst []byte, key string, n opt) []byte {
	if !n.ok {
		return dst
	}
	b := beginComment(&dst, key)
	return endComment(strconv.AppendUint(dst, n.v, 10), b)
}

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
	return pcapng.Pad(dst[:began+4+n])
}

// appendEscaped appends s as UTF-8 that stays on its line: what is not, and a backslash,
// as \xNN.
func appendEscaped(dst, s []byte) []byte {
	if n := plain(s); n < len(s) {
		return escape(append(dst, s[:n]...), s[n:])
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

func escape(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		if r == utf8.RuneError && n == 1 || r < ' ' || r >= 0x7f && r < 0xa0 || r == '\\' {
			for _, c := range s[:n] {
				dst = append(dst, '\\', 'x', hex[c>>4], hex[c&15])
			}
		} else {
			dst = append(dst, s[:n]...)
		}
		s = s[n:]
	}
	return dst
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
