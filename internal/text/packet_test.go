package text

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

var (
	macA = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	macB = net.HardwareAddr{2, 0, 0, 0, 0, 2}
	ipA  = net.IP{10, 0, 42, 1}
	ipB  = net.IP{10, 0, 255, 1}
	ip6A = net.ParseIP("fd00::1")
	ip6B = net.ParseIP("fd00::2")
)

// build serialises a stack of layers, lengths and checksums filled in.
func build(t testing.TB, stack ...gopacket.SerializableLayer) []byte {
	t.Helper()
	var network gopacket.NetworkLayer
	for _, l := range stack {
		switch l := l.(type) {
		case *layers.IPv4:
			network = l
		case *layers.IPv6:
			network = l
		case *layers.TCP:
			l.SetNetworkLayerForChecksum(network)
		case *layers.UDP:
			l.SetNetworkLayerForChecksum(network)
		case *layers.ICMPv6:
			l.SetNetworkLayerForChecksum(network)
		}
	}
	buf := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(buf, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, stack...); err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(buf.Bytes())
}

func eth(t layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: macA, DstMAC: macB, EthernetType: t}
}

func ip4(p layers.IPProtocol) *layers.IPv4 {
	return &layers.IPv4{Version: 4, TTL: 64, Id: 77, Protocol: p, SrcIP: ipA, DstIP: ipB}
}

func ip6(p layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: p, SrcIP: ip6A, DstIP: ip6B}
}

func udp(src, dst layers.UDPPort) *layers.UDP { return &layers.UDP{SrcPort: src, DstPort: dst} }

func unhex(t testing.TB, s string) gopacket.Payload {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

type packetCase struct {
	name    string
	data    []byte
	want    string
	tcpdump bool // tcpdump says the same, or begins so
}

func packetCases(t testing.TB) []packetCase {
	text := gopacket.Payload(strings.Repeat("x", 45))
	inner := []gopacket.SerializableLayer{
		&layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IP{172, 16, 0, 1}, DstIP: net.IP{172, 16, 0, 2}},
	}
	innerUDP := udp(1000, 2000)
	with := func(outer ...gopacket.SerializableLayer) []byte {
		innerUDP.SetNetworkLayerForChecksum(inner[0].(*layers.IPv4))
		return build(t, append(append(outer, inner...), innerUDP, text)...)
	}
	tcp := func(f func(*layers.TCP)) *layers.TCP {
		l := &layers.TCP{SrcPort: 41234, DstPort: 80, Seq: 1000, Ack: 2000, Window: 64240}
		f(l)
		return l
	}
	v4 := eth(layers.EthernetTypeIPv4)
	v6 := eth(layers.EthernetTypeIPv6)
	return []packetCase{
		{"tcp syn with options", build(t, v4, ip4(layers.IPProtocolTCP), tcp(func(l *layers.TCP) {
			l.SYN, l.ECE, l.CWR = true, true, true
			l.Options = []layers.TCPOption{
				{OptionType: layers.TCPOptionKindMSS, OptionLength: 4, OptionData: []byte{5, 0xb4}},
				{OptionType: layers.TCPOptionKindSACKPermitted, OptionLength: 2},
				{OptionType: layers.TCPOptionKindTimestamps, OptionLength: 10, OptionData: []byte{0, 0, 0, 9, 0, 0, 0, 8}},
				{OptionType: layers.TCPOptionKindNop, OptionLength: 1},
				{OptionType: layers.TCPOptionKindWindowScale, OptionLength: 3, OptionData: []byte{7}},
			}
		})), "IP 10.0.42.1.41234 > 10.0.255.1.80: Flags [SEW], seq 1000, win 64240, options [mss 1460,sackOK,TS val 9 ecr 8,nop,wscale 7], length 0", true},
		{"tcp data, urgent, sack", build(t, v6, ip6(layers.IPProtocolTCP), tcp(func(l *layers.TCP) {
			l.ACK, l.PSH, l.URG, l.Urgent = true, true, true, 3
			l.Options = []layers.TCPOption{{OptionType: layers.TCPOptionKindNop, OptionLength: 1}, {OptionType: layers.TCPOptionKindNop, OptionLength: 1},
				{OptionType: layers.TCPOptionKindSACK, OptionLength: 10, OptionData: []byte{0, 0, 0, 5, 0, 0, 0, 9}}}
		}), text), "IP6 fd00::1.41234 > fd00::2.80: Flags [P.U], seq 1000:1045, ack 2000, win 64240, urg 3, options [nop,nop,sack 1 {5:9}], length 45", true},
		{"tcp without flags", build(t, v4, ip4(layers.IPProtocolTCP), tcp(func(l *layers.TCP) {})),
			"IP 10.0.42.1.41234 > 10.0.255.1.80: Flags [none], win 64240, length 0", true},
		{"tcp rst", build(t, v4, ip4(layers.IPProtocolTCP), tcp(func(l *layers.TCP) { l.RST, l.FIN = true, true })),
			"IP 10.0.42.1.41234 > 10.0.255.1.80: Flags [FR], seq 1000, win 64240, length 0", true},
		{"tcp option of length 0", build(t, v4, ip4(layers.IPProtocolTCP), unhex(t, "a112 0050 00000001 00000002 6010 0400 0000 0000 08000000")),
			"IP 10.0.42.1.41234 > 10.0.255.1.80: Flags [.], ack 2, win 1024, options [bad option 0x08000000], length 0", false},
		{"mptcp", build(t, v4, ip4(layers.IPProtocolTCP), unhex(t, "a112 0050 00000001 00000002 8010 0400 0000 0000 1e03 8f 1e02 1e04 1122 0303 07")),
			"IP 10.0.42.1.41234 > 10.0.255.1.80: Flags [.], ack 2, win 1024, options [mptcp 3 rst,unknown-30,mptcp 4 join,wscale 7], length 0", false},
		{"udp", build(t, v4, ip4(layers.IPProtocolUDP), udp(41234, 9), text), "IP 10.0.42.1.41234 > 10.0.255.1.9: UDP, length 45", true},
		{"udp with a length too small", build(t, v4, ip4(layers.IPProtocolUDP), unhex(t, "a1120009 0003 0000")),
			"IP 10.0.42.1.41234 > 10.0.255.1.9: truncated-udplength 3", false},
		{"vlan", build(t, eth(layers.EthernetTypeDot1Q), &layers.Dot1Q{VLANIdentifier: 5, Priority: 3, Type: layers.EthernetTypeIPv4}, ip4(layers.IPProtocolUDP), udp(1, 9), text),
			"vlan 5, p 3, IP 10.0.42.1.1 > 10.0.255.1.9: UDP, length 45", false},
		{"qinq", build(t, eth(layers.EthernetTypeQinQ), &layers.Dot1Q{VLANIdentifier: 100, Type: layers.EthernetTypeDot1Q}, &layers.Dot1Q{VLANIdentifier: 5, DropEligible: true, Type: layers.EthernetTypeIPv4}, ip4(layers.IPProtocolUDP), udp(1, 9), text),
			"vlan 100, vlan 5, DEI, IP 10.0.42.1.1 > 10.0.255.1.9: UDP, length 45", false},
		{"arp request", build(t, eth(layers.EthernetTypeARP), &layers.ARP{AddrType: 1, Protocol: layers.EthernetTypeIPv4, Operation: 1, SourceHwAddress: macA, SourceProtAddress: ipA, DstHwAddress: make([]byte, 6), DstProtAddress: ipB}),
			"ARP, Request who-has 10.0.255.1 tell 10.0.42.1, length 46", true},
		{"arp reply", build(t, eth(layers.EthernetTypeARP), &layers.ARP{AddrType: 1, Protocol: layers.EthernetTypeIPv4, Operation: 2, SourceHwAddress: macA, SourceProtAddress: ipA, DstHwAddress: macB, DstProtAddress: ipB}),
			"ARP, Reply 10.0.42.1 is-at 02:00:00:00:00:01, length 46", true},
		{"icmp echo", build(t, v4, ip4(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: 8 << 8, Id: 5, Seq: 6}, text),
			"IP 10.0.42.1 > 10.0.255.1: ICMP echo request, id 5, seq 6, length 53", true},
		{"icmp need to frag", build(t, v4, ip4(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: 3<<8 | 4, Seq: 1400}, &layers.IPv4{Version: 4, TTL: 3, Length: 1500, Protocol: 6, SrcIP: ipB, DstIP: ipA}, gopacket.Payload{0, 80, 0xa1, 0x12, 0, 0, 0, 9}),
			"IP 10.0.42.1 > 10.0.255.1: ICMP 10.0.42.1 unreachable - need to frag (mtu 1400), length 36 (IP 10.0.255.1.80 > 10.0.42.1.41234: [|tcp])", true},
		{"icmp time exceeded", build(t, v4, ip4(layers.IPProtocolICMPv4), &layers.ICMPv4{TypeCode: 11 << 8}, &layers.IPv4{Version: 4, TTL: 1, Protocol: 17, SrcIP: ipB, DstIP: ipA}, gopacket.Payload{0, 9, 0, 7, 0, 53, 0, 0}),
			"IP 10.0.42.1 > 10.0.255.1: ICMP time exceeded in-transit, length 36 (IP 10.0.255.1.9 > 10.0.42.1.7: UDP, length 45)", true},
		{"icmp redirect", build(t, v4, ip4(layers.IPProtocolICMPv4), gopacket.Payload(append([]byte{5, 1, 0, 0, 10, 0, 42, 254}, build(t, ip4(layers.IPProtocolUDP), udp(1, 9))...))),
			"IP 10.0.42.1 > 10.0.255.1: ICMP redirect 10.0.255.1 to host 10.0.42.254, length 36 (IP 10.0.42.1.1 > 10.0.255.1.9: UDP, length 0)", true},
		{"icmp6 packet too big", build(t, v6, ip6(layers.IPProtocolICMPv6), &layers.ICMPv6{TypeCode: 2 << 8}, gopacket.Payload{0, 0, 5, 0}, ip6(layers.IPProtocolUDP), udp(1, 9), text),
			"IP6 fd00::1 > fd00::2: ICMP6, packet too big, mtu 1280, length 101 (IP6 fd00::1.1 > fd00::2.9: UDP, length 45)", true},
		{"neighbor solicitation", build(t, v6, ip6(layers.IPProtocolICMPv6), &layers.ICMPv6{TypeCode: 135 << 8}, &layers.ICMPv6NeighborSolicitation{TargetAddress: ip6B, Options: layers.ICMPv6Options{{Type: 1, Data: macA}}}),
			"IP6 fd00::1 > fd00::2: ICMP6, neighbor solicitation, who has fd00::2, length 32, source link-address 02:00:00:00:00:01", true},
		{"hop-by-hop mld", build(t, v6, ip6(layers.IPProtocolIPv6HopByHop), unhex(t, "3a00 0502 0000 0100 8f00 0000 0000 0001 0400 0000 ff0200000000000000000000000000fb")),
			"IP6 fd00::1 > fd00::2: HBH ICMP6, multicast listener report v2, 1 group record(s), length 28 [ff02::fb]", true},
		{"ipv6 later fragment", build(t, v6, ip6(layers.IPProtocolIPv6Fragment), gopacket.Payload(append([]byte{17, 0, 5, 0xa8, 0, 0, 0, 7}, text...))),
			"IP6 fd00::1 > fd00::2: udp (frag 7:45@1448)", false},
		{"ipv4 first fragment", build(t, v4, &layers.IPv4{Version: 4, TTL: 64, Id: 77, Flags: layers.IPv4MoreFragments, Protocol: 17, SrcIP: ipA, DstIP: ipB}, &layers.UDP{SrcPort: 1, DstPort: 9, Length: 3008}, text),
			"IP 10.0.42.1.1 > 10.0.255.1.9: UDP, length 45 (frag 77:53@0+)", false},
		{"ipv4 later fragment", build(t, v4, &layers.IPv4{Version: 4, TTL: 64, Id: 77, FragOffset: 185, Protocol: 17, SrcIP: ipA, DstIP: ipB}, text),
			"IP 10.0.42.1 > 10.0.255.1: udp (frag 77:45@1480)", true},
		{"bad ipv4 options", build(t, v4, &layers.IPv4{Version: 4, TTL: 64, Protocol: 17, SrcIP: ipA, DstIP: ipB, Options: []layers.IPv4Option{{OptionType: 7, OptionLength: 39, OptionData: []byte{4, 0}}}}, udp(1, 9), text),
			"IP 10.0.42.1.1 > 10.0.255.1.9: UDP, length 45", true},
		{"vxlan", with(v4, ip4(layers.IPProtocolUDP), udp(33333, 4789), &layers.VXLAN{ValidIDFlag: true, VNI: 42}, v4),
			"IP 10.0.42.1.33333 > 10.0.255.1.4789: VXLAN, flags [I] (0x08), vni 42: IP 172.16.0.1.1000 > 172.16.0.2.2000: UDP, length 45", true},
		{"geneve", with(v4, ip4(layers.IPProtocolUDP), udp(33333, 6081), &layers.Geneve{Protocol: layers.EthernetTypeTransparentEthernetBridging, VNI: 43}, v4),
			"IP 10.0.42.1.33333 > 10.0.255.1.6081: Geneve, Flags [none], vni 43: IP 172.16.0.1.1000 > 172.16.0.2.2000: UDP, length 45", false},
		{"gre with key", with(v4, ip4(layers.IPProtocolGRE), &layers.GRE{KeyPresent: true, Key: 7, Protocol: layers.EthernetTypeIPv4}),
			"IP 10.0.42.1 > 10.0.255.1: GREv0, key=0x7, length 81: IP 172.16.0.1.1000 > 172.16.0.2.2000: UDP, length 45", true},
		{"ipip", with(v4, ip4(layers.IPProtocolIPv4)), "IP 10.0.42.1 > 10.0.255.1: IP 172.16.0.1.1000 > 172.16.0.2.2000: UDP, length 45", true},
		{"sit", build(t, v4, ip4(layers.IPProtocolIPv6), ip6(layers.IPProtocolUDP), udp(1, 9), text),
			"IP 10.0.42.1 > 10.0.255.1: IP6 fd00::1.1 > fd00::2.9: UDP, length 45", true},
		{"mpls", with(eth(layers.EthernetTypeMPLSUnicast), &layers.MPLS{Label: 16, TTL: 9}, &layers.MPLS{Label: 17, StackBottom: true, TTL: 8}),
			"MPLS (label 16, tc 0, ttl 9) (label 17, tc 0, [S], ttl 8) IP 172.16.0.1.1000 > 172.16.0.2.2000: UDP, length 45", false},
		{"pppoe", with(eth(layers.EthernetTypePPPoESession), &layers.PPPoE{Version: 1, Type: 1, SessionId: 9}, &layers.PPP{PPPType: layers.PPPTypeIPv4}),
			"PPPoE [ses 0x9] IP 172.16.0.1.1000 > 172.16.0.2.2000: UDP, length 45", false},
		{"pppoe, mpls", with(eth(layers.EthernetTypePPPoESession), &layers.PPPoE{Version: 1, Type: 1, SessionId: 9}, &layers.PPP{PPPType: layers.PPPTypeMPLSUnicast}, &layers.MPLS{Label: 17, StackBottom: true, TTL: 8}),
			"PPPoE [ses 0x9] MPLS (label 17, tc 0, [S], ttl 8) IP 172.16.0.1.1000 > 172.16.0.2.2000: UDP, length 45", false},
		{"dns query", build(t, v4, ip4(layers.IPProtocolUDP), udp(41234, 53), &layers.DNS{ID: 4660, RD: true, Questions: []layers.DNSQuestion{{Name: []byte("www.example.com"), Type: layers.DNSTypeAAAA, Class: 1}}}),
			"IP 10.0.42.1.41234 > 10.0.255.1.53: 4660+ AAAA? www.example.com. (33)", true},
		{"dns answer", build(t, v4, ip4(layers.IPProtocolUDP), udp(53, 41234), &layers.DNS{ID: 4660, QR: true, RD: true, RA: true,
			Questions: []layers.DNSQuestion{{Name: []byte("www.example.com"), Type: layers.DNSTypeA, Class: 1}},
			Answers: []layers.DNSResourceRecord{{Name: []byte("www.example.com"), Type: layers.DNSTypeCNAME, Class: 1, CNAME: []byte("a.example")},
				{Name: []byte("a.example"), Type: layers.DNSTypeA, Class: 1, IP: net.IP{192, 0, 2, 1}}}}),
			"IP 10.0.42.1.53 > 10.0.255.1.41234: 4660 2/0/0 CNAME a.example., A 192.0.2.1 (96)", true},
		{"dns nxdomain", build(t, v4, ip4(layers.IPProtocolUDP), udp(53, 41234), &layers.DNS{ID: 1, QR: true, ResponseCode: 3, Questions: []layers.DNSQuestion{{Name: []byte("nope.test"), Type: layers.DNSTypeA, Class: 1}}}),
			"IP 10.0.42.1.53 > 10.0.255.1.41234: 1 NXDomain- 0/0/0 A? nope.test. (27)", false},
		{"dns name with control characters", build(t, v4, ip4(layers.IPProtocolUDP), udp(41234, 53), &layers.DNS{ID: 1, Questions: []layers.DNSQuestion{{Name: []byte("\x1b[2J\n\x00"), Type: layers.DNSTypeA, Class: 1}}}),
			`IP 10.0.42.1.41234 > 10.0.255.1.53: 1 A? \x1b[2J\n\x00. (24)`, false},
		{"dhcp", build(t, v4, ip4(layers.IPProtocolUDP), udp(68, 67), &layers.DHCPv4{Operation: 1, HardwareType: 1, HardwareLen: 6, Xid: 0x1234, ClientHWAddr: macA, Options: layers.DHCPOptions{
			layers.NewDHCPOption(layers.DHCPOptMessageType, []byte{1}), layers.NewDHCPOption(layers.DHCPOptRequestIP, []byte{10, 0, 0, 9}), layers.NewDHCPOption(layers.DHCPOptHostname, []byte("h\x07ost"))}}),
			`IP 10.0.42.1.68 > 10.0.255.1.67: BOOTP/DHCP, Request from 02:00:00:00:00:01, length 257, xid 0x1234, Discover, requested 10.0.0.9, hostname h\aost`, true},
		{"sctp init", build(t, v4, ip4(layers.IPProtocolSCTP), unhex(t, "a112 0050 00000000 00000000 01000014 0000007b 00010000 000a ffff 00000005")),
			"IP 10.0.42.1.41234 > 10.0.255.1.80: sctp (1) [INIT] [init tag: 123] [rwnd: 65536] [OS: 10] [MIS: 65535] [init TSN: 5], length 32", true},
		{"sctp data", build(t, v4, ip4(layers.IPProtocolSCTP), unhex(t, "a112 0050 0000007b 00000000 00030014 00000005 00010002 00000000 61626364")),
			"IP 10.0.42.1.41234 > 10.0.255.1.80: sctp (1) [DATA] (B)(E) [TSN: 5] [SID: 1] [SSEQ 2] [PPID 0x0] [length 4], length 32", false},
		{"sctp chunks shorter than their kind is", build(t, v4, ip4(layers.IPProtocolSCTP), unhex(t, "a112 0050 0000007b 00000000 00030004 03000008 00000009 00030003 00000005 00010002 00000000 61626364")),
			"IP 10.0.42.1.41234 > 10.0.255.1.80: sctp (1) [DATA] (2) [SACK] (3) [DATA] bad chunk length 3, length 44", false},
		{"igmp v2 report", build(t, v4, ip4(layers.IPProtocolIGMP), unhex(t, "16000000 e00000fb")), "IP 10.0.42.1 > 10.0.255.1: igmp v2 report 224.0.0.251, length 8", false},
		{"stp", build(t, &layers.Ethernet{SrcMAC: macA, DstMAC: macB, EthernetType: layers.EthernetTypeLLC, Length: 38}, unhex(t, "424203 0000 00 00 00 8000020000000001 00000000 8000020000000001 8001 0000 1400 0200 0f00")),
			"STP 802.1d, Config, Flags [none], root 8000.02:00:00:00:00:01, bridge-id 8000.02:00:00:00:00:01.8001, length 35", false},
		{"lldp", build(t, eth(layers.EthernetTypeLinkLayerDiscovery), unhex(t, "0207 04 020000000001 0403 0765 31 0602 0078 0a04 68 6f 73 1b 0000")),
			`LLDP, length 46: hos\x1b`, false},
		{"esp", build(t, v4, ip4(layers.IPProtocolESP), unhex(t, "00001000 00000005 deadbeefdeadbeef")), "IP 10.0.42.1 > 10.0.255.1: ESP(spi=0x00001000,seq=0x5), length 16", false},
		{"ospf", build(t, v4, ip4(layers.IPProtocolOSPF), text), "IP 10.0.42.1 > 10.0.255.1: ip-proto-89 ospf, length 45", false},
		{"unknown ip protocol", build(t, v4, ip4(253), text), "IP 10.0.42.1 > 10.0.255.1: ip-proto-253, length 45", false},
		{"unknown ethertype", build(t, eth(0x88b5), text), "02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype 0x88b5, length 46", false},
		{"macsec", build(t, eth(0x88e5), text), "02:00:00:00:00:01 > 02:00:00:00:00:02 802.1AE MACsec, an 0, pn 2021161080, flags ESIB, sl 56, sci 7878787878787878, length 32", false},
	}
}

func TestPacket(t *testing.T) {
	for _, c := range packetCases(t) {
		if got := string(Packet(nil, c.data, "mac", 1, 0, len(c.data))); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestPacketLikeTcpdump runs tcpdump over the same packets: what it prints of
// one must be how our line begins.
func TestPacketLikeTcpdump(t *testing.T) {
	var packets [][]byte
	var names []string
	for _, c := range packetCases(t) {
		if c.tcpdump {
			packets = append(packets, c.data)
			names = append(names, c.name)
		}
	}
	file := filepath.Join(t.TempDir(), "cases.pcap")
	writePcap(t, file, packets)
	lines := tcpdump(t, file)
	if len(lines) != len(packets) {
		t.Fatalf("tcpdump printed %d packets of %d:\n%s", len(lines), len(packets), strings.Join(lines, "\n"))
	}
	for i, p := range packets {
		if got := string(Packet(nil, p, "mac", 1, 0, len(p))); !strings.HasPrefix(got, lines[i]) {
			t.Errorf("%s:\n     got %s\n tcpdump %s", names[i], got, lines[i])
		}
	}
}

// TestRecordedLikeTcpdump compares real traffic (ping with and without
// fragments, TCP, UDP, ARP, ND, MLD, ICMP errors, VXLAN) with tcpdump's word.
func TestRecordedLikeTcpdump(t *testing.T) {
	const file = "testdata/traffic.pcap"
	lines := tcpdump(t, file)
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; ; n++ {
		data, info, err := r.ReadPacketData()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got := string(Packet(nil, data, "mac", 1, 0, info.Length))
		want, _, _ := strings.Cut(lines[n], ": HTTP")               // we leave payloads alone
		if before, after, ok := strings.Cut(want, ": frag ("); ok { // (offset|length), before the protocol
			_, protocol, _ := strings.Cut(after, ")")
			want = before + ":" + protocol
		}
		if !strings.HasPrefix(got, want) {
			t.Errorf("packet %d:\n    got %s\ntcpdump %s", n+1, got, lines[n])
		}
	}
	if n == 0 || n != len(lines) {
		t.Errorf("read %d packets, tcpdump %d", n, len(lines))
	}
}

// tcpdump gives one line per packet; what it prints on further lines, a
// tunnel's inner packet, is joined by ": ". What it finds in TCP payloads, and
// a protocol number without a name, are left out: there we say less, or more.
func tcpdump(t *testing.T, file string) []string {
	t.Helper()
	// -t: no time; -S: absolute sequence numbers; -#: to tell lines of one packet from the next packet's.
	out, err := exec.Command("tcpdump", "-nnSt#", "-r", file).Output()
	if err != nil {
		t.Fatalf("tcpdump: %v", err)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, " \n")
		if number, rest, ok := strings.Cut(strings.TrimLeft(line, " "), "  "); ok && strings.Trim(number, "0123456789") == "" {
			rest, _, _ = strings.Cut(rest, ": HTTP")
			rest, _, _ = strings.Cut(rest, "ip-proto-")
			lines = append(lines, rest)
		} else {
			lines[len(lines)-1] += ": " + line
		}
	}
	return lines
}

func writePcap(t *testing.T, file string, packets [][]byte) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := pcapgo.NewWriter(f)
	if err := w.WriteFileHeader(65536, layers.LinkTypeEthernet); err != nil {
		t.Fatal(err)
	}
	for _, p := range packets {
		if err := w.WritePacket(gopacket.CaptureInfo{Timestamp: time.Unix(0, 0), CaptureLength: len(p), Length: len(p)}, p); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPacketCut cuts every packet at every byte: the line must still name what
// is there, say that it was cut, and give the lengths of the whole.
func TestPacketCut(t *testing.T) {
	for _, c := range packetCases(t) {
		for n := range c.data {
			if got := string(Packet(nil, c.data[:n], "mac", 1, 0, len(c.data))); got == "" {
				t.Errorf("%s cut to %d bytes: nothing said", c.name, n)
			}
		}
	}
	syn := packetCases(t)[0].data
	for n, want := range map[int]string{
		0:  "[|ether]",
		13: "[|ether]",
		14: "IP [|ip]",
		33: "IP [|ip]",
		34: "IP 10.0.42.1 > 10.0.255.1: [|tcp]",
		38: "IP 10.0.42.1.41234 > 10.0.255.1.80: [|tcp]",
		54: "IP 10.0.42.1.41234 > 10.0.255.1.80: Flags [SEW], seq 1000, win 64240, [|tcp], length 0",
	} {
		if got := string(Packet(nil, syn[:n], "mac", 1, 0, len(syn))); got != want {
			t.Errorf("cut to %d bytes:\n got %s\nwant %s", n, got, want)
		}
	}
	// A payload that was not captured still counts.
	long := build(t, eth(layers.EthernetTypeIPv4), ip4(layers.IPProtocolUDP), udp(1, 9), make(gopacket.Payload, 1000))
	if got := string(Packet(nil, long[:60], "mac", 1, 0, len(long))); !strings.HasSuffix(got, "UDP, length 1000") {
		t.Errorf("snaplen 60: %s", got)
	}
}

func TestPacketWhere(t *testing.T) {
	v4 := build(t, ip4(layers.IPProtocolUDP), udp(1, 9))
	const line = "IP 10.0.42.1.1 > 10.0.255.1.9: UDP, length 0"
	big := build(t, ip4(layers.IPProtocolTCP), &layers.TCP{SrcPort: 1, DstPort: 2, ACK: true, Window: 3})
	binary.BigEndian.PutUint16(big[2:], 0)
	for _, c := range []struct {
		name               string
		data               []byte
		at                 string
		linkType, protocol uint16
		origLen            int
		want               string
	}{
		{"network header", v4, "network", 1, 0x0800, 28, line},
		{"device without a link header", v4, "mac", 65534, 0x0800, 28, line},
		{"loopback", append(make([]byte, 12, 60), append([]byte{8, 0}, v4...)...), "mac", 772, 0x0800, 42, line},
		{"data that is a header", v4, "data", 1, 0x0800, 28, line},
		{"data before the headers", []byte("GET / HTTP/1.1"), "data", 1, 0x0800, 14, "no header yet, length 14"},
		{"data of no protocol", v4, "data", 1, 0, 28, "no header yet, length 28"},
		{"another link type", v4, "mac", 803, 0x88b5, 28, "link type 803, ethertype 0x88b5, length 28"},
		{"no bytes", nil, "network", 1, 0x86dd, 1000, "IP6 [|ip6]"},
		{"BIG TCP", big, "network", 1, 0x0800, 100040, "IP 10.0.42.1.1 > 10.0.255.1.2: Flags [.], seq 0:100000, ack 0, win 3, length 100000"},
	} {
		if got := string(Packet(nil, c.data, c.at, c.linkType, c.protocol, c.origLen)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestFlow(t *testing.T) {
	flows := map[string]string{
		"tcp syn with options":   "10.0.42.1.41234 > 10.0.255.1.80 TCP",
		"udp":                    "10.0.42.1.41234 > 10.0.255.1.9 UDP",
		"qinq":                   "10.0.42.1.1 > 10.0.255.1.9 UDP",
		"arp request":            "10.0.42.1 > 10.0.255.1 ARP",
		"icmp echo":              "10.0.42.1 > 10.0.255.1 ICMP",
		"hop-by-hop mld":         "fd00::1 > fd00::2 ICMP6",
		"ipv6 later fragment":    "fd00::1 > fd00::2 UDP",
		"ipv4 first fragment":    "10.0.42.1.1 > 10.0.255.1.9 UDP",
		"ipv4 later fragment":    "10.0.42.1 > 10.0.255.1 UDP",
		"vxlan":                  "10.0.42.1.33333 > 10.0.255.1.4789 UDP",
		"ipip":                   "10.0.42.1 > 10.0.255.1 IPIP",
		"unknown ip protocol":    "10.0.42.1 > 10.0.255.1 ip-proto-253",
		"unknown ethertype":      "",
		"tcp data, urgent, sack": "fd00::1.41234 > fd00::2.80 TCP",
	}
	for _, c := range packetCases(t) {
		want, ok := flows[c.name]
		if got := string(Flow(nil, c.data, "mac", 1, 0)); ok && got != want {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, want)
		}
		delete(flows, c.name)
	}
	if len(flows) > 0 {
		t.Errorf("no packets for %v", flows)
	}
}

func FuzzPacket(f *testing.F) {
	for _, c := range packetCases(f) {
		f.Add(c.data, uint16(1), uint16(0), len(c.data), byte(0))
		if len(c.data) > 14 {
			f.Add(c.data[14:], uint16(1), binary.BigEndian.Uint16(c.data[12:]), 1500, byte(1))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, linkType, protocol uint16, origLen int, where byte) {
		at := [...]string{"mac", "network", "data", ""}[where%4]
		got := Packet([]byte("before "), data, at, linkType, protocol, origLen)
		if !bytes.HasPrefix(got, []byte("before ")) || len(got) == len("before ") {
			t.Errorf("got %q", got)
		}
		// 16 answers of names of 255 escaped bytes are the longest that there is,
		// beside 12 bytes of text for each byte of headers.
		if limit := 32<<10 + 16*len(data); len(got) > limit {
			t.Errorf("%d bytes of text for %d of packet", len(got), len(data))
		}
		flow := Flow(nil, data, at, linkType, protocol)
		for _, text := range [][]byte{got, flow} {
			if bad := bytes.IndexFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }); bad >= 0 {
				t.Errorf("control character at %d of %q", bad, text)
			}
		}
	})
}

func BenchmarkPacket(b *testing.B) {
	for _, c := range packetCases(b) {
		switch c.name {
		case "tcp syn with options", "udp", "dns answer", "vxlan", "arp request", "neighbor solicitation":
			b.Run(strings.ReplaceAll(c.name, " ", "_"), func(b *testing.B) {
				b.ReportAllocs()
				var dst []byte
				for b.Loop() {
					dst = Packet(dst[:0], c.data, "mac", 1, 0, len(c.data))
				}
			})
		}
	}
}

func BenchmarkFlow(b *testing.B) {
	data := packetCases(b)[0].data
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		dst = Flow(dst[:0], data, "mac", 1, 0)
	}
}
