//go:build linux && (amd64 || arm64)

package kernel

import "bytes"

// A nameSet holds names that are looked for among very many: whether a name may be one of them
// is told by its first three bytes, and nearly all are done with then.
type nameSet struct {
	names  map[string]bool
	begins [1 << 7]uint64 // a bit for each hash of three bytes that one begins with
}

func newNameSet(names ...string) *nameSet {
	s := &nameSet{names: map[string]bool{}}
	for _, n := range names {
		s.add(n)
	}
	return s
}

func (s *nameSet) add(name string) {
	s.names[name] = true
	h := beginning([]byte(name + "\x00\x00\x00"))
	s.begins[h/64] |= 1 << (h % 64)
}

// has tells whether the name that text begins with, up to a zero byte, is in the set.
func (s *nameSet) has(text []byte) bool {
	if len(text) >= 3 {
		if h := beginning(text); s.begins[h/64]&(1<<(h%64)) == 0 {
			return false
		}
	}
	i := bytes.IndexByte(text, 0)
	return i >= 0 && s.names[string(text[:i])]
}

// beginning is a hash of a name's first three bytes, of 13 bits; what is behind a zero byte does
// not count.
func beginning(text []byte) uint32 {
	a, b, c := uint32(text[0]), uint32(text[1]), uint32(text[2])
	if a == 0 {
		b = 0
	}
	if b == 0 {
		c = 0
	}
	return (a | b<<8 | c<<16) * 0x9e3779b1 >> 19
}
