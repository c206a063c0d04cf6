package read

import (
	"bytes"
	"strconv"

	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
)

// maxLeaves bounds how many comments are read back as values of one section.
const maxLeaves = 64

// A leaf is a value of a section: ct.orig.src=10.0.0.1 is one of ct.
type leaf struct {
	path  []byte // orig.src
	value []byte
}

// leaves are the values of a section in their order, of which those with the same path
// are an array.
type leaves []leaf

// add takes a value, unless tree.section would not write it here: then the comment is none
// of ours.
func (l *leaves) add(path, value []byte) bool {
	depth := 0
	for name := range bytes.SplitSeq(path, dot) {
		if depth++; !packet.IsName(name) {
			return false
		}
	}
	if depth > packet.MaxDepth || len(*l) == maxLeaves {
		return false
	}
	if n := len(*l); n > 0 && !bytes.Equal((*l)[n-1].path, path) {
		common := shared((*l)[n-1].path, path)
		for _, other := range *l {
			// A map has a key once, and what is a value is no map.
			if s := shared(other.path, path); s > common || s == len(other.path)+1 || s == len(path)+1 {
				return false
			}
		}
	}
	*l = append(*l, leaf{path, value})
	return true
}

var dot = []byte(".")

// shared is how many bytes of both paths are names that they share, each with the dot
// behind it, which one at the end has, too.
func shared(a, b []byte) int {
	n := 0
	for i := 0; ; i++ {
		endA, endB := i >= len(a) || a[i] == '.', i >= len(b) || b[i] == '.'
		switch {
		case endA && endB:
			n = i + 1
			if i >= len(a) || i >= len(b) {
				return n
			}
		case endA || endB || a[i] != b[i]:
			return n
		}
	}
}

// append appends the map of what is in l, whose paths have from bytes in common. section
// is the key of the whole.
func (l leaves) append(dst []byte, section string, from int) []byte {
	n := 0
	for rest := l; len(rest) > 0; rest = rest[rest.run(from):] {
		n++
	}
	dst = wire.AppendMap(dst, n)
	for len(l) > 0 {
		run := l[:l.run(from)]
		l = l[len(run):]
		path := run[0].path
		name, _, inner := bytes.Cut(path[from:], dot)
		at := section + "." + string(path)
		dst = wire.AppendStr(dst, name)
		switch {
		case inner:
			dst = run.append(dst, section, from+len(name)+1)
			continue
		case len(run) > 1 || packet.IsArray(at):
			dst = wire.AppendArray(dst, len(run))
		}
		text := packet.IsText(at)
		for _, v := range run {
			if text { // a table of nftables may be called 5
				dst = wire.AppendStr(dst, v.value)
			} else {
				dst = appendValue(dst, name, v.value)
			}
		}
	}
	return dst
}

// run is how many at the front of l have the same name behind from.
func (l leaves) run(from int) int {
	name, _, _ := bytes.Cut(l[0].path[from:], dot)
	for i, v := range l {
		if other, _, _ := bytes.Cut(v.path[from:], dot); !bytes.Equal(other, name) {
			return i
		}
	}
	return len(l)
}

// appendValue appends what tree.leaf would write as text: a number or a boolean, where
// it is written like one.
func appendValue(dst, key, text []byte) []byte {
	switch string(text) {
	case "true", "false":
		return wire.AppendBool(dst, text[0] == 't')
	}
	hex := packet.IsHex(key)
	if n := number(text); n.OK && (!hex || n.V == 0) {
		return wire.AppendUint(dst, n.V)
	}
	if n := hexadecimal(text); n.OK && hex {
		return wire.AppendUint(dst, n.V)
	}
	if len(text) > 1 && text[0] == '-' {
		var again [20]byte
		i, err := strconv.ParseInt(string(text), 10, 64)
		if err == nil && i < 0 && bytes.Equal(strconv.AppendInt(again[:0], i, 10), text) {
			return wire.AppendInt(dst, i)
		}
	}
	return wire.AppendStr(dst, text)
}
