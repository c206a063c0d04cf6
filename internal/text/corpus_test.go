package text

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// A corpusCase is a packet that tcpdump and we print.
type corpusCase struct {
	name string
	data []byte
}

func corpus(t testing.TB) []corpusCase {
	v4, v6 := eth(layers.EthernetTypeIPv4), eth(layers.EthernetTypeIPv6)
	over := func(p layers.IPProtocol, payload string) []byte { return build(t, v4, ip4(p), unhex(t, payload)) }
	over6 := func(p layers.IPProtocol, payload string) []byte { return build(t, v6, ip6(p), unhex(t, payload)) }
	inUDP := func(src, dst layers.UDPPort, payload string) []byte {
		return build(t, v4, ip4(layers.IPProtocolUDP), udp(src, dst), unhex(t, payload))
	}
	inner := strings.Join(strings.Fields(hexOf(build(t, ip4(layers.IPProtocolUDP), udp(1000, 2000), gopacket.Payload("0123456789")))), "")
	frame := "020000000002 020000000001 0800" + inner
	options := func(options string) []byte {
		b := build(t, v4, ip4(layers.IPProtocolUDP), udp(1, 9), gopacket.Payload("xxxx"))
		o := unhex(t, options)
		b = append(append(bytes.Clone(b[:34]), o...), b[34:]...)
		b[14] = 0x45 + byte(len(o)/4)
		binary.BigEndian.PutUint16(b[16:], uint16(32+len(o)))
		b[24], b[25] = 0, 0
		clear(b[34+len(o)+6 : 34+len(o)+8]) // the checksum of UDP
		sum := uint32(0)
		for i := 14; i < 34+len(o); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(b[i:]))
		}
		for sum>>16 != 0 {
			sum = sum&0xffff + sum>>16
		}
		binary.BigEndian.PutUint16(b[24:], ^uint16(sum))
		return b
	}
	short := func(b []byte, total uint16) []byte {
		binary.BigEndian.PutUint16(b[16:], total)
		return b
	}
	cases := []corpusCase{
		{name: "vrrp 2", data: over(112, "2133 6401 0001 ba52 c0a8 0001 0000 0000 0000 0000")},
		{name: "vrrp 3", data: over(112, "3133 6401 0064 ba52 c0a8 0001")},
		{name: "ospf hello", data: over(89, "0201 002c c0a8 0001 0000 0000 e2ab 0000 0000000000000000 ffffff00 000a 0201 00000028 c0a80001 00000000")},
		{name: "ospf dd", data: over(89, "0202 0020 c0a8 0001 0000 0001 a052 0000 0000000000000000 05dc 0207 41774a2d")},
		{name: "ospf 3 hello", data: over6(89, "0301 0024 01010101 00000001 fb86 0000 00000005 010000 13 000a 0028 00000000 00000000")},
		{name: "bfd", data: inUDP(49200, 3784, "20c8 0318 00000001 00000002 000f4240 000f4240 00000000")},
		{name: "pim hello", data: over(103, "2000 4fb4 0001 0002 0069")},
		{name: "eigrp", data: over(88, "0205 ee68 00000000 00000000 00000000 00000064 0001 000c 0100010000 00000f")},
		{name: "igmp query v3", data: over(2, "11ff ecd3 00000000 027d 0000")},
		{name: "igmp v3 report", data: over(2, "2200 f9fd 00000001 0400 0000 e00000fb")},
		{name: "igmp leave", data: over(2, "1700 08fd e00000fb")},
		{name: "ah", data: over(51, "11 04 0000 00001234 00000007 0102030405060708090a0b0c"+"03e8 07d0 0008 0000")},
		{name: "ah 6", data: over6(51, "06 04 0000 00001234 00000007 0102030405060708090a0b0c"+"a112 0050 00000001 00000002 5010 0400 0000 0000")},
		{name: "esp", data: over(50, "00001000 00000005 deadbeefdeadbeef")},
		{name: "esp in udp", data: inUDP(4500, 4500, "00001000 00000005 deadbeefdeadbeef")},
		{name: "ike keepalive", data: inUDP(4500, 4500, "ff")},
		{name: "ike in udp", data: inUDP(4500, 4500, "00000000 0102030405060708 0000000000000000 21202208 00000000 0000001c")},
		{name: "ike", data: inUDP(500, 500, "0102030405060708 0000000000000000 21202208 00000000 0000001c")},
		{name: "ipcomp", data: over(108, "0400 1234 0102030405060708")},
		{name: "gre", data: over(47, "0000 0800"+inner)},
		{name: "gre key seq", data: over(47, "3000 6558 00000007 00000003"+frame)},
		{name: "gre pptp", data: over(47, "3081 880b 0005 0007 00000003 00000002 21"+inner)},
		{name: "gre erspan", data: over(47, "1000 88be 00000003 1064 0007 00000001"+frame)},
		{name: "vxlan gbp", data: inUDP(33333, 4789, "88 00 0005 00002a00"+frame)},
		{name: "vxlan gpe ip", data: inUDP(33333, 4790, "0c 0000 01 00002a00"+inner)},
		{name: "vxlan gpe frame", data: inUDP(33333, 4790, "0c 0000 03 00002a00"+frame)},
		{name: "geneve with options", data: inUDP(33333, 6081, "04 40 6558 00002b00 0102 80 01 0000000a 0103 03 01 0000000b"+frame)},
		{name: "geneve oam", data: inUDP(33333, 6081, "00 80 0800 00002b00"+inner)},
		{name: "gtp-u", data: inUDP(2152, 2152, "30 ff 0026 00001234"+inner)},
		{name: "gtp-u with extensions", data: inUDP(2152, 2152, "34 ff 002e 00001234 0000 00 85 01 1001 00"+inner)},
		{name: "gtp-u echo", data: inUDP(2152, 2152, "32 01 0004 00000000 0005 0000")},
		{name: "wireguard initiation", data: inUDP(51820, 51820, "01000000"+strings.Repeat("05", 144))},
		{name: "wireguard data", data: inUDP(51820, 51820, "04000000 78563412 0500000000000000"+strings.Repeat("05", 32))},
		{name: "l2tp data", data: inUDP(1701, 1701, "0002 0005 0007 ff03 0021"+inner)},
		{name: "l2tp control", data: inUDP(1701, 1701, "c802 0014 0000 0000 0000 0000 8008 0000 0000 0001")},
		{name: "l2tp 3 data", data: inUDP(1701, 1701, "0003 0000 00000007 0000 0000")},
		{name: "l2tp 3 ip", data: over(115, "00000007"+frame)},
		{name: "macsec", data: build(t, eth(0x88e5), unhex(t, "20 00 00000001 0200000000010001 0800"+inner+strings.Repeat("00", 16)))},
		{name: "macsec encrypted", data: build(t, eth(0x88e5), unhex(t, "2c 00 00000001 0200000000010001"+strings.Repeat("5a", 60)))},
		{name: "mpls", data: build(t, eth(0x8847), unhex(t, "00010 0 09 00011 1 08"+inner))},
		{name: "vlan", data: build(t, eth(layers.EthernetTypeDot1Q), &layers.Dot1Q{VLANIdentifier: 5, Priority: 3, Type: layers.EthernetTypeIPv4}, unhex(t, inner))},
		{name: "qinq", data: build(t, eth(layers.EthernetTypeQinQ), &layers.Dot1Q{VLANIdentifier: 100, Type: layers.EthernetTypeDot1Q}, &layers.Dot1Q{VLANIdentifier: 5, Type: layers.EthernetTypeIPv4}, unhex(t, inner))},
		{name: "pppoe", data: build(t, eth(0x8864), unhex(t, "1100 0009 0028 0021"+inner))},
		{name: "pppoe lcp echo", data: build(t, eth(0x8864), unhex(t, "1100 0009 000a c021 0901 0008 01020304"))},
		{name: "pppoe discovery", data: build(t, eth(0x8863), unhex(t, "1109 0000 0004 0101 0000"))},
		{name: "arp gratuitous", data: build(t, eth(layers.EthernetTypeARP), unhex(t, "0001 0800 0604 0001 020000000001 0a002a01 000000000000 0a002a01"))},
		{name: "arp known target", data: build(t, eth(layers.EthernetTypeARP), unhex(t, "0001 0800 0604 0001 020000000001 0a002a01 020000000002 0a002a02"))},
		{name: "rarp", data: build(t, eth(0x8035), unhex(t, "0001 0800 0604 0003 020000000001 00000000 020000000001 00000000"))},
		{name: "lldp", data: build(t, eth(0x88cc), unhex(t, "0207 04 020000000001 0403 05 6531 0602 0078 0a04 686f7374 0000"))},
		{name: "stp", data: build(t, &layers.Ethernet{SrcMAC: macA, DstMAC: macB, EthernetType: layers.EthernetTypeLLC, Length: 38}, unhex(t, "424203 0000 00 00 00 8000020000000001 00000000 8000020000000001 8001 0000 1400 0200 0f00"))},
		{name: "rstp", data: build(t, &layers.Ethernet{SrcMAC: macA, DstMAC: macB, EthernetType: layers.EthernetTypeLLC, Length: 39}, unhex(t, "424203 0000 02 02 3c 8000020000000001 00000000 8000020000000001 8001 0000 1400 0200 0f00 00"))},
		{name: "sctp data", data: over(132, "a112 0050 0000007b 00000000 00030014 00000005 00010002 00000000 61626364")},
		{name: "sctp sack", data: over(132, "a112 0050 0000007b 00000000 03000010 00000009 0001a000 00000000")},
		{name: "sctp heartbeat", data: over(132, "a112 0050 0000007b 00000000 0400000c 00010008 01020304")},
		{name: "sctp abort", data: over(132, "a112 0050 0000007b 00000000 06000004")},
		{name: "sctp shutdown", data: over(132, "a112 0050 0000007b 00000000 07000008 00000009")},
		{name: "ntp client", data: inUDP(123, 123, "23000600 00000000 00000000 00000000"+strings.Repeat("00", 32))},
		{name: "ntp server", data: inUDP(123, 123, "240206e9 00000100 00000200 7f000001"+strings.Repeat("e5", 32))},
		{name: "dhcp6 solicit", data: build(t, v6, ip6(layers.IPProtocolUDP), udp(546, 547), unhex(t, "01 123456 0001 000a 0003 0001 020000000001 0006 0002 0017"))},
		{name: "dhcp6 reply", data: build(t, v6, ip6(layers.IPProtocolUDP), udp(547, 546), unhex(t, "07 123456 0001 000a 0003 0001 020000000001"))},
		{name: "snmp-less udp", data: inUDP(40000, 40001, "01020304")},
		{name: "ipv4 record route", data: options("07 07 04 0a000001 00")},
		{name: "ipv4 router alert", data: options("94 04 0000")},
		{name: "ipv4 source route", data: options("83 0b 04 0a000001 0a000002 01")},
		{name: "ipv6 hop-by-hop", data: over6(0, "11 00 0502 0000 0100"+"0001 0009 000c 0000 78787878")},
		{name: "ipv6 destination options", data: over6(60, "11 00 0104 00000000"+"0001 0009 000c 0000 78787878")},
		{name: "ipv6 routing", data: over6(43, "11 02 04 01 00 00 0000 20010db8000000000000000000000005"+"0001 0009 000c 0000 78787878")},
		{name: "ipv6 first fragment", data: over6(44, "11 00 0001 00000007"+"0001 0009 0bb8 0000"+strings.Repeat("78", 40))},
		{name: "ipv6 no next header", data: over6(59, "")},
		{name: "ipv4 first fragment", data: build(t, v4, &layers.IPv4{Version: 4, TTL: 64, Id: 77, Flags: layers.IPv4MoreFragments, Protocol: 17, SrcIP: ipA, DstIP: ipB}, unhex(t, "0001 0009 0bb8 0000"+strings.Repeat("78", 40)))},
		{name: "ipv4 later fragment", data: build(t, v4, &layers.IPv4{Version: 4, TTL: 64, Id: 77, FragOffset: 185, Protocol: 17, SrcIP: ipA, DstIP: ipB}, gopacket.Payload("xxxx"))},
		{name: "ipip", data: over(4, inner)},
		{name: "sit", data: build(t, v4, ip4(41), ip6(layers.IPProtocolUDP), udp(1, 9), gopacket.Payload("xxxx"))},
		{name: "truncated ip", data: short(inUDP(1, 9, strings.Repeat("78", 40)), 1000)},
		{name: "udp length too large", data: over(17, "0001 0009 0100 0000 78787878"+strings.Repeat("78", 40))},
		{name: "udp length too small", data: over(17, "0001 0009 0003 0000 78787878")},
		{name: "ip length too small", data: short(inUDP(1, 9, strings.Repeat("78", 40)), 10)},
		{name: "tcp header length too small", data: over(6, "a112 0050 00000001 00000002 1010 0400 0000 0000")},
		{name: "icmp router advertisement", data: over(1, "0900 f4ff 0102 0708 0a000001 00000000")},
		{name: "icmp timestamp", data: over(1, "0d00 0000 0005 0006 00000001 00000002 00000003")},
		{name: "icmp parameter problem", data: over(1, "0c00 0000 14000000"+inner)},
		{name: "icmp host unreachable", data: over(1, "0301 0000 00000000"+inner)},
		{name: "icmp port unreachable", data: over(1, "0303 0000 00000000"+inner)},
		{name: "icmp protocol unreachable", data: over(1, "0302 0000 00000000"+inner)},
		{name: "icmp admin prohibited", data: over(1, "030d 0000 00000000"+inner)},
		{name: "icmp6 echo", data: over6(58, "8000 0000 0005 0006")},
		{name: "icmp6 unreachable", data: build(t, v6, ip6(58), unhex(t, "0104 0000 00000000"), ip6(layers.IPProtocolUDP), udp(1, 9), gopacket.Payload("xxxx"))},
		{name: "icmp6 time exceeded", data: build(t, v6, ip6(58), unhex(t, "0300 0000 00000000"), ip6(layers.IPProtocolUDP), udp(1, 9), gopacket.Payload("xxxx"))},
		{name: "router advertisement", data: over6(58, "8600 0000 4000 0708 00000000 00000000 0101 020000000001")},
		{name: "router solicitation", data: over6(58, "8500 0000 00000000")},
		{name: "neighbor advertisement", data: over6(58, "8800 0000 60000000 fd000000000000000000000000000001 0201 020000000001")},
		{name: "mldv2 query", data: over6(58, "8200 0000 03e8 0000 00000000000000000000000000000000 027d 0000")},
		{name: "dccp", data: over(33, "a112 0050 0800 0000 0000 0000 0000 0001 0000 0000")},
		{name: "unknown protocol", data: over(253, "01020304")},
	}
	return cases
}

func hexOf(b []byte) string {
	const digits = "0123456789abcdef"
	var s strings.Builder
	for _, c := range b {
		s.WriteByte(digits[c>>4])
		s.WriteByte(digits[c&15])
	}
	return s.String()
}

// differs are the packets of which we say something else than tcpdump, with what we say behind the addresses, and why.
var differs = map[string]struct{ ours, why string }{
	"ah":                          {"AH(spi=0x00001234,seq=0x7): UDP, length 0", "the ports stand with the addresses, as they do without AH; the check value is not printed"},
	"ah 6":                        {"AH(spi=0x00001234,seq=0x7): Flags [.], ack 2, win 1024, length 0", "likewise"},
	"ike in udp":                  {"NONESP-encap: isakmp, length 28", "messages of IKE are not read"},
	"ike":                         {"isakmp, length 28", "likewise"},
	"gre erspan":                  {"GREv0, seq 3, length 68: ethertype 0x88be, length 60", "the number is an EtherType, and what GRE carries is told as in a frame"},
	"vxlan gbp":                   {"VXLAN, flags [I] (0x88), vni 42, gbp 5: IP 10.0.42.1.1000 > 10.0.255.1.2000: UDP, length 10", "the group policy stands behind the VNI"},
	"geneve with options":         {"Geneve, Flags [C], vni 43, options [16 bytes]: IP 10.0.42.1.1000 > 10.0.255.1.2000: UDP, length 10", "the VNI is decimal, as ip link has it, and as that of VXLAN"},
	"geneve oam":                  {"Geneve, Flags [O], vni 43: IP 10.0.42.1.1000 > 10.0.255.1.2000: UDP, length 10", "likewise"},
	"gtp-u":                       {"GTP-U, teid 0x1234: IP 10.0.42.1.1000 > 10.0.255.1.2000: UDP, length 10", "tcpdump does not know it"},
	"gtp-u with extensions":       {"GTP-U, teid 0x1234: IP 10.0.42.1.1000 > 10.0.255.1.2000: UDP, length 10", "likewise"},
	"gtp-u echo":                  {"GTP-U, echo request, teid 0x0, length 0", "likewise"},
	"wireguard initiation":        {"WireGuard, handshake initiation, sender 0x5050505, length 148", "tcpdump does not know it"},
	"wireguard data":              {"WireGuard, data, receiver 0x12345678, counter 5, length 48", "likewise"},
	"l2tp 3 data":                 {"L2TPv3, session 0x7, length 4", "tcpdump knows only version 2"},
	"l2tp 3 ip":                   {"L2TPv3, session 0x7, length 52", "likewise"},
	"macsec":                      {"02:00:00:00:00:01 > 02:00:00:00:00:02 802.1AE MACsec, an 0, pn 1, flags I, sci 0200000000010001, IP 10.0.42.1.1000 > 10.0.255.1.2000: UDP, length 10", "the tag is printed also where nothing is encrypted; tcpdump shows it only with -e"},
	"macsec encrypted":            {"02:00:00:00:00:01 > 02:00:00:00:00:02 802.1AE MACsec, an 0, pn 1, flags ECI, sci 0200000000010001, length 60", "tcpdump prints the encrypted bytes without being asked"},
	"vlan":                        {"vlan 5, p 3, IP 10.0.42.1.1000 > 10.0.255.1.2000: UDP, length 10", "tags are always printed; tcpdump prints them with -e"},
	"qinq":                        {"vlan 100, vlan 5, IP 10.0.42.1.1000 > 10.0.255.1.2000: UDP, length 10", "likewise"},
	"rarp":                        {"02:00:00:00:00:01 > 02:00:00:00:00:02, ethertype RARP (0x8035), length 46", "messages of RARP are not read"},
	"stp":                         {"STP 802.1d, Config, Flags [none], root 8000.02:00:00:00:00:01, bridge-id 8000.02:00:00:00:00:01.8001, length 35", "the root bridge is printed without -v"},
	"rstp":                        {"STP 802.1w, Rapid STP, Flags [Learn, Forward], root 8000.02:00:00:00:00:01, bridge-id 8000.02:00:00:00:00:01.8001, length 36", "likewise"},
	"ipv6 hop-by-hop":             {"HBH UDP, length 4", "ports stand with the addresses, also behind extension headers"},
	"ipv6 destination options":    {"DSTOPT UDP, length 4", "likewise"},
	"ipv6 routing":                {"RT6 (len=2, type=4, segleft=1) UDP, length 4", "likewise; of a segment list only its length is printed"},
	"ipv6 first fragment":         {"UDP, length 2992 (frag 7:48@0+)", "fragments are told as those of IPv4, at the end"},
	"ipv4 later fragment":         {"udp (frag 77:4@1480)", "the protocol has its name, and the place of a fragment is printed without -v"},
	"ip length too small":         {"bad-len 10", "the addresses are printed"},
	"tcp header length too small": {"Flags [.] [bad hdr length 4 - too short, < 20], length 20", "the flags are printed"},
	"icmp router advertisement":   {"ICMP router advertisement, length 16", "the routers are not printed"},
	"router advertisement":        {"ICMP6, router advertisement, hop limit 64, lifetime 1800s, length 24, source link-address 02:00:00:00:00:01", "hop limit and lifetime stand in front of the length"},
	"dccp":                        {"DCCP DCCP-Request, length 20", "the service is not printed"},
	"unknown protocol":            {"ip-proto-253, length 4", "the length is told as that of all others"},
}

// spaces are what tcpdump has more of in some places.
var spaces = regexp.MustCompile(` +`)

// behindAddresses is what a line has behind the addresses, with each run of blanks as one.
func behindAddresses(line string) string {
	line = strings.TrimRight(spaces.ReplaceAllString(strings.ReplaceAll(line, "\nIP", ": IP"), " "), " ")
	if _, after, ok := strings.Cut(line, ": "); ok && strings.HasPrefix(line, "IP") {
		return after
	}
	return line
}

// TestCorpusLikeTcpdump: of each packet tcpdump says the same as we, or less: what stands behind its words is ours. All
// other differences are listed.
func TestCorpusLikeTcpdump(t *testing.T) {
	cases := corpus(t)
	var packets [][]byte
	for _, c := range cases {
		packets = append(packets, c.data)
	}
	file := filepath.Join(t.TempDir(), "corpus.pcap")
	writePcap(t, file, packets)
	lines := tcpdumpOf(t, file)
	if len(lines) != len(cases) {
		t.Fatalf("tcpdump printed %d packets of %d", len(lines), len(cases))
	}
	known := 0
	for i, c := range cases {
		got := behindAddresses(string(Packet(nil, c.data, "mac", 1, 0, len(c.data))))
		want := behindAddresses(lines[i])
		d, other := differs[c.name]
		switch same := strings.HasPrefix(got, want); {
		case !other && !same:
			t.Errorf("%s:\n    ours %s\n tcpdump %s", c.name, got, want)
		case other && same:
			t.Errorf("%s: tcpdump says the same: %s", c.name, want)
		case other && got != d.ours:
			t.Errorf("%s:\n     got %s\n    want %s", c.name, got, d.ours)
		}
		if other {
			known++
		}
	}
	if known != len(differs) {
		t.Errorf("%d packets are listed, %d are there", len(differs), known)
	}
}

// TestCorpusCut cuts each packet at every byte: no panic, and something is said.
func TestCorpusCut(t *testing.T) {
	for _, detail := range []Detail{{}, {Verbose: 2, Link: true}, {Quiet: true}} {
		d := &dissector{detail: detail}
		for _, c := range corpus(t) {
			for n := range c.data {
				if got := string(d.packet(nil, bytes.Clone(c.data[:n]), "mac", 1, 0, len(c.data))); got == "" {
					t.Errorf("%s cut to %d bytes: nothing said", c.name, n)
				}
			}
		}
	}
}
