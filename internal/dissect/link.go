package dissect

import "encoding/binary"

// The views are headers as they lie in a packet, in network byte order. Their methods read; they panic where
// the bytes are missing, which they are not in a header that a Walk says is Whole.

// EthernetLen is how long an Ethernet header is, in bytes.
const EthernetLen = 14

// An EthernetHeader is one of 14 bytes.
type EthernetHeader []byte

// Dst is the address of whom the frame is for, six bytes.
func (h EthernetHeader) Dst() []byte { return h[:6:6] }

// Src is the sender's address, six bytes.
func (h EthernetHeader) Src() []byte { return h[6:12:12] }

// Type is the EtherType, or the length of an IEEE 802.3 frame.
func (h EthernetHeader) Type() EtherType { return EtherType(binary.BigEndian.Uint16(h[12:])) }

func (w *Walk) ethernet(b []byte) {
	if w.header(b, EthernetLen) {
		w.etherOrLength(EtherType(binary.BigEndian.Uint16(b[12:])))
	}
}

// etherOrLength notes an EtherType, or the length of an IEEE 802.3 frame.
func (w *Walk) etherOrLength(t EtherType) {
	if t.IsLength() {
		w.Next, w.N = LLC, min(w.N, int(t))
		return
	}
	w.ether(t)
}

// VLANLen is how long a VLAN's tag is, in bytes, from behind the EtherType that announces it.
const VLANLen = 4

// A VLANTag is four bytes: the tag, and the EtherType of what follows (IEEE 802.1Q).
type VLANTag []byte

// TCI are the tag's 16 bits: priority (3), drop eligible (1), id (12).
func (h VLANTag) TCI() uint16 { return binary.BigEndian.Uint16(h) }

// Type is the EtherType of what follows, or the length of an IEEE 802.3 frame.
func (h VLANTag) Type() EtherType { return EtherType(binary.BigEndian.Uint16(h[2:])) }

func (w *Walk) vlan(b []byte) {
	if w.header(b, VLANLen) {
		w.etherOrLength(VLANTag(b).Type())
	}
}

// An LLCHeader is one of three bytes (IEEE 802.2): the control field of U frames has one byte, that of
// others a second, which is then in Rest.
type LLCHeader []byte

// LLCLen is how long an LLC header is, in bytes.
const LLCLen = 3

// DSAP and SSAP are the service access points, the destination's and the source's.
func (h LLCHeader) DSAP() byte { return h[0] }
func (h LLCHeader) SSAP() byte { return h[1] }

func (w *Walk) llc(b []byte) {
	if !w.header(b, LLCLen) {
		return
	}
	switch h := LLCHeader(b); {
	case h.DSAP() == 0xaa && h.SSAP() == 0xaa:
		w.Next = SNAP
	case h.DSAP() == 0x42 && h.SSAP() == 0x42:
		w.Next = STP
	}
}

// A SNAPHeader is one of five bytes (RFC 1042).
type SNAPHeader []byte

// OUI says whose Protocol is: three bytes, 0 for EtherTypes.
func (h SNAPHeader) OUI() []byte { return h[:3:3] }

// Protocol is an EtherType if the OUI is 0.
func (h SNAPHeader) Protocol() uint16 { return binary.BigEndian.Uint16(h[3:]) }

func (w *Walk) snap(b []byte) {
	if w.header(b, 5) && b[0]|b[1]|b[2] == 0 {
		w.ether(EtherType(SNAPHeader(b).Protocol()))
	}
}

// An MPLSEntry is one entry of a label stack, four bytes (RFC 3032).
type MPLSEntry []byte

func (h MPLSEntry) word() uint32 { return binary.BigEndian.Uint32(h) }

// Label has 20 bits.
func (h MPLSEntry) Label() uint32 { return h.word() >> 12 }

// Class is the traffic class, three bits (RFC 5462).
func (h MPLSEntry) Class() uint8 { return uint8(h.word() >> 9 & 7) }

// Bottom tells whether it is the stack's last entry.
func (h MPLSEntry) Bottom() bool { return h.word()&0x100 != 0 }

func (h MPLSEntry) TTL() uint8 { return h[3] }

// mpls reads an entry. What is under the last one is told by its first four bits, as routers do (RFC 4928).
func (w *Walk) mpls(b []byte) {
	if !w.header(b, 4) {
		return
	}
	if !MPLSEntry(b).Bottom() {
		w.Next = MPLS
		return
	}
	w.Next = OfVersion(b[4:]).Kind()
}

// A PPPoEHeader is one of six bytes (RFC 2516).
type PPPoEHeader []byte

// Code is 0 for a session's data.
func (h PPPoEHeader) Code() byte { return h[1] }

// CodeName is what RFC 2516 calls the packets of discovery with the code, "" for other codes.
func (h PPPoEHeader) CodeName() string {
	switch h.Code() {
	case 0x07:
		return "PADO"
	case 0x09:
		return "PADI"
	case 0x19:
		return "PADR"
	case 0x65:
		return "PADS"
	case 0xa7:
		return "PADT"
	}
	return ""
}

func (h PPPoEHeader) Session() uint16 { return binary.BigEndian.Uint16(h[2:]) }

// Length is how many bytes are behind the header.
func (h PPPoEHeader) Length() int { return int(binary.BigEndian.Uint16(h[4:])) }

func (w *Walk) pppoe(b []byte) {
	if !w.header(b, 6) {
		return
	}
	w.N = PPPoEHeader(b).Length()
	if w.Kind == PPPoE {
		w.Next = PPP
	}
}

// A PPPProtocol names what a PPP frame carries (IANA's ppp-numbers).
type PPPProtocol uint16

const (
	pppIPv4     PPPProtocol = 0x0021 // RFC 1332
	pppIPv6     PPPProtocol = 0x0057 // RFC 5072
	pppMPLS     PPPProtocol = 0x0281 // RFC 3032
	pppMPLSMany PPPProtocol = 0x0283
)

var pppNames = map[PPPProtocol]string{0xc021: "LCP", 0xc023: "PAP", 0xc223: "CHAP", 0x8021: "IPCP",
	0x8057: "IPV6CP", 0x80fd: "CCP"}

// Name is what the protocol is called, "" for most.
func (p PPPProtocol) Name() string { return pppNames[p] }

// ppp reads the protocol field of a PPP frame, which may be compressed to one byte (RFC 1661, 6.5), and
// the address and control bytes in front of it, ff 03, which PPPoE leaves out (RFC 1661, 6.6).
func (w *Walk) ppp(b []byte) {
	n := 0
	if len(b) >= 2 && b[0] == 0xff && b[1] == 0x03 {
		n = 2
	}
	if len(b) < n+2 {
		w.header(b, n+2)
		return
	}
	if b[n]&1 != 0 {
		w.Type = uint16(b[n])
		n++
	} else {
		w.Type = binary.BigEndian.Uint16(b[n:])
		n += 2
	}
	w.header(b, n)
	switch PPPProtocol(w.Type) {
	case pppIPv4:
		w.Next = IPv4
	case pppIPv6:
		w.Next = IPv6
	case pppMPLS, pppMPLSMany:
		w.Next = MPLS
	}
}

// A MACsecTag is the SecTAG of 6 bytes, or of 14 with the sender's identifier (IEEE 802.1AE), and the
// EtherType behind it where the content is not encrypted.
type MACsecTag []byte

// Explicit tells whether the tag has the sender's identifier (SC).
func (h MACsecTag) Explicit() bool { return h[0]&0x20 != 0 }

// Encrypted tells whether the content is, or is changed otherwise (E, C).
func (h MACsecTag) Encrypted() bool { return h[0]&0x0c != 0 }

// Association is the two bits of the secure association's number.
func (h MACsecTag) Association() uint8 { return h[0] & 3 }

// Packet is the packet number.
func (h MACsecTag) Packet() uint32 { return binary.BigEndian.Uint32(h[2:]) }

func (w *Walk) macsec(b []byte) {
	if len(b) < 6 {
		w.header(b, 6)
		return
	}
	n := 6
	if MACsecTag(b).Explicit() {
		n += 8
	}
	if MACsecTag(b).Encrypted() {
		w.header(b, n)
		return
	}
	if w.header(b, n+2) {
		w.etherOrLength(EtherType(binary.BigEndian.Uint16(b[n:])))
	}
}

// An ARPPacket is all of one (RFC 826).
type ARPPacket []byte

// Hardware and Protocol are the kinds of the addresses: of hardware IANA's arp-parameters, of the protocol
// an EtherType.
func (h ARPPacket) Hardware() uint16    { return binary.BigEndian.Uint16(h) }
func (h ARPPacket) Protocol() EtherType { return EtherType(binary.BigEndian.Uint16(h[2:])) }

// HardwareLen and ProtocolLen are the lengths of an address, in bytes.
func (h ARPPacket) HardwareLen() int { return int(h[4]) }
func (h ARPPacket) ProtocolLen() int { return int(h[5]) }

// Operations of ARP.
const (
	ARPRequest = 1
	ARPReply   = 2
)

// Operation is ARPRequest, ARPReply, or another.
func (h ARPPacket) Operation() uint16 { return binary.BigEndian.Uint16(h[6:]) }

// SenderHardware and the three that follow are the addresses, in the order in which they stand.
func (h ARPPacket) SenderHardware() []byte { return h.address(0, 0, h.HardwareLen()) }
func (h ARPPacket) SenderProtocol() []byte { return h.address(1, 0, h.ProtocolLen()) }
func (h ARPPacket) TargetHardware() []byte { return h.address(1, 1, h.HardwareLen()) }
func (h ARPPacket) TargetProtocol() []byte { return h.address(2, 1, h.ProtocolLen()) }

// address is the one of n bytes behind so many of hardware and of the protocol.
func (h ARPPacket) address(hardware, protocol, n int) []byte {
	at := 8 + hardware*h.HardwareLen() + protocol*h.ProtocolLen()
	return h[at : at+n : at+n]
}

func (w *Walk) arp(b []byte) {
	n := 8
	if len(b) >= n {
		n += 2 * (int(b[4]) + int(b[5]))
	}
	w.header(b, n)
}
