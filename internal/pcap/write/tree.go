package write

import (
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
	"github.com/skb-tools/skb-tools/internal/pcapng"
)

// A tree appends what is in a section as comments.
type tree struct {
	path []byte // of the map that it is in, with a dot behind
}

// section appends the map at c, whose key is name.
func (t *tree) section(dst []byte, name string, c *wire.Cursor) []byte {
	t.path = append(append(t.path[:0], name...), '.')
	return t.pairs(dst, c, packet.MaxDepth)
}

func (t *tree) pairs(dst []byte, c *wire.Cursor, depth int) []byte {
	here := len(t.path)
	for n := c.Map(); n > 0; n-- {
		key, v := c.Key(), c.Value()
		if !packet.IsName(key) {
			continue
		}
		t.path = append(t.path[:here], key...)
		switch v.Kind() {
		case wire.Map:
			if depth > 1 {
				t.path = append(t.path, '.')
				inner := format.Raw(v).Cursor()
				dst = t.pairs(dst, &inner, depth-1)
			}
		case wire.Array:
			inner := format.Raw(v).Cursor()
			for m := inner.Array(); m > 0; m-- {
				dst = t.leaf(dst, key, inner.Value())
			}
		default:
			dst = t.leaf(dst, key, v)
		}
	}
	t.path = t.path[:here]
	return dst
}

// leaf appends a comment unless v is of a kind that has no plain form.
func (t *tree) leaf(dst, key []byte, v wire.Value) []byte {
	switch v.Kind() {
	case wire.Str, wire.Int, wire.Bool:
	default:
		return dst
	}
	b := beginComment(&dst, "")
	dst = append(append(dst, t.path...), '=')
	if u, ok := v.Uint(); ok && u != 0 && packet.IsHex(key) {
		dst = strconv.AppendUint(append(dst, "0x"...), u, 16)
	} else {
		dst = appendPlain(dst, v)
	}
	return endComment(dst, b)
}

// appendMissing appends a comment for each stretch of the packet that could not be read:
// where it begins in the frame, +, how many bytes. frame's; the header that was put in front of them misses nothing.
func appendMissing(dst []byte, c wire.Cursor, f *frame) []byte {
	for n := c.Array(); n > 0; n-- {
		pair := format.Raw(c.Value()).Cursor()
		if pair.Array() != 2 {
			continue
		}
		from, _ := pair.Uint()
		length, _ := pair.Uint()
		if from > pcapng.SnapLen || length > pcapng.SnapLen {
			continue
		}
		begin, end := max(int(from)+f.shift, f.headerLen), int(from+length)+f.shift
		if end <= begin || begin > pcapng.SnapLen {
			continue
		}
		b := beginComment(&dst, "packet.missing=")
		dst = strconv.AppendUint(dst, uint64(begin), 10)
		dst = endComment(strconv.AppendUint(append(dst, '+'), uint64(end-begin), 10), b)
	}
	return dst
}
