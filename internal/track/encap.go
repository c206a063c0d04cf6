package track

import "github.com/skb-tools/skb-tools/internal/dissect"

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
func (h *headers) shim(w *dissect.Walk) bool {
	for {
		switch {
		case w.Next == dissect.MPLS:
			if w.Step(); w.Fault == dissect.Whole {
				h.encapsulate(mpls, dissect.MPLSEntry(w.Header).Label())
			}
			if w.Next == dissect.None {
				h.cut = h.carries()
				return false
			}
		case w.Next == dissect.PPPoE && len(w.Rest) >= 8:
			w.Step()
			h.encapsulate(pppoe, uint32(dissect.PPPoEHeader(w.Header).Session()))
			// PPPoE has neither ff 03 nor a short protocol in front of a packet (RFC 2516, 7).
			if !carriesIP(w) || len(w.Header) != 2 {
				h.cut = true
				return false
			}
		case w.Next == dissect.MACsec && len(w.Rest) >= 6:
			w.Step()
			h.encapsulate(macsec, 0)
			if w.Next == dissect.None { // encrypted, or cut off
				h.cut = true
				return false
			}
		default:
			return true
		}
	}
}

// carriesIP goes to a PPP header and tells whether an IP packet is behind it.
func carriesIP(w *dissect.Walk) bool {
	return w.Step() && (w.Next == dissect.IPv4 || w.Next == dissect.IPv6)
}

// inside goes to the packet that a tunnel carries.
func (h *headers) inside(w *dissect.Walk) bool {
	b := w.Rest
	switch w.Next {
	case dissect.IPv4, dissect.IPv6:
		h.encapsulate(ipip, 0)
	case dissect.MPLS:
	case dissect.GRE:
		if !h.gre(w) {
			h.cut = h.carries()
			return false
		}
	case dissect.ESP:
		if len(b) < 4 {
			return false
		}
		h.encapsulate(esp, dissect.ESPHeader(b).SPI())
		w.Step()
	case dissect.L2TPIP: // session 0 is control (RFC 3931, 4.1.1)
		if len(b) < 4 || dissect.L2TPSession(b).Number() == 0 {
			return false
		}
		h.encapsulate(l2tp, dissect.L2TPSession(b).Number())
		w.Step()
	case dissect.IPComp:
		if len(b) < 4 {
			return false
		}
		h.encapsulate(ipcomp, uint32(dissect.IPCompHeader(b).CPI()))
		w.Step()
	case dissect.UDP:
		if len(b) < dissect.UDPLen {
			return false
		}
		// Most datagrams are no tunnel's: they are not stepped to.
		l, n := &h.layers[h.n-1], dissect.UDPHeader(b).Length()
		if dissect.Carried(l.sport, l.dport, b[dissect.UDPLen:], n-dissect.UDPLen) == dissect.None {
			return false
		}
		if w.Step(); !h.inUDP(w) {
			return false
		}
	default:
		return false
	}
	// Of a frame in a tunnel neither the addresses nor the tags are kept.
	if w.Next == dissect.Ethernet {
		w.Step()
	}
	for w.Next == dissect.VLAN {
		w.Step()
	}
	if w.Next == dissect.None || len(w.Rest) == 0 {
		h.cut = h.carries()
		return false
	}
	return true
}

// inUDP goes to what a datagram carries; false when that is nothing that is known by its port, or for
// WireGuard by its form. What is behind the datagram's length counts: a sender sets that late.
func (h *headers) inUDP(w *dissect.Walk) bool {
	b := w.Rest
	switch w.Next {
	case dissect.VXLAN:
		if v := dissect.VXLANHeader(b); len(v) >= 1 && !v.HasVNI() {
			return false
		}
		vni := uint32(0)
		if len(b) >= 8 {
			vni = dissect.VXLANHeader(b).VNI()
		}
		h.encapsulate(vxlan, vni)
	case dissect.Geneve:
		vni := uint32(0)
		if len(b) >= 8 {
			vni = dissect.GeneveHeader(b).VNI()
		}
		h.encapsulate(geneve, vni)
	case dissect.MPLS:
		return true
	case dissect.ESP:
		h.encapsulate(esp, dissect.ESPHeader(b).SPI())
	case dissect.L2TP:
		return h.l2tp(w)
	case dissect.GTPU:
		g := dissect.GTPHeader(b)
		if len(g) < 8 || !g.Current() || g.Type() != dissect.GTPData {
			return false
		}
		h.encapsulate(gtp, g.TEID())
		if g.Extended() { // what is behind extensions is not looked into
			h.cut = h.carries()
			return false
		}
	case dissect.WireGuard:
		h.encapsulate(wireguard, dissect.WireGuardMessage(b).Index())
	default:
		return false
	}
	return w.Step()
}

// l2tp reads a data message over UDP.
func (h *headers) l2tp(w *dissect.Walk) bool {
	m := dissect.L2TPHeader(w.Rest)
	if len(m) < 8 || m.Control() || m.Version() != 2 && m.Version() != 3 {
		return false
	}
	h.encapsulate(l2tp, m.Session())
	w.Step()
	if w.Next == dissect.PPP && (!carriesIP(w) || len(w.Header)%2 != 0) { // nor here is a short protocol looked into
		h.cut = h.carries()
		return false
	}
	return true
}

// gre reads a GRE header; false when it is not of version 0: in PPTP's nothing is looked for.
func (h *headers) gre(w *dissect.Walk) bool {
	w.Step()
	g := dissect.GREHeader(w.Header)
	plain := len(g) >= 4 && g.Version() == 0
	key := uint32(0)
	if plain {
		key, _ = g.Key()
	}
	h.encapsulate(gre, key)
	return plain
}
