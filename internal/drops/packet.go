package drops

import (
	"encoding/binary"
	"net/netip"

	"github.com/skb-tools/skb-tools/internal/dissect"
)

// A packet is what the rules want to know of a packet's headers. The zero value knows
// nothing; version 0 is not IP.
type packet struct {
	etherType    uint16        // 0: unknown
	version      uint8         // 4 or 6
	proto        dissect.Proto // of the transport header, behind IPv6's extension headers
	ttl          uint8
	dontFragment bool
	hasProto     bool
	hasPorts     bool
	hasICMP      bool
	fragment     bool // of a packet that was cut
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
// The outermost IP header is what the rules are about: what a tunnel carries is not read.
func (p *packet) parse(b []byte, l2 int, etherType uint16) {
	*p = packet{etherType: etherType}
	if l2 > len(b) {
		return
	}
	t := dissect.EtherType(etherType)
	if t == 0 && l2 == dissect.EthernetLen {
		t = dissect.EthernetHeader(b).Type()
	}
	b = b[l2:]
	// VLAN tags that are in the frame itself come before the IP header.
	for (t == dissect.EtherVLAN || t == dissect.EtherQinQ) && l2 > 0 && len(b) >= dissect.VLANLen {
		t = dissect.VLANTag(b).Type()
		b = b[dissect.VLANLen:]
	}
	p.etherType = uint16(t)
	if t == 0 {
		t = dissect.OfVersion(b)
	}
	w := dissect.Network(b, t, len(b))
	switch w.Next {
	case dissect.IPv4:
		if w.Step(); len(b) >= dissect.IPv4Len && dissect.IPv4Header(b).Version() == 4 {
			p.ipv4(b)
		}
	case dissect.IPv6:
		if w.Step(); w.Fault == dissect.Whole {
			p.ipv6(&w, b)
		}
	}
}

func (p *packet) ipv4(b []byte) {
	h := dissect.IPv4Header(b)
	header := h.HeaderLen()
	p.version = 4
	p.length = h.Total()
	p.dontFragment = h.DontFragment()
	p.later = h.Offset() != 0
	p.fragment = p.later || h.MoreFragments()
	p.ttl, p.proto, p.hasProto = h.TTL(), h.Proto(), true
	p.src = netip.AddrFrom4([4]byte(h.Src()))
	p.dst = netip.AddrFrom4([4]byte(h.Dst()))
	p.options = max(header-dissect.IPv4Len, 0)
	if header < dissect.IPv4Len || header > len(b) {
		return
	}
	p.ipHeader = b[:header]
	if p.later || p.length < header {
		return
	}
	pseudo := dissect.Sum(uint32(p.proto)+uint32(p.length-header), b[12:20])
	p.layer4(b[header:], p.length-header, pseudo, !h.MoreFragments())
}

// ipv6 reads the header that w stands at, the first of b.
func (p *packet) ipv6(w *dissect.Walk, b []byte) {
	h := dissect.IPv6Header(b)
	p.version = 6
	p.length = dissect.IPv6Len + h.Length()
	p.ttl = h.HopLimit()
	p.src = netip.AddrFrom16([16]byte(h.Src()))
	p.dst = netip.AddrFrom16([16]byte(h.Dst()))
	whole := true
	for range 8 { // the kernel itself accepts no more (IP6_MAX_EXT_HDRS_CNT)
		if !w.Next.IsExtension() || w.Next == dissect.AH { // AH is a protocol of its own here: its SPI is asked for
			p.proto, p.hasProto = dissect.Proto(w.Type), true
			if !p.later {
				n := p.length - w.Behind()
				pseudo := dissect.Sum(uint32(p.proto)+uint32(n), b[8:dissect.IPv6Len])
				p.layer4(b[w.Behind():], n, pseudo, whole)
			}
			return
		}
		w.Step()
		if f := dissect.FragmentHeader(w.Header); w.Kind == dissect.Fragment && len(f) >= 4 {
			p.later = f.Offset() != 0
			p.fragment = p.later || f.More()
			whole = !p.fragment
		}
		if w.Fault != dissect.Whole {
			return
		}
	}
}

// layer4 reads the header behind IP's: n bytes are there in the packet, len(b) of them
// (or more, by the padding of a short frame) at hand. pseudo is the sum of the pseudo
// header. A checksum can be checked if the whole packet is at hand.
func (p *packet) layer4(b []byte, n int, pseudo uint32, whole bool) {
	p.behindIP = n
	switch p.proto {
	case dissect.ProtoTCP, dissect.ProtoUDP:
		if len(b) < 4 {
			return
		}
		p.sport, p.dport = dissect.Ports(b)
		p.hasPorts = true
		if h := dissect.TCPHeader(b); p.proto == dissect.ProtoTCP && len(h) >= 14 {
			p.tcpFlags = uint8(h.Flags())
			p.tcpData = n - h.HeaderLen()
			p.hasTCPData = p.tcpData >= 0
		}
		if p.proto == dissect.ProtoUDP && !p.udp(b) {
			return
		}
		p.pseudo = pseudo
	case dissect.ProtoICMP, dissect.ProtoICMPv6:
		if len(b) < 2 {
			return
		}
		h := dissect.ICMPHeader(b)
		p.icmpType, p.icmpCode, p.hasICMP = h.Type(), h.Code(), true
		if p.proto == dissect.ProtoICMPv6 {
			p.pseudo = pseudo
		}
	case dissect.ProtoESP:
		if len(b) >= 4 {
			p.spi = dissect.ESPHeader(b).SPI()
		}
		return
	case dissect.ProtoAH:
		if len(b) >= 8 {
			p.spi = dissect.AHHeader(b).SPI()
		}
		return
	default:
		return
	}
	if whole && n > 0 && n <= len(b) {
		p.transport = b[:n]
	}
}

// udp reads a UDP header; false when it has no checksum.
func (p *packet) udp(b []byte) bool {
	h := dissect.UDPHeader(b)
	if len(h) < dissect.UDPLen {
		return false
	}
	p.udpLen = h.Length()
	if h.Sum() == 0 {
		p.noSum = p.version == 4 // the sender made none, as only IPv4 allows
		return false
	}
	return true
}

// ipSum tells of the IPv4 header's checksum.
func (p *packet) ipSum() sumState {
	if p.ipHeader == nil {
		return sumUnknown
	}
	return checked(dissect.Sum(0, p.ipHeader))
}

// sum tells of the transport header's checksum.
func (p *packet) sum() sumState {
	switch {
	case p.sent || p.noSum:
		return sumGood
	case p.transport == nil:
		return sumUnknown
	}
	state := checked(dissect.Sum(p.pseudo, p.transport))
	at := 0 // of the sum in the header
	switch p.proto {
	case dissect.ProtoTCP:
		at = 16
	case dissect.ProtoUDP:
		at = 6
	case dissect.ProtoICMPv6:
		at = 2
	}
	if state == sumBad && at > 0 && at+2 <= len(p.transport) &&
		uint32(binary.BigEndian.Uint16(p.transport[at:])) == p.pseudo {
		return sumPartial
	}
	return state
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

	kindZero, kindLoopback, kindMulticast, kindBroadcast, kindLinkLocal, kindUnicast = []byte("zero"), []byte("loopback"),
		[]byte("multicast"), []byte("broadcast"), []byte("linklocal"), []byte("unicast")

	protoNames = named(dissect.ProtoICMP, dissect.ProtoIGMP, dissect.ProtoTCP, dissect.ProtoUDP, dissect.ProtoGRE,
		dissect.ProtoESP, dissect.ProtoAH, dissect.ProtoIPComp, dissect.ProtoICMPv6, dissect.ProtoSCTP)
)

// named are the names that rules know protocols by; others have numbers.
func named(protos ...dissect.Proto) (names [256][]byte) {
	for _, p := range protos {
		names[p] = []byte(p.Name())
	}
	return names
}

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
