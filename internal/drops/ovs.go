package drops

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/dissect"
)

// openFlow gives the packet as `ovs-appctl ofproto/trace BRIDGE` takes one: the port that it came in by, and its
// headers (ovs-fields(7)). Without a frame of Ethernet there is none.
func (f *facts) openFlow() value {
	p := f.headers()
	dev, _ := f.find.Str(findDevName)
	b := f.frame.data
	if len(dev) == 0 || bytes.ContainsAny(dev, ",= ") || string(f.frame.at) != "mac" || len(b) < dissect.EthernetLen ||
		!format.HasEthernet(b, f.frame.linkType, f.frame.protocol) {
		return value{}
	}
	h := dissect.EthernetHeader(b)
	s := fmt.Appendf(f.buf, "in_port=%s,dl_src=%s,dl_dst=%s", dev, net.HardwareAddr(h.Src()), net.HardwareAddr(h.Dst()))
	if tci, ok := f.vlan(b); ok {
		s = fmt.Appendf(s, ",dl_vlan=%d,dl_vlan_pcp=%d", tci&0xfff, tci>>13)
	}
	return f.made(p.appendOpenFlow(s, b))
}

// vlan is the packet's outer VLAN tag: in the sk_buff, or in the frame.
func (f *facts) vlan(frame []byte) (tci uint16, ok bool) {
	if tci, ok := f.find.Uint(findVlanTCI); ok {
		return uint16(tci), true
	}
	t := dissect.EthernetHeader(frame).Type()
	if (t == dissect.EtherVLAN || t == dissect.EtherQinQ) && len(frame) >= dissect.EthernetLen+dissect.VLANLen {
		return dissect.VLANTag(frame[dissect.EthernetLen:]).TCI(), true
	}
	return 0, false
}

// appendOpenFlow appends what is behind the frame's header.
func (p *packet) appendOpenFlow(s, frame []byte) []byte {
	six := ""
	switch {
	case p.version == 6:
		six = "6"
	case p.version == 0 && dissect.EtherType(p.etherType) == dissect.EtherARP:
		return appendOpenFlowARP(s, frame)
	case p.version == 0 && p.etherType != 0:
		return fmt.Appendf(s, ",dl_type=0x%04x", p.etherType)
	case p.version == 0:
		return s
	}
	addrs := fmt.Sprintf(",nw_src=%v,nw_dst=%v,nw_ttl=%d", p.src, p.dst, p.ttl)
	if p.version == 6 {
		addrs = fmt.Sprintf(",ipv6_src=%v,ipv6_dst=%v,nw_ttl=%d", p.src, p.dst, p.ttl)
	}
	// ofproto/trace takes tp_src for TCP's alone, and icmp_type for that of IPv4.
	transport, v := "", map[string]string{"": "", "6": "v6"}[six]
	switch name := protoNames[p.proto]; {
	case !p.hasProto:
		return fmt.Appendf(s, ",ip%s%s", v, addrs)
	case p.hasPorts && (string(name) == "tcp" || string(name) == "udp" || string(name) == "sctp"):
		transport = fmt.Sprintf(",%s%s%s,%s_src=%d,%s_dst=%d", name, six, addrs, name, p.sport, name, p.dport)
	case p.hasICMP:
		transport = fmt.Sprintf(",icmp%s%s,icmp%s_type=%d,icmp%s_code=%d", six, addrs, v, p.icmpType, v, p.icmpCode)
	case p.version == 6:
		transport = fmt.Sprintf(",ipv6,nw_proto=%d%s", p.proto, addrs)
	default:
		transport = fmt.Sprintf(",ip,nw_proto=%d%s", p.proto, addrs)
	}
	s = append(s, transport...)
	if p.later {
		s = append(s, ",nw_frag=later"...)
	}
	return s
}

// appendOpenFlowARP appends what ARP says of IPv4 over Ethernet (RFC 826).
func appendOpenFlowARP(s, frame []byte) []byte {
	const arpLen = 28
	s = append(s, ",arp"...)
	b := frame[dissect.EthernetLen:]
	if dissect.EthernetHeader(frame).Type() != dissect.EtherARP || len(b) < arpLen {
		return s
	}
	return fmt.Appendf(s, ",arp_op=%d,arp_spa=%d.%d.%d.%d,arp_tpa=%d.%d.%d.%d", binary.BigEndian.Uint16(b[6:]),
		b[14], b[15], b[16], b[17], b[24], b[25], b[26], b[27])
}
