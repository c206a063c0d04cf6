package drops

import (
	"encoding/binary"
	"net/netip"
)

// IP protocol numbers and EtherTypes that are looked into.
const (
	protoICMP  = 1
	protoTCP   = 6
	protoUDP   = 17
	protoICMP6 = 58
	protoESP   = 50
	protoAH    = 51

	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
)

// A packet is what the rules want to know of a packet's headers. The zero value knows
// nothing; version 0 is not IP.
type packet struct {
	etherType    uint16 // 0: unknown
	version      uint8  // 4 or 6
	proto        uint8  // of the transport header, behind IPv6's extension headers
	ttl          uint8
	dontFragment bool
	hasProto     bool
	hasPorts     bool
	hasICMP      bool
	later        bool // a fragment that is not the first
	length       int  // of the IP packet, as its header says
	options      int  // bytes of IPv4 options
	behindIP     int  // bytes behind the IP headers, as those say
	udpLen       int  // as the UDP header says; 0: not known, or a jumbogram
	src, dst     netip.Addr
	sport, dport uint16
	tcpFlags     uint8
	tcpData      int // bytes behind the TCP header, as the headers say
	hasTCPData   bool
	icmpType     uint8
	icmpCode     uint8
	spi          uint32 // of ESP, AH or IPComp, or of ESP in UDP; 0: none

	// What the checksums are over; nil where bytes of it are missing. Few drops need them.
	ipHeader  []byte
	transport []byte
	pseudo    uint32 // sum of the pseudo header
	noSum     bool   // it has none, and needs none
	sent      bool   // the device has checked, or the sum comes last
}

// A sumState says what the bytes at hand tell of a checksum.
type sumState uint8

const (
	sumUnknown sumState = iota // bytes are missing, or the sum is not there yet
	sumGood
	sumBad
	sumPartial // of the pseudo header alone: the rest is for the device that sends it
)

// parse reads a packet that begins with its link-layer header of l2 bytes (0: with its IP
// header). etherType is the kernel's word for what follows that header, 0 if it has none.
func (p *packet) parse(b []byte, l2 int, etherType uint16) {
	*p = packet{etherType: etherType}
	if l2 > len(b) {
		return
	}
	if etherType == 0 && l2 == 14 {
		p.etherType = binary.BigEndian.Uint16(b[12:])
	}
	b = b[l2:]
	// VLAN tags that are in the frame itself come before the IP header.
	for (p.etherType == 0x8100 || p.etherType == 0x88a8) && l2 > 0 && len(b) >= 4 {
		p.etherType = binary.BigEndian.Uint16(b[2:])
		b = b[4:]
	}
	switch {
	case len(b) >= 20 && b[0]>>4 == 4 && (p.etherType == etherIPv4 || p.etherType == 0):
		p.ipv4(b)
	case len(b) >= 40 && b[0]>>4 == 6 && (p.etherType == etherIPv6 || p.etherType == 0):
		p.ipv6(b)
	}
}

func (p *packet) ipv4(b []byte) {
	header := int(b[0]&15) * 4
	p.version = 4
	p.length = int(binary.BigEndian.Uint16(b[2:]))
	fragment := binary.BigEndian.Uint16(b[6:])
	p.dontFragment = fragment&0x4000 != 0
	p.later = fragment&0x1fff != 0
	p.ttl, p.proto, p.hasProto = b[8], b[9], true
	p.src = netip.AddrFrom4([4]byte(b[12:16]))
	p.dst = netip.AddrFrom4([4]byte(b[16:20]))
	p.options = max(header-20, 0)
	if header < 20 || header > len(b) {
		return
	}
	p.ipHeader = b[:header]
	if p.later || p.length < header {
		return
	}
	pseudo := internetSum(uint32(p.proto)+uint32(p.length-header), b[12:20])
	p.layer4(b[header:], p.length-header, pseudo, fragment&0x2000 == 0)
}

func (p *packet) ipv6(b []byte) {
	p.version = 6
	payload := int(binary.BigEndian.Uint16(b[4:]))
	p.length = 40 + payload
	p.ttl = b[7]
	p.src = netip.AddrFrom16([16]byte(b[8:24]))
	p.dst = netip.AddrFrom16([16]byte(b[24:40]))
	next, rest, whole := b[6], b[40:], true
	for range 8 { // the kernel itself accepts no more (IP6_MAX_EXT_HDRS_CNT)
		size := 8
		switch next {
		case 0, 43, 60: // hop-by-hop, routing, destination options
			if len(rest) >= 2 {
				size = (int(rest[1]) + 1) * 8
			}
		case 44: // fragment
			if len(rest) >= 4 {
				offset := binary.BigEndian.Uint16(rest[2:])
				p.later = offset&^7 != 0
				whole = offset&^6 == 0
			}
		default:
			p.proto, p.hasProto = next, true
			if !p.later {
				pseudo := internetSum(uint32(next)+uint32(payload), b[8:40])
				p.layer4(rest, payload, pseudo, whole)
			}
			return
		}
		if len(rest) < size {
			return
		}
		if p.later { // what is behind its header is data
			p.proto, p.hasProto = rest[0], true
			return
		}
		next, rest, payload = rest[0], rest[size:], payload-size
	}
}

// layer4 reads the header behind IP's: n bytes are there in the packet, len(b) of them
// (or more, by the padding of a short frame) at hand. pseudo is the sum of the pseudo
// header. A checksum can be checked if the whole packet is at hand.
func (p *packet) layer4(b []byte, n int, pseudo uint32, whole bool) {
	p.behindIP = n
	if p.proto == protoUDP && len(b) >= 8 {
		p.udpLen = int(binary.BigEndian.Uint16(b[4:]))
	}
	switch p.proto {
	case protoTCP, protoUDP:
		if len(b) < 4 {
			return
		}
		p.sport, p.dport, p.hasPorts = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), true
		if p.proto == protoTCP && len(b) >= 14 {
			p.tcpFlags = b[13]
			p.tcpData = n - int(b[12]>>4)*4
			p.hasTCPData = p.tcpData >= 0
		}
		if p.proto == protoUDP && (len(b) < 8 || binary.BigEndian.Uint16(b[6:]) == 0) {
			p.noSum = len(b) >= 8 && p.version == 4 // the sender made none, as only IPv4 allows
			return
		}
		p.pseudo = pseudo
	case protoICMP, protoICMP6:
		if len(b) < 2 {
			return
		}
		p.icmpType, p.icmpCode, p.hasICMP = b[0], b[1], true
		if p.proto == protoICMP6 {
			p.pseudo = pseudo
		}
	case protoESP:
		if len(b) >= 4 {
			p.spi = binary.BigEndian.Uint32(b)
		}
		return
	case protoAH:
		if len(b) >= 8 {
			p.spi = binary.BigEndian.Uint32(b[4:])
		}
		return
	default:
		return
	}
	if whole && n > 0 && n <= len(b) {
		p.transport = b[:n]
	}
}

// ipSum tells of the IPv4 header's checksum.
func (p *packet) ipSum() sumState {
	if p.ipHeader == nil {
		return sumUnknown
	}
	return checked(internetSum(0, p.ipHeader))
}

// sum tells of the transport header's checksum.
func (p *packet) sum() sumState {
	switch {
	case p.sent || p.noSum:
		return sumGood
	case p.transport == nil:
		return sumUnknown
	}
	state := checked(internetSum(p.pseudo, p.transport))
	at := 0 // of the sum in the header
	switch p.proto {
	case protoTCP:
		at = 16
	case protoUDP:
		at = 6
	case protoICMP6:
		at = 2
	}
	if state == sumBad && at > 0 && at+2 <= len(p.transport) && uint32(binary.BigEndian.Uint16(p.transport[at:])) == p.pseudo {
		return sumPartial
	}
	return state
}

// internetSum adds the 16-bit words of b to sum (RFC 1071), carries not yet folded in
// beyond what keeps 64 kB from overflowing.
func internetSum(sum uint32, b []byte) uint32 {
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

func checked(sum uint32) sumState {
	if sum == 0xffff {
		return sumGood
	}
	return sumBad
}

// Words that rules compare with; as bytes, so that giving one out costs nothing.
var (
	wordGood, wordBad, wordPartial = []byte("good"), []byte("bad"), []byte("partial")

	kindZero, kindLoopback, kindMulticast, kindBroadcast, kindLinkLocal, kindUnicast = []byte("zero"), []byte("loopback"), []byte("multicast"), []byte("broadcast"), []byte("linklocal"), []byte("unicast")

	protoNames = [256][]byte{
		protoICMP: []byte("icmp"), 2: []byte("igmp"), protoTCP: []byte("tcp"), protoUDP: []byte("udp"), 47: []byte("gre"),
		protoESP: []byte("esp"), protoAH: []byte("ah"), 108: []byte("ipcomp"), protoICMP6: []byte("icmp6"), 132: []byte("sctp"),
	}
)

// addressKind puts an address into one of the kinds that routing tells apart.
func addressKind(a netip.Addr) []byte {
	switch {
	case !a.IsValid():
		return nil
	case a.IsUnspecified():
		return kindZero
	case a.IsLoopback():
		return kindLoopback
	case a.IsMulticast():
		return kindMulticast
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return kindBroadcast
	case a.Is6() && a.IsLinkLocalUnicast(): // IPv4's are routed as others are
		return kindLinkLocal
	}
	return kindUnicast
}

// multicastScope is link for multicast addresses that no router passes on (RFC 5771, RFC
// 4291), wider for others.
func multicastScope(a netip.Addr) []byte {
	switch {
	case !a.IsMulticast():
		return nil
	case a.IsLinkLocalMulticast() || a.IsInterfaceLocalMulticast():
		return scopeLink
	}
	return scopeWider
}

var scopeLink, scopeWider = []byte("link"), []byte("wider")

// appendFlags writes TCP flags by their first letters, as "SA" for a SYN with ACK; ECN's
// flags say nothing about why a segment was dropped.
func appendFlags(dst []byte, flags uint8) []byte {
	for i, c := range []byte("FSRPAU") {
		if flags&(1<<i) != 0 {
			dst = append(dst, c)
		}
	}
	return dst
}
