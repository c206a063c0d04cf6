package dissect

import "encoding/binary"

// Types of ICMP messages (RFC 792, RFC 1256; the extended echo: RFC 8335).
const (
	ICMPEchoReply           = 0
	ICMPUnreachable         = 3
	ICMPSourceQuench        = 4
	ICMPRedirect            = 5
	ICMPEcho                = 8
	ICMPRouterAdvertisement = 9
	ICMPRouterSolicitation  = 10
	ICMPTimeExceeded        = 11
	ICMPParameterProblem    = 12
	ICMPTimestamp           = 13
	ICMPTimestampReply      = 14
	ICMPExtendedEcho        = 42
	ICMPExtendedEchoReply   = 43
)

// Types of ICMPv6 messages (RFC 4443; of listeners: RFC 2710, RFC 3810; of neighbours: RFC 4861).
const (
	ICMPv6Unreachable           = 1
	ICMPv6TooBig                = 2
	ICMPv6TimeExceeded          = 3
	ICMPv6ParameterProblem      = 4
	ICMPv6Echo                  = 128
	ICMPv6EchoReply             = 129
	ICMPv6ListenerQuery         = 130
	ICMPv6ListenerReport        = 131
	ICMPv6ListenerDone          = 132
	ICMPv6RouterSolicitation    = 133
	ICMPv6RouterAdvertisement   = 134
	ICMPv6NeighborSolicitation  = 135
	ICMPv6NeighborAdvertisement = 136
	ICMPv6Redirect              = 137
	ICMPv6ListenerReport2       = 143
)

// An ICMPHeader is one of 8 bytes, of ICMP (RFC 792) or ICMPv6 (RFC 4443).
type ICMPHeader []byte

func (h ICMPHeader) Type() uint8 { return h[0] }
func (h ICMPHeader) Code() uint8 { return h[1] }

// ID and Seq are those of an echo and of a time stamp.
func (h ICMPHeader) ID() uint16  { return binary.BigEndian.Uint16(h[4:]) }
func (h ICMPHeader) Seq() uint16 { return binary.BigEndian.Uint16(h[6:]) }

// Value is the second half of the header, whose meaning is the type's.
func (h ICMPHeader) Value() uint32 { return binary.BigEndian.Uint32(h[4:]) }

// MTU is that of ICMP's "fragmentation needed" (RFC 1191), in bytes. ICMPv6's is the Value.
func (h ICMPHeader) MTU() uint16 { return h.Seq() }

// Gateway is the address of ICMP's redirect, four bytes.
func (h ICMPHeader) Gateway() []byte { return h[4:8:8] }

// Pointer is where ICMP's parameter problem is in the quoted packet, in bytes. ICMPv6's is the Value.
func (h ICMPHeader) Pointer() uint8 { return h[4] }

// HopLimit and Lifetime are those of ICMPv6's router advertisement, the second in seconds (RFC 4861, 4.2).
func (h ICMPHeader) HopLimit() uint8  { return h[4] }
func (h ICMPHeader) Lifetime() uint16 { return binary.BigEndian.Uint16(h[6:]) }

// Records is how many groups a report of MLDv2 has (RFC 3810, 5.2).
func (h ICMPHeader) Records() int { return int(binary.BigEndian.Uint16(h[6:])) }

// icmp finds the packet that an error quotes.
func (w *Walk) icmp(b []byte) {
	if !w.header(b, 8) {
		return
	}
	if w.Kind == ICMPv6 {
		switch b[0] {
		case ICMPv6Unreachable, ICMPv6TooBig, ICMPv6TimeExceeded, ICMPv6ParameterProblem:
			w.Next = IPv6
		}
		return
	}
	switch b[0] {
	case ICMPUnreachable, ICMPSourceQuench, ICMPRedirect, ICMPTimeExceeded, ICMPParameterProblem:
		w.Next = IPv4
	}
}

// A NeighborMessage is what stands behind the header of a message of Neighbor Discovery (RFC 4861) or of
// multicast listeners (RFC 2710): addresses, then options.
type NeighborMessage []byte

// Target is the address that a solicitation or an advertisement asks for, the gateway of a redirect, or a
// listener's group: 16 bytes, nil where they were not captured.
func (m NeighborMessage) Target() []byte { return m.address(0) }

// Destination is the address that a redirect is for, nil where it was not captured.
func (m NeighborMessage) Destination() []byte { return m.address(16) }

func (m NeighborMessage) address(at int) []byte {
	if len(m) < at+16 {
		return nil
	}
	return m[at : at+16 : at+16]
}

// AdvertisementLen is how many bytes a router's advertisement has between its header and the options: two times.
const AdvertisementLen = 8

// Options are those of a message of the given type that were captured.
func (m NeighborMessage) Options(t uint8) NeighborOptions {
	at := len(m)
	switch t {
	case ICMPv6RouterSolicitation:
		at = 0
	case ICMPv6RouterAdvertisement:
		at = AdvertisementLen
	case ICMPv6NeighborSolicitation, ICMPv6NeighborAdvertisement:
		at = 16
	case ICMPv6Redirect:
		at = 32
	}
	return NeighborOptions(m[min(at, len(m)):])
}

// Options of Neighbor Discovery with a link-layer address (RFC 4861, 4.6.1).
const (
	NeighborSource = 1
	NeighborTarget = 2
)

// NeighborOptions are options of Neighbor Discovery (RFC 4861, 4.6).
type NeighborOptions []byte

// Next takes the first of the options. It is false at the end, and at an option that is not all there or has no
// length, which is then left in o. A value has 6 bytes at least.
func (o *NeighborOptions) Next() (kind byte, value []byte, ok bool) {
	b := *o
	if len(b) < 8 || b[1] == 0 || len(b) < int(b[1])*8 {
		return 0, nil, false
	}
	n := int(b[1]) * 8
	*o = b[n:]
	return b[0], b[2:n:n], true
}
