package dissect

import "encoding/binary"

// UDP ports of tunnels (IANA's service-names-port-numbers).
const (
	PortL2TP       = 1701 // RFC 2661, RFC 3931
	PortGTP        = 2152 // 3GPP TS 29.281
	PortESP        = 4500 // RFC 3948, with IKE
	PortVXLAN      = 4789 // RFC 7348
	PortVXLANGPE   = 4790 // draft-ietf-nvo3-vxlan-gpe
	PortGeneve     = 6081 // RFC 8926
	PortMPLS       = 6635 // RFC 7510
	PortVXLANLinux = 8472 // drivers/net/vxlan: what Linux used before, and still defaults to
)

// Ports of what else is told by its port.
const (
	PortDNS          = 53
	PortDHCPServer   = 67
	PortDHCPClient   = 68
	PortDHCP6Client  = 546
	PortDHCP6Server  = 547
	PortMulticastDNS = 5353 // RFC 6762
	PortLLMNR        = 5355 // RFC 4795
)

// Carried is the kind of the header that a UDP datagram begins with, told by its ports, or for WireGuard by its
// form; None where that is no tunnel's. b was captured of its n bytes.
//
// A tunnel's sender chooses the source port by the flow within, so that the destination port alone tells;
// ESP and L2TP have theirs at both ends.
func Carried(src, dst uint16, b []byte, n int) Kind {
	switch {
	case dst == PortVXLAN || dst == PortVXLANLinux:
		return VXLAN
	case dst == PortGeneve:
		return Geneve
	case dst == PortMPLS:
		return MPLS
	case src == PortESP || dst == PortESP:
		// Four zero bytes are IKE's, one byte keeps a NAT's mapping alive.
		if len(b) >= 4 && n >= 8 && binary.BigEndian.Uint32(b) != 0 {
			return ESP
		}
	case src == PortL2TP || dst == PortL2TP:
		return L2TP
	case dst == PortGTP:
		return GTPU
	case isWireGuard(b, n): // which any port may have, and VXLAN-GPE's flags are others
		return WireGuard
	case dst == PortVXLANGPE:
		return VXLANGPE
	}
	return None
}

// A VXLANHeader is one of 8 bytes (RFC 7348), of VXLAN or VXLAN-GPE.
type VXLANHeader []byte

func (h VXLANHeader) Flags() uint8 { return h[0] }

// HasVNI tells whether the flag I is set, without which it is no VXLAN.
func (h VXLANHeader) HasVNI() bool { return h[0]&0x08 != 0 }
func (h VXLANHeader) VNI() uint32  { return binary.BigEndian.Uint32(h[4:]) >> 8 }

// Policy is the group policy of the extension GBP (draft-smith-vxlan-group-policy).
func (h VXLANHeader) Policy() (id uint16, ok bool) {
	return binary.BigEndian.Uint16(h[2:]), h[0]&0x80 != 0
}

func (w *Walk) vxlan(b []byte) {
	if !w.header(b, 8) {
		return
	}
	if !VXLANHeader(b).HasVNI() {
		w.Fault = Bad
	}
	w.Next = Ethernet
}

// vxlanGPE reads VXLAN-GPE's header as the kernel does (drivers/net/vxlan/vxlan_core.c,
// vxlan_parse_gpe_proto; the numbers are in include/net/tun_proto.h).
func (w *Walk) vxlanGPE(b []byte) {
	if !w.header(b, 8) {
		return
	}
	const version, nextProtocol, oam = 0x30, 0x04, 0x01
	if b[0]&nextProtocol == 0 || b[0]&(version|oam) != 0 || !VXLANHeader(b).HasVNI() {
		w.Fault = Bad
		return
	}
	w.Type = uint16(b[3])
	switch b[3] {
	case 1:
		w.Next = IPv4
	case 2:
		w.Next = IPv6
	case 3:
		w.Next = Ethernet
	case 5:
		w.Next = MPLS
	}
}

// A GeneveHeader is one with its options (RFC 8926).
type GeneveHeader []byte

// OAM and Critical are flags: for the tunnel's end itself, and with options that it must know.
func (h GeneveHeader) OAM() bool      { return h[1]&0x80 != 0 }
func (h GeneveHeader) Critical() bool { return h[1]&0x40 != 0 }

// OptionsLen is how many bytes the options have, by the header's word.
func (h GeneveHeader) OptionsLen() int { return int(h[0]&0x3f) * 4 }
func (h GeneveHeader) Protocol() EtherType {
	return EtherType(binary.BigEndian.Uint16(h[2:]))
}
func (h GeneveHeader) VNI() uint32 { return binary.BigEndian.Uint32(h[4:]) >> 8 }

// Options are those that were captured.
func (h GeneveHeader) Options() GeneveOptions { return GeneveOptions(h[GeneveLen:]) }

// GeneveOptions are those of one header.
type GeneveOptions []byte

// Next takes the first of the options. It is false at the end, and at an option that is not all there, which is
// then left in o.
func (o *GeneveOptions) Next() (class uint16, kind byte, value []byte, ok bool) {
	b := *o
	if len(b) < 4 {
		return 0, 0, nil, false
	}
	n := 4 + int(b[3]&0x1f)*4
	if len(b) < n {
		return 0, 0, nil, false
	}
	*o = b[n:]
	return binary.BigEndian.Uint16(b), b[2], b[4:n], true
}

// GeneveLen is how long a Geneve header is without options, GRELen one of GRE that announces nothing, in bytes.
const (
	GeneveLen = 8
	GRELen    = 4
)

func (w *Walk) geneve(b []byte) {
	if len(b) < GeneveLen {
		w.header(b, GeneveLen)
		return
	}
	if h := GeneveHeader(b); w.header(b, GeneveLen+h.OptionsLen()) {
		w.ether(h.Protocol())
	}
}

// A GREHeader is one with what its flags announce: of version 0 (RFC 2784, RFC 2890; routing: RFC 1701), or
// of version 1, PPTP's (RFC 2637).
type GREHeader []byte

const (
	greSum      = 0x80
	greRouting  = 0x40
	greKey      = 0x20
	greSeq      = 0x10
	greAck      = 0x80 // in the second byte
	greVersions = 0x07 // likewise
)

func (h GREHeader) Version() int        { return int(h[1] & greVersions) }
func (h GREHeader) Protocol() EtherType { return EtherType(binary.BigEndian.Uint16(h[2:])) }

// Key is the key, if there is one and it was captured.
func (h GREHeader) Key() (key uint32, ok bool) { return h.word(greKey, h.keyAt()) }

// Seq is the sequence number, if there is one and it was captured.
func (h GREHeader) Seq() (seq uint32, ok bool) {
	at := h.keyAt()
	if h[0]&greKey != 0 {
		at += 4
	}
	return h.word(greSeq, at)
}

// Ack is the sequence number of PPTP that is acknowledged, if there is one and it was captured. It ends the header.
func (h GREHeader) Ack() (seq uint32, ok bool) {
	if h.Version() != 1 || h[1]&greAck == 0 || len(h) < 12 {
		return 0, false
	}
	return binary.BigEndian.Uint32(h[len(h)-4:]), true
}

func (h GREHeader) keyAt() int {
	if h[0]&(greSum|greRouting) != 0 {
		return 8
	}
	return 4
}

func (h GREHeader) word(flag byte, at int) (uint32, bool) {
	if h[0]&flag == 0 || len(h) < at+4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(h[at:]), true
}

func (w *Walk) gre(b []byte) {
	if len(b) < 4 {
		w.header(b, 4)
		return
	}
	h := GREHeader(b)
	n := h.keyAt()
	for _, flag := range [...]byte{greKey, greSeq} {
		if b[0]&flag != 0 {
			n += 4
		}
	}
	if b[0]&greRouting != 0 {
		n = routed(b, n)
	}
	if h.Version() == 1 && b[1]&greAck != 0 {
		n += 4
	}
	if !w.header(b, n) {
		return
	}
	if h.Version() > 1 {
		w.Fault = Bad
	}
	w.ether(h.Protocol())
}

// routed is how long a GRE header is with the source routes from n on: each is an address family, an offset and
// the length of what follows (RFC 1701); one without the first and the last is the end.
func routed(b []byte, n int) int {
	for len(b) >= n+4 {
		end := b[n]|b[n+1]|b[n+3] == 0
		if n += 4 + int(b[n+3]); end {
			return n
		}
	}
	return len(b) + 1 // more than there is
}

// An ESPHeader is the part of ESP that is not encrypted, 8 bytes (RFC 4303).
type ESPHeader []byte

func (h ESPHeader) SPI() uint32 { return binary.BigEndian.Uint32(h) }
func (h ESPHeader) Seq() uint32 { return binary.BigEndian.Uint32(h[4:]) }

// An IPCompHeader is one of four bytes (RFC 3173).
type IPCompHeader []byte

// CPI says how the content is compressed.
func (h IPCompHeader) CPI() uint16 { return binary.BigEndian.Uint16(h[2:]) }

// An L2TPHeader is that of a message in UDP, of version 2 (RFC 2661, 3.1) or 3 (RFC 3931, 4.1.2).
type L2TPHeader []byte

func (h L2TPHeader) Version() int { return int(h[1] & 0xf) }

// Control tells whether it is no data message.
func (h L2TPHeader) Control() bool { return h[0]&0x80 != 0 }

// Session is the session's number; 0 where it was not captured.
func (h L2TPHeader) Session() uint32 {
	if h.Version() == 3 {
		if len(h) < 8 {
			return 0
		}
		return binary.BigEndian.Uint32(h[4:])
	}
	at := h.tunnelAt() + 2
	if len(h) < at+2 {
		return 0
	}
	return uint32(binary.BigEndian.Uint16(h[at:]))
}

// tunnelAt is where the numbers of tunnel and session are in version 2: behind a length, if there is one.
func (h L2TPHeader) tunnelAt() int {
	if h[0]&0x40 != 0 {
		return 4
	}
	return 2
}

// l2tp finds PPP behind a data message of version 2. What is behind one of version 3 was agreed on elsewhere.
func (w *Walk) l2tp(b []byte) {
	if len(b) < 2 {
		w.header(b, 2)
		return
	}
	h := L2TPHeader(b)
	switch {
	case h.Version() == 3 && h.Control():
		w.header(b, 12) // RFC 3931, 3.2.1
	case h.Version() == 3:
		w.header(b, 8)
	case h.Version() != 2:
		w.header(b, 2)
		w.Fault = Bad
	default:
		n := h.tunnelAt() + 4
		if b[0]&0x08 != 0 { // S: sequence numbers
			n += 4
		}
		if b[0]&0x02 != 0 { // O: an offset
			if n += 2; len(b) >= n {
				n += int(binary.BigEndian.Uint16(b[n-2:]))
			}
		}
		if w.header(b, n) && !h.Control() {
			w.Next = PPP
		}
	}
}

// An L2TPSession is the session's number, all that there is of L2TP's header over IP (RFC 3931, 4.1.1).
type L2TPSession []byte

// Number is 0 for a control message.
func (h L2TPSession) Number() uint32 { return binary.BigEndian.Uint32(h) }

// A GTPHeader is one of GTP-U, of version 1, with its extension headers (3GPP TS 29.281, 5).
type GTPHeader []byte

// GTPData is the type of a message that carries a packet.
const GTPData = 255

// Current tells whether it is of version 1, and not of GTP' (which bills).
func (h GTPHeader) Current() bool { return h[0]>>4 == 3 }
func (h GTPHeader) Type() uint8   { return h[1] }

// Length is how many bytes are behind the first 8.
func (h GTPHeader) Length() int  { return int(binary.BigEndian.Uint16(h[2:])) }
func (h GTPHeader) TEID() uint32 { return binary.BigEndian.Uint32(h[4:]) }

// Extended tells whether there is more than the first 8 bytes: a sequence number, a N-PDU number or extension
// headers.
func (h GTPHeader) Extended() bool { return h[0]&7 != 0 }

func (w *Walk) gtp(b []byte) {
	n := 8
	bad := false
	if len(b) >= n && GTPHeader(b).Extended() {
		n = 12
		const extensions = 0x04
		// A header's length counts four bytes, its last byte is the type of the next; 0 is the end.
		for b[0]&extensions != 0 && len(b) >= n && b[n-1] != 0 {
			if len(b) == n {
				n++ // not all there
				break
			}
			if b[n] == 0 {
				bad = true
				break
			}
			n += int(b[n]) * 4
		}
	}
	if !w.header(b, n) {
		return
	}
	h := GTPHeader(b)
	w.N = max(h.Length()-(n-8), 0)
	switch {
	case bad || !h.Current():
		w.Fault = Bad
	case h.Type() == GTPData:
		w.Next = OfVersion(b[n:]).Kind()
	}
}

// A WireGuardMessage is one, or the head of one that carries data (the WireGuard white paper, 5.4).
type WireGuardMessage []byte

// WireGuardData is the type of a message that carries a packet.
const WireGuardData = 4

func (h WireGuardMessage) Type() uint8 { return h[0] }

// Index is the number that the receiver of a message has given to the session; 0 of other messages than data.
func (h WireGuardMessage) Index() uint32 {
	if h.Type() == WireGuardData {
		return binary.LittleEndian.Uint32(h[4:])
	}
	return 0
}

func (w *Walk) wireguard(b []byte) {
	if len(b) > 0 && b[0] == WireGuardData {
		w.header(b, 16)
		return
	}
	w.header(b, w.N) // a handshake is all of it
}

// minMTU is the least that a WireGuard device has in use: IPv4's (RFC 791).
const minMTU = 576

// isWireGuard tells whether a datagram's n bytes, of which b was captured, are a message of
// WireGuard's: its type as four bytes, little-endian, and the length that this type has.
func isWireGuard(b []byte, n int) bool {
	if len(b) < 8 || b[1]|b[2]|b[3] != 0 {
		return false
	}
	switch b[0] {
	case 1: // handshake initiation, response, cookie
		return n == 148
	case 2:
		return n == 92
	case 3:
		return n == 64
	case WireGuardData:
		// padded to 16 bytes, but not beyond the device's MTU (drivers/net/wireguard/send.c, calculate_skb_padding)
		if n < 32 || n%16 == 0 {
			return n >= 32
		}
		// So a full one may have any length: it is known by its counter (bytes 8 to 15), which never gets large.
		return n >= 32+minMTU && len(b) >= 16 && b[13]|b[14]|b[15] == 0
	}
	return false
}
