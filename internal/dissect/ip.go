package dissect

import "encoding/binary"

// IPv4Len is the least length of an IPv4 header, IPv6Len that of IPv6's, in bytes.
const (
	IPv4Len = 20
	IPv6Len = 40
)

// An IPv4Header is one with its options (RFC 791).
type IPv4Header []byte

func (h IPv4Header) Version() int { return int(h[0] >> 4) }

// HeaderLen is how many bytes the header has by its own word, which may be less than IPv4Len.
func (h IPv4Header) HeaderLen() int { return int(h[0]&15) * 4 }

// TOS is what is DSCP and ECN today.
func (h IPv4Header) TOS() uint8 { return h[1] }

// Total is how many bytes the packet has, the header's included; 0 where that does not fit (BIG TCP), or
// is still to be filled in.
func (h IPv4Header) Total() int { return int(binary.BigEndian.Uint16(h[2:])) }

// ID is the identification, by which fragments belong together.
func (h IPv4Header) ID() uint16 { return binary.BigEndian.Uint16(h[4:]) }

// Fragment are the flags and the offset, as they stand in the header.
func (h IPv4Header) Fragment() uint16 { return binary.BigEndian.Uint16(h[6:]) }

// DontFragment and MoreFragments are flags.
func (h IPv4Header) DontFragment() bool  { return h.Fragment()&0x4000 != 0 }
func (h IPv4Header) MoreFragments() bool { return h.Fragment()&0x2000 != 0 }

// Offset is where in the packet the fragment begins, in bytes.
func (h IPv4Header) Offset() int { return int(h.Fragment()&0x1fff) * 8 }

func (h IPv4Header) TTL() uint8   { return h[8] }
func (h IPv4Header) Proto() Proto { return Proto(h[9]) }

// Src and Dst are addresses of four bytes.
func (h IPv4Header) Src() []byte { return h[12:16:16] }
func (h IPv4Header) Dst() []byte { return h[16:20:20] }

// Options are those that were captured.
func (h IPv4Header) Options() Options { return Options(h[IPv4Len:]) }

func (w *Walk) ipv4(b []byte) {
	w.v6 = false
	if len(b) < IPv4Len {
		w.header(b, IPv4Len)
		return
	}
	h := IPv4Header(b)
	n, total := h.HeaderLen(), h.Total()
	if h.Version() != 4 || n < IPv4Len {
		w.header(b, IPv4Len)
		w.Fault = Bad
		return
	}
	if total == 0 {
		total = w.N
	}
	if total >= n && total < len(b) {
		b = b[:total]
	}
	w.header(b, n)
	w.N = total - n
	if total < n {
		w.Fault, w.N = Bad, 0
	}
	w.Type = uint16(h.Proto())
	if w.Later = h.Fragment()&0x1fff != 0; !w.Later {
		w.Next = h.Proto().kind(false)
	}
}

// An IPv6Header is the fixed one of 40 bytes (RFC 8200).
type IPv6Header []byte

func (h IPv6Header) Version() int { return int(h[0] >> 4) }

// TrafficClass is DSCP and ECN.
func (h IPv6Header) TrafficClass() uint8 { return h[0]<<4 | h[1]>>4 }

// FlowLabel has 20 bits.
func (h IPv6Header) FlowLabel() uint32 { return binary.BigEndian.Uint32(h) & 0xfffff }

// Length is how many bytes are behind the header, those of extension headers included; 0 where that does
// not fit (BIG TCP, jumbograms).
func (h IPv6Header) Length() int { return int(binary.BigEndian.Uint16(h[4:])) }

// Proto is the kind of the next header.
func (h IPv6Header) Proto() Proto    { return Proto(h[6]) }
func (h IPv6Header) HopLimit() uint8 { return h[7] }

// Src and Dst are addresses of 16 bytes.
func (h IPv6Header) Src() []byte { return h[8:24:24] }
func (h IPv6Header) Dst() []byte { return h[24:40:40] }

func (w *Walk) ipv6(b []byte) {
	w.v6 = true
	if !w.header(b, IPv6Len) {
		return
	}
	h := IPv6Header(b)
	if h.Version() != 6 {
		w.Fault = Bad
		return
	}
	if length := h.Length(); length > 0 {
		w.N = length
		w.Trim()
	}
	w.Later = false
	w.Type, w.Next = uint16(h.Proto()), h.Proto().kind(true)
}

// An Extension is one of IPv6's extension headers (RFC 8200), or AH (RFC 4302).
type Extension []byte

// Proto is the kind of the next header.
func (h Extension) Proto() Proto { return Proto(h[0]) }

func (w *Walk) extension(b []byte) {
	n := 8
	if len(b) >= 2 && w.Kind == AH {
		n = (int(b[1]) + 2) * 4
	} else if len(b) >= 2 && w.Kind != Fragment {
		n = (int(b[1]) + 1) * 8
	}
	whole := w.header(b, n)
	if !whole && (len(b) < AHLen || w.Kind != AH) {
		return
	}
	switch {
	case whole && w.Kind == Fragment:
		w.Later = FragmentHeader(b).Offset() != 0
	case whole && w.Kind == AH && n < AHLen:
		w.Fault = Bad
	}
	proto := Extension(b).Proto()
	w.Type = uint16(proto)
	if !w.Later {
		w.Next = proto.kind(w.v6)
	}
}

// A RoutingHeader is an extension header that names the nodes on the way.
type RoutingHeader []byte

// SegmentRouting is the type of a segment routing header (RFC 8754).
const SegmentRouting = 4

func (h RoutingHeader) Type() uint8         { return h[2] }
func (h RoutingHeader) SegmentsLeft() uint8 { return h[3] }

// Segment is an address of the list, the first being number 0; nil where there is none so far. The last node
// on the way is the first of a segment routing header.
func (h RoutingHeader) Segment(i int) []byte {
	if at := 8 + i*16; at+16 <= len(h) {
		return h[at : at+16 : at+16]
	}
	return nil
}

// A FragmentHeader is IPv6's, of 8 bytes.
type FragmentHeader []byte

// Offset is where in the packet the fragment begins, in bytes.
func (h FragmentHeader) Offset() int { return int(binary.BigEndian.Uint16(h[2:]) &^ 7) }

// More tells whether others follow.
func (h FragmentHeader) More() bool { return h[3]&1 != 0 }

// ID is the identification, by which fragments belong together.
func (h FragmentHeader) ID() uint32 { return binary.BigEndian.Uint32(h[4:]) }

// AHLen is how long AH is without the check value, in bytes.
const AHLen = 12

// An AHHeader is IPsec's authentication header (RFC 4302).
type AHHeader []byte

func (h AHHeader) SPI() uint32 { return binary.BigEndian.Uint32(h[4:]) }
func (h AHHeader) Seq() uint32 { return binary.BigEndian.Uint32(h[8:]) }

// Options are those of an IPv4 or a TCP header, whose form is the same (RFC 791, RFC 9293).
type Options []byte

// Kinds of options that have no length.
const (
	OptionEnd = 0 // what is behind it is padding
	OptionNop = 1
)

// Next takes the first of the options. It is false at the end, and at an option whose length leads nowhere;
// then that and what is behind it is left in o.
func (o *Options) Next() (kind byte, value []byte, ok bool) {
	b := *o
	switch {
	case len(b) == 0:
		return 0, nil, false
	case b[0] == OptionEnd:
		*o = nil
		return OptionEnd, nil, true
	case b[0] == OptionNop:
		*o = b[1:]
		return OptionNop, nil, true
	case len(b) < 2 || b[1] < 2 || int(b[1]) > len(b):
		return 0, nil, false
	}
	*o = b[b[1]:]
	return b[0], b[2:b[1]], true
}
