package track

import (
	"bytes"
	"fmt"
	"net"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

func packet(t testing.TB, l ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, l...); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(b.Bytes())
}

func ether(next layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: next}
}

func ip4(src, dst string, next layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 64, Id: 7, SrcIP: net.ParseIP(src), DstIP: net.ParseIP(dst), Protocol: next}
}

func ip6(src, dst string, next layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 63, SrcIP: net.ParseIP(src), DstIP: net.ParseIP(dst), NextHeader: next}
}

// Headers are read from the outermost to the innermost.
func TestHeaders(t *testing.T) {
	tcp := &layers.TCP{SrcPort: 1, DstPort: 80, Seq: 5}
	udp := func(port layers.UDPPort) *layers.UDP { return &layers.UDP{SrcPort: 1, DstPort: port} }
	inner := []gopacket.SerializableLayer{ether(layers.EthernetTypeIPv4), ip4("10.1.0.1", "10.1.0.2", layers.IPProtocolTCP), tcp, gopacket.Payload("hello")}
	for name, c := range map[string]struct {
		packet []byte
		want   string // tags, tunnels, flow of the innermost, its payload
	}{
		"plain": {packet(t, inner...), "[] [] {10.1.0.1 10.1.0.2 1 80 6} hello"},
		"tags": {packet(t, ether(layers.EthernetTypeQinQ), &layers.Dot1Q{VLANIdentifier: 9, Type: layers.EthernetTypeDot1Q},
			&layers.Dot1Q{VLANIdentifier: 5, Type: layers.EthernetTypeIPv6}, ip6("fd00::1", "fd00::2", layers.IPProtocolUDP), udp(53)), "[9+5] [] {fd00::1 fd00::2 1 53 17} "},
		"vxlan": {packet(t, append([]gopacket.SerializableLayer{ether(layers.EthernetTypeIPv6), ip6("fd00::1", "fd00::2", layers.IPProtocolUDP), udp(4789),
			&layers.VXLAN{ValidIDFlag: true, VNI: 7}}, inner...)...), "[] [vxlan] {10.1.0.1 10.1.0.2 1 80 6} hello"},
		"no vxlan": {packet(t, ether(layers.EthernetTypeIPv4), ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolUDP), udp(8472), gopacket.Payload("somethingelse")),
			"[] [] {10.0.0.1 10.0.0.2 1 8472 17} somethingelse"},
		"geneve": {packet(t, append([]gopacket.SerializableLayer{ether(layers.EthernetTypeIPv4), ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolUDP), udp(6081),
			gopacket.Payload{1, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 3, 4}}, inner...)...), "[] [geneve] {10.1.0.1 10.1.0.2 1 80 6} hello"},
		"gre in ipip": {packet(t, ether(layers.EthernetTypeIPv4), ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolIPv4), ip4("10.2.0.1", "10.2.0.2", layers.IPProtocolGRE),
			&layers.GRE{KeyPresent: true, Key: 3, Protocol: layers.EthernetTypeIPv4}, inner[1], tcp), "[] [ipip+gre] {10.1.0.1 10.1.0.2 1 80 6} "},
		"fragment": {packet(t, ether(layers.EthernetTypeIPv4), &layers.IPv4{Version: 4, TTL: 1, FragOffset: 185, SrcIP: net.IP{10, 0, 0, 1}, DstIP: net.IP{10, 0, 0, 2},
			Protocol: layers.IPProtocolUDP}, gopacket.Payload("\x00\x35\x00\x35")), "[] [] {10.0.0.1 10.0.0.2 0 0 17} "},
		"icmp": {packet(t, ether(layers.EthernetTypeIPv4), ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: 8 << 8, Id: 1, Seq: 2},
			gopacket.Payload("x")), "[] [] {10.0.0.1 10.0.0.2 0 0 1} x"},
		"options": {packet(t, ether(layers.EthernetTypeIPv6), ip6("fd00::1", "fd00::2", layers.IPProtocolIPv6HopByHop),
			gopacket.Payload{17, 0, 1, 4, 0, 0, 0, 0}, udp(53), gopacket.Payload("q")), "[] [] {fd00::1 fd00::2 1 53 17} q"},
		"nothing in it but padding": {append(packet(t, ether(layers.EthernetTypeIPv4), ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolUDP)), "\x00\x35\x00\x35\x00\x08"...),
			"[] [] {10.0.0.1 10.0.0.2 0 0 17} "},
		"a later fragment of options": {packet(t, ether(layers.EthernetTypeIPv6), ip6("fd00::1", "fd00::2", layers.IPProtocolIPv6Fragment),
			gopacket.Payload("\x3c\x00\x00\x08\x00\x00\x00\x07\x11\x00\x01\x04\x00\x00\x00\x00")), "[] [] {fd00::1 fd00::2 0 0 60} "},
		"a TCP header that is shorter than one": {packet(t, ether(layers.EthernetTypeIPv4), ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolTCP),
			gopacket.Payload("\x00\x01\x00\x50\x00\x00\x00\x05\x00\x00\x00\x00\x40\x10\x00\x00\x00\x00\x00\x00\x1e\x04")), "[] [] {10.0.0.1 10.0.0.2 1 80 6} \x00\x00\x00\x00\x1e\x04"},
		"arp": {packet(t, ether(layers.EthernetTypeARP), gopacket.Payload("whatever")), "[] [] {invalid IP invalid IP 0 0 0} "},
	} {
		var h headers
		h.parseMAC(c.packet)
		got := fmt.Sprintf("[%s] [%s] %v %s", h.appendVLANs(nil), h.appendTunnels(nil), h.flow(), h.payload)
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// What stands between IP's header and TCP's is none of the bytes that TCP carries.
func TestSent(t *testing.T) {
	tcp := packet(t, &layers.TCP{SrcPort: 1, DstPort: 80, Seq: 5}, gopacket.Payload("hello"))
	auth := append([]byte{6, 4, 0, 0, 0, 0, 2, 1}, make([]byte, 16)...)
	for name, frame := range map[string][]byte{
		"TCP":        packet(t, ether(layers.EthernetTypeIPv4), ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolTCP), gopacket.Payload(tcp)),
		"in AH":      packet(t, ether(layers.EthernetTypeIPv4), ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolAH), gopacket.Payload(append(auth, tcp...))),
		"in AH, six": packet(t, ether(layers.EthernetTypeIPv6), ip6("fd00::1", "fd00::2", layers.IPProtocolAH), gopacket.Payload(append(auth, tcp...))),
	} {
		var h headers
		h.parseMAC(frame)
		if h.sent != 5 || h.seq != 5 {
			t.Errorf("%s: %d bytes from %d on", name, h.sent, h.seq)
		}
	}
}

// Whatever is captured, headers survive being packed, and equal ones are packed the same.
func FuzzHeaders(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte, network bool, protocol, tci uint16) {
		var h, again headers
		if network {
			h.parseNetwork(b, protocol)
		} else {
			h.parseMAC(b)
		}
		if tci != 0 {
			h.outerTag(tci)
		}
		packed := h.pack(nil)
		if len(packed) > maxPacked {
			t.Fatalf("%d bytes, more than %d", len(packed), maxPacked)
		}
		again.unpack(packed)
		if twice := again.pack(nil); !bytes.Equal(twice, packed) {
			t.Fatalf("packed again it is\n%x\nwas\n%x", twice, packed)
		}
		var d differ
		if d.headers(packed, packed, ""); d.n != 0 {
			t.Errorf("%d differences from itself", d.n)
		}
		var p hold
		if i := p.set(0, packed); !bytes.Equal(p.get(i), packed) {
			t.Errorf("kept as %x, was %x", p.get(i), packed)
		}
	})
}
