package track

import (
	"net"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/dissect"
)

func udp(sport, dport layers.UDPPort) *layers.UDP { return &layers.UDP{SrcPort: sport, DstPort: dport} }

// bytesOf is a packet from its Ethernet header on.
func framed(t *testing.T, l ...gopacket.SerializableLayer) []byte {
	return packet(t, append([]gopacket.SerializableLayer{ether(layers.EthernetTypeIPv4)}, l...)...)
}

// What a hop changed: an encapsulation has its name, and is no NAT; NAT is, of whatever layer.
func TestEncapsulations(t *testing.T) {
	icmp := &layers.ICMPv4{TypeCode: 8 << 8, Id: 1, Seq: 2}
	data := gopacket.Payload(strings.Repeat("x", 56))
	plain := framed(t, ip4("10.9.0.1", "10.9.0.2", layers.IPProtocolICMPv4), icmp, data)
	tcp := &layers.TCP{SrcPort: 1000, DstPort: 80, Seq: 5, ACK: true}
	segment := framed(t, ip4("10.9.0.1", "10.9.0.2", layers.IPProtocolTCP), tcp, data)
	datagram := func(src, dst string, sport, dport layers.UDPPort, payload string) []byte {
		return framed(t, ip4(src, dst, layers.IPProtocolUDP), udp(sport, dport), gopacket.Payload(payload))
	}
	outer := func(proto layers.IPProtocol, payload ...byte) []byte {
		return framed(t, ip4("10.0.0.1", "10.0.0.2", proto), gopacket.Payload(append(payload, data...)))
	}
	fragment := func(src, dst string, proto layers.IPProtocol, id, offset uint16, l ...gopacket.SerializableLayer) []byte {
		ip := ip4(src, dst, proto)
		ip.Id, ip.FragOffset = id, offset
		return framed(t, append([]gopacket.SerializableLayer{ip}, l...)...)
	}
	six := func(proto layers.IPProtocol, extension string) []byte {
		return packet(t, ether(layers.EthernetTypeIPv6), ip6("fd00::1", "fd00::2", proto), gopacket.Payload(extension+"\x00\x35\x00\x36\x00\x0d\x00\x00hello"))
	}
	routed := func(dst string, left byte) []byte { // by segments, to fd00::9 in the end
		return packet(t, ether(layers.EthernetTypeIPv6), ip6("fd00::1", dst, layers.IPProtocolIPv6Routing),
			gopacket.Payload("\x11\x02\x04"+string([]byte{left, 0, 0, 0, 0})+string(net.ParseIP("fd00::9"))+"\x00\x35\x00\x36\x00\x0d\x00\x00hello"))
	}
	inner := fragment("10.9.0.1", "10.9.0.2", layers.IPProtocolUDP, 7, 0, udp(53, 54), data)
	zeros := func(n int) string { return strings.Repeat("\x00", n) }
	wg := "\x04\x00\x00\x00\x07\x00\x00\x00" + zeros(24+96)
	spi := "\x00\x00\x10\x01\x00\x00\x00\x01" + zeros(80)
	mpls := packet(t, ether(layers.EthernetTypeMPLSUnicast), &layers.MPLS{Label: 100, TTL: 64}, &layers.MPLS{Label: 200, StackBottom: true, TTL: 64},
		ip4("10.9.0.1", "10.9.0.2", layers.IPProtocolICMPv4), icmp, data)
	macsec := append(append([]byte{}, plain[:12]...), append([]byte{0x88, 0xe5, 0x0c, 0, 0, 0, 0, 1}, data...)...)
	l2tpv2 := "\x40\x02\x00\x00\x00\x07\x00\x09\xff\x03\x00\x21" + string(plain[14:])
	later := func(src, dst string) []byte { // a fragment that is not the first
		l := ip4(src, dst, layers.IPProtocolUDP)
		l.FragOffset = 175
		return framed(t, l, data)
	}
	tunneled := framed(t, ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolUDP), udp(9, 4789), &layers.VXLAN{ValidIDFlag: true, VNI: 7}, ether(layers.EthernetTypeIPv4), ip4("10.9.0.1", "10.9.0.2", layers.IPProtocolICMPv4), icmp, data)
	for name, c := range map[string]struct {
		was, is []byte
		how     string
		want    string // in changed
		nat     bool
	}{
		"ESP": {plain, outer(layers.IPProtocolESP, 0, 0, 0x10, 1, 0, 0, 0, 1), "",
			"encap=- esp spi=- 4097 outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2", false},
		"out of ESP": {outer(layers.IPProtocolESP, 0, 0, 0x10, 1, 0, 0, 0, 1), plain, "",
			"encap=esp - spi=4097 - outer.src=10.0.0.1 - outer.dst=10.0.0.2 -", false},
		"ESP in UDP": {plain, datagram("10.0.0.1", "10.0.0.2", 4500, 4500, spi), "",
			"encap=- esp spi=- 4097 outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2 outer.sport=- 4500 outer.dport=- 4500", false},
		"NAT of ESP in UDP": {datagram("10.0.0.1", "10.0.0.2", 4500, 4500, spi), datagram("192.0.2.1", "10.0.0.2", 31000, 4500, spi), "",
			"outer.src=10.0.0.1 192.0.2.1 outer.sport=4500 31000", true},
		"NAT of ESP": {outer(layers.IPProtocolESP, 0, 0, 0x10, 1), framed(t, ip4("192.0.2.1", "10.0.0.2", layers.IPProtocolESP), gopacket.Payload("\x00\x00\x10\x01"+string(data))), "",
			"outer.src=10.0.0.1 192.0.2.1", true},
		"NAT of IKE": {datagram("10.0.0.1", "10.0.0.2", 4500, 4500, "\x00\x00\x00\x00ike here"), datagram("192.0.2.1", "10.0.0.2", 31000, 4500, "\x00\x00\x00\x00ike here"), "",
			"src=10.0.0.1 192.0.2.1 sport=4500 31000", true},
		"WireGuard": {plain, datagram("10.0.0.1", "10.0.0.2", 51820, 51821, wg), "",
			"encap=- wireguard index=- 7 outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2 outer.sport=- 51820 outer.dport=- 51821", false},
		"WireGuard, as large as its MTU allows": {segment, datagram("10.0.0.1", "10.0.0.2", 51820, 51821, wg+zeros(1452-128)), "",
			"encap=- wireguard index=- 7 outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2 outer.sport=- 51820 outer.dport=- 51821", false},
		"a later fragment of VXLAN": {tunneled, later("10.0.0.1", "10.0.0.2"), "fragment", "", false},
		"a later fragment of VXLAN that carries one": {framed(t, ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolUDP), udp(9, 4789), &layers.VXLAN{ValidIDFlag: true, VNI: 7},
			gopacket.Payload(later("10.9.0.1", "10.9.0.2"))), later("10.0.0.1", "10.0.0.2"), "fragment", "", false},
		"VXLAN, put together":           {later("10.0.0.1", "10.0.0.2"), tunneled, "reassemble", "", false},
		"a later fragment of WireGuard": {datagram("10.0.0.1", "10.0.0.2", 51820, 51821, wg), later("10.0.0.1", "10.0.0.2"), "fragment", "", false},
		"a later fragment into WireGuard": {later("10.9.0.1", "10.9.0.2"), datagram("10.0.0.1", "10.0.0.2", 51820, 51821, wg), "",
			"encap=- wireguard index=- 7 outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2 outer.sport=- 51820 outer.dport=- 51821", false},
		"NAT of a later fragment": {later("10.9.0.1", "10.9.0.2"), later("10.9.0.1", "10.9.0.7"), "", "dst=10.9.0.2 10.9.0.7", true},
		"L2TPv3 over IP":          {plain, outer(115, 0, 0, 0, 5), "", "encap=- l2tp session=- 5 outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2", false},
		"L2TPv3 at its port": {plain, datagram("10.0.0.1", "10.0.0.2", 1701, 1701, "\x00\x03\x00\x00\x00\x00\x00\x05"+string(plain)), "",
			"encap=- l2tp session=- 5 outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2 outer.sport=- 1701 outer.dport=- 1701", false},
		"L2TPv2": {plain, datagram("10.0.0.1", "10.0.0.2", 1701, 1701, l2tpv2), "",
			"encap=- l2tp session=- 9 outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2 outer.sport=- 1701 outer.dport=- 1701", false},
		"a tunnel in UDP at a port of its own": {plain, datagram("10.0.0.1", "10.0.0.2", 5000, 6000, "\x00\x03\x00\x00\x00\x00\x00\x05"+string(plain)), "",
			"encap=- udp outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2 outer.sport=- 5000 outer.dport=- 6000", false},
		"out of it": {datagram("10.0.0.1", "10.0.0.2", 5000, 6000, "\x00\x03\x00\x00\x00\x00\x00\x05"+string(plain)), plain, "",
			"encap=udp - outer.src=10.0.0.1 - outer.dst=10.0.0.2 - outer.sport=5000 - outer.dport=6000 -", false},
		"a datagram in it": {datagram("10.9.0.1", "10.9.0.2", 53, 54, "hello"), datagram("10.0.0.1", "10.0.0.2", 5000, 6000, zeros(100)), "",
			"encap=- udp outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2 outer.sport=- 5000 outer.dport=- 6000", false},
		"a segment in it, of many": {segment, datagram("10.0.0.1", "10.0.0.2", 5000, 6000, zeros(20)), "segment",
			"encap=- udp outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2 outer.sport=- 5000 outer.dport=- 6000", false},
		"NAT of both ends": {datagram("10.9.0.1", "10.9.0.2", 1000, 53, "hello"), datagram("10.0.0.1", "10.0.0.2", 2000, 5353, "hello"), "",
			"src=10.9.0.1 10.0.0.1 dst=10.9.0.2 10.0.0.2 sport=1000 2000 dport=53 5353", true},
		"NAT with a longer payload": {datagram("10.9.0.1", "10.9.0.2", 5060, 5060, "REGISTER"), datagram("10.0.0.1", "10.9.0.2", 5060, 5060, "REGISTER"+zeros(40)), "",
			"src=10.9.0.1 10.0.0.1", true},
		"NAT of a segment": {segment, framed(t, ip4("10.0.0.1", "10.9.0.2", layers.IPProtocolTCP), &layers.TCP{SrcPort: 2000, DstPort: 80, Seq: 9, ACK: true}, data), "segment",
			"src=10.9.0.1 10.0.0.1 sport=1000 2000", true},
		"a later fragment of GRE": {inner, fragment("10.0.0.1", "10.0.0.2", layers.IPProtocolGRE, 9, 185, data), "fragment",
			"encap=- gre outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2", false},
		"out of GRE, of which the last fragment was seen": {fragment("10.0.0.1", "10.0.0.2", layers.IPProtocolGRE, 9, 185, data), inner, "reassemble",
			"encap=gre - outer.src=10.0.0.1 - outer.dst=10.0.0.2 -", false},
		"a fragment of a tunnel at a port of its own": {inner, fragment("10.0.0.1", "10.0.0.2", layers.IPProtocolUDP, 9, 0, udp(5000, 6000), data), "fragment",
			"encap=- udp outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2 outer.sport=- 5000 outer.dport=- 6000", false},
		"a later one": {inner, fragment("10.0.0.1", "10.0.0.2", layers.IPProtocolUDP, 9, 185, data), "fragment",
			"encap=- udp outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2", false},
		"out of it, put together": {fragment("10.0.0.1", "10.0.0.2", layers.IPProtocolUDP, 9, 0, udp(5000, 6000), data), inner, "reassemble",
			"encap=udp - outer.src=10.0.0.1 - outer.dst=10.0.0.2 - outer.sport=5000 - outer.dport=6000 -", false},
		"NAT of a fragment of both ends": {inner, fragment("10.0.0.1", "10.0.0.2", layers.IPProtocolUDP, 7, 0, udp(5000, 6000), data), "fragment",
			"src=10.9.0.1 10.0.0.1 dst=10.9.0.2 10.0.0.2 sport=53 5000 dport=54 6000", true},
		"AH": {plain, framed(t, ip4("10.9.0.1", "10.9.0.2", layers.IPProtocolAH), gopacket.Payload("\x01\x04\x00\x00\x00\x00\x02\x01"+zeros(16)+string(plain[34:]))), "",
			"encap=- ah spi=- 513", false},
		"AH, IPv6": {six(layers.IPProtocolUDP, ""), six(layers.IPProtocolAH, "\x11\x04\x00\x00\x00\x00\x02\x01"+zeros(16)), "",
			"encap=- ah spi=- 513", false},
		"a segment of its route, and the next": {routed("fd00::7", 1), routed("fd00::9", 0), "", "", false},
		"IPComp": {plain, outer(layers.IPProtocol(dissect.ProtoIPComp), 4, 0, 0x12, 0x34), "",
			"encap=- ipcomp cpi=- 4660 outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2", false},
		"out of IPComp": {fragment("10.9.0.1", "10.9.0.2", layers.IPProtocol(dissect.ProtoIPComp), 7, 0, gopacket.Payload("\x11\x00\x02\x0a"+zeros(8))), inner, "",
			"encap=ipcomp - cpi=522 - outer.src=10.9.0.1 - outer.dst=10.9.0.2 -", false},
		"MPLS":                      {plain, mpls, "", "encap=- mpls label=- 100+200", false},
		"MPLS, a swap":              {mpls, packet(t, ether(layers.EthernetTypeMPLSUnicast), &layers.MPLS{Label: 300, StackBottom: true, TTL: 64}, ip4("10.9.0.1", "10.9.0.2", layers.IPProtocolICMPv4), icmp, data), "", "label=100+200 300", false},
		"MACsec":                    {plain, macsec, "", "encap=- macsec", false},
		"out of it, and NAT unseen": {macsec, plain, "", "encap=macsec -", false},
		"VXLAN": {plain, framed(t, ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolUDP), udp(9, 4789), &layers.VXLAN{ValidIDFlag: true, VNI: 7}, gopacket.Payload(plain)), "",
			"encap=- vxlan vni=- 7 outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2 outer.sport=- 9 outer.dport=- 4789", false},
		"NAT in VXLAN": {plain, framed(t, ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolUDP), udp(9, 4789), &layers.VXLAN{ValidIDFlag: true, VNI: 7},
			ether(layers.EthernetTypeIPv4), ip4("10.9.0.7", "10.9.0.2", layers.IPProtocolICMPv4), icmp, data), "",
			"encap=- vxlan vni=- 7 src=10.9.0.1 10.9.0.7 outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2 outer.sport=- 9 outer.dport=- 4789", true},
		"GRE with a key": {plain, framed(t, ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolGRE), &layers.GRE{KeyPresent: true, Key: 3, Protocol: layers.EthernetTypeIPv4}, gopacket.Payload(plain[14:])), "",
			"encap=- gre key=- 3 outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2", false},
		"IPIP": {plain, framed(t, ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolIPv4), gopacket.Payload(plain[14:])), "",
			"encap=- ipip outer.src=- 10.0.0.1 outer.dst=- 10.0.0.2", false},
	} {
		var d differ
		var a, b headers
		a.parseMAC(c.was)
		b.parseMAC(c.is)
		d.headers(a.pack(nil), b.pack(nil), c.how)
		changed := wire.Value(d.appendTo(nil))
		var got []string
		_ = changed.Each(func(key []byte, v wire.Value) bool {
			out := string(key) + "="
			i := 0
			_ = v.Elems(func(v wire.Value) bool {
				if i++; i > 1 {
					out += " "
				}
				if v.Kind() == wire.Nil {
					out += "-"
				} else {
					out += strings.Trim(jsonValue(v), `"`)
				}
				return true
			})
			got = append(got, out)
			return true
		})
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s:\n%s, want\n%s", name, s, c.want)
		}
		if changed != nil && isNAT(changed) != c.nat {
			t.Errorf("%s: NAT: %v", name, !c.nat)
		}
		if encap := strings.Contains(c.want, "encap=- "); encap && (isChange(changed, "decap") || !isChange(changed, "encap")) {
			t.Errorf("%s: encap %v, decap %v", name, isChange(changed, "encap"), isChange(changed, "decap"))
		}
		if strings.HasPrefix(name, "out of") && !isChange(changed, "decap") {
			t.Errorf("%s: no decap", name)
		}
	}
}

func jsonValue(v wire.Value) string {
	var line []byte
	line, _ = format.AppendJSON(nil, format.Raw(append(wire.AppendStr(wire.AppendMap(nil, 1), "v"), v...)))
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(string(line)), `{"v":`), "}")
}
