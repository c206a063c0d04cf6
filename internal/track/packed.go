package track

import (
	"bytes"
	"encoding/binary"

	"github.com/skb-tools/skb-tools/internal/dissect"
)

// Packed headers are what is kept of each branch: 44 bytes for UDP over IPv4 where a
// headers has 256. The same headers are the same bytes. First comes the network part, its
// first byte being its length; then the link part.
const maxPacked = 1 + 1 + maxTunnels*5 + maxLayers*(4+32+4+8+2) + 1 + 12 + 2*maxTags

// pack appends h.
func (h *headers) pack(dst []byte) []byte {
	from := len(dst)
	counts := h.n | h.tunnels<<3
	if h.cut {
		counts |= 1 << 6
	}
	if h.later {
		counts |= 1 << 7
	}
	dst = append(dst, 0, counts)
	for _, t := range h.tunnel[:h.tunnels] {
		dst = binary.BigEndian.AppendUint32(append(dst, byte(t.kind)|t.outside<<4), t.id)
	}
	for i := range h.layers[:h.n] {
		l := &h.layers[i]
		kind, n := l.version, l.addrLen()
		if l.ports {
			kind |= 0x80
		}
		dst = append(dst, kind, byte(l.proto), l.ttl, l.tos)
		dst = append(append(dst, l.src[:n]...), l.dst[:n]...)
		if l.ports {
			dst = binary.BigEndian.AppendUint16(dst, l.sport)
			dst = binary.BigEndian.AppendUint16(dst, l.dport)
		}
		dst = binary.BigEndian.AppendUint64(dst, l.print)
		dst = binary.BigEndian.AppendUint16(dst, l.size)
	}
	dst[from] = byte(len(dst) - from)
	link := h.tags << 1
	if h.hasEth {
		link |= 1
	}
	dst = append(dst, link)
	if h.hasEth {
		dst = append(append(dst, h.ethDst[:]...), h.ethSrc[:]...)
	}
	for _, tci := range h.vlan[:h.tags] {
		dst = binary.BigEndian.AppendUint16(dst, tci)
	}
	return dst
}

// unpack sets h to what pack made b of.
func (h *headers) unpack(b []byte) {
	*h = headers{}
	if len(b) == 0 {
		return
	}
	h.n, h.tunnels, h.cut, h.later = b[1]&7, b[1]>>3&7, b[1]>>6&1 != 0, b[1]>>7 != 0
	b = b[2:]
	for i := range h.tunnel[:h.tunnels] {
		h.tunnel[i] = encap{tunnel(b[0] & 0xf), b[0] >> 4, binary.BigEndian.Uint32(b[1:])}
		b = b[5:]
	}
	for i := range h.layers[:h.n] {
		l := &h.layers[i]
		l.version, l.proto, l.ttl, l.tos, l.ports = b[0]&0x7f, dissect.Proto(b[1]), b[2], b[3], b[0]&0x80 != 0
		n := l.addrLen()
		copy(l.src[:n], b[4:])
		copy(l.dst[:n], b[4+n:])
		b = b[4+2*n:]
		if l.ports {
			l.sport, l.dport = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
			b = b[4:]
		}
		l.print, l.size = binary.BigEndian.Uint64(b), binary.BigEndian.Uint16(b[8:])
		b = b[10:]
	}
	h.tags, h.hasEth = b[0]>>1, b[0]&1 != 0
	b = b[1:]
	if h.hasEth {
		copy(h.ethDst[:], b)
		copy(h.ethSrc[:], b[6:])
		b = b[12:]
	}
	for i := range h.vlan[:h.tags] {
		h.vlan[i] = binary.BigEndian.Uint16(b[2*i:])
	}
}

func (l *layer) addrLen() int {
	if l.version == 4 {
		return 4
	}
	return 16
}

// networkPart of packed headers.
func networkPart(b []byte) []byte { return b[:b[0]] }

// linkPart of packed headers.
func linkPart(b []byte) []byte { return b[b[0]:] }

// hasNetwork says whether packed headers have an IP layer, or something that carries one.
func hasNetwork(b []byte) bool { return len(b) > 1 && b[1]&0x3f != 0 }

// hasIP says whether packed headers have an IP layer.
func hasIP(b []byte) bool { return len(b) > 1 && b[1]&7 != 0 }

// hasLink says whether packed headers have an Ethernet header.
func hasLink(b []byte) bool { return len(b) > 0 && b[b[0]]&1 != 0 }

// A hold keeps packed headers by number, 0 for none.
type hold struct {
	small  slab[[48]byte]
	medium slab[[80]byte]
	large  slab[[maxPacked]byte]
}

// The two lowest bits of a number say which slab; the length is in the headers.
func (p *hold) slot(i uint32) []byte {
	switch i & 3 {
	case 1:
		return p.small.at(i >> 2)[:]
	case 2:
		return p.medium.at(i >> 2)[:]
	case 3:
		return p.large.at(i >> 2)[:]
	}
	return nil
}

func (p *hold) get(i uint32) []byte {
	b := p.slot(i)
	if b == nil {
		return nil
	}
	link := int(b[0])
	n := link + 1 + int(b[link]>>1)*2
	if b[link]&1 != 0 {
		n += 12
	}
	return b[:n]
}

// set returns a number for b in place of i.
func (p *hold) set(i uint32, b []byte) uint32 {
	if len(b) > len(p.slot(i)) {
		p.give(i)
		switch {
		case len(b) <= 48:
			i = p.small.take()<<2 | 1
		case len(b) <= 80:
			i = p.medium.take()<<2 | 2
		default:
			i = p.large.take()<<2 | 3
		}
	}
	copy(p.slot(i), b)
	return i
}

func (p *hold) give(i uint32) {
	switch i & 3 {
	case 1:
		p.small.give(i >> 2)
	case 2:
		p.medium.give(i >> 2)
	case 3:
		p.large.give(i >> 2)
	}
}

// merge returns the headers now at a place where only those in b were seen, was being
// those before: what is not seen is as it was. It may use buf.
func mergePacked(buf, was, b []byte) []byte {
	if len(was) == 0 || len(b) == 0 {
		if len(b) == 0 {
			return was
		}
		return b
	}
	network, link := networkPart(b), linkPart(b)
	if !hasNetwork(b) {
		network = networkPart(was)
	}
	if !hasLink(b) && len(link) == 1 {
		link = linkPart(was)
	}
	if len(network)+len(link) == len(was) && bytes.Equal(network, was[:len(network)]) &&
		bytes.Equal(link, was[len(network):]) {
		return was
	}
	return append(append(buf, network...), link...)
}
