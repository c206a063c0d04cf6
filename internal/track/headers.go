package track

import "github.com/skb-tools/skb-tools/internal/dissect"

// headers are what of a packet's headers can change on its way: the outermost Ethernet
// header and tags, the IP layers and what carries one in another, from the outermost to the
// innermost.
//
// dissect reads them, since gopacket's DecodingLayerParser takes several times as long
// and knows no depth of tunnels: see BenchmarkHeaders. How far they are followed, and which malformed
// ones are trusted, is decided here.
type headers struct {
	ethDst, ethSrc [6]byte
	hasEth         bool
	cut            bool // what the innermost tunnel carries is not known: encrypted, or not captured
	later          bool // the innermost packet is a fragment, and not the first: what it carries can't be read
	syn, synack    bool // the innermost layer is a SYN, or a SYN-ACK; with what follows not kept
	mptcp          bool // it has an option of MPTCP
	discovery      bool // it is of neighbour discovery; not kept, too
	repeated       bool // hosts send it again and again, and nothing in it tells which one it is; not kept, too
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
	proto   dissect.Proto
	ttl     uint8
	tos     uint8
	ports   bool
}

// parseMAC reads a frame that begins with an Ethernet header.
func (h *headers) parseMAC(b []byte) {
	if len(b) < dissect.EthernetLen {
		return
	}
	frame := dissect.EthernetHeader(b)
	h.hasEth = true
	copy(h.ethDst[:], frame.Dst())
	copy(h.ethSrc[:], frame.Src())
	h.parseNetwork(b[dissect.EthernetLen:], uint16(frame.Type()))
}

// parseNetwork reads a packet that begins behind its Ethernet header.
func (h *headers) parseNetwork(b []byte, etherType uint16) {
	w := dissect.Network(b, dissect.EtherType(etherType), len(b))
	h.read(&w)
}

// read reads what is behind the header that w stands at.
func (h *headers) read(w *dissect.Walk) {
	for w.Next == dissect.VLAN && len(w.Rest) >= dissect.VLANLen {
		w.Step()
		h.tag(dissect.VLANTag(w.Header).TCI())
	}
	for h.shim(w) && h.ip(w) && h.inside(w) {
		if h.n == maxLayers {
			h.cut = true
			return
		}
	}
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

// ip reads an IP header, and what stands between it and what it carries.
func (h *headers) ip(w *dissect.Walk) bool {
	at := w.Behind()
	auth := dissect.AHHeader(nil)
	l := &h.layers[h.n]
	switch w.Next {
	case dissect.IPv4:
		w.Step()
		v4 := dissect.IPv4Header(w.Header)
		if w.Fault != dissect.Whole && !h.trusts(v4) {
			return false
		}
		l.readIPv4(v4)
		h.n++
		if w.Next == dissect.AH && len(w.Rest) >= dissect.AHLen {
			w.Step()
			auth, l.proto = w.Header, dissect.Proto(w.Type)
		}
	case dissect.IPv6:
		if w.Step(); w.Fault != dissect.Whole {
			h.cut = h.cut || h.carries()
			return false
		}
		l.readIPv6(dissect.IPv6Header(w.Header))
		h.n++
		for w.Next.IsExtension() {
			w.Step()
			if !l.extension(w) {
				return false
			}
			if w.Kind == dissect.AH {
				auth = w.Header
			}
		}
	default:
		h.cut = h.cut || h.carries()
		return false
	}
	if len(auth) >= 8 { // with the SPI, whatever its length says
		h.encapsulate(ah, auth.SPI())
	}
	if w.Later {
		h.later = true
		return false
	}
	b := w.Rest
	l.transport(b)
	h.syn, h.synack, h.mptcp = false, false, false
	if l.proto == dissect.ProtoTCP {
		h.tcp(b, int(l.size)-(w.Behind()-at))
	}
	// Advertisements, solicitations of neighbours, redirects (RFC 4861, 4).
	h.discovery = l.proto == dissect.ProtoICMPv6 && len(b) > 0 && b[0] >= 134 && b[0] <= 137
	// And of multicast listeners (RFC 3810, 5; RFC 2710, 3), of groups (RFC 3376, 4).
	h.repeated = h.discovery || l.proto == dissect.ProtoIGMP ||
		l.proto == dissect.ProtoICMPv6 && len(b) > 0 && (b[0] >= 130 && b[0] <= 133 || b[0] == 143)
	h.payload = l.content(b)
	return true
}

// trusts tells whether an IPv4 header is one though a Walk faults it: all of it was captured, and only the
// packet's length is wrong.
func (h *headers) trusts(v4 dissect.IPv4Header) bool {
	if len(v4) < dissect.IPv4Len || v4.Version() != 4 {
		h.cut = h.cut || h.carries()
		return false
	}
	n := v4.HeaderLen()
	return n >= dissect.IPv4Len && len(v4) >= n
}

func (l *layer) readIPv4(h dissect.IPv4Header) {
	_ = h[dissect.IPv4Len-1] // one check of bounds for all
	*l = layer{}
	l.version, l.tos, l.ttl, l.proto, l.size = 4, h.TOS(), h.TTL(), h.Proto(), uint16(h.Total())
	copy(l.src[:4], h.Src())
	copy(l.dst[:4], h.Dst())
	l.print = uint64(h.ID()) << 32
	if h.Offset() != 0 {
		l.print |= uint64(h.Fragment())
	}
}

func (l *layer) readIPv6(h dissect.IPv6Header) {
	_ = h[dissect.IPv6Len-1]
	*l = layer{}
	l.version, l.tos, l.ttl, l.proto = 6, h.TrafficClass(), h.HopLimit(), h.Proto()
	if n := h.Length(); n > 0 {
		l.size = uint16(min(n+dissect.IPv6Len, 1<<16-1))
	}
	copy(l.src[:], h.Src())
	copy(l.dst[:], h.Dst())
}

// extension reads IPv6's extension header that w stands at; false when it is not all there.
func (l *layer) extension(w *dissect.Walk) bool {
	if h := dissect.RoutingHeader(w.Header); w.Kind == dissect.Routing && len(h) >= 4 &&
		h.Type() == dissect.SegmentRouting && h.SegmentsLeft() > 0 {
		copy(l.dst[:], h.Segment(0)) // where it goes in the end; the header's is the next segment
	}
	if w.Fault == dissect.Cut {
		return false
	}
	if h := dissect.FragmentHeader(w.Header); w.Kind == dissect.Fragment {
		l.print = uint64(h.ID())<<32 | uint64(h.Offset())
	}
	l.proto = dissect.Proto(w.Type)
	return true
}

// tcp reads what is not kept of a TCP header; n bytes are its and what is behind it.
func (h *headers) tcp(b []byte, n int) {
	if len(b) < 14 {
		return
	}
	t := dissect.TCPHeader(b)
	flags := t.Flags() & (dissect.SYN | dissect.ACK)
	h.syn, h.synack = flags == dissect.SYN, flags == dissect.SYN|dissect.ACK
	h.sent = uint32(max(0, n-t.HeaderLen()))
	h.seq, h.ack = t.Seq(), t.Ack()
	if end := min(t.HeaderLen(), len(b)); end > dissect.TCPLen {
		h.mptcp = hasOption(t[:end].Options(), dissect.OptionMPTCP)
	}
}

func hasOption(o dissect.Options, wanted byte) bool {
	for {
		kind, _, ok := o.Next()
		if !ok || kind == wanted {
			return ok
		}
	}
}

func (l *layer) transport(b []byte) {
	switch l.proto {
	case dissect.ProtoTCP:
		if len(b) >= 8 {
			l.print ^= uint64(dissect.TCPHeader(b).Seq())
		}
	case dissect.ProtoUDP, dissect.ProtoUDPLite:
		if len(b) >= 6 {
			l.print ^= uint64(dissect.UDPHeader(b).Length())
		}
	case dissect.ProtoICMP, dissect.ProtoICMPv6:
		// An echo's identifier is rewritten as ports are.
		if h := dissect.ICMPHeader(b); len(h) >= 8 {
			l.print ^= uint64(h.Type())<<16 | uint64(h.Seq())
		}
		return
	case dissect.ProtoSCTP:
	default:
		return
	}
	if len(b) >= 4 {
		l.ports = true
		l.sport, l.dport = dissect.Ports(b)
	}
}

// content is what stands behind a transport header, nil where that is not known.
func (l *layer) content(b []byte) []byte {
	n := 0
	switch l.proto {
	case dissect.ProtoTCP:
		if len(b) >= dissect.TCPLen {
			n = dissect.TCPHeader(b).HeaderLen()
		}
	case dissect.ProtoUDP, dissect.ProtoUDPLite, dissect.ProtoICMP, dissect.ProtoICMPv6:
		n = 8
	case dissect.ProtoSCTP:
		n = dissect.SCTPLen
	}
	if n == 0 || len(b) <= n {
		return nil
	}
	return b[n:]
}
