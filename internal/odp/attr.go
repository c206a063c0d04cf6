package odp

import "encoding/binary"

// An attribute is one Netlink attribute (struct nlattr, include/uapi/linux/netlink.h).
type attribute struct {
	kind uint16
	data []byte
	cut  bool // there was more of it
}

// next takes the first attribute off b. It is false where there is none any more.
func next(b []byte) (a attribute, rest []byte, ok bool) {
	const head = 4
	if len(b) < head {
		return a, nil, false
	}
	n := int(binary.NativeEndian.Uint16(b))
	if n < head {
		return a, nil, false
	}
	a.kind = binary.NativeEndian.Uint16(b[2:]) & 0x3fff // NLA_TYPE_MASK
	if n > len(b) {
		a.data, a.cut = b[head:], true
		return a, nil, true
	}
	a.data = b[head:n]
	return a, b[min(len(b), (n+3)&^3):], true
}

// u32 is the number that the attribute holds; 0 where it holds none.
func (a attribute) u32() uint32 {
	if len(a.data) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(a.data)
}

// be16 is the number, in network byte order, at a place of b; 0 beyond its end.
func be16(b []byte, at int) uint16 {
	if len(b) < at+2 {
		return 0
	}
	return binary.BigEndian.Uint16(b[at:])
}

func be32(b []byte, at int) uint32 {
	if len(b) < at+4 {
		return 0
	}
	return binary.BigEndian.Uint32(b[at:])
}
