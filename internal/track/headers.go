package track

import "encoding/binary"

// headers are what of a packet's headers can change on its way: the outermost Ethernet
// header and tags, the IP layers and what carries one in another, from the outermost to the
// innermost.
//
// They are read by hand since gopacket's DecodingLayerParser takes several times as long
// and knows no depth of tunnels: see BenchmarkHeaders.
type headers struct {
	ethDst, ethSrc [6]byte
	hasEth         bool
	cut            bool // what the innermost tunnel carries is not known: encrypted, or not captured
	later          bool // the innermost packet is a fragment, and not the first: what it carries can't be read
	syn, synack    bool // the innermost layer is a SYN, or a SYN-ACK; with what follows not kept
	mptcp          bool // it has an option of MPTCP
	discovery      bool // it is of neighbour discovery; not kept, too
	seq, ack       uint32
	sent           uint32 // bytes behind TCP's header, whether captured or not; not kept
	tags           uint8
	vlan           [maxTags]uint16 // tags' TCI, outermost first
	n              uint8           // IP layers
	tunnels        uint8
	tunnel         [maxTunnels]encap
	layers         [maxLayers]layer
	payload        []byte // of the innermost layer, as far as it was captured; not kept
}

const (
	maxLayers  = 4
	maxTunnels = 7
	maxTags    = 2
)

// A layer is one IP header and the ports behind it.
type layer struct {
	src, dst     [16]byte
	sport, dport uint16
	// print tells packets of one flow apart, and survives NAT: TCP's sequence number,
	// ICMP's identifier and sequence number, UDP's length, each with IPv4's identification.
	print   uint64
	size    uint16 // bytes, the IP header's included; 0: not known
	version uint8  // 4 or 6
	proto   uint8
	ttl     uint8
	tos     uint8
	ports   bool
}

// EtherTypes and IP protocols: include/uapi/linux/if_ether.h, include/uapi/linux/in.h.
const (
	etherIPv4     = 0x0800
	etherIPv6     = 0x86dd
	etherVLAN     = 0x8100
	etherQinQ     = 0x88a8
	etherQinQOld  = 0x9100
	etherMPLS     = 0x8847
	etherMPLSMany = 0x8848 // multicast, or with an upstream label
	etherPPPoE    = 0x8864
	etherMACsec   = 0x88e5
	etherBridging = 0x6558 // GRE and Geneve: an Ethernet frame follows

	segmentRouting = 4 // a routing header's type (RFC 8754)

	protoHopByHop = 0
	protoICMP     = 1
	protoIPv4     = 4
	protoTCP      = 6
	protoUDP      = 17
	protoIPv6     = 41
	protoRouting  = 43
	protoFragment = 44
	protoGRE      = 47
	protoESP      = 50
	protoAH       = 51
	protoICMPv6   = 58
	protoDestOpts = 60
	protoIPComp   = 108
	protoL2TP     = 115
	protoSCTP     = 132
	protoUDPLite  = 136
	protoMPLS     = 137

	portVXLAN      = 4789 // RFC 7348
	portVXLANLinux = 8472 // drivers/net/vxlan: what Linux used before, and still defaults to
	portGeneve     = 6081 // RFC 8926
	portESP        = 4500 // RFC 3948, with IKE
	portL2TP       = 1701 // RFC 2661, RFC 3931
	portGTP        = 2152 // 3GPP TS 29.281
	portMPLS       = 6635 // RFC 7510
)

// parseMAC reads a frame that begins with an Ethernet header.
func (h *headers) parseMAC(b []byte) {
	if len(b) < 14 {
		return
	}
	h.hasEth = true
	copy(h.ethDst[:], b)
	copy(h.ethSrc[:], b[6:])
	h.parseNetwork(b[14:], binary.BigEndian.Uint16(b[12:]))
}

// parseNetwork reads a packet that begins behind its Ethernet header.
func (h *headers) parseNetwork(b []byte, etherType uint16) {
	for isTag(etherType) && len(b) >= 4 {
		h.tag(binary.BigEndian.Uint16(b))
		b, etherType = b[4:], binary.BigEndian.Uint16(b[2:])
	}
	for {
		var ok bool
		if b, etherType, ok = h.shim(b, etherType); !ok {
			return
		}
		rest, proto, ok := h.ip(b, etherType)
		if !ok {
			return
		}
		b, etherType, ok = h.inside(rest, proto)
		if !ok {
			return
		}
		if h.n == maxLayers {
			h.cut = true
			return
		}
	}
}

func isTag(etherType uint16) bool {
	return etherType == etherVLAN || etherType == etherQinQ || etherType == etherQinQOld
}

func (h *headers) tag(tci uint16) {
	if h.tags < maxTags {
		h.vlan[h.tags] = tci
		h.tags++
	}
}

// outerTag adds the tag that the kernel keeps beside the packet, which stands before those
// in it.
func (h *headers) outerTag(tci uint16) {
	copy(h.vlan[1:], h.vlan[:])
	h.vlan[0] = tci
	h.tags = min(h.tags+1, maxTags)
}

// ip reads an IP header; rest is what it carries, proto what that is.
func (h *headers) ip(b []byte, etherType uint16) (rest []byte, proto uint8, ok bool) {
	l := &h.layers[h.n]
	var first bool // of a datagram's fragments
	content := 0   // bytes behind the header and its extensions, as it says
	var auth []byte
	switch {
	case etherType == etherIPv4 && len(b) >= 20 && b[0]>>4 == 4:
		n := int(b[0]&0xf) * 4
		if n < 20 || len(b) < n {
			return nil, 0, false
		}
		*l = layer{version: 4, tos: b[1], ttl: b[8], proto: b[9], size: binary.BigEndian.Uint16(b[2:])}
		copy(l.src[:4], b[12:])
		copy(l.dst[:4], b[16:])
		l.print = uint64(binary.BigEndian.Uint16(b[4:])) << 32
		first = binary.BigEndian.Uint16(b[6:])&0x1fff == 0
		if !first {
			l.print |= uint64(binary.BigEndian.Uint16(b[6:]))
		}
		content = int(l.size) - n
		if b = b[n:]; content >= 0 && content < len(b) {
			b = b[:content]
		}
	case etherType == etherIPv6 && len(b) >= 40 && b[0]>>4 == 6:
		*l = layer{version: 6, tos: b[0]<<4 | b[1]>>4, ttl: b[7], proto: b[6]}
		if n := binary.BigEndian.Uint16(b[4:]); n > 0 {
			l.size = uint16(min(uint32(n)+40, 1<<16-1))
		}
		copy(l.src[:], b[8:])
		copy(l.dst[:], b[24:])
		behind := unpadded(b[40:], int(binary.BigEndian.Uint16(b[4:])))
		if b, auth, first, ok = l.extensions(behind); !ok {
			h.n++
			return nil, 0, false
		}
		content = int(l.size) - 40 - (len(behind) - len(b))
	default:
		h.cut = h.cut || h.carries()
		return nil, 0, false
	}
	h.n++
	if auth != nil {
		h.encapsulate(ah, binary.BigEndian.Uint32(auth[4:]))
	}
	if !first {
		h.later = true
		return nil, 0, false
	}
	if l.version == 4 && l.proto == protoAH && len(b) >= 12 {
		n := (int(b[1]) + 2) * 4 // RFC 4302
		h.encapsulate(ah, binary.BigEndian.Uint32(b[4:]))
		l.proto, b = b[0], b[min(n, len(b)):]
		content -= n
	}
	l.transport(b)
	h.tcp(l.proto, b, content)
	// Advertisements, solicitations of neighbours, redirects (RFC 4861, 4).
	h.discovery = l.proto == protoICMPv6 && len(b) > 0 && b[0] >= 134 && b[0] <= 137
	h.payload = l.content(b)
	return b, l.proto, true
}

// unpadded is what b has of an IP packet's n bytes, without what fills a short frame. n is 0
// or less where the length does not fit in the header, as of what is to be segmented.
func unpadded(b []byte, n int) []byte {
	if n > 0 && n < len(b) {
		return b[:n]
	}
	return b
}

// extensions skips IPv6's extension headers (RFC 8200); auth begins with that of AH (RFC 4302), if there is one.
func (l *layer) extensions(b []byte) (rest, auth []byte, first, ok bool) {
	first = true
	for {
		n := 0
		switch l.proto {
		case protoHopByHop, protoRouting, protoDestOpts:
			if len(b) >= 2 {
				n = (int(b[1]) + 1) * 8
			}
			if l.proto == protoRouting && len(b) >= 24 && b[2] == segmentRouting && b[3] > 0 {
				copy(l.dst[:], b[8:]) // where it goes in the end; the header's is the next segment
			}
		case protoAH:
			if len(b) >= 12 {
				auth = b
				n = (int(b[1]) + 2) * 4
			}
		case protoFragment:
			n = 8
			if len(b) >= 8 {
				l.print = uint64(binary.BigEndian.Uint32(b[4:])) << 32
				if offset := binary.BigEndian.Uint16(b[2:]) &^ 7; offset != 0 {
					l.print |= uint64(offset)
					l.proto = b[0]
					return b[8:], auth, false, true
				}
			}
		default:
			return b, auth, first, true
		}
		if n == 0 || len(b) < n {
			return nil, nil, false, false
		}
		l.proto, b = b[0], b[n:]
	}
}

// tcp reads what is not kept of a TCP header; n bytes are its and what is behind it.
func (h *headers) tcp(proto uint8, b []byte, n int) {
	h.syn, h.synack, h.mptcp = false, false, false
	if proto != protoTCP || len(b) < 14 {
		return
	}
	const syn, ack = 0x02, 0x10
	h.syn, h.synack = b[13]&(syn|ack) == syn, b[13]&(syn|ack) == syn|ack
	h.sent = uint32(max(0, n-int(b[12]>>4)*4))
	h.seq, h.ack = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	for o := b[min(20, len(b)):max(min(int(b[12]>>4)*4, len(b)), min(20, len(b)))]; len(o) >= 2; { // RFC 9293, 3.1
		switch {
		case o[0] == 1:
			o = o[1:]
			continue
		case o[0] == 0 || o[1] < 2 || int(o[1]) > len(o):
			return
		case o[0] == 30: // RFC 8684
			h.mptcp = true
		}
		o = o[o[1]:]
	}
}

func (l *layer) transport(b []byte) {
	switch l.proto {
	case protoTCP:
		if len(b) >= 8 {
			l.print ^= uint64(binary.BigEndian.Uint32(b[4:]))
		}
	case protoUDP, protoUDPLite:
		if len(b) >= 6 {
			l.print ^= uint64(binary.BigEndian.Uint16(b[4:]))
		}
	case protoICMP, protoICMPv6:
		// An echo's identifier is rewritten as ports are.
		if len(b) >= 8 {
			l.print ^= uint64(b[0])<<16 | uint64(binary.BigEndian.Uint16(b[6:]))
		}
		return
	case protoSCTP:
	default:
		return
	}
	if len(b) >= 4 {
		l.ports = true
		l.sport, l.dport = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	}
}

// content is what stands behind a transport header, nil where that is not known.
func (l *layer) content(b []byte) []byte {
	n := 0
	switch l.proto {
	case protoTCP:
		if len(b) >= 20 {
			n = int(b[12]>>4) * 4
		}
	case protoUDP, protoUDPLite, protoICMP, protoICMPv6:
		n = 8
	case protoSCTP:
		n = 12
	}
	if n == 0 || len(b) <= n {
		return nil
	}
	return b[n:]
}
