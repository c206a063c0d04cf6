package text

import (
	"strconv"

	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/dissect"
)

// headers are what `decoded` tells of a packet's headers. The addresses and ports are those of the innermost packet
// that can be read. What an ICMP error quotes is no packet within it.
type headers struct {
	src, dst     []byte
	sport, dport uint16
	flags        uint16 // of TCP
	ports, tcp   bool
	ip           bool          // proto is of an IP header
	proto        dissect.Proto // behind the innermost IP header and its extensions
	frame        string        // what a frame is that carries no IP
	vlan         [2]uint16     // TCI, the outermost first
	tags         uint8
	tunnels      []carrier
}

// A carrier is what carries a packet in another.
type carrier struct {
	kind     string
	src, dst []byte // of the IP header in front, if there is one
	id       string // the key of number; "" if there is none
	number   uint32
}

// maxTunnels is how many of a packet are told, at most 15.
const maxTunnels = 8

// outerTag takes the tag that the kernel keeps beside the packet.
func (h *headers) outerTag(e *fields) {
	if e.vlanTCI.OK {
		h.tag(uint16(e.vlanTCI.V))
	}
}

func (h *headers) tag(tci uint16) {
	if int(h.tags) < len(h.vlan) {
		h.vlan[h.tags] = tci
		h.tags++
	}
}

// read reads the headers of an event's packet.
func (h *headers) read(e *fields) {
	h.outerTag(e)
	var w dissect.Walk
	if !walks(&w, e.data, e.at, uint16(e.devType.V), uint16(e.protocol.V), max(e.length(), len(e.data))) {
		return
	}
	for behindIP := false; w.Step() && !w.Quoted; {
		w.Trim()
		switch w.Kind {
		case dissect.VLAN:
			// Those of a frame within a tunnel are not the frame's.
			if w.Fault == dissect.Whole && len(h.tunnels) == 0 {
				h.tag(dissect.VLANTag(w.Header).TCI())
			}
		case dissect.ARP:
			h.arp(&w)
		case dissect.STP:
			h.frame = "stp"
		case dissect.LLDP:
			h.frame = "lldp"
		case dissect.IPv4, dissect.IPv6:
			if behindIP {
				h.carry(carrier{kind: "ipip"})
			}
			if !h.network(&w) {
				return
			}
			behindIP = true
			continue
		case dissect.HopByHop, dissect.DestOpts, dissect.Routing, dissect.Fragment, dissect.AH:
			if w.Kind == dissect.AH && len(w.Header) >= 8 {
				h.carry(carrier{kind: "ah", id: "spi", number: dissect.AHHeader(w.Header).SPI()})
			}
			if w.Fault == dissect.Whole {
				h.proto = dissect.Proto(w.Type)
			}
			continue
		case dissect.TCP, dissect.UDP, dissect.UDPLite, dissect.SCTP, dissect.DCCP:
			h.transport(&w)
		default:
			h.tunnel(&w)
		}
		behindIP = false
	}
}

// network reads the IP header that w stands at; false if it is none.
func (h *headers) network(w *dissect.Walk) bool {
	if w.Kind == dissect.IPv4 {
		v4 := dissect.IPv4Header(w.Header)
		if len(v4) < dissect.IPv4Len || v4.Version() != 4 {
			return false
		}
		h.src, h.dst, h.proto = v4.Src(), v4.Dst(), v4.Proto()
	} else {
		if w.Fault != dissect.Whole {
			return false
		}
		v6 := dissect.IPv6Header(w.Header)
		h.src, h.dst, h.proto = v6.Src(), v6.Dst(), v6.Proto()
	}
	h.ip, h.ports, h.tcp, h.frame = true, false, false, ""
	return true
}

func (h *headers) transport(w *dissect.Walk) {
	if len(w.Header) < 4 {
		return
	}
	h.ports = true
	h.sport, h.dport = dissect.Ports(w.Header)
	if w.Kind == dissect.TCP && len(w.Header) >= 14 {
		h.tcp, h.flags = true, dissect.TCPHeader(w.Header).Flags()
	}
}

func (h *headers) arp(w *dissect.Walk) {
	h.frame = "arp"
	if w.Fault != dissect.Whole {
		return
	}
	if a := dissect.ARPPacket(w.Header); a.ProtocolLen() == 4 && a.Protocol() == dissect.EtherIPv4 {
		h.src, h.dst, h.ip, h.ports, h.tcp = a.SenderProtocol(), a.TargetProtocol(), false, false, false
	}
}

func (h *headers) carry(c carrier) {
	if len(h.tunnels) < maxTunnels {
		c.src, c.dst = h.src, h.dst
		h.tunnels = append(h.tunnels, c)
	}
}

// tunnel takes the header that w stands at, if it is one that carries a packet in another.
func (h *headers) tunnel(w *dissect.Walk) {
	b, whole := w.Header, w.Fault == dissect.Whole
	c := carrier{}
	switch w.Kind {
	case dissect.VXLAN, dissect.VXLANGPE:
		if w.Fault == dissect.Bad {
			return
		}
		if c.kind = "vxlan"; w.Kind == dissect.VXLANGPE {
			c.kind = "vxlan-gpe"
		}
		if whole {
			c.id, c.number = "vni", dissect.VXLANHeader(b).VNI()
		}
	case dissect.Geneve:
		if c.kind = "geneve"; len(b) >= dissect.GeneveLen {
			c.id, c.number = "vni", dissect.GeneveHeader(b).VNI()
		}
	case dissect.GRE:
		c.kind = "gre"
		if g := dissect.GREHeader(b); len(b) >= dissect.GRELen && g.Version() == 0 {
			if key, ok := g.Key(); ok {
				c.id, c.number = "key", key
			}
		}
	case dissect.ESP:
		if c.kind = "esp"; len(b) >= 4 {
			c.id, c.number = "spi", dissect.ESPHeader(b).SPI()
		}
	case dissect.IPComp:
		if c.kind = "ipcomp"; whole {
			c.id, c.number = "cpi", uint32(dissect.IPCompHeader(b).CPI())
		}
	case dissect.L2TPIP:
		if whole && dissect.L2TPSession(b).Number() != 0 { // 0 is control
			c = carrier{kind: "l2tp", id: "session", number: dissect.L2TPSession(b).Number()}
		}
	case dissect.L2TP:
		if m := dissect.L2TPHeader(b); whole && !m.Control() {
			c = carrier{kind: "l2tp", id: "session", number: m.Session()}
		}
	case dissect.GTPU:
		if g := dissect.GTPHeader(b); len(b) >= 8 && g.Current() && g.Type() == dissect.GTPData {
			c = carrier{kind: "gtp", id: "teid", number: g.TEID()}
		}
	case dissect.WireGuard:
		c.kind = "wireguard"
		if m := dissect.WireGuardMessage(b); whole && m.Type() == dissect.WireGuardData {
			c.id, c.number = "index", m.Index()
		}
	case dissect.MPLS:
		if c.kind = "mpls"; whole {
			c.id, c.number = "label", dissect.MPLSEntry(b).Label()
		}
	case dissect.PPPoE:
		if c.kind = "pppoe"; whole {
			c.id, c.number = "session", uint32(dissect.PPPoEHeader(b).Session())
		}
	case dissect.MACsec:
		c.kind = "macsec"
	}
	if c.kind != "" {
		h.carry(c)
	}
}

// appendProto appends the name of the protocol, or its number; nothing if it is not known.
func (h *headers) appendProto(dst []byte) []byte {
	if !h.ip {
		return append(dst, h.frame...)
	}
	if name := h.proto.Name(); name != "" {
		return append(dst, name...)
	}
	return strconv.AppendUint(dst, uint64(h.proto), 10)
}

// append appends the element of the key `tunnel`.
func (c *carrier) append(dst []byte) []byte {
	n := 1
	if len(c.src) > 0 {
		n += 2
	}
	if c.id != "" {
		n++
	}
	dst = wire.AppendStr(wire.AppendStr(wire.AppendMap(dst, n), "kind"), c.kind)
	if len(c.src) > 0 {
		var text [40]byte
		dst = wire.AppendStr(wire.AppendStr(dst, "src"), appendIP(text[:0], c.src))
		dst = wire.AppendStr(wire.AppendStr(dst, "dst"), appendIP(text[:0], c.dst))
	}
	if c.id != "" {
		dst = wire.AppendUint(wire.AppendStr(dst, c.id), uint64(c.number))
	}
	return dst
}
