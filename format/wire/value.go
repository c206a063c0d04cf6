package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// MaxSize is how large a value may be, in bytes: that of format.MaxFrame.
const MaxSize = 16<<20 - 1

// A Value is one msgpack value as it stands in a record, not a copy. A nil Value is absent.
//
// It is walked by hand rather than decoded: to find two fields at the front of a frame
// takes 2 ns so, and 510 ns by stepping through it with msgpack/v5.
type Value []byte

// Kind is the sort of a Value.
type Kind uint8

// The kinds that the stream uses, and Other for what msgpack has besides.
const (
	Absent Kind = iota
	Nil
	Bool
	Int
	Float
	Str
	Bin
	Array
	Map
	Other
)

// Kind returns what v is.
func (v Value) Kind() Kind {
	if len(v) == 0 {
		return Absent
	}
	c := v[0]
	switch {
	case c < 0x80 || c >= 0xe0 || c >= 0xcc && c <= 0xd3:
		return Int
	case c < 0x90 || c == 0xde || c == 0xdf:
		return Map
	case c < 0xa0 || c == 0xdc || c == 0xdd:
		return Array
	case c < 0xc0 || c >= 0xd9 && c <= 0xdb:
		return Str
	case c == 0xc0:
		return Nil
	case c == 0xc2 || c == 0xc3:
		return Bool
	case c >= 0xc4 && c <= 0xc6:
		return Bin
	case c == 0xca || c == 0xcb:
		return Float
	}
	return Other
}

// Head reads the head of the value at the front of b: its length in bytes, the bytes of
// content behind it, and how many values follow as its content. n is 0 when b is too
// short or no msgpack.
func Head(b []byte) (n, content, values int) {
	if len(b) == 0 {
		return 0, 0, 0
	}
	c := b[0]
	switch {
	case c < 0x80 || c >= 0xe0:
		return 1, 0, 0
	case c < 0x90:
		return 1, 0, int(c&0x0f) * 2
	case c < 0xa0:
		return 1, 0, int(c & 0x0f)
	case c < 0xc0:
		return 1, int(c & 0x1f), 0
	}
	h := heads[c-0xc0]
	n = 1 + int(h.size)
	if h.size < 0 || len(b) < n {
		return 0, 0, 0
	}
	length := int(h.fixed)
	switch h.size {
	case 1:
		length += int(b[1])
	case 2:
		length += int(binary.BigEndian.Uint16(b[1:]))
	case 4:
		u := binary.BigEndian.Uint32(b[1:])
		if u > MaxSize { // longer than any record; and an int may have 32 bits
			return 0, 0, 0
		}
		length += int(u)
	}
	switch h.of {
	case ofValues:
		return n, 0, length
	case ofPairs:
		return n, 0, length * 2
	}
	return n, length, 0
}

const (
	ofBytes = iota
	ofValues
	ofPairs
)

// heads describes the formats 0xc0 to 0xdf: bytes of length behind the first byte (-1: no
// such format), bytes besides that length, and what the length counts.
// https://github.com/msgpack/msgpack/blob/master/spec.md
var heads = [32]struct{ size, fixed, of int8 }{
	0x00: {}, 0x01: {size: -1}, 0x02: {}, 0x03: {},
	0x04: {size: 1}, 0x05: {size: 2}, 0x06: {size: 4},
	0x07: {1, 1, ofBytes}, 0x08: {2, 1, ofBytes}, 0x09: {4, 1, ofBytes},
	0x0a: {fixed: 4}, 0x0b: {fixed: 8},
	0x0c: {fixed: 1}, 0x0d: {fixed: 2}, 0x0e: {fixed: 4}, 0x0f: {fixed: 8},
	0x10: {fixed: 1}, 0x11: {fixed: 2}, 0x12: {fixed: 4}, 0x13: {fixed: 8},
	0x14: {fixed: 2}, 0x15: {fixed: 3}, 0x16: {fixed: 5}, 0x17: {fixed: 9}, 0x18: {fixed: 17},
	0x19: {size: 1}, 0x1a: {size: 2}, 0x1b: {size: 4},
	0x1c: {2, 0, ofValues}, 0x1d: {4, 0, ofValues},
	0x1e: {2, 0, ofPairs}, 0x1f: {4, 0, ofPairs},
}

// Size returns the length of the whole value at the front of b, 0 when it is cut off or
// no msgpack. Nesting needs no stack: what is open is a number of values to come.
func Size(b []byte) int {
	at := 0
	for open := 1; open > 0; open-- {
		if at < len(b) {
			if size := int(fixed[b[at]]); size != 0 && size <= len(b)-at {
				at += size
				continue
			}
		}
		n, content, values := Head(b[at:])
		if n == 0 || content > len(b)-at-n || values > len(b)-at-n {
			return 0
		}
		at += n + content
		open += values
	}
	return at
}

// bytes returns the content of a Str or Bin.
func (v Value) bytes(k Kind) ([]byte, bool) {
	if v.Kind() != k {
		return nil, false
	}
	n, content, _ := Head(v)
	if n == 0 || content > len(v)-n {
		return nil, false
	}
	return v[n : n+content], true
}

// Str returns the bytes of a string; they alias v.
func (v Value) Str() ([]byte, bool) { return v.bytes(Str) }

// Bin returns bytes; they alias v.
func (v Value) Bin() ([]byte, bool) { return v.bytes(Bin) }

// Bool returns a boolean.
func (v Value) Bool() (value, ok bool) {
	return len(v) > 0 && v[0] == 0xc3, v.Kind() == Bool
}

// Uint returns an integer that is not negative.
func (v Value) Uint() (uint64, bool) {
	u, negative, ok := v.Integer()
	if !ok || negative {
		return 0, false
	}
	return u, true
}

// Int returns an integer that fits an int64.
func (v Value) Int() (int64, bool) {
	u, negative, ok := v.Integer()
	return int64(u), ok && (negative || u <= math.MaxInt64)
}

// Integer returns an integer as two's complement and whether it is negative.
func (v Value) Integer() (u uint64, negative, ok bool) {
	if len(v) == 0 {
		return 0, false, false
	}
	c := v[0]
	switch {
	case c < 0x80:
		return uint64(c), false, true
	case c >= 0xe0:
		return uint64(int64(int8(c))), true, true
	case c < 0xcc || c > 0xd3:
		return 0, false, false
	}
	size := 1 << (c & 3)
	if len(v) < 1+size {
		return 0, false, false
	}
	switch size {
	case 1:
		u = uint64(v[1])
	case 2:
		u = uint64(binary.BigEndian.Uint16(v[1:]))
	case 4:
		u = uint64(binary.BigEndian.Uint32(v[1:]))
	case 8:
		u = binary.BigEndian.Uint64(v[1:])
	}
	if c >= 0xd0 {
		shift := 64 - 8*size
		s := int64(u<<shift) >> shift
		return uint64(s), s < 0, true
	}
	return u, false, true
}

// Float returns a float32 or float64.
func (v Value) Float() (float64, bool) {
	switch {
	case len(v) == 5 && v[0] == 0xca:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(v[1:]))), true
	case len(v) == 9 && v[0] == 0xcb:
		return math.Float64frombits(binary.BigEndian.Uint64(v[1:])), true
	}
	return 0, false
}

// Len returns the number of pairs of a map or values of an array, else 0.
func (v Value) Len() int {
	_, _, values := Head(v)
	if v.Kind() == Map {
		return values / 2
	}
	return values
}

// Get returns the value under path in nested maps, nil when there is none.
func (v Value) Get(path ...string) Value {
	for _, key := range path {
		if v = v.get(key); v == nil {
			return nil
		}
	}
	return v
}

func (v Value) get(key string) Value {
	if v.Kind() != Map {
		return nil
	}
	at, _, values := Head(v)
	for ; values > 0; values -= 2 {
		from, to, next := pair(v, at)
		if next == 0 {
			return nil
		}
		if string(v[from:to]) == key && Value(v[at:]).Kind() == Str {
			return Value(v[to:next])
		}
		at = next
	}
	return nil
}

// pair returns where the content of the key at `at` is and where the value behind it ends, 0 when
// the pair is cut off or no msgpack. Of a key that is no string the content is all of it.
func pair(v []byte, at int) (from, to, next int) {
	from = at
	if at < len(v) && v[at]&0xe0 == 0xa0 && int(v[at]&0x1f) < len(v)-at { // most keys
		from++
		to = from + int(v[at]&0x1f)
	} else {
		n := Size(v[at:])
		if n == 0 {
			return 0, at, 0
		}
		to = at + n
		if s, ok := Value(v[at:to]).Str(); ok {
			from = to - len(s)
		}
	}
	if to < len(v) {
		if size := int(fixed[v[to]]); size != 0 && size <= len(v)-to { // most values
			return from, to, to + size
		}
	}
	n := Size(v[to:])
	if n == 0 {
		return 0, to, 0
	}
	return from, to, to + n
}

var errNotMap = errors.New("not a map")

// Each calls f for the pairs of a map in their order, until it returns false. Keys alias
// v; a key that is not a string comes as its raw msgpack.
func (v Value) Each(f func(key []byte, v Value) bool) error {
	if v.Kind() != Map {
		return errNotMap
	}
	at, _, values := Head(v)
	for ; values > 0; values -= 2 {
		from, to, next := pair(v, at)
		if next == 0 {
			return fmt.Errorf("cut off or malformed at byte %d", to)
		}
		if !f(v[from:to], Value(v[to:next])) {
			return nil
		}
		at = next
	}
	return nil
}

// Elems calls f for the values of an array in their order, until it returns false.
func (v Value) Elems(f func(Value) bool) error {
	if v.Kind() != Array {
		return errors.New("not an array")
	}
	n, _, values := Head(v)
	b := v[n:]
	for ; values > 0; values-- {
		vlen := Size(b)
		if vlen == 0 {
			return errors.New("cut off or malformed")
		}
		if !f(Value(b[:vlen])) {
			return nil
		}
		b = b[vlen:]
	}
	return nil
}
