// Package dissect knows a packet's headers: their numbers, where they begin and end, and what is in
// them. Nothing is copied and nothing allocated: a header is the packet's own bytes.
//
//	w := dissect.Frame(data, length)
//	for w.Step() {
//		if w.Kind == dissect.IPv4 && w.Fault == dissect.Whole {
//			fmt.Println(dissect.IPv4Header(w.Header).TTL())
//		}
//	}
package dissect

// A Walk goes through a packet's headers, from the outermost to the innermost. It decides what the
// bytes decide and nothing else: how many tunnels to follow, which of them to show, and whether a
// malformed header is to be trusted is its user's choice. So are headers that may be more than there
// is: each says with Fault how it is, and Next what is said to be behind it before anything of that
// is read.
//
// A Walk takes len(bytes)+2 steps at most.
type Walk struct {
	Kind  Kind  // of the header that it stands at
	Fault Fault // what is wrong with that header
	Next  Kind  // the kind of the next header; None: the last step is done
	// Later: the bytes behind are those of a fragment that is not the first. No header is read there,
	// though Type says of which protocol they are.
	Later bool
	// Quoted: the header is one of those that an ICMP error quotes.
	Quoted bool
	v6     bool // of IP's headers the last was IPv6's
	// Type is how the header names what is behind it: with an EtherType, an IP protocol, or a PPP
	// protocol. 0 for a header that names nothing.
	Type uint16
	// N is how many bytes are behind the header on the wire, as the headers say; they may have been
	// captured or not. It is less than there are in Rest where a header says that the rest is not its
	// own: see [Walk.Trim].
	N  int
	At int // bytes in front of the header
	// Header is what was captured of the header, with its options; Rest what was captured of the bytes
	// behind it, without the padding behind an IP packet.
	Header, Rest []byte
}

// A Fault is what is wrong with a header.
type Fault uint8

const (
	Whole Fault = iota // nothing
	// Cut: not all of the header was captured. What was may be less than the least length of its kind.
	Cut
	// Bad: the header contradicts itself, or its kind. Where it still tells where the next begins, the
	// Walk can go on.
	Bad
)

// Frame walks through a frame that begins with an Ethernet header. b is what was captured of its n bytes.
func Frame(b []byte, n int) Walk { return Walk{Next: Ethernet, N: n, Rest: b} }

// Network walks through a packet that begins with the header that t names. b is what was captured of its
// n bytes.
func Network(b []byte, t EtherType, n int) Walk {
	return Walk{Next: t.Kind(), Type: uint16(t), N: n, Rest: b}
}

// Frame begins a walk anew, as the function Frame does. It costs less than to assign that one's result to a
// Walk that is not on the stack.
func (w *Walk) Frame(b []byte, n int) { w.begin(b, Ethernet, 0, n) }

// Network begins a walk anew, as the function Network does.
func (w *Walk) Network(b []byte, t EtherType, n int) { w.begin(b, t.Kind(), t, n) }

func (w *Walk) begin(b []byte, next Kind, t EtherType, n int) {
	w.Kind, w.Fault, w.Next, w.Later, w.Quoted, w.v6 = None, Whole, next, false, false, false
	w.Type, w.N, w.At = uint16(t), n, 0
	w.Header, w.Rest = nil, b
}

// Behind is how many bytes there are in front of what is behind the header.
func (w *Walk) Behind() int { return w.At + len(w.Header) }

// Trim takes what is more than N bytes from Rest: what stands behind a UDP datagram, a PPPoE or an IEEE
// 802.3 frame in the packet that carries it. What is behind an IP packet is never in Rest. These other
// lengths are left to the user since the kernel sets them late, and cuts them off at 16 bits.
func (w *Walk) Trim() {
	if w.N < len(w.Rest) {
		w.Rest = w.Rest[:w.N]
	}
}

// Step goes to the next header. It is false when none is left that is known. A header that was not
// captured at all is one, and Cut.
func (w *Walk) Step() bool {
	if w.Next == None {
		return false
	}
	b, before := w.Rest, w.Kind
	w.At += len(w.Header)
	if w.N < len(b) {
		w.N = len(b)
	}
	w.Kind, w.Next, w.Fault, w.Type = w.Next, None, Whole, 0
	switch w.Kind {
	case IPv4:
		w.Quoted = w.Quoted || before == ICMP
		w.ipv4(b)
	case IPv6:
		w.Quoted = w.Quoted || before == ICMPv6
		w.ipv6(b)
	case Ethernet:
		w.ethernet(b)
	case UDP:
		w.udp(b)
	case TCP:
		w.tcp(b)
	case HopByHop, DestOpts, Routing, Fragment, AH:
		w.extension(b)
	case VLAN:
		w.vlan(b)
	case MPLS:
		w.mpls(b)
	case LLC:
		w.llc(b)
	case SNAP:
		w.snap(b)
	case PPPoE, PPPoEDiscovery:
		w.pppoe(b)
	case PPP:
		w.ppp(b)
	case MACsec:
		w.macsec(b)
	case ARP:
		w.arp(b)
	case ICMP, ICMPv6:
		w.icmp(b)
	case GRE:
		w.gre(b)
	case VXLAN:
		w.vxlan(b)
	case VXLANGPE:
		w.vxlanGPE(b)
	case Geneve:
		w.geneve(b)
	case GTPU:
		w.gtp(b)
	case L2TP:
		w.l2tp(b)
	case DCCP:
		w.dccp(b)
	case WireGuard:
		w.wireguard(b)
	case SCTP:
		w.header(b, SCTPLen)
	case UDPLite, IGMP, ESP:
		w.header(b, 8)
	case IPComp, L2TPIP:
		w.header(b, 4)
	case STP, LLDP:
		w.header(b, w.N) // all of it
	}
	return true
}

// header takes n bytes as the header's; false when they are not all there.
func (w *Walk) header(b []byte, n int) bool {
	if len(b) < n {
		w.Fault = Cut
		n = len(b)
	}
	w.Header, w.Rest = b[:n:n], b[n:]
	w.N -= n // which is not more than there are: Step has seen to it
	return w.Fault != Cut
}

// ether notes the EtherType that a header has.
func (w *Walk) ether(t EtherType) { w.Type, w.Next = uint16(t), t.Kind() }
