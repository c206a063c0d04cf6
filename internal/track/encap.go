package track

import "encoding/binary"

// An encap is what carries a packet in another: a tunnel's header.
type encap struct {
	kind    tunnel
	outside uint8  // IP layers in front of it
	id      uint32 // what tells it from others of its kind; 0: nothing does
}

// A tunnel is a kind of encap.
type tunnel uint8

const (
	noTunnel tunnel = iota
	vxlan
	geneve
	gre
	ipip
	esp
	ah
	l2tp
	wireguard
	mpls
	macsec
	pppoe
	gtp
	ipcomp
)

// tunnelKinds are the kinds by their names, and what their id is called; sealed are those
// whose content can't be read on the way.
var tunnelKinds = [...]struct {
	name, id string
	sealed   bool
}{
	noTunnel:  {},
	vxlan:     {"vxlan", "vni", false},
	geneve:    {"geneve", "vni", false},
	gre:       {"gre", "key", false},
	ipip:      {"ipip", "", false},
	esp:       {"esp", "spi", true},
	ah:        {"ah", "spi", false},
	l2tp:      {"l2tp", "session", true}, // version 3: where the frame begins was agreed on elsewhere
	wireguard: {"wireguard", "index", true},
	mpls:      {"mpls", "label", false},
	macsec:    {"macsec", "", true},
	pppoe:     {"pppoe", "session", false},
	gtp:       {"gtp", "teid", false},
	ipcomp:    {"ipcomp", "cpi", true},
}

// encapsulate notes that what follows is carried in a tunnel.
func (h *headers) encapsulate(kind tunnel, id uint32) {
	if h.tunnels < maxTunnels {
		h.tunnel[h.tunnels] = encap{kind, h.n, id}
		h.tunnels++
	}
}

// carries tells whether a tunnel is the last that was read: no IP layer is known within it.
func (h *headers) carries() bool {
	return h.tunnels > 0 && h.tunnel[h.tunnels-1].outside == h.n && h.tunnel[h.tunnels-1].kind != ah
}

// sealed tells whether the innermost packet can't be read since it is encrypted, or since
// only the tunnel's ends know where it begins.
func (h *headers) sealed() bool {
	return h.cut && h.tunnels > 0 && tunnelKinds[h.tunnel[h.tunnels-1].kind].sealed
}

// shim reads what stands between a link layer's header and the IP header.
func (h *headers) shim(b []byte, etherType uint16) (rest []byte, next uint16, ok bool) {
	for {
		switch {
		case etherType == etherMPLS || etherType == etherMPLSMany: // RFC 3032
			if b, etherType = h.labels(b); etherType == 0 {
				h.cut = true
				return nil, 0, false
			}
		case etherType == etherPPPoE && len(b) >= 8: // RFC 2516
			h.encapsulate(pppoe, uint32(binary.BigEndian.Uint16(b[2:])))
			etherType = pppType(binary.BigEndian.Uint16(b[6:]))
			b = b[8:]
		case etherType == etherMACsec && len(b) >= 6: // IEEE 802.1AE
			h.encapsulate(macsec, 0)
			n := 6
			if b[0]&0x20 != 0 { // SC: with an identifier
				n = 14
			}
			if b[0]&0x0c != 0 || len(b) < n+2 { // E, C: changed
				h.cut = true
				return nil, 0, false
			}
			b, etherType = b[n+2:], binary.BigEndian.Uint16(b[n:])
		default:
			return b, etherType, true
		}
	}
}

// labels reads an MPLS label stack; what is behind it has no type, but IP's version. 0 where
// that is not known.
func (h *headers) labels(b []byte) (rest []byte, etherType uint16) {
	for len(b) >= 4 {
		entry := binary.BigEndian.Uint32(b)
		h.encapsulate(mpls, entry>>12)
		if b = b[4:]; entry&0x100 != 0 { // bottom of the stack
			break
		}
	}
	if len(b) == 0 {
		return nil, 0
	}
	switch b[0] >> 4 {
	case 4:
		return b, etherIPv4
	case 6:
		return b, etherIPv6
	}
	return nil, 0
}

// pppType is the EtherType of a PPP protocol (RFC 1332, RFC 5072), 0 for others.
func pppType(proto uint16) uint16 {
	switch proto {
	case 0x0021:
		return etherIPv4
	case 0x0057:
		return etherIPv6
	}
	return 0
}

// inside finds the packet that a tunnel carries.
func (h *headers) inside(b []byte, proto uint8) (inner []byte, etherType uint16, ok bool) {
	l := &h.layers[h.n-1]
	switch proto {
	case protoIPv4, protoIPv6:
		h.encapsulate(ipip, 0)
		inner, etherType = b, etherIPv4
		if proto == protoIPv6 {
			etherType = etherIPv6
		}
	case protoMPLS: // RFC 4023
		inner, etherType = b, etherMPLS
	case protoGRE:
		inner, etherType = h.gre(b)
	case protoESP: // RFC 4303
		if len(b) < 4 {
			return nil, 0, false
		}
		h.encapsulate(esp, binary.BigEndian.Uint32(b))
	case protoL2TP: // RFC 3931, 4.1.1: session 0 is control
		if len(b) < 4 || binary.BigEndian.Uint32(b) == 0 {
			return nil, 0, false
		}
		h.encapsulate(l2tp, binary.BigEndian.Uint32(b))
	case protoIPComp: // RFC 3173, 3
		if len(b) < 4 {
			return nil, 0, false
		}
		h.encapsulate(ipcomp, uint32(binary.BigEndian.Uint16(b[2:])))
	case protoUDP:
		if !l.ports || len(b) < 8 {
			return nil, 0, false
		}
		if inner, etherType, ok = h.inUDP(l, b[8:], int(binary.BigEndian.Uint16(b[4:]))-8); !ok {
			return nil, 0, false
		}
	default:
		return nil, 0, false
	}
	if etherType == etherBridging {
		etherType = 0
		if len(inner) >= 14 {
			etherType, inner = binary.BigEndian.Uint16(inner[12:]), inner[14:]
		}
	}
	for isTag(etherType) && len(inner) >= 4 {
		inner, etherType = inner[4:], binary.BigEndian.Uint16(inner[2:])
	}
	if len(inner) == 0 {
		h.cut = h.carries()
		return nil, 0, false
	}
	return inner, etherType, true
}

// inUDP finds what a datagram of n bytes carries, of which b was captured; not ok when that
// is nothing that is known by its port, or for WireGuard by its form.
func (h *headers) inUDP(l *layer, b []byte, n int) (inner []byte, etherType uint16, ok bool) {
	switch {
	case l.dport == portVXLAN || l.dport == portVXLANLinux:
		// The I flag must be set, and nothing but the VNI (RFC 7348).
		if len(b) >= 1 && b[0]&0x08 == 0 {
			return nil, 0, false
		}
		vni := uint32(0)
		if len(b) >= 8 {
			vni = binary.BigEndian.Uint32(b[4:]) >> 8
			inner, etherType = b[8:], etherBridging
		}
		h.encapsulate(vxlan, vni)
	case l.dport == portGeneve:
		vni := uint32(0)
		if len(b) >= 8 {
			vni = binary.BigEndian.Uint32(b[4:]) >> 8
			if n := 8 + int(b[0]&0x3f)*4; len(b) >= n {
				inner, etherType = b[n:], binary.BigEndian.Uint16(b[2:])
			}
		}
		h.encapsulate(geneve, vni)
	case l.dport == portMPLS:
		inner, etherType = b, etherMPLS
	case l.sport == portESP || l.dport == portESP:
		// Four zero bytes are IKE's, one byte keeps a NAT's mapping alive.
		if len(b) < 4 || n < 8 || binary.BigEndian.Uint32(b) == 0 {
			return nil, 0, false
		}
		h.encapsulate(esp, binary.BigEndian.Uint32(b))
	case l.sport == portL2TP || l.dport == portL2TP:
		return h.l2tp(b)
	case l.dport == portGTP:
		// Version 1, a G-PDU.
		if len(b) < 8 || b[0]>>4 != 3 || b[1] != 0xff {
			return nil, 0, false
		}
		h.encapsulate(gtp, binary.BigEndian.Uint32(b[4:]))
		if b[0]&7 == 0 && len(b) > 8 {
			inner, etherType = b[8:], etherIPv4
			if b[8]>>4 == 6 {
				etherType = etherIPv6
			}
		}
	case isWireGuard(b, n):
		h.encapsulate(wireguard, wireguardIndex(b))
	default:
		return nil, 0, false
	}
	return inner, etherType, true
}

// l2tp reads a data message over UDP.
func (h *headers) l2tp(b []byte) (inner []byte, etherType uint16, ok bool) {
	if len(b) < 8 || b[0]&0x80 != 0 { // T: control
		return nil, 0, false
	}
	switch b[1] & 0xf {
	case 3: // RFC 3931, 4.1.2
		h.encapsulate(l2tp, binary.BigEndian.Uint32(b[4:]))
		return nil, 0, true
	case 2: // RFC 2661, 3.1
		n := 2
		if b[0]&0x40 != 0 { // L: a length
			n += 2
		}
		if len(b) < n+4 {
			return nil, 0, false
		}
		h.encapsulate(l2tp, uint32(binary.BigEndian.Uint16(b[n+2:])))
		n += 4
		if b[0]&0x08 != 0 { // S: sequence numbers
			n += 4
		}
		if b[0]&0x02 != 0 && len(b) >= n+2 { // O: an offset
			n += 2 + int(binary.BigEndian.Uint16(b[n:]))
		}
		if len(b) >= n+2 && b[n] == 0xff && b[n+1] == 0x03 {
			n += 2
		}
		if len(b) >= n+2 {
			inner, etherType = b[n+2:], pppType(binary.BigEndian.Uint16(b[n:]))
		}
		return inner, etherType, true
	}
	return nil, 0, false
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
	case 4: // data, padded to 16 bytes, but not beyond the device's MTU (drivers/net/wireguard/send.c, calculate_skb_padding)
		if n < 32 || n%16 == 0 {
			return n >= 32
		}
		// So a full one may have any length: it is known by its counter (bytes 8 to 15), which never gets large.
		return n >= 32+minMTU && len(b) >= 16 && b[13]|b[14]|b[15] == 0
	}
	return false
}

func wireguardIndex(b []byte) uint32 {
	if b[0] == 4 {
		return binary.LittleEndian.Uint32(b[4:]) // the receiver's
	}
	return 0
}

// gre reads a GRE header of version 0 (RFC 2784, RFC 2890).
func (h *headers) gre(b []byte) (inner []byte, etherType uint16) {
	key := uint32(0)
	if len(b) >= 4 && b[1]&7 == 0 {
		n := 4
		for _, flag := range [...]byte{0x80, 0x20, 0x10} { // checksum, key, sequence number
			if b[0]&flag == 0 {
				continue
			}
			if flag == 0x20 && len(b) >= n+4 {
				key = binary.BigEndian.Uint32(b[n:])
			}
			n += 4
		}
		if len(b) >= n {
			inner, etherType = b[n:], binary.BigEndian.Uint16(b[2:])
		}
	}
	h.encapsulate(gre, key)
	return inner, etherType
}
