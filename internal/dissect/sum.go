package dissect

import "encoding/binary"

// Sum adds the 16-bit words of b to sum, as the Internet checksum does (RFC 1071): a last byte without a
// fellow is the upper half of a word. What carries over is folded in, so that the sum of a header with its
// own checksum is 0xffff.
func Sum(sum uint32, b []byte) uint32 {
	s := uint64(sum)
	for len(b) >= 4 {
		s += uint64(binary.BigEndian.Uint32(b))
		b = b[4:]
	}
	if len(b) >= 2 {
		s += uint64(binary.BigEndian.Uint16(b)) << 16
		b = b[2:]
		if len(b) == 1 {
			s += uint64(b[0]) << 8
		}
	} else if len(b) == 1 {
		s += uint64(b[0]) << 24
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return uint32(s)
}
