package dissect

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// made makes a packet: hexadecimal digits, blanks between them, and the names of parts below.
func made(words string) []byte {
	var out []byte
	for _, word := range strings.Fields(words) {
		if part, ok := parts[word]; ok {
			out = append(out, made(part)...)
			continue
		}
		b, err := hex.DecodeString(word)
		if err != nil {
			panic(err)
		}
		out = append(out, b...)
	}
	return out
}

// parts are headers that many packets have; what names the next header is not in them.
var parts = map[string]string{
	"macs": "020000000002 020000000001",
	"eth4": "macs 0800",
	"eth6": "macs 86dd",
	// IPv4 with room for 1000 bytes, of which not all are captured; then the protocol, and ends.
	"ip4":  "45 00 03e8 0007 0000 40",
	"ends": "0000 0a000001 0a000002",
	"udp4": "ip4 11 ends",
	"tcp":  "0400 0050 00000005 00000006 5012 ffff 0000 0000",
	"six":  "60000000 03c0",
	"fd":   "40 fd000000000000000000000000000001 fd000000000000000000000000000002",
	"udp6": "six 11 fd",
	"zero": "0000000000000000",
}

// walked tells what a Walk goes through: each header's kind, where it begins and how long it is, and what is
// read of it; Cut, Bad and a length of what is behind that is not what there is are marked.
func walked(w Walk) string {
	var out []string
	for w.Step() {
		s := fmt.Sprintf("%v %d+%d", w.Kind, w.At, len(w.Header))
		if w.Fault == Whole {
			s += read(w.Kind, w.Header)
		}
		s += [...]string{"", " CUT", " BAD"}[w.Fault]
		if w.Later {
			s += fmt.Sprintf(" later of %d", w.Type)
		}
		if w.Quoted {
			s += " quoted"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func read(k Kind, b []byte) string {
	switch k {
	case Ethernet:
		h := EthernetHeader(b)
		return fmt.Sprintf(" %x>%x %04x", h.Src()[5:], h.Dst()[5:], uint16(h.Type()))
	case LLC:
		return fmt.Sprintf(" %x %x", LLCHeader(b).DSAP(), LLCHeader(b).SSAP())
	case SNAP:
		return fmt.Sprintf(" %x %04x", SNAPHeader(b).OUI(), SNAPHeader(b).Protocol())
	case VLAN:
		return fmt.Sprintf(" %d", VLANTag(b).TCI()&0xfff)
	case MPLS:
		h := MPLSEntry(b)
		return fmt.Sprintf(" label %d class %d ttl %d %v", h.Label(), h.Class(), h.TTL(), h.Bottom())
	case PPPoE, PPPoEDiscovery:
		h := PPPoEHeader(b)
		return fmt.Sprintf(" code %d session %d length %d", h.Code(), h.Session(), h.Length())
	case MACsec:
		h := MACsecTag(b)
		return fmt.Sprintf(" an %d packet %d %v %v", h.Association(), h.Packet(), h.Explicit(), h.Encrypted())
	case ARP:
		h := ARPPacket(b)
		return fmt.Sprintf(" %d %d %s op %d %x %x %x %x", h.Hardware(), h.ProtocolLen(), h.Protocol().Name(), h.Operation(),
			h.SenderHardware(), h.SenderProtocol(), h.TargetHardware(), h.TargetProtocol())
	case IPv4:
		h := IPv4Header(b)
		s := fmt.Sprintf(" %v>%v %d ttl %d id %d total %d", h.Src()[3], h.Dst()[3], h.Proto(), h.TTL(), h.ID(), h.Total())
		if h.DontFragment() || h.MoreFragments() || h.Offset() != 0 {
			s += fmt.Sprintf(" df %v mf %v offset %d", h.DontFragment(), h.MoreFragments(), h.Offset())
		}
		return s + options(h.Options())
	case IPv6:
		h := IPv6Header(b)
		return fmt.Sprintf(" %v>%v %d hop limit %d class %d flow %d length %d", h.Src()[15], h.Dst()[15], h.Proto(), h.HopLimit(),
			h.TrafficClass(), h.FlowLabel(), h.Length())
	case Fragment:
		h := FragmentHeader(b)
		return fmt.Sprintf(" %d id %d offset %d more %v", Extension(b).Proto(), h.ID(), h.Offset(), h.More())
	case Routing:
		h := RoutingHeader(b)
		return fmt.Sprintf(" %d type %d left %d %x %x", Extension(b).Proto(), h.Type(), h.SegmentsLeft(), h.Segment(0), h.Segment(1))
	case AH:
		return fmt.Sprintf(" %d spi %d seq %d", Extension(b).Proto(), AHHeader(b).SPI(), AHHeader(b).Seq())
	case TCP:
		h := TCPHeader(b)
		src, dst := Ports(b)
		s := fmt.Sprintf(" %d>%d seq %d ack %d flags %x window %d urgent %d", src, dst, h.Seq(), h.Ack(), h.Flags(), h.Window(), h.Urgent())
		return s + options(h.Options())
	case UDP, UDPLite:
		h := UDPHeader(b)
		return fmt.Sprintf(" %d>%d length %d sum %d", h.SrcPort(), h.DstPort(), h.Length(), h.Sum())
	case SCTP:
		src, dst := Ports(b)
		return fmt.Sprintf(" %d>%d tag %d", src, dst, SCTPHeader(b).Tag())
	case DCCP:
		src, dst := Ports(b)
		return fmt.Sprintf(" %d>%d", src, dst)
	case ICMP, ICMPv6:
		h := ICMPHeader(b)
		return fmt.Sprintf(" %d/%d id %d seq %d value %d", h.Type(), h.Code(), h.ID(), h.Seq(), h.Value())
	case GRE:
		h := GREHeader(b)
		s := fmt.Sprintf(" v%d %04x", h.Version(), uint16(h.Protocol()))
		if key, ok := h.Key(); ok {
			s += fmt.Sprint(" key ", key)
		}
		if seq, ok := h.Seq(); ok {
			s += fmt.Sprint(" seq ", seq)
		}
		return s
	case ESP:
		return fmt.Sprintf(" spi %d seq %d", ESPHeader(b).SPI(), ESPHeader(b).Seq())
	case IPComp:
		return fmt.Sprintf(" cpi %d", IPCompHeader(b).CPI())
	case L2TP:
		h := L2TPHeader(b)
		return fmt.Sprintf(" v%d control %v session %d", h.Version(), h.Control(), h.Session())
	case L2TPIP:
		return fmt.Sprintf(" session %d", L2TPSession(b).Number())
	case VXLAN, VXLANGPE:
		h := VXLANHeader(b)
		s := fmt.Sprintf(" flags %x vni %d", h.Flags(), h.VNI())
		if id, ok := h.Policy(); ok {
			s += fmt.Sprint(" policy ", id)
		}
		return s
	case Geneve:
		h := GeneveHeader(b)
		s := fmt.Sprintf(" %04x vni %d %v %v", uint16(h.Protocol()), h.VNI(), h.OAM(), h.Critical())
		o := h.Options()
		for {
			class, kind, value, ok := o.Next()
			if !ok {
				break
			}
			s += fmt.Sprintf(" option %x.%d=%x", class, kind, value)
		}
		if len(o) > 0 {
			s += fmt.Sprintf(" bad option %x", []byte(o))
		}
		return s
	case GTPU:
		h := GTPHeader(b)
		return fmt.Sprintf(" type %d length %d teid %d %v", h.Type(), h.Length(), h.TEID(), h.Extended())
	case WireGuard:
		return fmt.Sprintf(" type %d index %d", WireGuardMessage(b).Type(), WireGuardMessage(b).Index())
	}
	return ""
}

func options(o Options) string {
	s := ""
	for {
		kind, value, ok := o.Next()
		if !ok {
			break
		}
		s += fmt.Sprintf(" option %d=%x", kind, value)
	}
	if len(o) > 0 {
		s += fmt.Sprintf(" bad option %x", []byte(o))
	}
	return s
}

const (
	ethIPv4 = "Ethernet 0+14 01>02 0800, "
	ethIPv6 = "Ethernet 0+14 01>02 86dd, "
)

// packets has one for each header that is known, and for what it may be like.
var packets = []struct{ name, frame, want string }{
	{"Ethernet", "macs 88b5 0000", "Ethernet 0+14 01>02 88b5"},
	{"Ethernet, cut", "macs 08", "Ethernet 0+13 CUT"},
	{"nothing", "", "Ethernet 0+0 CUT"},
	{"802.3, STP", "macs 0026 424203 0000 00 00", "Ethernet 0+14 01>02 0026, LLC 14+3 42 42, STP 17+4"},
	{"802.3, SNAP", "macs 0026 aaaa03 000000 0800 udp4 zero", "Ethernet 0+14 01>02 0026, LLC 14+3 aa aa, SNAP 17+5 000000 0800, " +
		"IPv4 22+20 1>2 17 ttl 64 id 7 total 1000, UDP 42+8 0>0 length 0 sum 0"},
	{"802.3, another's SNAP", "macs 0026 aaaa03 00000c 0800 udp4", "Ethernet 0+14 01>02 0026, LLC 14+3 aa aa, SNAP 17+5 00000c 0800"},
	{"802.3, cut", "macs 0026 aaaa03 0000", "Ethernet 0+14 01>02 0026, LLC 14+3 aa aa, SNAP 17+2 CUT"},
	{"802.3 in a VLAN", "macs 8100 0005 0003 f0f003", "Ethernet 0+14 01>02 8100, VLAN 14+4 5, LLC 18+3 f0 f0"},
	{"LLDP", "macs 88cc 0207", "Ethernet 0+14 01>02 88cc, LLDP 14+2"},
	{"VLANs", "macs 88a8 2009 8100 0005 9100 0006 0806 0001", "Ethernet 0+14 01>02 88a8, VLAN 14+4 9, VLAN 18+4 5, VLAN 22+4 6, ARP 26+2 CUT"},
	{"VLAN, cut", "macs 8100 0005 08", "Ethernet 0+14 01>02 8100, VLAN 14+3 CUT"},
	{"MPLS", "macs 8847 00064e40 000c8140 udp4 zero", "Ethernet 0+14 01>02 8847, MPLS 14+4 label 100 class 7 ttl 64 false, " +
		"MPLS 18+4 label 200 class 0 ttl 64 true, IPv4 22+20 1>2 17 ttl 64 id 7 total 1000, UDP 42+8 0>0 length 0 sum 0"},
	{"MPLS, multicast, IPv6", "macs 8848 00064140 udp6", "Ethernet 0+14 01>02 8848, MPLS 14+4 label 100 class 0 ttl 64 true, " +
		"IPv6 18+40 1>2 17 hop limit 64 class 0 flow 0 length 960, UDP 58+0 CUT"},
	{"MPLS, a pseudowire", "macs 8847 00064140 00000000 macs", "Ethernet 0+14 01>02 8847, MPLS 14+4 label 100 class 0 ttl 64 true"},
	{"PPPoE", "macs 8864 1100 0009 000a c021 0101", "Ethernet 0+14 01>02 8864, PPPoE 14+6 code 0 session 9 length 10, PPP 20+2"},
	{"PPPoE, IPv4", "macs 8864 1100 0009 03ea 0021 udp4 zero", "Ethernet 0+14 01>02 8864, PPPoE 14+6 code 0 session 9 length 1002, PPP 20+2, " +
		"IPv4 22+20 1>2 17 ttl 64 id 7 total 1000, UDP 42+8 0>0 length 0 sum 0"},
	{"PPPoE, all that PPP can", "macs 8864 1100 0009 03ea ff03 57 udp6", "Ethernet 0+14 01>02 8864, PPPoE 14+6 code 0 session 9 length 1002, PPP 20+3, " +
		"IPv6 23+40 1>2 17 hop limit 64 class 0 flow 0 length 960, UDP 63+0 CUT"},
	{"PPPoE, MPLS", "macs 8864 1100 0009 03ea 0281 00064140", "Ethernet 0+14 01>02 8864, PPPoE 14+6 code 0 session 9 length 1002, PPP 20+2, " +
		"MPLS 22+4 label 100 class 0 ttl 64 true"},
	{"PPPoE discovery", "macs 8863 1109 0000 0004 01010000", "Ethernet 0+14 01>02 8863, PPPoE discovery 14+6 code 9 session 0 length 4"},
	{"MACsec", "macs 88e5 01 00 00000007 0800 udp4", "Ethernet 0+14 01>02 88e5, MACsec 14+8 an 1 packet 7 false false, " +
		"IPv4 22+20 1>2 17 ttl 64 id 7 total 1000, UDP 42+0 CUT"},
	{"MACsec with its sender", "macs 88e5 21 00 00000007 zero 0806", "Ethernet 0+14 01>02 88e5, MACsec 14+16 an 1 packet 7 true false, ARP 30+0 CUT"},
	{"MACsec, encrypted", "macs 88e5 2d 00 00000007 zero 0800 udp4", "Ethernet 0+14 01>02 88e5, MACsec 14+14 an 1 packet 7 true true"},
	{"ARP", "macs 0806 0001 0800 06 04 0002 020000000001 0a000001 020000000002 0a000002 0000",
		"Ethernet 0+14 01>02 0806, ARP 14+28 1 4 IPv4 op 2 020000000001 0a000001 020000000002 0a000002"},

	{"IPv4 with options", "eth4 47 00 03e8 0007 4000 40 06 ends 0107 0403 0a00 0000 tcp",
		ethIPv4 + "IPv4 14+28 1>2 6 ttl 64 id 7 total 1000 df true mf false offset 0 option 1= option 7=030a option 0=, " +
			"TCP 42+20 1024>80 seq 5 ack 6 flags 12 window 65535 urgent 0"},
	{"IPv4, its options cut", "eth4 4f 00 03e8 0007 0000 40 06 ends 01", ethIPv4 + "IPv4 14+21 CUT, TCP 35+0 CUT"},
	{"IPv4, cut", "eth4 ip4 06 0000", ethIPv4 + "IPv4 14+12 CUT"},
	{"IPv4, padded", "eth4 45 00 001c 0007 0000 40 11 ends 0001 0002 0008 0000 zero",
		ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 28, UDP 34+8 1>2 length 8 sum 0"},
	{"IPv4, its content padding", "eth4 45 00 0014 0007 0000 40 11 ends zero", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 20, UDP 34+0 CUT"},
	{"IPv4, larger than 64 kB", "eth4 45 00 0000 0007 0000 40 06 ends tcp",
		ethIPv4 + "IPv4 14+20 1>2 6 ttl 64 id 7 total 0, TCP 34+20 1024>80 seq 5 ack 6 flags 12 window 65535 urgent 0"},
	{"IPv4, shorter than its header", "eth4 45 00 0013 0007 0000 40 11 ends 0001 0002 0008 0000", ethIPv4 + "IPv4 14+20 BAD, UDP 34+8 1>2 length 8 sum 0"},
	{"IPv4, its header too short", "eth4 44 00 03e8 0007 0000 40 11 ends zero", ethIPv4 + "IPv4 14+20 BAD"},
	{"IPv4 that is IPv6", "eth4 udp6", ethIPv4 + "IPv4 14+20 BAD"},
	{"IPv4, the first fragment", "eth4 45 00 03e8 0007 2000 40 11 ends 0001 0002 0008 0000",
		ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000 df false mf true offset 0, UDP 34+8 1>2 length 8 sum 0"},
	{"IPv4, a later fragment", "eth4 45 00 03e8 0007 20b9 40 11 ends 0001 0002 0008 0000",
		ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000 df false mf true offset 1480 later of 17"},
	{"IPv4 with what is IPv6's", "eth4 ip4 2c ends zero", ethIPv4 + "IPv4 14+20 1>2 44 ttl 64 id 7 total 1000"},
	{"IPv6", "eth6 6ab12345 0008 11 fd 0001 0002 0008 0000 ffff", ethIPv6 + "IPv6 14+40 1>2 17 hop limit 64 class 171 flow 74565 length 8, UDP 54+8 1>2 length 8 sum 0"},
	{"IPv6, larger than 64 kB", "eth6 60000000 0000 06 fd tcp",
		ethIPv6 + "IPv6 14+40 1>2 6 hop limit 64 class 0 flow 0 length 0, TCP 54+20 1024>80 seq 5 ack 6 flags 12 window 65535 urgent 0"},
	{"IPv6 that is IPv4", "eth6 udp4 udp4", ethIPv6 + "IPv6 14+40 BAD"},
	{"IPv6, cut", "eth6 six", ethIPv6 + "IPv6 14+6 CUT"},
	{"IPv6 with extensions", "eth6 six 00 fd 3c 00 0502 0000 0100 2b 01 zero 000000000000 2c 00 0401 00000000 11 00 0001 00000009 0001 0002 0008 0000",
		ethIPv6 + "IPv6 14+40 1>2 0 hop limit 64 class 0 flow 0 length 960, hop-by-hop options 54+8, destination options 62+16, " +
			"routing header 78+8 44 type 4 left 1  , fragment header 86+8 17 id 9 offset 0 more true, UDP 94+8 1>2 length 8 sum 0"},
	{"IPv6 with segments", "eth6 six 2b fd 29 04 0401 01000000 fd000000000000000000000000000009 fd000000000000000000000000000008 udp6",
		ethIPv6 + "IPv6 14+40 1>2 43 hop limit 64 class 0 flow 0 length 960, routing header 54+40 41 type 4 left 1 " +
			"fd000000000000000000000000000009 fd000000000000000000000000000008, IPv6 94+40 1>2 17 hop limit 64 class 0 flow 0 length 960, UDP 134+0 CUT"},
	{"IPv6, a later fragment", "eth6 six 2c fd 3c 00 0008 00000009 zero", ethIPv6 + "IPv6 14+40 1>2 44 hop limit 64 class 0 flow 0 length 960, " +
		"fragment header 54+8 60 id 9 offset 8 more false later of 60"},
	{"IPv6, an extension cut", "eth6 six 3c fd 11 01 0000", ethIPv6 + "IPv6 14+40 1>2 60 hop limit 64 class 0 flow 0 length 960, destination options 54+4 CUT"},
	{"IPv6, no next header", "eth6 six 3b fd zero", ethIPv6 + "IPv6 14+40 1>2 59 hop limit 64 class 0 flow 0 length 960"},
	{"AH", "eth4 ip4 33 ends 06 04 0000 00000201 00000003 zero 00000000 tcp", ethIPv4 + "IPv4 14+20 1>2 51 ttl 64 id 7 total 1000, " +
		"AH 34+24 6 spi 513 seq 3, TCP 58+20 1024>80 seq 5 ack 6 flags 12 window 65535 urgent 0"},
	{"AH, IPv6", "eth6 six 33 fd 3a 01 0000 00000201 00000003 8000 0000 0001 0002", ethIPv6 + "IPv6 14+40 1>2 51 hop limit 64 class 0 flow 0 length 960, " +
		"AH 54+12 58 spi 513 seq 3, ICMPv6 66+8 128/0 id 1 seq 2 value 65538"},
	{"AH, its check value cut", "eth4 ip4 33 ends 11 04 0000 00000201 00000003 zero", ethIPv4 + "IPv4 14+20 1>2 51 ttl 64 id 7 total 1000, AH 34+20 CUT, UDP 54+0 CUT"},
	{"AH without a number", "eth4 ip4 33 ends 11 00 0000 00000201 0001 0002 0000 0000", ethIPv4 + "IPv4 14+20 1>2 51 ttl 64 id 7 total 1000, AH 34+8 BAD, UDP 42+8 1>2 length 0 sum 0"},
	{"AH, cut", "eth4 ip4 33 ends 11 04", ethIPv4 + "IPv4 14+20 1>2 51 ttl 64 id 7 total 1000, AH 34+2 CUT"},

	{"TCP", "eth4 ip4 06 ends 0400 0050 00000005 00000006 91ff 0007 0000 0008 0204 05b4 0101 0402 1e04 1122 0800 0000",
		ethIPv4 + "IPv4 14+20 1>2 6 ttl 64 id 7 total 1000, TCP 34+36 1024>80 seq 5 ack 6 flags 1ff window 7 urgent 8 " +
			"option 2=05b4 option 1= option 1= option 4= option 30=1122 bad option 08000000"},
	{"TCP, its options cut", "eth4 ip4 06 ends 0400 0050 00000005 00000006 a1ff 0007 0000 0008 0204", ethIPv4 + "IPv4 14+20 1>2 6 ttl 64 id 7 total 1000, TCP 34+22 CUT"},
	{"TCP, its header too short", "eth4 ip4 06 ends 0400 0050 00000005 00000006 41ff 0007 0000 0008 0204", ethIPv4 + "IPv4 14+20 1>2 6 ttl 64 id 7 total 1000, TCP 34+20 BAD"},
	{"UDP, its length", "eth4 udp4 0001 0002 0004 0000", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, UDP 34+8 BAD"},
	{"UDP-Lite", "eth4 ip4 88 ends 0001 12b5 0008 0009 zero", ethIPv4 + "IPv4 14+20 1>2 136 ttl 64 id 7 total 1000, UDP-Lite 34+8 1>4789 length 8 sum 9"},
	{"SCTP", "eth4 ip4 84 ends a112 0050 0000007b 00000000 00030014", ethIPv4 + "IPv4 14+20 1>2 132 ttl 64 id 7 total 1000, SCTP 34+12 41234>80 tag 123"},
	{"DCCP", "eth4 ip4 21 ends 0001 0002 04 00 0000 00 000001 zero", ethIPv4 + "IPv4 14+20 1>2 33 ttl 64 id 7 total 1000, DCCP 34+16 1>2"},
	{"DCCP, its header too short", "eth4 ip4 21 ends 0001 0002 02 00 0000 00 000001 zero", ethIPv4 + "IPv4 14+20 1>2 33 ttl 64 id 7 total 1000, DCCP 34+12 BAD"},
	{"IGMP", "eth4 ip4 02 ends 16000000 e00000fb", ethIPv4 + "IPv4 14+20 1>2 2 ttl 64 id 7 total 1000, IGMP 34+8"},
	{"ICMP", "eth4 ip4 01 ends 0800 0000 0001 0002 zero", ethIPv4 + "IPv4 14+20 1>2 1 ttl 64 id 7 total 1000, ICMP 34+8 8/0 id 1 seq 2 value 65538"},
	{"ICMP, an error", "eth4 ip4 01 ends 0303 0000 00000000 udp4 0001 0002 03d4 0000", ethIPv4 + "IPv4 14+20 1>2 1 ttl 64 id 7 total 1000, " +
		"ICMP 34+8 3/3 id 0 seq 0 value 0, IPv4 42+20 1>2 17 ttl 64 id 7 total 1000 quoted, UDP 62+8 1>2 length 980 sum 0 quoted"},
	{"ICMPv6, an error", "eth6 six 3a fd 0200 0000 00000500 six 06 fd 0400 0050 00000005", ethIPv6 + "IPv6 14+40 1>2 58 hop limit 64 class 0 flow 0 length 960, " +
		"ICMPv6 54+8 2/0 id 0 seq 1280 value 1280, IPv6 62+40 1>2 6 hop limit 64 class 0 flow 0 length 960 quoted, TCP 102+8 CUT quoted"},
	{"ICMPv6, cut", "eth6 six 3a fd 0200", ethIPv6 + "IPv6 14+40 1>2 58 hop limit 64 class 0 flow 0 length 960, ICMPv6 54+2 CUT"},

	{"IPIP", "eth4 ip4 04 ends udp4", ethIPv4 + "IPv4 14+20 1>2 4 ttl 64 id 7 total 1000, IPv4 34+20 1>2 17 ttl 64 id 7 total 1000, UDP 54+0 CUT"},
	{"SIT", "eth4 ip4 29 ends udp6", ethIPv4 + "IPv4 14+20 1>2 41 ttl 64 id 7 total 1000, IPv6 34+40 1>2 17 hop limit 64 class 0 flow 0 length 960, UDP 74+0 CUT"},
	{"MPLS in IP", "eth4 ip4 89 ends 00064140 udp4", ethIPv4 + "IPv4 14+20 1>2 137 ttl 64 id 7 total 1000, MPLS 34+4 label 100 class 0 ttl 64 true, " +
		"IPv4 38+20 1>2 17 ttl 64 id 7 total 1000, UDP 58+0 CUT"},
	{"GRE", "eth4 ip4 2f ends 0000 0800 udp4", ethIPv4 + "IPv4 14+20 1>2 47 ttl 64 id 7 total 1000, GRE 34+4 v0 0800, " +
		"IPv4 38+20 1>2 17 ttl 64 id 7 total 1000, UDP 58+0 CUT"},
	{"GRE with all", "eth4 ip4 2f ends b000 6558 00000000 00000003 00000004 macs 0806", ethIPv4 + "IPv4 14+20 1>2 47 ttl 64 id 7 total 1000, " +
		"GRE 34+16 v0 6558 key 3 seq 4, Ethernet 50+14 01>02 0806, ARP 64+0 CUT"},
	{"GRE with routing", "eth4 ip4 2f ends 4000 0800 00000000 0800 0404 0a000001 0000 0000 udp4", ethIPv4 + "IPv4 14+20 1>2 47 ttl 64 id 7 total 1000, " +
		"GRE 34+20 v0 0800, IPv4 54+20 1>2 17 ttl 64 id 7 total 1000, UDP 74+0 CUT"},
	{"GRE, its routing cut", "eth4 ip4 2f ends 4000 0800 00000000 0800 0404 0a000001", ethIPv4 + "IPv4 14+20 1>2 47 ttl 64 id 7 total 1000, GRE 34+16 CUT"},
	{"PPTP", "eth4 ip4 2f ends 3081 880b 00050009 00000001 00000002 ff03 0021 udp4", ethIPv4 + "IPv4 14+20 1>2 47 ttl 64 id 7 total 1000, " +
		"GRE 34+16 v1 880b key 327689 seq 1, PPP 50+4, IPv4 54+20 1>2 17 ttl 64 id 7 total 1000, UDP 74+0 CUT"},
	{"GRE of no version", "eth4 ip4 2f ends 0002 88b5", ethIPv4 + "IPv4 14+20 1>2 47 ttl 64 id 7 total 1000, GRE 34+4 BAD"},
	{"GRE, cut", "eth4 ip4 2f ends 2000 0800", ethIPv4 + "IPv4 14+20 1>2 47 ttl 64 id 7 total 1000, GRE 34+4 CUT"},
	{"ESP", "eth4 ip4 32 ends 00001000 00000005 zero", ethIPv4 + "IPv4 14+20 1>2 50 ttl 64 id 7 total 1000, ESP 34+8 spi 4096 seq 5"},
	{"ESP in UDP", "eth4 udp4 1194 1195 0018 0000 00001000 00000005 zero", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 4500>4501 length 24 sum 0, ESP 42+8 spi 4096 seq 5"},
	{"IKE in UDP", "eth4 udp4 1194 1195 0018 0000 zero zero", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, UDP 34+8 4500>4501 length 24 sum 0"},
	{"IPComp", "eth4 ip4 6c ends 06 00 0002 ffff", ethIPv4 + "IPv4 14+20 1>2 108 ttl 64 id 7 total 1000, IPComp 34+4 cpi 2"},
	{"L2TP, version 2", "eth4 udp4 06a5 06a5 0000 0000 4802 0100 0003 0009 0001 0002 ff03 0021 udp4", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1701>1701 length 0 sum 0, L2TP 42+12 v2 control false session 9, PPP 54+4, IPv4 58+20 1>2 17 ttl 64 id 7 total 1000, UDP 78+0 CUT"},
	{"L2TP with an offset", "eth4 udp4 0001 06a5 0000 0000 0202 0003 0009 0002 ffff 0057", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1>1701 length 0 sum 0, L2TP 42+10 v2 control false session 9, PPP 52+2, IPv6 54+0 CUT"},
	{"L2TP, control", "eth4 udp4 06a5 0001 0000 0000 c802 000c 0003 0000 0001 0002 0021", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1701>1 length 0 sum 0, L2TP 42+12 v2 control true session 0"},
	{"L2TP, version 3", "eth4 udp4 06a5 06a5 0000 0000 0003 0000 00000005 zero", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1701>1701 length 0 sum 0, L2TP 42+8 v3 control false session 5"},
	{"L2TP, version 1", "eth4 udp4 06a5 06a5 0000 0000 0001 0000 00000005 zero", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1701>1701 length 0 sum 0, L2TP 42+2 BAD"},
	{"L2TP over IP", "eth4 ip4 73 ends 00000005 zero", ethIPv4 + "IPv4 14+20 1>2 115 ttl 64 id 7 total 1000, L2TP over IP 34+4 session 5"},
	{"VXLAN", "eth4 udp4 0001 12b5 0000 0000 08000000 00000700 macs 86dd udp6", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1>4789 length 0 sum 0, VXLAN 42+8 flags 8 vni 7, Ethernet 50+14 01>02 86dd, IPv6 64+40 1>2 17 hop limit 64 class 0 flow 0 length 960, UDP 104+0 CUT"},
	{"VXLAN with a policy, at Linux's port", "eth4 udp4 0001 2118 0000 0000 88000021 00000700 macs", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1>8472 length 0 sum 0, VXLAN 42+8 flags 88 vni 7 policy 33, Ethernet 50+12 CUT"},
	{"VXLAN, without I", "eth4 udp4 0001 12b5 0000 0000 00000000 00000700 macs", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1>4789 length 0 sum 0, VXLAN 42+8 BAD, Ethernet 50+12 CUT"},
	{"VXLAN-GPE", "eth4 udp4 0001 12b6 0000 0000 0c000001 00000700 udp4", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1>4790 length 0 sum 0, VXLAN-GPE 42+8 flags c vni 7, IPv4 50+20 1>2 17 ttl 64 id 7 total 1000, UDP 70+0 CUT"},
	{"VXLAN-GPE, a frame", "eth4 udp4 0001 12b6 0000 0000 0c000003 00000700 macs 0806", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1>4790 length 0 sum 0, VXLAN-GPE 42+8 flags c vni 7, Ethernet 50+14 01>02 0806, ARP 64+0 CUT"},
	{"VXLAN-GPE, for its end", "eth4 udp4 0001 12b6 0000 0000 0d000003 00000700 macs 0806", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1>4790 length 0 sum 0, VXLAN-GPE 42+8 BAD"},
	{"Geneve with options", "eth4 udp4 0001 17c1 0000 0000 0340 6558 00000700 0102 80 01 aabbccdd 0103 00 00 macs 0806",
		ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, UDP 34+8 1>6081 length 0 sum 0, " +
			"Geneve 42+20 6558 vni 7 false true option 102.128=aabbccdd option 103.0=, Ethernet 62+14 01>02 0806, ARP 76+0 CUT"},
	{"Geneve, IPv4", "eth4 udp4 0001 17c1 0000 0000 0180 0800 00000700 01028001 udp4", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1>6081 length 0 sum 0, Geneve 42+12 0800 vni 7 true false bad option 01028001, IPv4 54+20 1>2 17 ttl 64 id 7 total 1000, UDP 74+0 CUT"},
	{"Geneve, cut", "eth4 udp4 0001 17c1 0000 0000 0340 6558 00000700 0102", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1>6081 length 0 sum 0, Geneve 42+10 CUT"},
	{"GTP-U", "eth4 udp4 0001 0868 0000 0000 30ff 03e8 00000007 udp4", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1>2152 length 0 sum 0, GTP-U 42+8 type 255 length 1000 teid 7 false, IPv4 50+20 1>2 17 ttl 64 id 7 total 1000, UDP 70+0 CUT"},
	{"GTP-U with extensions", "eth4 udp4 0001 0868 0000 0000 36ff 03e8 00000007 0001 00 85 01 0001 c0 02 aabbccddeeff 00 udp6", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1>2152 length 0 sum 0, GTP-U 42+24 type 255 length 1000 teid 7 true, IPv6 66+40 1>2 17 hop limit 64 class 0 flow 0 length 960, UDP 106+0 CUT"},
	{"GTP-U, an extension cut", "eth4 udp4 0001 0868 0000 0000 36ff 03e8 00000007 0001 00 85 01", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1>2152 length 0 sum 0, GTP-U 42+13 CUT"},
	{"GTP-U, an extension of no length", "eth4 udp4 0001 0868 0000 0000 36ff 03e8 00000007 0001 00 85 00 00", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1>2152 length 0 sum 0, GTP-U 42+12 BAD"},
	{"GTP-U, an echo", "eth4 udp4 0001 0868 0000 0000 3201 0004 00000000 0001 0000 45", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1>2152 length 0 sum 0, GTP-U 42+12 type 1 length 4 teid 0 true"},
	{"GTP-U of another version", "eth4 udp4 0001 0868 0000 0000 50ff 0004 00000000 45", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1>2152 length 0 sum 0, GTP-U 42+8 BAD"},
	{"MPLS in UDP", "eth4 udp4 0001 19eb 0000 0000 00064140 udp4", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 1>6635 length 0 sum 0, MPLS 42+4 label 100 class 0 ttl 64 true, IPv4 46+20 1>2 17 ttl 64 id 7 total 1000, UDP 66+0 CUT"},
	{"WireGuard", "eth4 udp4 ca6c ca6d 0068 0000 04000000 07000000 0100000000000000 zero", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 51820>51821 length 104 sum 0, WireGuard 42+16 type 4 index 7"},
	{"WireGuard, to the port of VXLAN-GPE", "eth4 udp4 ca6c 12b6 0068 0000 04000000 07000000 0100000000000000 zero", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 51820>4790 length 104 sum 0, WireGuard 42+16 type 4 index 7"},
	{"WireGuard, as large as its MTU allows", "eth4 udp4 ca6c ca6d 03d3 0000 04000000 07000000 0100000000000000 zero", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 51820>51821 length 979 sum 0, WireGuard 42+16 type 4 index 7"},
	{"WireGuard, a handshake", "eth4 udp4 ca6c ca6d 009c 0000 01000000 07000000 zero", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 51820>51821 length 156 sum 0, WireGuard 42+16 CUT"},
	{"no WireGuard", "eth4 udp4 ca6c ca6d 0067 0000 04000000 07000000 0100000000000000 zero", ethIPv4 + "IPv4 14+20 1>2 17 ttl 64 id 7 total 1000, " +
		"UDP 34+8 51820>51821 length 103 sum 0"},
}

func TestWalk(t *testing.T) {
	for _, c := range packets {
		b := made(c.frame)
		if got := walked(Frame(b, len(b))); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

// TestEveryKind: the table above has each kind of header, whole.
func TestEveryKind(t *testing.T) {
	seen := map[Kind]bool{}
	for _, c := range packets {
		b := made(c.frame)
		for w := Frame(b, len(b)); w.Step(); {
			seen[w.Kind] = seen[w.Kind] || w.Fault == Whole
		}
	}
	for k := None + 1; k.String() != "unknown"; k++ {
		if !seen[k] {
			t.Errorf("%v is in no packet of the table", k)
		}
	}
}

// TestLength: N is what the headers say is behind one, whether captured or not.
func TestLength(t *testing.T) {
	for _, c := range []struct {
		frame string
		n     int    // of the frame
		want  string // N behind each header
	}{
		{"eth4 45 00 0030 0007 0000 40 11 ends 0001 0002 001c 0000", 62, "48 28 20"},
		{"eth4 45 00 0030 0007 0000 40 11 ends 0001 0002 0010 0000", 62, "48 28 8"},
		{"eth4 45 00 0030 0007 0000 40 11 ends 0001 0002 0000 0000", 62, "48 28 20"},
		{"eth4 45 00 0030 0007 0000 40 11 ends 0001 0002 0007 0000", 62, "48 28 0"},
		{"eth4 45 00 0000 0007 0000 40 06 ends tcp", 100014, "100000 99980 99960"},
		{"eth6 60000000 0000 06 fd tcp", 100014, "100000 99960 99940"},
		{"eth6 60000000 0064 33 fd 06 01 0000 zero", 1000, "986 100 88 88"},
		{"macs 8864 1100 0009 0040 c021", 1000, "986 64 62"},
		{"macs 0026 f0f003", 1000, "38 35"},
		{"macs 8100 0005 0026 f0f003", 1000, "986 38 35"},
		{"eth4 udp4 0001 0868 0000 0000 34ff 0010 00000007 0001 00 85 01 0001 00", 1014, "1000 980 972 8"},
		{"macs 08", 1000, "987"},
	} {
		b := made(c.frame)
		var got []string
		for w := Frame(b, c.n); w.Step(); {
			got = append(got, fmt.Sprint(w.N))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", c.frame, s, c.want)
		}
	}
}

// TestTrim: what is behind a UDP datagram in its packet is there until it is taken off.
func TestTrim(t *testing.T) {
	b := made("45 00 0022 0007 0000 40 11 ends 0001 0002 000a 0000 aabbccddeeff")
	w := Network(b, EtherIPv4, len(b))
	for w.Next != None {
		w.Step()
	}
	if got := w.Rest; w.Kind != UDP || !bytes.Equal(got, made("aabbccddeeff")) {
		t.Errorf("%v, %x", w.Kind, got)
	}
	w.Trim()
	if got := w.Rest; !bytes.Equal(got, made("aabb")) || !bytes.Equal(w.Header, b[20:28]) || w.Behind() != 28 {
		t.Errorf("trimmed: %x behind %x", got, w.Header)
	}
}

func TestNetwork(t *testing.T) {
	for _, c := range []struct {
		packet string
		t      EtherType
		want   string
	}{
		{"udp4 zero", EtherIPv4, "IPv4 0+20 1>2 17 ttl 64 id 7 total 1000, UDP 20+8 0>0 length 0 sum 0"},
		{"0005 0800 udp4", EtherVLAN, "VLAN 0+4 5, IPv4 4+20 1>2 17 ttl 64 id 7 total 1000, UDP 24+0 CUT"},
		{"udp4", 0, ""},
		{"udp4", 0x88b5, ""},
		{"udp4", 4, ""}, // ETH_P_802_2: a length only in a frame
	} {
		b := made(c.packet)
		if got := walked(Network(b, c.t, len(b))); got != c.want {
			t.Errorf("%s as %04x: %s, want %s", c.packet, uint16(c.t), got, c.want)
		}
	}
	for version, want := range map[string]EtherType{"45": EtherIPv4, "60": EtherIPv6, "50": 0, "": 0} {
		if got := OfVersion(made(version)); got != want {
			t.Errorf("%q: %04x", version, uint16(got))
		}
	}
}

// TestAgain: a Walk that begins anew has nothing of the packet before.
func TestAgain(t *testing.T) {
	var used Walk
	for _, c := range packets {
		b := made(c.frame)
		for used.Frame(b, len(b)); used.Step(); {
		}
		used.Frame(b, len(b))
		if got := walked(used); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
		used.Network(b, EtherVLAN, len(b))
		if got, want := walked(used), walked(Network(b, EtherVLAN, len(b))); got != want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, want)
		}
	}
}

// TestCut: a packet that is cut off is walked through as far as it goes, and what was not cut off is read as
// it was before.
func TestCut(t *testing.T) {
	for _, c := range packets {
		whole := made(c.frame)
		for n := range whole {
			w, all := Frame(whole[:n], len(whole)), Frame(whole, len(whole))
			for w.Step() && w.Fault == Whole {
				if all.Step(); w.Kind != all.Kind || w.At != all.At || w.Behind() != all.Behind() || w.N != all.N {
					t.Errorf("%s, %d bytes of it: %v at %d to %d with %d behind, want %v at %d to %d with %d", c.name, n,
						w.Kind, w.At, w.Behind(), w.N, all.Kind, all.At, all.Behind(), all.N)
				}
			}
		}
	}
}

func TestSum(t *testing.T) {
	for _, c := range []struct {
		begin uint32
		bytes string
		want  uint32
	}{
		{0, "", 0},
		{0, "0001 f203 f4f5 f6f7", 0xddf2}, // RFC 1071, 3
		{0x1234, "ab", 0xbd34},
		{0xffff, "0001", 1},
		{0, "ff ff ff", 0xff00},
		{0, "010203 0405", 0x01*0x100 + 0x02 + 0x0304 + 0x0500},
		{0xffff0000, "ffff", 0xffff},
		{0, "4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7", 0xffff}, // a header with its checksum
	} {
		if got := Sum(c.begin, made(c.bytes)); got != c.want {
			t.Errorf("%x, %s: %x, want %x", c.begin, c.bytes, got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		EtherMACsec.Name(): "MACsec", EtherType(0x88b5).Name(): "", ProtoICMPv6.Name(): "icmp6", Proto(253).Name(): "",
		Kind(200).String(): "unknown", VXLANGPE.String(): "VXLAN-GPE", WireGuard.String(): "WireGuard",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if ProtoICMP.HasPorts() || !ProtoDCCP.HasPorts() || EtherIPv4.IsVLAN() || !EtherQinQOld.IsVLAN() {
		t.Error("ports or tags")
	}
}

// TestNoAllocations: a walk allocates nothing, whatever the packet.
func TestNoAllocations(t *testing.T) {
	var frames [][]byte
	for _, c := range packets {
		frames = append(frames, made(c.frame))
	}
	if n := testing.AllocsPerRun(10, func() {
		for _, b := range frames {
			for w := Frame(b, len(b)); w.Step(); {
				sink += len(w.Header)
			}
		}
	}); n > 0 {
		t.Errorf("%v allocations for %d packets", n, len(frames))
	}
}

var sink int

func BenchmarkWalk(b *testing.B) {
	for _, c := range packets {
		switch c.name {
		case "TCP", "VXLAN", "IPv6 with extensions":
			frame := made(c.frame)
			b.Run(strings.ReplaceAll(c.name, " ", "_"), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					for w := Frame(frame, len(frame)); w.Step(); {
						sink += w.N
					}
				}
			})
		}
	}
}
