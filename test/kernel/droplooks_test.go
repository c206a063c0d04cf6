//go:build kernel

package kerneltest

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	stdnet "net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	bpflink "github.com/cilium/ebpf/link"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"
)

// wire is a line of a case's script that puts a frame on a device of the case's namespace: to is the MAC address that it is
// for, or "NS DEVICE" whose it is, and what follows the source's.
func wired(dev, to string, frame []byte) string {
	return fmt.Sprintf("\n%s%s %s %x\n", onWire, dev, strings.ReplaceAll(to, " ", "/"), frame)
}

// toL1 puts a packet on the wire to ns1, with the type of its frame.
func toL1(frame []byte) string { return wired("r0", "ns1 l1", frame) }

const (
	allHosts = "ffffffffffff"
	group1   = "01005e000001" // of 224.0.0.1
	bpdus    = "0180c2000000"
)

// serialize makes the bytes of layers, with their lengths and checksums.
func serialize(ls ...gopacket.SerializableLayer) []byte {
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, ls...); err != nil {
		panic(err)
	}
	return append([]byte(nil), b.Bytes()...)
}

// unhex is for bytes that no layer is for.
func unhex(s string) gopacket.Payload {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// ethertype puts a frame's type before what it holds.
func ethertype(t uint16, bytes []byte) []byte { return append([]byte{byte(t >> 8), byte(t)}, bytes...) }

// ip4 is an IPv4 packet with its frame's type.
func ip4(src, dst string, proto layers.IPProtocol, rest ...gopacket.SerializableLayer) []byte {
	ip := &layers.IPv4{Version: 4, IHL: 5, TTL: 61, Id: 4711, Protocol: proto, SrcIP: stdnet.ParseIP(src), DstIP: stdnet.ParseIP(dst)}
	return ethertype(0x800, serialize(append([]gopacket.SerializableLayer{ip}, transport(ip, rest)...)...))
}

// ip6 is an IPv6 packet with its frame's type.
func ip6(src, dst string, proto layers.IPProtocol, hops uint8, rest ...gopacket.SerializableLayer) []byte {
	ip := &layers.IPv6{Version: 6, NextHeader: proto, HopLimit: hops, SrcIP: stdnet.ParseIP(src), DstIP: stdnet.ParseIP(dst)}
	return ethertype(0x86dd, serialize(append([]gopacket.SerializableLayer{ip}, transport(ip, rest)...)...))
}

// transport tells layers which addresses their checksums are over.
func transport(ip gopacket.NetworkLayer, rest []gopacket.SerializableLayer) []gopacket.SerializableLayer {
	for _, l := range rest {
		if l, ok := l.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			if err := l.SetNetworkLayerForChecksum(ip); err != nil {
				panic(err)
			}
		}
	}
	return rest
}

// udp4 is a UDP packet from port 4000, with its frame's type.
func udp4(src, dst string, port int) []byte {
	return ip4(src, dst, layers.IPProtocolUDP, &layers.UDP{SrcPort: 4000, DstPort: layers.UDPPort(port)}, gopacket.Payload("looks"))
}

// udp6 is the same for IPv6.
func udp6(src, dst string, port int) []byte {
	return ip6(src, dst, layers.IPProtocolUDP, 61, &layers.UDP{SrcPort: 4000, DstPort: layers.UDPPort(port)}, gopacket.Payload("looks"))
}

// tcp4 is a TCP segment from the first address of dst's network, which is ns0's; its number is 1000 if flags has none.
func tcp4(dst string, sport, dport int, flags layers.TCP, data string) []byte {
	flags.SrcPort, flags.DstPort, flags.Ack, flags.Window = layers.TCPPort(sport), layers.TCPPort(dport), 1, 1000
	if flags.Seq == 0 {
		flags.Seq = 1000
	}
	src := dst[:strings.LastIndexByte(dst, '.')] + ".1"
	return ip4(src, dst, layers.IPProtocolTCP, &flags, gopacket.Payload(data))
}

// segment is one of a connection of a repairedTCP, with so many bytes.
func segment(peer, port, seq, bytes int) []byte {
	return tcp4("10.0.0.2", peer, port, layers.TCP{ACK: true, Seq: uint32(seq)}, strings.Repeat("x", bytes))
}

// icmp4 is an ICMP message.
func icmp4(src, dst string, kind, code uint8, data string) []byte {
	return ip4(src, dst, layers.IPProtocolICMPv4, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(kind, code)}, gopacket.Payload(data))
}

// spoilt changes a byte of a frame, counted from its type.
func spoilt(frame []byte, at int) []byte {
	frame[at] ^= 0x55
	return frame
}

// fragment4 is a fragment of a UDP packet to port 5300, bytes from offset on.
func fragment4(src string, id uint16, offset, bytes int) []byte {
	ip := &layers.IPv4{Version: 4, IHL: 5, TTL: 61, Id: id, Flags: layers.IPv4MoreFragments, FragOffset: uint16(offset / 8), Protocol: layers.IPProtocolUDP, SrcIP: stdnet.ParseIP(src), DstIP: stdnet.ParseIP("10.0.0.2")}
	data := gopacket.Payload(append([]byte{0x0f, 0xa0, 0x14, 0xb4, 0x10, 0, 0, 0}, make([]byte, bytes-8)...))
	return ethertype(0x800, serialize(ip, data))
}

var (
	headersGroup = dropGroup{
		name: "looks-headers",
		prepare: func(t *testing.T, net *network) {
			redirectToNowhere(t, net)
			filteredSocket(t, net, 6800)
			switchedOffPort(t, net)
		},
		// zb1 is a bond of the address ...c0, and its port pm1 has got another one.
		host: `modprobe bonding; ip link add zb1 address 02:00:00:00:00:c0 type bond mode balance-rr; ip link add pm1 type veth peer name qm1 netns ns0
			ip link set pm1 master zb1; ip link set zb1 up; ip -n ns0 link set qm1 up; ip link set pm1 address 02:00:00:00:00:c1
			ip link add pm address 02:00:00:00:00:aa type veth peer name qm netns ns0; ip link set pm up; ip -n ns0 link set qm up; sysctl -qw net.ipv4.conf.pm.forwarding=0
			await '[ $(grep -l up /sys/class/net/{pm,pm1,px,zb1}/operstate | wc -l) = 4 ]'
			sysctl -qw net.ipv4.conf.l1.drop_unicast_in_l2_multicast=1 net.ipv4.conf.l1.rp_filter=1 net.ipv4.conf.r1.rp_filter=2
			background socat -u UDP4-RECV:6700,ip-add-membership=224.0.0.251:10.0.0.2 OPEN:/dev/null
			background socat -u UDP4-RECV:6703,ip-add-membership=239.1.2.124:10.0.0.2 OPEN:/dev/null
			await '[ $(ss -Hlnu | grep -c ":670[03] ") = 2 ]'`,
		after: `ip link del pm; ip link del pm1; ip link del zb1; ip link del px; sysctl -qw net.ipv4.conf.r1.forwarding=1; sysctl -qw net.ipv4.conf.l1.drop_unicast_in_l2_multicast=0 net.ipv4.conf.l1.rp_filter=0 net.ipv4.conf.r1.rp_filter=0 net.ipv4.ipfrag_time=30 net.ipv4.ipfrag_high_thresh=4194304 net.ipv4.ipfrag_low_thresh=3145728`,
		cases: []dropCase{
			{name: "checksum, and a socket with a filter", rule: "udp-checksum-late", make: toL1(spoilt(ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolUDP, &layers.UDP{SrcPort: 4000, DstPort: 6800}, gopacket.Payload(make([]byte, 200))), 28)), packet: "10.0.0.1.4000 > 10.0.0.2.6800: ",
				cause: "the UDP packet from 10.0.0.1 to port 6800 came with a wrong checksum", fits: true,
				each: `UdpInCsumErrors [1-9]
					\n.*l1@`},
			{name: "checksum of more than the stream has", rule: "udp-checksum-told udp-checksum-unseen", make: toL1(spoilt(ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolUDP, &layers.UDP{SrcPort: 4000, DstPort: 829}, gopacket.Payload(make([]byte, 600))), 28)), packet: "10.0.0.2.829: ",
				cause: "the UDP packet from 10.0.0.1 to port 829 came with a wrong checksum; the stream has too few of its bytes to show it", also: "the UDP checksum is wrong; the stream has too few of the packet's bytes to tell", fits: true,
				each: `UdpInCsumErrors [1-9]
					? \n.*l1@`},
			{name: "TCP checksum of more than the stream has", rule: "tcp-checksum-told", make: toL1(spoilt(tcp4("10.0.0.2", 4000, 830, layers.TCP{ACK: true}, strings.Repeat("x", 600)), 40)), packet: "10.0.0.2.830: ", knows: "TCP_CSUM",
				cause: "the TCP segment from 10.0.0.1 to port 830 came with a wrong checksum; the stream has too few of its bytes to show it",
				each: `TcpInCsumErrors [1-9]
					\n.*l1@`},
			{name: "ICMP checksum of more than the stream has", rule: "icmp-checksum-told", make: toL1(spoilt(icmp4("10.0.0.134", "10.0.0.2", 8, 0, strings.Repeat("x", 600)), 25)), packet: "10.0.0.134 > 10.0.0.2: ICMP", knows: "ICMP_CSUM",
				cause: "the ICMP packet from 10.0.0.134 came with a wrong checksum; the stream has too few of its bytes to show it",
				each: `IcmpInCsumErrors [1-9]
					\n.*l1@`},
			{name: "socket's filter", rule: "socket-filter-sole socket-filter", make: `echo xyz > /dev/udp/10.0.0.2/6800`, packet: "10.0.0.2.6800: UDP, length 4",
				cause: "the filter on the socket of port 6800 refused the packet", also: "a filter on the socket of port 6800 ", fits: true,
				each: `:6800 .*,d[1-9]\d*\)`},
			{name: "MAC address of a bond, whose port has another", rule: "otherhost-changed", make: wired("qm1", "0200000000c0", udp4("10.0.0.1", "10.0.0.2", 815)), packet: "10.0.0.2.815: ",
				cause: "02:00:00:00:00:c0 was the MAC address of zb1 {then}, and is not that of the device that received the frame", fits: true,
				each: `zb1 UP 02:00:00:00:00:c0 .*pm1@\S+ UP 02:00:00:00:00:c1`},
			{name: "switched off port of a team", rule: "inactive-port-of", make: wired("qt1", "ns1 zm1", udp4("10.0.0.1", "10.0.0.2", 828)), packet: "10.0.0.2.828: ",
				cause: "pt1 is a port of zm1, a team, which took no frames from it: it was inactive or switched off", fits: true,
				each: `\n.*pt1@.* master zm1 .* team_slave
					\n.*zm1: .* team`},
			{name: "another machine's frame", rule: "otherhost", make: wired("qm", "027777777777", udp4("10.0.0.1", "192.0.2.6", 816)), packet: "192.0.2.6.816: ",
				cause: "the frame on pm is addressed to another machine (02:77:77:77:77:77), and is seen because the device takes all frames", fits: true,
				each: `\n.*pm@`},
			{name: "XDP redirect to nowhere", rule: "xdp-redirect", make: wired("qx", "ns1 px", udp4("10.0.0.1", "192.0.2.7", 817)), packet: "192.0.2.7.817: ", knows: "XDP",
				cause: "the XDP program on px redirected the packet to where it can't go", fits: true,
				each: `\n.*px@.* xdpgeneric
					\n.*px.* generic id \d+`},
			{name: "VLAN", rule: "otherhost-vlan", make: wired("r0", allHosts, append([]byte{0x81, 0, 0, 9}, udp4("10.0.0.1", "10.0.0.255", 723)...)), packet: "10.0.0.255.723: ",
				cause: "the frame on l1 is for this machine and came with a VLAN tag for which l1 has no device", fits: true,
				each: `type vlan\n\n
					\n.*l1@`},
			{name: "frame for a host beyond", rule: "otherhost-router", make: wired("r0", "027777777777", udp4("10.0.0.1", "192.0.2.5", 724)), packet: "192.0.2.5.724: ",
				cause: "the frame on l1 is addressed to another machine (02:77:77:77:77:77), and is seen because the device takes all frames; if this host was to forward it", fits: true,
				each: `\n.*l1@`},
			{name: "frame for another device of this host", rule: "otherhost-sibling", make: wired("r0", "ns1 r1", udp4("10.0.0.1", "10.0.0.77", 725)), packet: "10.0.0.77.725: ",
				cause: "the frame on l1 is for ", fits: true,
				each: `\n.*r1@
					\n.*l1@`},
			{name: "multicast on the link that nobody joined", rule: "multicast-not-joined-link", make: wired("r0", "01005e000063", udp4("10.0.0.1", "224.0.0.99", 726)), packet: "224.0.0.99.726: ",
				cause: "nothing on this host has joined the multicast group 224.0.0.99 on l1", fits: true,
				each: `\n.*l1 .*inet 224\.0\.0\.1 `},
			{name: "multicast address as source", rule: "martian-source", make: toL1(udp4("224.0.0.5", "10.0.0.2", 727)), packet: "10.0.0.2.727: ",
				cause: "224.0.0.5 cannot be a source address", fits: true,
				each: `log_martians = `},
			{name: "LLDP", rule: "unhandled-link", make: wired("r0", "0180c200000e", ethertype(0x88cc, unhex("0207 04 020000000001 0403 07 31 0602 0078 0000"))), packet: "LLDP", there: true,
				at: "__netif_receive_skb_core", cause: "nothing on this host takes frames of type 0x88cc (on l1), which switches send to their neighbours", fits: true,
				each: `Type Device Function .*ip_rcv`},
			{name: "IP header checksum", rule: "ip-header-checksum", make: toL1(spoilt(udp4("10.0.0.101", "10.0.0.2", 710), 12)), packet: "10.0.0.2.710: ",
				cause: "the IPv4 header of a packet from 10.0.0.101 came with a wrong checksum",
				each: `IpExtInCsumErrors [1-9]
					l1@`},
			{name: "short packet", rule: "ip-header", make: toL1(udp4("10.0.0.102", "10.0.0.2", 711)[:34]), packet: "10.0.0.102",
				cause: "the IP header is malformed, or the packet is shorter than it says",
				each:  `IpExtInTruncatedPkts [1-9]`},
			{name: "loopback source", rule: "loopback-address", make: toL1(udp4("127.0.0.103", "10.0.0.2", 712)), packet: "10.0.0.2.712: ",
				cause: "a packet with the loopback address 127.0.0.103 came in on l1", fits: true,
				each: `route_localnet = 0`},
			{name: "loopback destination", rule: "loopback-destination", make: toL1(udp4("10.0.0.1", "127.0.0.104", 713)), packet: "127.0.0.104.713: ",
				cause: "a packet to the loopback address 127.0.0.104 came in on l1", fits: true,
				each: `route_localnet = 0`},
			{name: "unicast in a broadcast frame", rule: "unicast-in-broadcast", make: wired("r0", allHosts, udp4("10.0.0.1", "10.0.0.2", 714)), packet: "10.0.0.2.714: ",
				cause: "a packet for 10.0.0.2 alone came in a broadcast or multicast frame", fits: true,
				each: `l1.drop_unicast_in_l2_multicast = 1`},
			{name: "broadcast address as source", rule: "broadcast-source", make: toL1(udp4("10.0.0.255", "10.0.0.2", 715)), packet: "10.0.0.2.715: ",
				cause: "the packet's source 10.0.0.255 is the broadcast address of one of this host's networks",
				each:  `broadcast 10\.0\.0\.255 dev l1`},
			{name: "no destination", rule: "zero-destination", make: toL1(udp4("10.0.0.1", "0.0.0.0", 716)), packet: "0.0.0.0.716: ",
				cause: "the packet from 10.0.0.1 is for 0.0.0.0, the address that stands for none",
				each:  `list_search (([0-9a-f]{8} ){17})*([0-9a-f]{8} ){6}0{0,7}[1-9a-f]`},
			{name: "own source", rule: "local-source-known", make: toL1(udp4("10.0.0.2", "10.0.0.2", 717)), packet: "10.0.0.2.717: ",
				cause: "the packet's source 10.0.0.2 is one of this host's own addresses",
				each: `l1@\S+ UP 10\.0\.0\.2/24
					l1.accept_local = 0`},
			{name: "loose rp_filter", rule: "rp-filter-loose", from: 2, make: wired("l2", "ns1 r1", udp4("192.0.2.118", "10.0.1.1", 718)), packet: "10.0.1.1.718: ",
				cause: "reverse path filtering (rp_filter=2, loose, on r1): no route at all leads back to 192.0.2.118", fits: true,
				each: `conf.r1.rp_filter = 2
					match 192\.0\.2\.118\n\n
					lookup main
					r1@.* 10\.0\.1\.1/24
					TcpExtIPReversePathFilter [1-9]`},
			{name: "IPv6 off", rule: "ipv6-disabled", make: toL1(udp6("fd00::1", "fd00::2", 719)), packet: "fd00::2.719: ",
				cause: "IPv6 is switched off on l1",
				each: `conf.l1.disable_ipv6 = 1
					conf.all.disable_ipv6 = 1`},
			{name: "malformed ARP", rule: "arp-malformed", make: toL1(ethertype(0x806, unhex("0001 0800 06 04 0009 020000000001 0a000078 000000000000 0a000002"))), packet: "", there: true,
				at: "arp_process arp_rcv", cause: "an ARP message on l1 is malformed", fits: true,
				each: `neigh show dev l1\n.*10\.0\.0\.1 lladdr
					inet 10\.0\.0\.2/24`},
			{name: "IGMP of no known type", rule: "igmp", make: wired("r0", group1, ip4("10.0.0.121", "224.0.0.1", layers.IPProtocolIGMP, unhex("99 00 66ff 00000000"))), packet: "10.0.0.121 > ",
				cause: "an IGMP message that this host has no use for",
				each:  `l1 .*224\.0\.0\.1`},
			{name: "ICMP checksum", rule: "icmp-checksum", make: toL1(spoilt(icmp4("10.0.0.122", "10.0.0.2", 8, 0, "looks"), 25)), packet: "10.0.0.122 > ",
				cause: "the ICMP packet from 10.0.0.122 came with a wrong checksum",
				each: `IcmpInCsumErrors [1-9]
					l1@`},
			{name: "ping to a broadcast address", rule: "icmp-broadcast", make: wired("r0", allHosts, icmp4("10.0.0.123", "10.0.0.255", 8, 0, "looks")), packet: "10.0.0.123 > ",
				cause: "an ICMP request to a broadcast or multicast address is not answered", fits: true,
				each: `icmp_echo_ignore_broadcasts = 1`},
			{name: "ICMP error to a multicast address", rule: "icmp-broadcast-message", make: wired("r0", group1, icmp4("10.0.0.124", "224.0.0.1", 3, 1, strings.Repeat("x", 28))), packet: "10.0.0.124 > ",
				cause: "an ICMP message of type 3 from 10.0.0.124 came to a broadcast or multicast address", fits: true,
				each: `IcmpInErrors [1-9]`},
			{name: "ICMP of no known type", rule: "icmp-unhandled", make: toL1(icmp4("10.0.0.125", "10.0.0.2", 41, 7, "looks")), packet: "10.0.0.125 > ",
				cause: "the ICMP message from 10.0.0.125 (type 41, code 7) concerns nothing that this host does", fits: true,
				each: `IcmpInErrors [1-9]`},
			{name: "cut ICMP error", rule: "icmp-error-unhandled", make: toL1(icmp4("10.0.0.126", "10.0.0.2", 3, 1, "abc")), packet: "10.0.0.126 > ",
				cause: "the ICMP error from 10.0.0.126 (type 3, code 1) is cut off or malformed", fits: true, knows: "UNHANDLED_PROTO",
				each: `IcmpInErrors [1-9]`},
			{name: "UDP multicast on the link", rule: "udp-multicast-link", make: wired("r0", "01005e0000fb", udp4("10.0.0.1", "224.0.0.251", 720)), packet: "224.0.0.251.720: ",
				cause: "no program here takes the UDP multicast to port 720 of 224.0.0.251", fits: true,
				each: `ss -Hanup 'sport = 720'\n\n`},
			{name: "UDP multicast", rule: "udp-multicast", make: wired("r0", "01005e01027c", udp4("10.0.0.1", "239.1.2.124", 721)), packet: "239.1.2.124.721: ",
				cause: "no UDP socket here takes the multicast to port 721 of 239.1.2.124", fits: true,
				each: `ss -Hanup 'sport = 721'\n\n
					l1 .*239\.1\.2\.124`},
			{name: "no TCP connection", rule: "tcp-no-connection", make: toL1(tcp4("10.0.0.2", 4000, 722, layers.TCP{ACK: true}, "")), packet: "10.0.0.2.722: ",
				cause: "no TCP connection between 10.0.0.1:4000 and 10.0.0.2:722 exists on this host", fits: true,
				each: `ss -Hantp 'sport = 722'\n\n
					TcpOutRsts [1-9]`},
			{name: "fragment twice", rule: "fragment-twice", make: strings.Repeat(toL1(fragment4("10.0.0.127", 4127, 0, 400)), 2), packet: "10.0.0.127", there: true,
				at: "ip_frag_queue ip_defrag", cause: "a fragment from 10.0.0.127 came that had come before, or one of another packet with the same identification", fits: true,
				each: `IpReasmFails \d`},
			{name: "overlapping fragments", rule: "fragment-refused", make: toL1(fragment4("10.0.0.128", 4128, 0, 400)) + toL1(fragment4("10.0.0.128", 4128, 200, 400)), packet: "10.0.0.128", there: true,
				at: "ip_frag_queue ip_defrag", cause: "a fragment from 10.0.0.128 overlaps another one, does not fit the others, or came too late", fits: true,
				each: `IpExtReasmOverlaps [1-9]`},
			{name: "fragment alone", rule: "fragments-timeout", make: "nsenter --net=/run/netns/ns1 sysctl -qw net.ipv4.ipfrag_time=1\n" + toL1(fragment4("10.0.0.129", 4129, 0, 400)) + `await 'nsenter --net=/run/netns/ns1 nstat -asz IpReasmTimeout | grep -q "IpReasmTimeout *[1-9]"'`, packet: "10.0.0.129", there: true,
				at: "ip_expire inet_frag_rbtree_purge inet_frag_destroy", cause: "other fragments of the packet from 10.0.0.129 did not come in time",
				each: `IpReasmTimeout [1-9]
					ipfrag_time = 1`},
			{name: "no memory for fragments", rule: "fragment-memory", make: `nsenter --net=/run/netns/ns1 sysctl -qw net.ipv4.ipfrag_low_thresh=0
				nsenter --net=/run/netns/ns1 sysctl -qw net.ipv4.ipfrag_high_thresh=0; ` + toL1(fragment4("10.0.0.130", 4130, 0, 400)), packet: "10.0.0.130",
				cause: "no memory is left for fragments that wait for the rest of their packet", fits: true,
				each: `FRAG: inuse
					ipfrag_high_thresh = 0
					IpReasmFails [1-9]`},
			{name: "MAC address changed", changes: true, rule: "otherhost-unseen otherhost", make: `ip -n ns1 link set pm address 02:00:00:00:00:bb; ` + wired("qm", "0200000000aa", udp4("10.0.0.1", "192.0.2.8", 818)), packet: "192.0.2.8.818: ",
				cause: "the frame on pm is addressed to another machine", fits: true,
				each: `pm@.* link/ether 02:00:00:00:00:bb`},
			{name: "forwarding turned off", changes: true, rule: "forwarding-unknown forwarding-off", from: 2, make: `nsenter --net=/run/netns/ns1 sysctl -qw net.ipv4.conf.r1.forwarding=0; echo x 2> /dev/null > /dev/udp/10.0.0.78/728 || true`, packet: "10.0.0.78.728: ", knows: "IP_INADDRERRORS",
				cause: "the packet is for 10.0.0.78, which is no address of this host, and this host does not forward", fits: true,
				each: `conf.r1.forwarding = 0
					? net.ipv4.ip_forward = 1
					? show to 10\.0\.0\.78\n\n`},
		},
	}

	// The collector is in another namespace: the stream does not know what ns1 has.
	farGroup = dropGroup{
		name: "looks-far",
		far:  true,
		host: `sysctl -qw net.ipv4.conf.r1.forwarding=0; modprobe -a sch_netem sch_prio cls_u32 act_gact
			ip rule add to 198.51.101.0/24 prohibit; ip rule add to 198.51.102.0/24 unreachable
			for n in 0 1; do ip link add zd$n type dummy; ip addr add 10.9.$n.1/24 dev zd$n; ip link set zd$n up; ip neigh add 10.9.$n.2 lladdr 02:00:00:00:00:02 dev zd$n; done
			tc qdisc add dev zd0 root netem loss 100%
			tc qdisc add dev zd1 root handle 1: prio; tc filter add dev zd1 parent 1: protocol ip u32 match ip dport 731 0xffff action drop
			tc qdisc add dev zd1 clsact; tc filter add dev zd1 egress protocol ip u32 match ip dport 819 0xffff action drop
			tc qdisc add dev l1 clsact; tc filter add dev l1 ingress protocol ip u32 match ip dport 818 0xffff action drop`,
		after: `tc qdisc del dev l1 clsact; sysctl -qw net.ipv4.conf.r1.forwarding=1; ip rule del to 198.51.101.0/24; ip rule del to 198.51.102.0/24; ip link del zd0; ip link del zd1`,
		cases: []dropCase{
			{name: "ingress filter", rule: "tc-ingress unhandled-or-tc", make: `echo x > /dev/udp/10.0.0.2/818`, packet: "10.0.0.2.818: ",
				cause: "a tc filter or BPF program on the ingress of l1 dropped the packet", fits: true,
				each: `gact action drop .*\(dropped 1,
					? net show dev l1\nxdp: tc: `},
			{name: "egress filter", rule: "tc-egress tc-egress-unseen", from: 1, make: `echo x > /dev/udp/10.9.1.2/819`, packet: "10.9.1.2.819: ",
				cause: "a tc filter or BPF program on the egress of zd1 dropped the packet", fits: true,
				each: `gact action drop .*\(dropped 1,
					? net show dev zd1\nxdp: tc: `},
			{name: "unicast in a broadcast frame", rule: "udp-no-listener-frame", make: wired("r0", allHosts, udp4("10.0.0.1", "10.0.0.2", 736)), packet: "10.0.0.2.736: ", knows: "NO_SOCKET",
				cause: "nothing listens on UDP port 736 of 10.0.0.2 for packets that come in on l1", fits: true,
				each: `sport = 736'\n\n
					UdpNoPorts [1-9]`},
			{name: "broadcast address of another network", rule: "udp-broadcast-unseen", make: toL1(udp4("10.0.0.1", "10.0.1.255", 737)), packet: "10.0.1.255.737: ",
				cause: "10.0.1.255 is the broadcast address of a network of this host, and no program here takes the UDP broadcast", fits: true,
				each: `broadcast 10\.0\.1\.255
					sport = 737'\n\n`},
			{name: "TCP in a broadcast frame", rule: "tcp-other-frame", make: wired("r0", allHosts, tcp4("10.0.0.2", 4000, 738, layers.TCP{SYN: true}, "")), packet: "10.0.0.2.738: ",
				cause: "the TCP segment from 10.0.0.1 to port 738 of 10.0.0.2 came in a frame that was not for this machine alone",
				each: `\nl1@\S+ UP ..:
					l1@\S+ UP 10\.0\.0\.2/24`},
			{name: "broadcast frame to forward", rule: "forward-other-frame", make: wired("r0", allHosts, udp4("10.0.0.1", "10.0.1.2", 739)), packet: "10.0.1.2.739: ",
				cause: "the packet to 10.0.1.2 was not forwarded: it came in a frame that was not for this machine alone",
				each:  `neigh show dev l1\n.*10\.0\.0\.1 lladdr`},
			{name: "not forwarding", rule: "forwarding-unknown", from: 2, make: `echo x 2> /dev/null > /dev/udp/10.0.0.77/729 || true`, packet: "10.0.0.77.729: ",
				cause: "the packet is for 10.0.0.77, which is no address of this host, and this host does not forward", fits: true,
				each: `net.ipv4.ip_forward = 1
					conf.r1.forwarding = 0`},
			{name: "own source", rule: "local-source", make: toL1(udp4("10.0.0.2", "10.0.0.2", 730)), packet: "10.0.0.2.730: ", knows: "IP_LOCAL_SOURCE",
				cause: "the packet's source 10.0.0.2 is one of this host's own addresses",
				each:  `l1@\S+ UP 10\.0\.0\.2/24`},
			{name: "own source, or broadcast address", rule: "local-source-unseen", packet: "10.0.0.2.730: ", knows: "!IP_LOCAL_SOURCE",
				cause: "the packet's source 10.0.0.2 is one of this host's own addresses, or the broadcast address of one of its networks", fits: true,
				each: `table all match 10\.0\.0\.2\n.*local 10\.0\.0\.2 dev l1`},
			{name: "VLAN", rule: "vlan-unseen", make: toL1(append([]byte{0x81, 0, 0, 9}, udp4("10.0.0.1", "10.0.0.2", 732)...)), packet: "10.0.0.2.732: ",
				cause: "the frame came with a VLAN tag for which l1 has no device", fits: true,
				each: `type vlan\n\n`},
			{name: "VLAN, or another machine's frame", rule: "otherhost-unseen", packet: "10.0.0.2.732: ",
				cause: "the frame on l1 is addressed to another machine", fits: true,
				each: `\n.*l1@`},
			{name: "netem", rule: "qdisc qdisc-list", from: 1, make: `echo x > /dev/udp/10.9.0.2/733`, packet: "10.9.0.2.733: ",
				cause: "the queueing discipline on zd0 dropped the packet: its queue is full, or its settings made it drop", fits: true,
				each: `qdisc netem .*dropped [1-9]`},
			{name: "filter of a queueing discipline", rule: "qdisc-filter-unseen", from: 1, make: `echo x > /dev/udp/10.9.1.2/731`, packet: "10.9.1.2.731: ",
				cause: "a tc filter on the queueing discipline of zd1 refused the packet (action drop)", fits: true,
				each: `gact action drop .*\(dropped 1,`},
			{name: "rule that prohibits", rule: "special-rule", make: `echo x 2> /dev/null > /dev/udp/198.51.101.9/734 || true`, packet: "198.51.101.9.734: ",
				cause: "an ip rule for the packet to 198.51.101.9 says unreachable, prohibit or blackhole", fits: true,
				each: `to 198\.51\.101\.0/24 prohibit`},
			{name: "rule that says unreachable", rule: "no-route-by-rule", make: `echo x 2> /dev/null > /dev/udp/198.51.102.9/735 || true`, packet: "198.51.102.9.735: ",
				cause: "an ip rule for the packet to 198.51.102.9 says unreachable", fits: true,
				each: `to 198\.51\.102\.0/24 unreachable`},
		},
	}

	senderGroup = dropGroup{
		name: "looks-senders",
		prepare: func(t *testing.T, net *network) {
			detachedTun(t, net)
			cgroupRefusing(t, "muted", ebpf.AttachCGroupInetEgress)
			tcxDrop(t, net)
			netkitDrop(t, net)
		},
		// In the VRF red only its own addresses are the host's. The packet to 10.9.29.2 has ten devices before it that hand on at once, one inside another.
		host: `modprobe -a 8021q macvlan ipip sch_tbf; modprobe -q sch_fq_codel || true # 7.2 has it built in
			{
				echo link add zd26 type dummy; echo link set zd26 up
				below=zd26; for n in 1 2 3; do
					echo link add link $below name zl$n type vlan id $n; echo link set zl$n up
					echo link add link zl$n name zm$n type macvlan; echo link set zm$n up; below=zm$n
				done
				echo addr add 10.9.26.1/24 dev zm3; echo neigh add 10.9.26.2 lladdr 02:00:00:00:00:02 dev zm3
				for n in 6 7 8; do echo link add zu$n type ipip local 10.9.2$n.1 remote 10.9.2$n.2; echo addr add 10.9.2$((n + 1)).1/24 dev zu$n; echo link set zu$n up; done
				for n in 25 32; do echo link add zd$n type dummy; echo addr add 10.9.$n.1/24 dev zd$n; echo link set zd$n up; echo neigh add 10.9.$n.2 lladdr 02:00:00:00:00:02 dev zd$n; done
			} | ip -batch -
			for n in 25 32; do tc qdisc add dev zd$n root handle 1: tbf rate 800bit burst 1500 limit 100000; tc qdisc add dev zd$n parent 1:1 fq_codel limit $((n == 25 ? 2 : 100)); done
			modprobe -a sch_drr sch_prio sch_htb act_mirred act_police cls_u32
			for n in 16 17 18 19; do ip link add zd$n type dummy; ip addr add 10.9.$n.1/24 dev zd$n; ip link set zd$n up; ip neigh add 10.9.$n.2 lladdr 02:00:00:00:00:02 dev zd$n; done
			tc qdisc add dev zd16 root drr
			tc qdisc add dev zd17 root handle 1: prio; ip link add zd8 type dummy; ip link set zd8 up
			tc filter add dev zd17 parent 1: protocol ip u32 match ip dport 801 0xffff action mirred egress redirect dev zd8
			tc qdisc add dev zd18 root handle 1: prio; tc filter add dev zd18 parent 1: protocol ip u32 match ip dport 802 0xffff action police rate 8kbit burst 100 conform-exceed drop
			tc qdisc add dev zd19 root handle 1: htb default 10; tc class add dev zd19 parent 1: classid 1:10 htb rate 8kbit burst 1500; tc qdisc add dev zd19 parent 1:10 pfifo limit 2
			for n in 0 1; do ip link add zc$n type veth peer name zc${n}p; ip addr add 10.9.2$n.1/24 dev zc$n; tc qdisc add dev zc$n root pfifo; ip link set zc$n up; ip neigh add 10.9.2$n.2 lladdr 02:00:00:00:00:02 dev zc$n; done
			ip link set zc1p up; await '[ $(grep -l up /sys/class/net/{zc1,zv1}/operstate | wc -l) = 2 ]'
			modprobe -a sch_etf sch_fq sch_tbf sch_red act_gact cls_u32 ip_gre ipip vxlan tun
			ip rule add to 198.51.103.0/24 prohibit
			modprobe vrf; ip link add red type vrf table 11; ip link set red up; ip link add p4 type veth peer name q4 netns ns0; ip link set p4 master red
			ip addr add 10.7.0.2/24 dev p4; ip link set p4 up; ip -n ns0 link set q4 up; ip route add vrf red unreachable 10.0.0.0/24
			ip rule add pref 32764 table local; ip rule del pref 0; sysctl -qw net.ipv4.conf.p4.forwarding=0; await 'grep -q up /sys/class/net/p4/operstate'
			for n in 2 3 4 5 6 7 8 24; do [ $n = 8 ] || ip link add zd$n type dummy; ip addr add 10.9.$n.1/24 dev zd$n; ip link set zd$n up; ip neigh add 10.9.$n.2 lladdr 02:00:00:00:00:02 dev zd$n; done
			tc qdisc add dev zd2 root blackhole
			tc qdisc add dev zd3 root etf clockid CLOCK_TAI delta 100000
			tc qdisc add dev zd4 root fq flow_limit 1 maxrate 1kbit
			tc qdisc add dev zd5 root handle 1: tbf rate 8kbit burst 2000 limit 100000; tc qdisc add dev zd5 parent 1:1 red limit 100000 min 1500 max 4500 avpkt 1000 burst 3 probability 1
			tc qdisc add dev zd6 root tbf rate 8kbit burst 1500 limit 100000
			tc qdisc add dev zd7 clsact; tc filter add dev zd7 egress protocol ip u32 match ip dport 747 0xffff action drop
			ip link add zv type veth peer name zw netns ns2; ip addr add 10.9.9.1/24 dev zv; ip link set zv up; ip -n ns2 link set zw up; await 'grep -q up /sys/class/net/zv/operstate'
			ip addr add 10.9.10.1/24 dev zt0; ip link set zt0 up
			ip link add zo0 type ipip local 10.0.0.2 remote 203.0.113.5; ip addr add 10.9.11.1/24 dev zo0; ip link set zo0 up
			ip link add zg0 type gre local 10.0.0.2 remote 10.0.0.9; ip link add zi0 type ipip local 10.0.0.2 remote 10.0.0.9
			ip link add zx0 type vxlan id 42 local 10.0.0.2 dstport 4790; ip addr add 10.9.22.1/24 dev zx0; ip link set zx0 up; ip neigh add 10.9.22.2 lladdr 02:00:00:00:00:02 dev zx0
			background socat TUN:10.9.12.1/24,tun-name=zt1,iff-up,iff-no-pi PIPE; await 'ip link show dev zt1 | grep -q UP'
			ip link set zt1 txqueuelen 2; kill -STOP $(tail -n 1 ` + programs + `)
			background socat -u IP4-RECV:202,rcvbuf=2304 OPEN:/dev/null; await 'ss -Hnwa | grep -q ":202 "'; kill -STOP $(tail -n 1 ` + programs + `)
			await 'ip -s -d link show dev zt1 | grep -q "qlen 2"'
			sysctl -qw net.ipv4.neigh.r1.unres_qlen_bytes=3000`,
		after: `for d in zd26 zu6 zu7 zu8 zd25 zd32 zd16 zd17 zd18 zd19 zc0 zc1; do ip link del $d; done; nsenter --net=/proc/1/ns/net sysctl -qw net.core.netdev_max_backlog=1000
			ip rule add pref 0 table local; ip rule del pref 32764; ip rule del to 198.51.103.0/24; for d in p4 red zd2 zd3 zd4 zd5 zd6 zd7 zd8 zd24 zv zo0 zg0 zi0 zx0; do ip link del $d; done
			sysctl -qw net.ipv4.neigh.r1.unres_qlen_bytes=212992`,
		cases: []dropCase{
			{name: "drr without a class", rule: "qdisc-classes", from: 1, make: `echo x > /dev/udp/10.9.16.2/800`, packet: "10.9.16.2.800: ",
				cause: "the drr queueing discipline on zd16 dropped the packet: none of its classes is for the packet", fits: true,
				each: `class show dev zd16\n
					qdisc drr .*dropped [1-9]
					filter show dev zd16\n`},
			{name: "filter that redirects", rule: "qdisc-filter-redirect", from: 1, make: `echo x > /dev/udp/10.9.17.2/801`, packet: "10.9.17.2.801: ",
				cause: "a tc filter on the prio queueing discipline on zd17 took the packet elsewhere (action mirred)", fits: true,
				each: `Egress Redirect to device zd8\)`},
			{name: "filter that polices", rule: "qdisc-filter", from: 1, make: `printf %01000d 1 > /dev/udp/10.9.18.2/802`, packet: "10.9.18.2.802: ",
				cause: "a tc filter on the prio queueing discipline on zd18 refused the packet or took it elsewhere (actions of its filters: police)", fits: true,
				each: `police
					qdisc prio .*dropped [1-9]`},
			{name: "full pfifo", rule: "qdisc-there qdisc-full", from: 1, make: `for i in $(seq 9); do printf %01000d $i > /dev/udp/10.9.19.2/803; done`, packet: "10.9.19.2.803: ", many: true,
				cause: "the htb pfifo queueing discipline on zd19 dropped the packet: its queue is full", fits: true,
				each: `qdisc pfifo .*dropped [1-9]`},
			{name: "no carrier from the beginning", rule: "qdisc-no-carrier", from: 1, make: `echo x > /dev/udp/10.9.20.2/804`, packet: "10.9.20.2.804: ",
				cause: "zc0 has no carrier, as it had none {then}", fits: true,
				each: `NO-CARRIER`},
			{name: "no carrier since", changes: true, rule: "qdisc-noop", from: 1, make: `ip link set zc1p down; await '[ $(cat /sys/class/net/zc1/operstate) != up ]'; ip link set dev zc1 alias looks; echo x > /dev/udp/10.9.21.2/805`, packet: "10.9.21.2.805: ",
				cause: "zc1 has no carrier or is going down: the kernel drops what is to be sent through it", also: "zc1 has no carrier, as it had none {then}", fits: true,
				each: `NO-CARRIER`},
			{name: "no VXLAN end point", rule: "vxlan-target", from: 1, make: `echo x > /dev/udp/10.9.22.2/806`, packet: "10.9.22.2.806: ",
				cause: "zx0 knows no VXLAN end point to send the frame to", fits: true,
				each: `fdb show dev zx0\n
					\n.*zx0: .*vxlan id 42`},
			{name: "no route where rules are", rule: "no-route-or-rule", make: `echo x 2> /dev/null > /dev/udp/203.0.113.77/807 || true`, packet: "203.0.113.77.807: ",
				cause: "no route leads to 203.0.113.77, or an ip rule or a route says unreachable", fits: true, fails: "route get",
				each: `to 198\.51\.103\.0/24 prohibit
					route get 203\.0\.113\.77 .*\n.*unreachable
					match 203\.0\.113\.77\n\n
					IpExtInNoRoutes [1-9]`},
			{name: "blackhole", rule: "qdisc-blackhole", from: 1, make: `echo x > /dev/udp/10.9.2.2/740`, packet: "10.9.2.2.740: ",
				cause: "the blackhole queueing discipline on zd2 dropped the packet", fits: true,
				each: `qdisc blackhole .*dropped [1-9]`},
			{name: "etf", rule: "qdisc-etf", from: 1, make: `echo x > /dev/udp/10.9.3.2/741`, packet: "10.9.3.2.741: ",
				cause: "the etf queueing discipline on zd3 did not take the packet", fits: true,
				each: `qdisc etf .*dropped [1-9]`},
			{name: "flow limit", rule: "qdisc-flow qdisc-flows", from: 1, make: `exec 9> /dev/udp/10.9.4.2/742; for i in 1 2 3 4 5 6 7 8; do echo $i >&9; done`, packet: "10.9.4.2.742: ", many: true,
				cause: "one flow has more packets waiting in the fq queueing discipline on zd4 than it may", also: "the fq queueing discipline on zd4 dropped the packet: one flow has more packets waiting in it than it may", fits: true,
				each: `qdisc fq .*dropped [1-9].* flows_plimit [1-9]`},
			{name: "full fq_codel", rule: "qdisc-short", from: 1, make: `for i in $(seq 9); do printf %01000d $i > /dev/udp/10.9.25.2/758; done`, packet: "10.9.25.2.758: ", many: true, knows: "QDISC_DROP_CONGESTED",
				cause: "the tbf fq_codel queueing discipline on zd25 dropped the packet: it waited too long there", fits: true,
				each: `qdisc fq_codel .*dropped [1-9].* drop_overlimit [1-9]`},
			{name: "one device inside another", rule: "no-queue", from: 1, make: `echo x > /dev/udp/10.9.29.2/759 || true`, packet: "10.9.29.2.759: ", knows: "!RECURSION_LIMIT",
				at: "__dev_queue_xmit kfree_skb_list kfree_skb_list_reason", cause: "the packet went through more than 8 virtual devices one inside another before zd26", also: "the packet went through more than 8 virtual devices one inside another before zl2", fits: true,
				each: `TX: bytes packets errors dropped carrier collsns \d+ \d+ \d+ [1-9]`},
			{name: "program on a netkit device", rule: "netkit", from: 1, make: `[ ! -e /sys/class/net/zk0 ] || echo x > /dev/udp/10.9.30.2/761 || true`, packet: "10.9.30.2.761: ", knows: "PACKET_SOCK_ERROR", // netkit is of 6.7
				cause: "a BPF program or the policy of the netkit device whose other end is nk0 dropped the packet",
				each: `zk0@nk0: .* TX: bytes packets errors dropped carrier collsns \d+ \d+ \d+ [1-9]
					bpftool link show\n.*(netkit|type 13 prog \d)`},
			{name: "red", rule: "qdisc-congested qdisc-early", from: 1, make: `exec 9> /dev/udp/10.9.5.2/743; for i in $(seq 40); do printf %01000d $i >&9; done`, packet: "10.9.5.2.743: ", many: true,
				cause: "the queueing discipline on zd5 keeps its queue short", also: "the tbf red queueing discipline on zd5 dropped the packet: early", fits: true,
				each: `qdisc red .*dropped [1-9]`},
			{name: "queue emptied", changes: true, rule: "qdisc-changed", from: 1, make: `for i in 1 2 3 4 5 6; do printf %01000d $i > /dev/udp/10.9.6.2/744; done; tc qdisc del dev zd6 root`, packet: "10.9.6.2.744: ", many: true,
				cause: "a queue was emptied: the queueing discipline of zd6 was changed or removed, or the device went down", also: "a queue was emptied: zd6 went down or its queueing discipline was changed", fits: true,
				each: `? qdisc show dev zd6\nqdisc noqueue
					zd6: `},
			{name: "queue emptied of what waits for the next turn", changes: true, rule: "qdisc-reset", from: 1, make: `for i in 1 2 3; do printf %01000d $i > /dev/udp/10.9.32.2/762; done; ip link set zd32 down`, packet: "10.9.32.2.762: ", there: true,
				at: "qdisc_reset kfree_skb_list", cause: "a queue was emptied: zd32 went down or its queueing discipline was changed", fits: true,
				each: `\n.*zd32: .* state DOWN`},
			{name: "egress filter", rule: "tc-egress tc-egress-there", from: 1, make: `echo x > /dev/udp/10.9.7.2/747`, packet: "10.9.7.2.747: ",
				cause: "a tc filter or BPF program on the egress of zd7 dropped the packet (actions of its tc filters: ", fits: true,
				each: `gact action drop .*\(dropped 1,
					? bpftool net show dev zd7\nxdp: tc: `},
			// The kernel tells of a tc filter that is made, and of a program of tcx it does not.
			{name: "filter made", changes: true, rule: "tc-egress", from: 1, make: `tc qdisc add dev zd8 clsact; tc filter add dev zd8 egress protocol ip u32 match ip dport 748 0xffff action drop; echo x > /dev/udp/10.9.8.2/748`, packet: "10.9.8.2.748: ",
				cause: "a tc filter or BPF program on the egress of zd8 dropped the packet", knows: "TC_EGRESS", fits: true,
				each: `egress\n.*gact action drop .*\(dropped 1,
					? bpftool net show dev zd8\nxdp: tc: `},
			{name: "program of tcx made since", rule: "tc-since", do: tcxSince, packet: "10.9.24.2.749: ", knows: "PACKET_SOCK_ERROR",
				cause: "a tc filter or BPF program on zd24 that was made since the stream began dropped the packet", fits: true,
				each: `bpftool link show\n.*(tcx_egress|type 11 prog \d)
					? tc -s filter show dev zd24 (in|e)gress\n\n
					? bpftool net show dev zd24\nxdp: tc: `},
			// tcx is of 6.6. Only bpftool from 7.3 on shows its programs by device.
			{name: "tcx on egress", rule: "tc-bpf-egress", from: 1, make: `echo x > /dev/udp/10.9.13.2/745 || true`, packet: "10.9.13.2.745: ", knows: "PACKET_SOCK_ERROR",
				cause: "a BPF program on the egress of zd13 (tcx) dropped the packet", fits: true,
				each: `bpftool link show\n.*(tcx_egress|type 11 prog \d)
					? bpftool net show dev zd13\nxdp: tc: `},
			{name: "tcx on ingress", rule: "tc-bpf-ingress", make: wired("zw1", "ns1 zv1", udp4("10.9.14.2", "10.9.14.1", 746)), packet: "10.9.14.1.746: ", knows: "PACKET_SOCK_ERROR",
				cause: "a BPF program on the ingress of zv1 (tcx) dropped the packet", fits: true,
				each: `bpftool link show\n.*(tcx_ingress|type 11 prog \d)
					? bpftool net show dev zv1\nxdp: tc: `},
			{name: "BPF filter on egress", rule: "tc-egress", packet: "10.9.13.2.745: ", knows: "!PACKET_SOCK_ERROR",
				cause: "a tc filter or BPF program on the egress of zd13 dropped the packet", fits: true,
				each: `looks:?\[?.* direct-action
					? net show dev zd13\n.*clsact/egress`},
			{name: "BPF filter on ingress", rule: "tc-ingress unhandled-or-tc", packet: "10.9.14.1.746: ", knows: "!PACKET_SOCK_ERROR",
				cause: "a tc filter or BPF program on the ingress of zv1 dropped the packet", fits: true,
				each: `looks:?\[?.* direct-action
					? net show dev zv1\n.*clsact/ingress`},
			{name: "cgroup's egress", rule: "cgroup-egress", from: 1, make: `bash -c 'echo $$ | nsenter --mount --target 1 tee /sys/fs/cgroup/muted/cgroup.procs > /dev/null; echo x > /dev/udp/10.0.0.1/750 || true'`, packet: "10.0.0.1.750: ",
				cause: "a BPF program of the sender's cgroup dropped the packet to 10.0.0.1",
				each:  `/sys/fs/cgroup/muted\s`},
			{name: "raw socket", rule: "raw-rcvbuf raw-full", make: `for i in $(seq 9); do printf 'abcdefghijk' | socat -u - IP4-SENDTO:10.0.0.2:202; done`, packet: "ip-proto-202", many: true, there: true,
				at: "raw_rcv_skb raw_rcv sock_queue_rcv_skb ip_local_deliver_finish ip_protocol_deliver_rcu", cause: "the receive buffer of a raw or ping socket is full", also: "the receive buffer of each raw socket for IP protocol 202 is full", fits: true,
				each: `:202 .*"socat".*,d[1-9]\d*\)`},
			{name: "tun without a reader", rule: "tun-ring", from: 1, make: `for i in $(seq 12); do echo $i > /dev/udp/10.9.12.2/751; done`, packet: "10.9.12.2.751: ", many: true, there: true,
				at: "tun_net_xmit", cause: "the program behind zt1 does not read fast enough", fits: true,
				each: `zt1: .*TX: bytes packets errors dropped carrier collsns \d+ \d+ \d+ [1-9]`},
			{name: "tun that nobody has open", rule: "tun-detached", from: 1, make: `echo x > /dev/udp/10.9.10.2/752`, packet: "10.9.10.2.752: ", knows: "DEV_READY",
				cause: "no program has zt0 open",
				each:  `zt0: .*TX: bytes packets errors dropped carrier collsns \d+ \d+ \d+ [1-9]`},
			{name: "tunnel without a route", rule: "tunnel-output", from: 1, make: `echo x > /dev/udp/10.9.11.2/753 || true`, packet: "", there: true,
				at: "ip_tunnel_xmit", cause: "the tunnel device zo0 could not send: no route to the other end",
				each: `zo0@NONE: .* remote 203\.0\.113\.5`},
			{name: "short GRE", rule: "gre-short", make: toL1(ip4("10.0.0.133", "10.0.0.2", 47, unhex("00000800"))), packet: "10.0.0.133 > ", there: true,
				at: "gre_rcv", cause: "the GRE packet from 10.0.0.133 is too short: 4 bytes behind its IP header",
				each: `zg0@`},
			{name: "GRE key", rule: "gre-input", make: toL1(ip4("10.0.0.131", "10.0.0.2", 47, unhex("2000 0800 00000007 4500001c 00000000 40110000 0a000001 0a000002 00010002 00080000"))), packet: "10.0.0.131 > ", there: true,
				at: "gre_rcv", cause: "no GRE, gretap or ERSPAN tunnel here fits the packet from 10.0.0.131",
				each: `zg0@
					type gretap\n
					type erspan\n`},
			{name: "IP in IP", rule: "tunnel-input", make: toL1(ip4("10.0.0.132", "10.0.0.2", 4, unhex("4500001c 00000000 40110000 0a000001 0a000002 00010002 00080000"))), packet: "", there: true,
				at: "tunnel4_rcv ipip_rcv", cause: "no tunnel here fits the packet from ",
				each: `zi0: \S+ remote 10\.0\.0\.9`},
			{name: "VNI", rule: "vxlan", make: toL1(ip4("10.0.0.1", "10.0.0.2", layers.IPProtocolUDP, &layers.UDP{SrcPort: 4000, DstPort: 4790}, unhex("08000000 00002b00 ffffffffffff 020000000001 0800 4500001c 00000000 40110000 0a000001 0a000002 00010002 00080000"))), packet: "", there: true,
				at: "vxlan_rcv", cause: "no VXLAN device here fits the packet's VNI or header", fits: true,
				each: `vxlan id 42 `},
			{name: "own address outside of the VRF", rule: "own-address-elsewhere", make: wired("q4", "ns1 p4", udp4("10.7.0.1", "10.0.0.2", 789)), packet: "10.0.0.2.789: ",
				at: "ip_error", cause: "the packet is for 10.0.0.2, an address of this host that is not reached from red: it belongs to another VRF, or an ip rule comes before the table local", fits: true,
				each: `l1@\S+ UP 10\.0\.0\.2/24
					l3mdev.* lookup local
					red: .* vrf table 11`},
			{name: "rule that prohibits", rule: "special-route-or-rule", make: `echo x 2> /dev/null > /dev/udp/198.51.103.9/754 || true`, packet: "198.51.103.9.754: ",
				cause: "an ip rule or a route for 198.51.103.9 says unreachable, prohibit or blackhole", also: "no route leads to 198.51.103.9, or an ip rule or a route says unreachable", fits: true, fails: "route get",
				each: `to 198\.51\.103\.0/24 prohibit
					route get 198\.51\.103\.9 .*\n.*(prohibit|denied|unreachable)
					match 198\.51\.103\.9\n\n
					? IpExtInNoRoutes`},
			{name: "neighbour's queue", rule: "neighbour-queue", from: 1, make: `for i in 1 2 3 4 5 6; do printf %01000d $i > /dev/udp/10.0.1.126/755; done`, packet: "10.0.1.126.755: ", many: true, there: true,
				at: "__neigh_event_send", cause: "more packets wait for the MAC address of the next hop on r1 than its queue holds", fits: true,
				each: `10\.0\.1\.126 
					neigh.r1.unres_qlen_bytes = 3000`},
			{name: "neighbour's device down", changes: true, rule: "neighbour-destroyed", from: 1, make: `echo x > /dev/udp/10.9.9.127/756; ip link set zv down`, packet: "10.9.9.127.756: ",
				cause: "the packet waited for the MAC address of the next hop towards 10.9.9.127, and the neighbour entry was removed", fits: true,
				each: `neigh show dev zv\n\n`},
			{name: "full backlog", changes: true, rule: "backlog", from: 1, make: `nsenter --net=/proc/1/ns/net sysctl -qw net.core.netdev_max_backlog=1; ping -qc1 -W1 -s 9000 10.0.0.1 > /dev/null || true`, packet: "10.0.0.1 > 10.0.0.2: ", many: true, there: true,
				at: "enqueue_to_backlog netif_rx_internal", cause: "more packets came than the CPU could take (net.core.netdev_max_backlog)", fits: true,
				each: `netdev_max_backlog = 1
					softnet_stat\n([0-9a-f]{8} )+`},
			{name: "written to a device that is down", changes: true, rule: "device-down", do: writtenToDownTun, packet: "10.9.31.2.760: ", knows: "DEV_READY",
				at: "tun_get_user", cause: "zt2 is not up",
				each: `zt2: .* state DOWN`},
		},
	}
)

var (
	ipsecGroup = dropGroup{
		name: "looks-ipsec",
		host: `modprobe -a esp4 ip_gre sch_netem
			keys="enc cbc(aes) 0x00112233445566778899aabbccddeeff auth hmac(sha1) 0x00112233445566778899aabbccddeeff00112233"
			for n in ns0 ns1; do ip -n $n xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 0x200 mode transport replay-window 32 $keys; done
			ip -n ns0 xfrm policy add dir out src 10.0.0.1 dst 10.0.0.2 proto udp dport 760 tmpl src 10.0.0.1 dst 10.0.0.2 proto esp spi 0x200 mode transport
			ip xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 0x201 mode transport $keys encap espinudp 4500 4500 0.0.0.0
			for n in 2 5; do ip xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 0x20$n mode transport $keys; done
			ip xfrm policy add dir in src 10.0.0.1 dst 10.0.0.2 proto 200 action block
			ip xfrm policy add dir in src 10.0.0.1 dst 10.0.0.2 proto gre action block
			ip xfrm policy add dir fwd src 10.0.0.1 dst 10.0.1.2 proto udp dport 765 action block
			ip xfrm policy add dir out src 10.0.1.1 dst 10.0.1.2 proto udp dport 761 tmpl src 10.0.1.1 dst 10.0.1.2 proto esp mode transport
			background socat -u IP4-RECV:200 OPEN:/dev/null; await 'ss -Hnwa | grep -q ":200 "'`,
		after: `for n in ns0 ns1; do ip -n $n xfrm policy flush; ip -n $n xfrm state flush; done`,
		cases: []dropCase{
			{name: "policy for forwarding", rule: "forward-refused xfrm-policy", make: `echo x > /dev/udp/10.0.1.2/765`, packet: "10.0.1.2.765: ",
				at: "ip_forward", cause: "an IPsec policy refused the packet from 10.0.0.1 to 10.0.1.2", also: "the packet to 10.0.1.2 may not be forwarded: an IPsec policy refuses it", fits: true,
				each: `dport 765 .*dir fwd action block
					? XfrmInPolBlock [1-9]
					? match 10\.0\.1\.2\n
					? IpOutDiscards`},
			{name: "replay", rule: "ipsec-replay", make: `tc qdisc add dev r0 root netem duplicate 100%; echo x > /dev/udp/10.0.0.2/760; tc qdisc del dev r0 root`, packet: "ESP(spi=0x00000200", there: true,
				at: "xfrm_input", cause: "the packet's sequence number came before or is too old for the IPsec state's window (replay)", fits: true,
				each: `spi 0x00000200.* replay [1-9]\d* failed
					XfrmInStateSeqError [1-9]`},
			{name: "encapsulation", rule: "ipsec-state-unfit", make: raw(50, `\x00\x00\x02\x01\x00\x00\x00\x01abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr`), packet: "ESP(spi=0x00000201", there: true,
				at: "xfrm_input", cause: "the IPsec state has expired, is not complete yet, or is for another direction, mode or encapsulation than the packet's", fits: true,
				each: `spi 0x00000201.* encap type espinudp
					XfrmInStateMismatch [1-9]`},
			{name: "state for another address", rule: "ipsec-state-gone", make: strings.Replace(raw(50, `\x00\x00\x02\x05\x00\x00\x00\x01abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr`), "10.0.0.2", "10.0.1.1", 1), packet: "> 10.0.1.1: ESP(spi=0x00000205", there: true,
				at: "xfrm_input", cause: "the IPsec state for SPI 0x00000205 was there {then}, and is gone or for other addresses", fits: true,
				each: `dst 10\.0\.0\.2 proto esp spi 0x00000205
					XfrmInNoStates [1-9]`},
			{name: "policy and raw socket", rule: "xfrm-policy", make: raw(200, "abcdefgh"), packet: "ip-proto-200", there: true,
				at: "raw_rcv", cause: "an IPsec policy refused the packet from 10.0.0.1 to 10.0.0.2", fits: true,
				each: `proto 200 .*action block
					XfrmInPolBlock [1-9]`},
			{name: "policy and GRE", rule: "xfrm-input xfrm-policy", make: raw(47, `\x00\x00\x08\x00abcdefghijklmnopqrstuvwxyz`), packet: "10.0.0.1 > 10.0.0.2: GREv0", there: true,
				at: "ip_protocol_deliver_rcu ip_local_deliver_finish", cause: "an IPsec policy refused the packet", fits: true,
				each: `proto gre .*action block
					XfrmInPolBlock [1-9]`},
			{name: "no state yet", rule: "ipsec-larval", from: 1, make: `echo x > /dev/udp/10.0.1.2/761 || true`, packet: "10.0.1.2.761: ",
				cause: "an IPsec policy wants what goes to 10.0.1.2 protected, and there is no state for it yet", fits: true,
				each: `dport 761 .*dir out
					xfrm state\n
					XfrmOutNoStates [1-9]`},
			{name: "state removed", changes: true, rule: "ipsec-no-state", make: `ip -n ns1 xfrm state delete src 10.0.0.1 dst 10.0.0.2 proto esp spi 0x202; ` + raw(50, `\x00\x00\x02\x02\x00\x00\x00\x01abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr`), packet: "ESP(spi=0x00000202", there: true,
				at: "xfrm_input", cause: "no IPsec state fits the packet from 10.0.0.1 to 10.0.0.2 (SPI 0x00000202)", fits: true,
				each: `^ip -s xfrm state\n
					XfrmInNoStates [1-9]`},
		},
	}

	sinceGroup = dropGroup{
		name: "looks-since", // nothing of IPsec and of netfilter is there when the stream begins, but what belongs to a socket and to IPVS
		prepare: func(t *testing.T, net *network) {
			refusedSocket(t, net, 203)
			serverlessService(t, net, "10.0.0.2:764")
		},
		host: `modprobe -a esp4 nf_tables
			background socat -u IP4-RECV:201 OPEN:/dev/null; await 'ss -Hnwa | grep -q ":201 "'`,
		after: `ip xfrm policy flush; ip xfrm state flush; nft delete table ip looks`,
		cases: []dropCase{
			{name: "no IPsec state", rule: "ipsec-no-state-at-all", make: raw(50, `\x00\x00\x02\x04\x00\x00\x00\x01abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr`), packet: "ESP(spi=0x00000204", there: true,
				at: "xfrm_input", cause: "no IPsec state fits the packet from 10.0.0.1 to 10.0.0.2 (SPI 0x00000204): this host had none {then}", fits: true,
				each: `^ip -s xfrm state\n
					XfrmInNoStates [1-9]`},
			{name: "policy of a socket", rule: "xfrm-policy-since", make: raw(203, "abcdefgh"), packet: "ip-proto-203", there: true, knows: "XFRM_POLICY",
				at: "raw_rcv", cause: "an IPsec policy made since the stream began, or one of a socket or interface, refused the packet", fits: true,
				each: `proto 203 .*socket in action block
					XfrmInPolBlock [1-9]`},
			{name: "service of IPVS without a server", rule: "nf-hook-module", make: `echo x > /dev/udp/10.0.0.2/764`, packet: "10.0.0.2.764: ",
				at: "nf_hook_slow", cause: "no rule of nftables or iptables was there {then}: a module of the kernel (IPVS, connection tracking), ", fits: true,
				each: `^nft -a list ruleset\n`},
			// The kernel tells of states and policies of IPsec that are made, and then it is not known how many there are.
			{name: "IPsec state made", changes: true, rule: "ipsec-wrong-key", make: `ip -n ns1 xfrm state add src 10.0.0.1 dst 10.0.0.2 proto esp spi 0x203 mode transport enc 'cbc(aes)' 0x00112233445566778899aabbccddeeff auth 'hmac(sha1)' 0x00112233445566778899aabbccddeeff00112233; ` +
				raw(50, `\x00\x00\x02\x03\x00\x00\x00\x01abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqr`), packet: "ESP(spi=0x00000203", there: true,
				at: "xfrm_input", cause: "the IPsec state for the packet from 10.0.0.1 to 10.0.0.2 (SPI 0x00000203) could not take it", fits: true,
				each: `spi 0x00000203
					XfrmInStateProtoError [1-9]`},
			{name: "IPsec policy made", changes: true, rule: "xfrm-policy", make: `ip -n ns1 xfrm policy add dir in src 10.0.0.1 dst 10.0.0.2 proto 201 action block; ` + raw(201, "abcdefgh"), packet: "ip-proto-201", there: true, knows: "XFRM_POLICY",
				at: "raw_rcv", cause: "an IPsec policy refused the packet from 10.0.0.1 to 10.0.0.2: the policy blocks it", fits: true,
				each: `proto 201 .*action block
					XfrmInPolBlock [1-9]`},
			{name: "firewall rule made", changes: true, rule: "nf-hook", make: `nsenter --net=/run/netns/ns1 nft 'table ip looks { chain input { type filter hook input priority 0; udp dport 763 counter drop; }; }'; echo x > /dev/udp/10.0.0.2/763`, packet: "10.0.0.2.763: ", there: true,
				at: "nf_hook_slow nft_do_chain", cause: "a firewall rule or a chain's policy at the input hook dropped the packet", fits: true,
				each: `udp dport 763 counter packets 1 `},
		},
	}

	// And of IPv4 what is told without stacks and sockets: one connection fills the table of connections, and TCP has no memory left.
	ipv6Group = dropGroup{
		name: "looks-ipv6",
		bare: true,
		prepare: func(t *testing.T, net *network) {
			withIPv6(t, net)
			blockedSource(t, net)
			repairedTCP{port: 6915, peer: 4185, window: 60000}.open(t, net)
			repairedTCP{port: 6916, peer: 4186, window: 60000, buffer: 4 << 20, held: 4 << 20}.open(t, net)
		},
		host: `modprobe -a nf_tables nft_ct nf_conntrack; nsenter --net=/run/netns/ns0 nft 'table ip looks { chain input { type filter hook input priority 0; tcp sport 6915 drop; }; }'
			nft 'table ip looksfull { chain pre { type filter hook prerouting priority raw; tcp dport 6915 notrack; }; chain out { type filter hook output priority raw; tcp sport 6915 notrack; udp dport 757 notrack; }; chain input { type filter hook input priority 0; ct state new accept; }; }'
			background socat TCP-LISTEN:6501 PIPE; await 'ss -Hlnt | grep -q :6501'; background nsenter --net=/run/netns/ns0 bash -c 'exec sleep 1000 > /dev/tcp/10.0.0.2/6501'
			await 'ss -Hnt state established | grep -q :6501'
			nsenter --net=/proc/1/ns/net sysctl -n net.netfilter.nf_conntrack_max > /tmp/conntrack-max; nsenter --net=/proc/1/ns/net sysctl -qw net.netfilter.nf_conntrack_max=1
			nsenter --net=/proc/1/ns/net sysctl -n net.ipv4.tcp_mem > /tmp/tcp-mem
			ip -6 route add unreachable fd98::/64; ip -6 route add prohibit fd97::/64; ip -6 route add blackhole fd96::/64
			modprobe ip6_gre; ip link add zg6 type ip6gre local fd00::2 remote fd00::9; ip addr show dev l1 | grep -q fd00::2
			` + addressesReady,
		after: `nsenter --net=/proc/1/ns/net sysctl -qw net.netfilter.nf_conntrack_max=$(cat /tmp/conntrack-max) net.ipv4.tcp_mem="$(cat /tmp/tcp-mem)"
			nft delete table ip looksfull; nsenter --net=/run/netns/ns0 nft delete table ip looks
			for n in 96 97 98; do ip -6 route del fd$n::/64; done; ip link del zg6; sysctl -qw net.ipv6.ip6frag_high_thresh=4194304; sysctl -qw net.ipv6.ip6frag_low_thresh=3145728
			for n in ns0 ns1; do ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1; done`,
		cases: []dropCase{
			{name: "loopback source", rule: "ip6-address", make: toL1(udp6("::1", "fd00::2", 780)), packet: "fd00::2.780: ",
				cause: "::1 cannot be the source of a packet that comes in on l1",
				each:  `Ip6InHdrErrors [1-9]`},
			{name: "multicast beyond the link that nobody joined", rule: "multicast-nobody-wide", make: wired("r0", "333300000099", udp6("fd00::1", "ff15::99", 781)), packet: "ff15::99.781: ",
				cause: "nothing on this host has joined the multicast group ff15::99 on l1", fits: true,
				each: `\n.*l1 .*inet6 ff02::1`},
			{name: "unreachable route", rule: "special-route-6", make: toL1(udp6("fd00::1", "fd98::1", 782)), packet: "fd98::1.782: ",
				cause: "the route to fd98::1 says unreachable or prohibit", fits: true,
				each: `unreachable fd98::/64`},
			{name: "prohibited route", rule: "prohibit-route-6", make: toL1(udp6("fd00::1", "fd97::1", 783)), packet: "fd97::1.783: ",
				cause: "the route to fd97::1 ", fits: true, // says prohibit, or unreachable or prohibit
				each: `prohibit fd97::/64
					? lookup main`},
			{name: "blackhole route", rule: "blackhole", make: toL1(udp6("fd00::1", "fd96::1", 784)), packet: "fd96::1.784: ",
				cause: "the route to fd96::1 or an ip rule says blackhole", fits: true,
				each: `blackhole fd96::/64
					lookup main`},
			{name: "multicast frame to forward", rule: "forward-other-frame-6", make: wired("r0", "333300000001", udp6("fd00::1", "fd00:1::2", 785)), packet: "fd00:1::2.785: ", knows: "IP_INADDRERRORS",
				cause: "the packet to fd00:1::2 was not forwarded: it came in a frame that was not for this machine alone", fits: true,
				each: `neigh show dev l1\n`},
			{name: "loopback destination", rule: "ip6-loopback", make: toL1(udp6("fd00::1", "::1", 770)), packet: "::1.770: ",
				cause: "a packet to the loopback address ::1 came in on l1",
				each:  `Ip6InHdrErrors [1-9]`},
			{name: "hop limit of neighbour discovery", rule: "nd-hop-limit", make: toL1(ip6("fd00::71", "fd00::2", layers.IPProtocolICMPv6, 64, neighbourAdvertisement("fd00::71", "fd00::2"))), packet: "fd00::71 > ",
				cause: "the neighbour discovery message from fd00::71 (type 136) was refused: its hop limit is 64, not 255", fits: true,
				each: `match fd00::71\n.*fd00::/64 dev l1
					^ip -6 neigh show\n`},
			{name: "echo request that was answered", rule: "icmp6-handled", make: `ping -qc1 -W1 -s 72 fd00::2 > /dev/null || true`, packet: "length 80", knows: "!NOT_SPECIFIED",
				cause: "the ICMPv6 message from ", fits: true,
				each: `Icmp6InErrors \d`},
			{name: "multicast that nobody joined", rule: "multicast-nobody", make: wired("r0", "3333000000fb", udp6("fd00::1", "ff02::fb", 773)), packet: "ff02::fb.773: ",
				cause: "a multicast to ff02::fb that no program here has joined", fits: true,
				each: `l1 `},
			{name: "source that is left out, on the link", rule: "multicast-not-joined-6", make: wired("r0", "333300000077", udp6("fd00::1", "ff02::77", 774)), packet: "ff02::77.774: ",
				cause: "a multicast to ff02::77 that nothing here has joined", fits: true, knows: "IP_INADDRERRORS",
				each: `ff02::77`},
			{name: "source that is left out", rule: "multicast-not-joined-6-wide", make: wired("r0", "333300000077", udp6("fd00::1", "ff15::77", 775)), packet: "ff15::77.775: ",
				cause: "a multicast to ff15::77 that nothing here has joined on l1, or takes from fd00::1", fits: true, knows: "IP_INADDRERRORS",
				each: `ff15::77
					ff15\d+77 fd00\d+1 0 1`},
			{name: "source that may not be forwarded", rule: "forward-source-6", make: toL1(udp6("fe80::76", "fd00:1::2", 776)), packet: "fd00:1::2.776: ",
				cause: "a packet from fe80::76 may not be forwarded: the address is link-local", fits: true,
				each: `^ip -6 neigh show\n
					Ip6InAddrErrors [1-9]`},
			{name: "no destination", rule: "no-destination-6", make: toL1(udp6("fd00::1", "::", 777)), packet: "::.777: ",
				cause: "the packet from fd00::1 is for ::, the address that stands for none", fits: true,
				each: `Ip6InAddrErrors [1-9]`},
			{name: "GRE", rule: "gre-input-6", make: toL1(ip6("fd00::78", "fd00::2", 47, 61, unhex("20000800 00000007 4500001c 00000000 40110000 0a000001 0a000002 00010002 00080000"))), packet: "fd00::78 > ", there: true,
				at: "gre_rcv", cause: "no ip6gre, ip6gretap or ip6erspan tunnel here fits the packet from fd00::78",
				each: `zg6@
					type ip6gretap\n
					type ip6erspan\n`},
			{name: "no memory for fragments", rule: "fragment-memory-6", make: `nsenter --net=/run/netns/ns1 sysctl -qw net.ipv6.ip6frag_low_thresh=0
				nsenter --net=/run/netns/ns1 sysctl -qw net.ipv6.ip6frag_high_thresh=0; ` + toL1(ip6("fd00::79", "fd00::2", 44, 61, unhex("11 00 0001 00004711 0fa0030b 00100000 0000000000000000"))), packet: "fd00::79", there: true,
				at: "ipv6_frag_rcv", cause: "no memory is left for fragments that wait for the rest of their packet (net.ipv6.ip6frag_high_thresh)", fits: true,
				each: `FRAG6: inuse
					ip6frag_high_thresh = 0
					Ip6ReasmFails [1-9]`},
			{name: "full table of connections, and no stack", rule: "conntrack-full-somewhere", make: `echo x > /dev/udp/10.0.0.2/794`, packet: "10.0.0.2.794: ",
				at: "nf_hook_slow", cause: "connection tracking refused the packet, if it was at the first hook: its table was full {then} (", fits: true,
				each: `nf_conntrack_count = [1-9]\d* net.netfilter.nf_conntrack_max = 1
					entries .* drop early_drop `},
			{name: "memory of TCP, and no socket", rule: "tcp-memory-unseen", make: toL1(segment(4185, 6915, 1000, 1400)) + `
				nsenter --net=/proc/1/ns/net sysctl -qw net.ipv4.tcp_mem='100 100 100'` + toL1(segment(4185, 6915, 2400, 1400)), packet: "10.0.0.1.4185 > 10.0.0.2.6915: ", silent: true, // 5.10: tcp_drop
				cause: "the memory of all TCP sockets together is used up (net.ipv4.tcp_mem)", fits: true,
				each: `TCP: inuse .* mem \d{3}
					tcp_mem = 100 100 100`},
			// Each makes room for one by taking away one that nobody uses, as long as there is one.
			{name: "full neighbour table", rule: "neighbour-create", from: 1, make: `limit=net.ipv4.neigh.default.gc_thresh3; nsenter --net=/proc/1/ns/net sysctl -qw $limit=0
				for i in $(seq 120 250); do echo x > /dev/udp/10.0.1.$i/757 || true; done; nsenter --net=/proc/1/ns/net sysctl -qw $limit=1024`, packet: ".757: ", many: true, there: true, // others fail later for lack of an answer
				at: "ip_finish_output2 __ip_finish_output ip6_finish_output2 __ip6_finish_output", cause: "no neighbour entry could be made for the next hop: the table is full, or memory is short", fits: true,
				each: `neigh show\n.*PERMANENT
					arp_cache .*thresh3 1024 .*entries [1-9]`},
			{name: "full IPv6 neighbour table", rule: "neighbour-create-6", from: 1, make: `limit=net.ipv6.neigh.default.gc_thresh3; nsenter --net=/proc/1/ns/net sysctl -qw $limit=0
				for i in $(seq 120 250); do echo x > /dev/udp/fd00:1::$i/787 || true; done; nsenter --net=/proc/1/ns/net sysctl -qw $limit=1024`, packet: ".787: ", many: true, there: true, // others fail later for lack of an answer
				at: "ip_finish_output2 __ip_finish_output ip6_finish_output2 __ip6_finish_output", cause: "no neighbour entry could be made for the next hop: the table is full, or memory is short", fits: true,
				each: `^ip -6 -s neigh show\n
					ndisc_cache .*thresh3 1024 .*entries [1-9]`},
		},
	}

	// What has IPv6, a bond, a bridge and policies, and the stream does not know.
	farMoreGroup = dropGroup{
		name:    "looks-far-more",
		far:     true,
		prepare: withIPv6,
		host: `modprobe -a bonding xfrm_user; ip -6 route add prohibit fd95::/64; sysctl -qw net.ipv6.conf.all.forwarding=0
			ip link add zb0 type bond mode active-backup; ip link set zb0 up
			for n in 6 7; do ip link add p$n type veth peer name q$n netns ns0; ip link set p$n master zb0; ip link set p$n up; ip -n ns0 link set q$n up; done
			await 'ip -d link show dev p6 | grep -q ACTIVE && ip -d link show dev p7 | grep -q BACKUP && grep -q up /sys/class/net/p7/operstate'
			ip link add zb3 type bridge; ip link set zb3 up; ip link add pb5 type veth peer name qb5 netns ns0; ip link set pb5 master zb3; ip link set pb5 up; ip -n ns0 link set qb5 up
			await 'grep -q up /sys/class/net/pb5/operstate'; bridge link set dev pb5 locked on || [ "$(uname -r | cut -d. -f1)" = 5 ]
			ip xfrm policy add dir out src 10.0.1.1 dst 10.0.1.2 proto udp dport 822 tmpl src 10.0.1.1 dst 10.0.1.2 proto esp mode transport`,
		after: `ip xfrm policy flush; ip xfrm state flush; for d in zb0 p6 p7 pb5 zb3; do ip link del $d; done; ip -6 route del fd95::/64
			for n in ns0 ns1; do ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1; done`,
		cases: []dropCase{
			{name: "prohibited route", rule: "prohibit-route-or-rule-6", make: toL1(udp6("fd00::1", "fd95::1", 820)), packet: "fd95::1.820: ",
				cause: "the route to fd95::1 or an ip rule says prohibit", also: "the route to fd95::1 says unreachable or prohibit", fits: true,
				each: `? rule show\n.*lookup main
					prohibit fd95::/64`},
			{name: "not forwarding", rule: "forwarding-unknown-6", make: toL1(udp6("fd00::1", "fd00:1::2", 821)), packet: "fd00:1::2.821: ",
				cause: "the packet is for fd00:1::2, which is no address of this host, and this host does not forward", fits: true,
				each: `all.forwarding = 0
					show to fd00:1::2\n\n`},
			{name: "inactive bond port", rule: "inactive-port-unseen", make: wired("q7", "ns1 zb0", udp4("10.0.0.1", "10.0.0.2", 823)), packet: "10.0.0.2.823: ",
				cause: "p7 is an inactive port of a bond or team, which takes no frames from it", fits: true,
				each: `\n.*p7@.* bond_slave state BACKUP`},
			{name: "locked port", rule: "bridge-locked", make: wired("qb5", allHosts, udp4("10.0.0.1", "10.0.0.255", 824)), packet: "10.0.0.255.824: ", knows: "NOT_SPECIFIED", there: true, // since 5.18
				at: "br_handle_frame_finish", cause: "the bridge port pb5 takes no frames: it is locked (802.1X), or the spanning tree has it learn only", fits: true,
				each: `\n.*pb5@.* locked on`},
			{name: "no IPsec state yet", rule: "ipsec-larval-unseen", from: 1, make: `echo x > /dev/udp/10.0.1.2/822 || true`, packet: "10.0.1.2.822: ",
				cause: "an IPsec policy wants the packet protected, and there is no state for it yet", fits: true,
				each: `dport 822 .*dir out
					XfrmOutNoStates [1-9]`},
		},
	}

	vrfGroup = dropGroup{
		name:    "looks-vrf",
		prepare: withIPv6,
		// The address fd00::66 is being looked for, some minutes long.
		host: `ip xfrm policy add dir out src 203.0.113.1 dst 203.0.113.2 action block
			sysctl -qw net.ipv6.conf.all.forwarding=0; modprobe vrf; ip link add blue type vrf table 10; ip link set blue up; ip link add p3 type veth peer name q3 netns ns0; ip link set p3 master blue
			ip addr add 10.6.0.2/24 dev p3; ip link set p3 up; ip -n ns0 addr add 10.6.0.1/24 dev q3; ip -n ns0 link set q3 up
			await 'grep -q up /sys/class/net/p3/operstate'; ip -n ns0 route add 203.0.113.0/24 via 10.6.0.2
			` + addressesReady + `
			sysctl -qw net.ipv6.conf.all.accept_dad=1 net.ipv6.conf.l1.dad_transmits=600; ip addr add fd00::66/64 dev l1; ip -6 address show dev l1 tentative | grep -q fd00::66`,
		after: `ip xfrm policy flush
			ip addr del fd00::66/64 dev l1; sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.l1.dad_transmits=1
			for n in ns0 ns1; do ip netns exec $n sysctl -qw net.ipv6.conf.all.disable_ipv6=1; done; ip link del p3; ip link del blue`,
		cases: []dropCase{
			{name: "IPv6, not forwarding", rule: "forwarding-off-6", make: toL1(udp6("fd00::1", "fd00:1::2", 786)), packet: "fd00:1::2.786: ",
				cause: "the packet is for fd00:1::2, which is no address of this host, and this host does not forward", fits: true,
				each: `forwarding = 0
					show to fd00:1::2\n\n`},
			{name: "own address that is not used yet", rule: "own-address-unused-6", make: toL1(udp6("fd00::1", "fd00::66", 788)), packet: "fd00::66.788: ",
				cause: "the packet is for fd00::66, an address of this host that it does not take on l1: the address is tentative", fits: true,
				each: `fd00::66/64 .* tentative
					\n.*l1@`},
			{name: "echo request where policies are", rule: "icmp6-handled-policies", make: `ping -qc1 -W1 -s 73 fd00::2 > /dev/null || true`, packet: "length 81", knows: "!NOT_SPECIFIED",
				cause: "the ICMPv6 message from ", fits: true,
				each: `Icmp6InErrors \d`},
			{name: "no route in the VRF", rule: "no-route-vrf", make: `echo x 2> /dev/null > /dev/udp/203.0.113.80/780 || true`, packet: "203.0.113.80.780: ",
				cause: "no route in the VRF blue leads to 203.0.113.80", fits: true,
				each: `route show vrf blue\n.*10\.6\.0\.0/24
					match 203\.0\.113\.80\n\n`},
			{name: "reset in the VRF", rule: "tcp-late-reset-vrf", make: wired("q3", "ns1 p3", tcp4("10.6.0.2", 4000, 781, layers.TCP{RST: true}, "")), packet: "10.6.0.2.781: ",
				cause: "a TCP reset came for a connection that does not exist in the VRF blue", fits: true,
				each: `ss -Hantp 'sport = 781'\n\n
					vrf table 10`},
		},
	}

	// The connection of port 6900 is closed by ns1, so that its TIME_WAIT is there.
	// Its peer knows nothing of it and resets it, which rfc1337 ignores. SYN-ACKs are lost where they come.
	tcpHost = `nsenter --net=/run/netns/ns0 nft 'table ip looks { chain input { type filter hook input priority 0; tcp sport { 6901, 6910-6914 } drop; }; }'
			sysctl -qw net.ipv4.tcp_rfc1337=1 net.ipv4.tcp_synack_retries=10
			background socat -u OPEN:/dev/null TCP-LISTEN:6900,reuseaddr; background socat -u TCP-LISTEN:6901,reuseaddr OPEN:/dev/null; background socat -u TCP-LISTEN:6902,reuseaddr OPEN:/dev/null
			await '[ $(ss -Hlnt | grep -c ":690[012] ") = 3 ]'
			nsenter --net=/run/netns/ns0 socat -u TCP:10.0.0.2:6900,sourceport=4173 OPEN:/dev/null; await 'ss -Hnt state time-wait | grep -q 6900'
			background nsenter --net=/run/netns/ns0 bash -c 'exec socat -u TCP:10.0.0.2:6902,sourceport=4178 OPEN:/dev/null'; await 'ss -Hnt state established | grep -q 6902'
			background socat -u TCP-LISTEN:6906,reuseaddr OPEN:/dev/null; await 'ss -Hlnt | grep -q ":6906 "'; tail -n 1 ` + programs + ` > /tmp/looks-reader; kill -STOP $(cat /tmp/looks-reader)`

	tcpGroup = dropGroup{
		name: "looks-tcp",
		prepare: func(t *testing.T, net *network) {
			repairedTCP{port: 6910, peer: 4180, window: 60000}.open(t, net)
			repairedTCP{port: 6911, peer: 4181, window: 60000, buffer: 1}.open(t, net)
			repairedTCP{port: 6912, peer: 4182, window: 1000, buffer: 1}.open(t, net)
			repairedTCP{port: 6913, peer: 4183, window: 60000}.open(t, net)
			// Each cpu may hold 1 MiB that the kernel does not count yet (SK_MEMORY_PCPU_RESERVE, include/net/sock.h).
			repairedTCP{port: 6914, peer: 4184, window: 60000, buffer: 4 << 20, held: 4 << 20}.open(t, net)
		},
		host: tcpHost + `
			nsenter --net=/proc/1/ns/net sysctl -n net.ipv4.tcp_mem > /tmp/tcp-mem`,
		after: `nsenter --net=/proc/1/ns/net sysctl -qw net.ipv4.tcp_mem="$(cat /tmp/tcp-mem)"
			nsenter --net=/run/netns/ns0 nft delete table ip looks; sysctl -qw net.ipv4.tcp_rfc1337=0 net.ipv4.tcp_synack_retries=5`,
		cases: []dropCase{
			{name: "reset in the handshake", rule: "tcp-reset-handshake", make: toL1(tcp4("10.0.0.2", 4177, 6901, layers.TCP{SYN: true}, "")) + toL1(tcp4("10.0.0.2", 4177, 6901, layers.TCP{RST: true, Seq: 1001}, "")), packet: "10.0.0.1.4177 > 10.0.0.2.6901: Flags [R]",
				at: "tcp_v4_rcv", cause: "10.0.0.1:4177 reset its connection to port 6901 while it was being opened", fits: true, knows: "PACKET_SOCK_ERROR", // the others don't tell the socket
				each: `^ss -Hant state syn-recv 'sport = 6901'\n
					TcpExtEmbryonicRsts [1-9]`},
			{name: "data that nobody reads", rule: "socket-closed-tcp", make: `echo x | socat -u - TCP:10.0.0.2:6906; kill -KILL $(cat /tmp/looks-reader); await '[ -z "$(nsenter --net=/run/netns/ns1 ss -Hlnt "sport = 6906")" ]'`, packet: "> 10.0.0.2.6906: Flags [P.]",
				cause: "a program closed its socket while this data was still waiting in it: TCP had acknowledged the data to 10.0.0.1:", fits: true,
				each: `^ss -Hantp 'sport = 6906'\n
					TcpOutRsts \d`},
			{name: "out of order, and again in order", rule: "tcp-ofo", make: toL1(segment(4180, 6910, 1100, 100)) + toL1(segment(4180, 6910, 1000, 300)), packet: "10.0.0.1.4180 > 10.0.0.2.6910: ", silent: true, // 5.10: tcp_drop
				cause: "the segment from 10.0.0.1:4180 had come out of order, and its data was received meanwhile", fits: true,
				each: `TcpExtTCPOFOQueue [1-9]`},
			{name: "full receive buffer", rule: "tcp-rcvbuf", make: toL1(segment(4181, 6911, 1000, 1400)) + toL1(segment(4181, 6911, 2400, 1400)) + toL1(segment(4181, 6911, 3800, 1400)), packet: "10.0.0.1.4181 > 10.0.0.2.6911: ", silent: true,
				cause: "the receive buffer of the TCP connection from 10.0.0.1:4181 to port 6911 is full", fits: true,
				each: `10\.0\.0\.2:6911 .*skmem:\(r[1-9]\d*,rb
					TcpExtTCPRcvQDrop [1-9]`},
			{name: "closed window", rule: "tcp-zero-window", make: toL1(segment(4182, 6912, 1000, 1000)) + toL1(segment(4182, 6912, 2000, 100)), packet: "10.0.0.1.4182 > 10.0.0.2.6912: ", silent: true, knows: "!TCP_INVALID_END_SEQUENCE",
				cause: "10.0.0.1:4182 sent data to port 6912 although this host had announced that it has no room", fits: true,
				each: `10\.0\.0\.2:6912 .*skmem:\(r[1-9]\d*,rb
					TcpExtTCPZeroWindowDrop [1-9]`},
			{name: "FIN in TIME_WAIT", rule: "tcp-time-wait", make: toL1(tcp4("10.0.0.2", 4173, 6900, layers.TCP{FIN: true, ACK: true}, "")), packet: "10.0.0.1.4173 > 10.0.0.2.6900: Flags [F.]",
				at: "tcp_v4_rcv", cause: "the end of a TCP connection that is closed already (TIME_WAIT); the segment was answered", fits: true,
				each: `10\.0\.0\.2:6900 10\.0\.0\.1:4173`},
			{name: "FIN with data in TIME_WAIT", rule: "tcp-time-wait-data", make: toL1(tcp4("10.0.0.2", 4173, 6900, layers.TCP{FIN: true, PSH: true, ACK: true}, "data")), packet: "10.0.0.1.4173 > 10.0.0.2.6900: Flags [FP.]",
				at: "tcp_v4_rcv", cause: "the last data of 10.0.0.1:4173 came for a TCP connection on port 6900", fits: true,
				each: `10\.0\.0\.2:6900 10\.0\.0\.1:4173
					TcpOutRsts \d`},
			{name: "data in TIME_WAIT", rule: "tcp-late", make: toL1(tcp4("10.0.0.2", 4173, 6900, layers.TCP{PSH: true, ACK: true}, "data")), packet: "10.0.0.1.4173 > 10.0.0.2.6900: Flags [P.]",
				at: "tcp_v4_rcv", cause: "a segment from 10.0.0.1:4173 came for a TCP connection on port 6900", fits: true,
				each: `10\.0\.0\.2:6900 10\.0\.0\.1:4173`},
			{name: "SYN again", rule: "tcp-again", make: strings.Repeat(toL1(tcp4("10.0.0.2", 4176, 6901, layers.TCP{SYN: true}, "")), 2), packet: "10.0.0.1.4176 > 10.0.0.2.6901: Flags [S]",
				at: "tcp_v4_rcv", cause: "a SYN from 10.0.0.1:4176 came again while its connection to port 6901 is being opened", fits: true,
				each: `10\.0\.0\.2:6901 10\.0\.0\.1:4176
					? TcpExtTCPACKSkippedSynRecv`},
			{name: "SYN for an open connection", rule: "tcp-invalid-syn", make: toL1(tcp4("10.0.0.2", 4178, 6902, layers.TCP{SYN: true}, "")), packet: "10.0.0.1.4178 > 10.0.0.2.6902: Flags [S]", silent: true, // 5.10: tcp_drop
				cause: "a SYN from 10.0.0.1:4178 came for a connection that is open already", fits: true,
				each: `10\.0\.0\.2:6902 10\.0\.0\.1:4178
					TcpExtTCPSYNChallenge [1-9]`},
			{name: "memory of TCP", changes: true, rule: "tcp-memory", make: toL1(segment(4183, 6913, 1000, 1400)) + `
				nsenter --net=/proc/1/ns/net sysctl -qw net.ipv4.tcp_mem='100 100 100'` + toL1(segment(4183, 6913, 2400, 1400)), packet: "10.0.0.1.4183 > 10.0.0.2.6913: ", knows: "PACKET_SOCK_ERROR", // the others don't tell the socket
				cause: "the memory of all TCP sockets together is used up (net.ipv4.tcp_mem): the socket on port 6913 has room", fits: true,
				each: `TCP: inuse .* mem \d{3}
					tcp_mem = 100 100 100
					TcpExtTCPRcvQDrop [1-9]`},
		},
	}

	// What tcp_check_req and netem_enqueue returned and that a reset was sent is in the stream.
	tcpCheckedGroup = dropGroup{
		name:    "looks-tcp-checked",
		flags:   "-p ret:tcp_check_req -p tcp_v4_send_reset",
		typed:   "-p ret:netem_enqueue",
		prepare: func(t *testing.T, _ *network) { run(t, "modprobe", "sch_netem") },
		host: `modprobe sch_netem; ip link add zd23 type dummy; ip addr add 10.9.23.1/24 dev zd23; ip link set zd23 up; ip neigh add 10.9.23.2 lladdr 02:00:00:00:00:02 dev zd23; tc qdisc add dev zd23 root netem loss 100%
			nsenter --net=/run/netns/ns0 nft 'table ip looks { chain input { type filter hook input priority 0; tcp sport 6904 drop; }; }'; sysctl -qw net.ipv4.tcp_synack_retries=10
			background socat -u TCP-LISTEN:6904,reuseaddr OPEN:/dev/null; await 'ss -Hlnt | grep -q ":6904 "'`,
		after: `ip link del zd23; nsenter --net=/run/netns/ns0 nft delete table ip looks; sysctl -qw net.ipv4.tcp_synack_retries=5`,
		cases: []dropCase{
			{name: "netem loss", rule: "netem", from: 1, make: `echo x > /dev/udp/10.9.23.2/810`, packet: "10.9.23.2.810: ",
				cause: "the netem queueing discipline on zd23 dropped the packet: it is told to lose packets",
				each:  `qdisc netem .*dropped [1-9]`},
			{name: "closed port and a reset", rule: "tcp-no-listener-reset", make: `echo x 2> /dev/null > /dev/tcp/10.0.0.2/811 || true`, packet: "10.0.0.2.811: ",
				cause: "nothing listens on TCP port 811 of 10.0.0.2 for packets that come in on l1; the sender was told by a reset", fits: true,
				each: `ss -Hlntp 'sport = 811'\n\n
					TcpOutRsts [1-9]`},
			{name: "SYN again", rule: "tcp-again-checked", make: strings.Repeat(toL1(tcp4("10.0.0.2", 4179, 6904, layers.TCP{SYN: true}, "")), 2), packet: "10.0.0.1.4179 > 10.0.0.2.6904: Flags [S]",
				at: "tcp_v4_rcv", cause: "a SYN from 10.0.0.1:4179 came again while its connection to port 6904 is being opened",
				each: `10\.0\.0\.2:6904 10\.0\.0\.1:4179
					TcpExtTCPACKSkippedSynRecv \d`},
		},
	}

	firewallGroup = dropGroup{
		name:  "looks-firewall",
		flags: "--nft-trace",
		host: `modprobe -a nf_tables nft_queue nfnetlink_queue
			nft 'table inet looks { chain forward { type filter hook forward priority 0; policy drop; udp dport 999 accept; }; chain input { type filter hook input priority 0; udp dport 791 counter queue num 5; }; }'`,
		after: `nft delete table inet looks`,
		cases: []dropCase{
			{name: "policy of a chain", rule: "nft-policy", make: `echo x > /dev/udp/10.0.1.2/790`, packet: "10.0.1.2.790: ",
				cause: "the policy of the nftables chain forward (table inet looks) dropped the packet: no rule accepted it",
				each:  `hook forward priority filter; policy drop;`},
			{name: "queue without a program", rule: "nf-queue", make: `echo x > /dev/udp/10.0.0.2/791`, packet: "10.0.0.2.791: ",
				at: "nf_queue nf_hook_slow nf_reinject", cause: "a program that gets packets from the firewall (NFQUEUE) dropped the packet, or none was there to take it", fits: true,
				each: `nfnetlink_queue\n\n`},
		},
	}

	natGroup = dropGroup{
		name: "looks-conntrack",
		host: `modprobe -a nf_tables nf_nat nft_chain_nat nft_ct nf_conntrack
			nft 'table ip looksnat { chain pre { type filter hook prerouting priority 0; udp dport 999 accept; }; chain input { type filter hook input priority 0; ct state new accept; }; chain post { type nat hook postrouting priority 100; udp dport 792 snat to 10.0.1.1:5000; }; }'
			background socat TCP-LISTEN:6500,fork PIPE; await 'ss -Hlnt | grep -q :6500'
			for i in 1 2; do background nsenter --net=/run/netns/ns0 bash -c 'exec sleep 1000 > /dev/tcp/10.0.0.2/6500'; done
			await '[ $(ss -Hnt state established "sport = 6500" | wc -l) = 2 ]'
			sysctl -n net.netfilter.nf_conntrack_max > /tmp/conntrack-max`,
		after: `nsenter --net=/proc/1/ns/net sysctl -qw net.netfilter.nf_conntrack_max=$(cat /tmp/conntrack-max); nft delete table ip looksnat`,
		cases: []dropCase{
			{name: "clash", rule: "conntrack-clash conntrack-clash-first", make: `for i in 1 2; do echo x > /dev/udp/10.0.1.2/792; done`, packet: "10.0.1.2.792: ",
				at: "nf_hook_slow", cause: "connection tracking could not note the new connection: another one has the same addresses and ports", fits: true,
				each: `insert_failed
					snat to 10\.0\.1\.1:5000`},
			{name: "table full since", changes: true, rule: "conntrack-refused conntrack-refused-first conntrack-full", make: `nsenter --net=/proc/1/ns/net sysctl -qw net.netfilter.nf_conntrack_max=1; echo x > /dev/udp/10.0.0.2/793`, packet: "10.0.0.2.793: ",
				at: "nf_hook_slow", cause: "connection tracking refused the packet: its table is full (it held ", also: "connection tracking refused the packet: its table was full {then} (", fits: true,
				each: `nf_conntrack_count = ([2-9]|[1-9][0-9]+) .*nf_conntrack_max = 1
					entries .* drop early_drop `},
			{name: "table full since, not nftables", changes: true, rule: "nf-hook-not-nft", packet: "10.0.0.2.793: ", knows: "PACKET_SOCK_ERROR",
				at: "nf_hook_slow", cause: "connection tracking, NAT, IPVS or a BPF program at ", fits: true,
				each: `entries .* drop early_drop 
					^bpftool net\nxdp:`},
		},
	}

	bridgeGroup = dropGroup{
		name: "looks-bridge",
		// A bridge whose spanning tree is on has its port go through states that the kernel tells of for half a minute, unless the
		// port forwards before.
		host: `ip link add zbr type bridge forward_delay 0; ip link add zb2 type bridge forward_delay 100000
			for n in 0 1 2 3 4; do ip link add pb$n type veth peer name qb$n netns ns0; ip -n ns0 link set qb$n up; ip link set pb$n master $([ $n = 0 ] && echo zbr || echo zb2); done
			for d in zbr zb2 pb0 pb1 pb2 pb3 pb4; do ip link set $d up; done
			await '[ $(grep -l up /sys/class/net/{pb[0-4],zbr,zb2}/operstate | wc -l) = 7 ]'; ip link set zbr type bridge stp_state 1; bridge -d link show dev pb0 | grep -q "state forwarding"
			bridge link set dev pb1 state 2; bridge link set dev pb2 state 0
			bridge link set dev pb4 locked on || [ "$(uname -r | cut -d. -f1)" = 5 ]`,
		after: `for d in pb0 pb1 pb2 pb3 pb4 zbr zb2; do ip link del $d; done`,
		cases: []dropCase{
			{name: "blocked port", rule: "bridge-stp-known", make: wired("qb2", allHosts, udp4("10.0.0.1", "10.0.0.255", 812)), packet: "10.0.0.255.812: ",
				at: "br_handle_frame", cause: "the bridge port pb2 lets no frames pass: its state was disabled {then}", fits: true,
				each: `\n.*pb2@.* state disabled
					\n.*zb2: .* bridge `},
			{name: "port blocked since", changes: true, rule: "bridge-stp", make: `ip netns exec ns1 bridge link set dev pb3 state 0; ` + wired("qb3", allHosts, udp4("10.0.0.1", "10.0.0.255", 813)), packet: "10.0.0.255.813: ",
				at: "br_handle_frame", cause: "the bridge port pb3 lets no frames pass: it is disabled, or the spanning tree has blocked it", also: "the bridge port pb3 lets no frames pass: its state was disabled {then}", fits: true,
				each: `\n.*pb3@.* state disabled
					? \n.*zb2: .* bridge `},
			{name: "locked port", rule: "bridge-locked-known", make: wired("qb4", allHosts, udp4("10.0.0.1", "10.0.0.255", 814)), packet: "10.0.0.255.814: ", knows: "NOT_SPECIFIED", there: true, // since 5.18
				at: "br_handle_frame_finish", cause: "the bridge port pb4 is locked (802.1X)", fits: true,
				each: `\n.*pb4@.* locked on
					fdb show dev pb4\n`},
			{name: "pause frame", rule: "bridge-pause", make: wired("qb1", "0180c2000001", ethertype(0x8808, unhex("0001 00ff"+strings.Repeat("00", 42)))), packet: "ethertype flow control", there: true,
				at: "br_handle_frame", cause: "an Ethernet pause frame came in on the bridge port pb1",
				each: `pb1@`},
			{name: "port that learns", rule: "bridge-learning", make: wired("qb1", allHosts, udp4("10.0.0.1", "10.0.0.255", 795)), packet: "10.0.0.255.795: ",
				at: "br_handle_frame_finish", cause: "the spanning tree had the bridge port pb1 learn addresses only {then}", fits: true,
				each: `pb1@.* state learning`},
			{name: "BPDU on a port", rule: "stp", make: wired("qb0", bpdus, bpdu("f000")), packet: "root f000.02:00:00:00:00:01", there: true,
				at: "br_stp_rcv stp_pdu_rcv", cause: "a frame of the spanning tree protocol (BPDU) came in on pb0", fits: true,
				each: `pb0@`},
			{name: "GARP that nobody takes", rule: "stp-unwanted", make: wired("r0", "0180c2000021", bpdu("9000")), packet: "root 9000.02:00:00:00:00:01", there: true,
				at: "stp_pdu_rcv", cause: "a frame of the spanning tree protocol (BPDU) or of GARP came in on l1, and nothing on this host takes those", fits: true,
				each: `^bridge -d link show\n.*pb0@`},
		},
	}

	programsGroup = dropGroup{
		name: "looks-programs",
		prepare: func(t *testing.T, net *network) {
			refusingCgroup(t, net)
			filteredSocket(t, net, 6801)
			deafSocket(t, net, 5001)
			deafMonitor(t, net)
			net.in(1, "ip link add zd9 type dummy; ip addr add 10.9.15.1/24 dev zd9; ip link set zd9 up; ip neigh add 10.9.15.2 lladdr 02:00:00:00:00:02 dev zd9")
			net.observe(1, "zd9", 2304)
		},
		host:  `nsenter --net=/proc/1/ns/net sysctl -n net.ipv4.udp_mem > /tmp/udp-mem`,
		after: `nsenter --net=/proc/1/ns/net sysctl -qw net.ipv4.udp_mem="$(cat /tmp/udp-mem)"; ip link del zd9`,
		cases: []dropCase{
			{name: "socket's filter or cgroup's program", rule: "socket-filter-too", make: `echo x > /dev/udp/10.0.0.2/6801`, packet: "10.0.0.2.6801: ",
				cause: "the filter on the socket of port 6801 (SO_ATTACH_FILTER or SO_ATTACH_BPF) or a BPF program of its cgroup refused the packet", also: "a filter on the socket of port 6801 ", fits: true,
				each: `:6801 .*,d[1-9]\d*\)
					? /sys/fs/cgroup/refusing\s`},
			{name: "packet socket", rule: "packet-socket", from: 1, make: `for i in $(seq 12); do printf %0500d $i > /dev/udp/10.9.15.2/797; done`, packet: "10.9.15.2.797: ", many: true, there: true,
				at: "packet_rcv tpacket_rcv", cause: "the buffer of a packet socket, as a capture program has, is full or too small", fits: true,
				each: `\n.*zd9
					Rmem`},
			{name: "netlink", changes: true, rule: "netlink", from: 1, make: `for i in $(seq 6); do ip link set zd9 alias x$i; done`, packet: "", many: true, there: true,
				at: "netlink_broadcast_filtered netlink_broadcast do_one_broadcast", cause: "a netlink message between the kernel and programs that nobody took", fits: true,
				each: ` [0-9a-f]{8} \d+ \d+ \d+ \d+ [1-9]\d* \d+`},
			{name: "Unix socket without a listener", rule: "unix-connect", from: 1, make: `socat UNIX-LISTEN:/tmp/looks-stream,unlink-close=0 PIPE > /dev/null 2>&1 & p=$!; await '[ -S /tmp/looks-stream ]'; kill -KILL $p; wait $p || true
				! socat -u OPEN:/dev/null UNIX-CONNECT:/tmp/looks-stream 2> /dev/null; rm /tmp/looks-stream`, packet: "", there: true, many: true, knows: "!UNIX_DISCONNECT",
				at: "unix_stream_connect", cause: "a program's connect() to a Unix socket failed", fits: true,
				each: `ss -Hxlp\n`},
			{name: "Unix datagram to nobody", rule: "unix", from: 1, make: `socat -u UNIX-RECV:/tmp/looks-dgram,unlink-close=0 OPEN:/dev/null > /dev/null 2>&1 & p=$!; await '[ -S /tmp/looks-dgram ]'; kill -KILL $p; wait $p || true
				echo x | socat -u - UNIX-SENDTO:/tmp/looks-dgram 2> /dev/null || true; rm /tmp/looks-dgram`, packet: "", there: true, many: true, knows: "!UNIX_DISCONNECT",
				at: "unix_dgram_sendmsg", cause: "data of a Unix socket whose other end is gone or did not take it", fits: true,
				each: `ss -Hxap\n`},
			{name: "memory of UDP", rule: "udp-memory", from: 1, make: `nsenter --net=/proc/1/ns/net sysctl -qw net.ipv4.udp_mem='8 8 8'; echo x > /dev/udp/10.0.0.2/5001; dd if=/dev/zero bs=60000 count=60 status=none > /dev/udp/10.0.0.2/5001`, packet: "10.0.0.2.5001: ", many: true,
				cause: "the memory of all UDP sockets together is used up (net.ipv4.udp_mem)", fits: true,
				each: `UDP: inuse \d+ mem [1-9]
					udp_mem = 8 8 8
					? UdpMemErrors`},
		},
	}
)

// bpdu is the configuration message of a bridge with a priority, behind the MAC addresses.
func bpdu(priority string) []byte {
	id := priority + "020000000001"
	return ethertype(38, unhex("424203 0000 00 00 00 "+id+" 00000000 "+id+" 8001 0000 1400 0200 0f00"))
}

// neighbourAdvertisement is an ICMPv6 message with its checksum.
func neighbourAdvertisement(src, dst string) gopacket.SerializableLayer {
	icmp := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(136, 0)}
	if err := icmp.SetNetworkLayerForChecksum(&layers.IPv6{Version: 6, NextHeader: layers.IPProtocolICMPv6, SrcIP: stdnet.ParseIP(src), DstIP: stdnet.ParseIP(dst)}); err != nil {
		panic(err)
	}
	return gopacket.Payload(serialize(icmp, append(unhex("60000000"), stdnet.ParseIP(src)...)))
}

// What spoils more than its own case comes last.
var dropLooks = []dropGroup{
	together(headersGroup, sinceGroup),
	together(farGroup, farMoreGroup),
	together(bridgeGroup, programsGroup, ipsecGroup, senderGroup),
	ipv6Group,
	together(vrfGroup, tcpGroup, natGroup),
	together(tcpCheckedGroup, firewallGroup),
}

// together makes one group of several, for one recording.
func together(groups ...dropGroup) dropGroup {
	all := groups[0]
	all.prepare = func(t *testing.T, net *network) {
		for _, g := range groups {
			if g.prepare != nil {
				g.prepare(t, net)
			}
		}
	}
	for _, g := range groups[1:] {
		all.host, all.after = all.host+"\n"+g.host, all.after+"\n"+g.after
		all.flags, all.typed = all.flags+" "+g.flags, all.typed+" "+g.typed
		all.cases = append(all.cases[:len(all.cases):len(all.cases)], g.cases...)
	}
	// What each group changes comes behind what none does.
	all.cases = slices.Clone(all.cases)
	slices.SortStableFunc(all.cases, func(a, b dropCase) int {
		switch {
		case a.changes == b.changes:
			return 0
		case a.changes:
			return 1
		}
		return -1
	})
	return all
}

var _ = sameOnAllKernels("TestDropLooks", "how drops are made and what commands show of them; what only some kernels have is met when they come round")

// TestDropLooks makes what no other test of drops makes, for the sake of the commands to look at: each of them is run
// where the packet was dropped, and shows what the cause says.
func TestDropLooks(t *testing.T) {
	// Before 5.11 a process may have 64 KiB of BPF in memory, unless it is told otherwise; other tests depend on that.
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &before); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_MEMLOCK, &before) })
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}); err != nil {
		t.Fatal(err)
	}
	makeDrops(t, dropLooks)
}

// filteredSocket has a UDP socket in ns1 whose filter takes nothing.
func filteredSocket(t *testing.T, net *network, port int) {
	t.Helper()
	net.open(1, unix.AF_INET, unix.SOCK_DGRAM, 0, func(fd int) error {
		if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port}); err != nil {
			return err
		}
		nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing})
	})
}

// deafSocket has a UDP socket in ns1 that nobody reads, with room for 8 MB: each cpu may hold 1 MiB that the kernel does not
// count yet (SK_MEMORY_PCPU_RESERVE, include/net/sock.h).
func deafSocket(t *testing.T, net *network, port int) {
	t.Helper()
	net.open(1, unix.AF_INET, unix.SOCK_DGRAM, 0, func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4<<20); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrInet4{Port: port})
	})
}

// deafMonitor has a netlink socket in ns1 that is told of changed devices, takes few and wants to know of those that it
// misses: only then is such a message freed as a drop (netlink_broadcast_filtered, net/netlink/af_netlink.c).
func deafMonitor(t *testing.T, net *network) {
	t.Helper()
	net.open(1, unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE, func(fd int) error {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1152); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_BROADCAST_ERROR, 1); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_LINK})
	})
}

// blockedSource has a socket in ns1 that has joined ff02::77 and ff15::77 on l1 and takes nothing from fd00::1.
func blockedSource(t *testing.T, net *network) {
	t.Helper()
	net.open(1, unix.AF_INET6, unix.SOCK_DGRAM, 0, func(fd int) error {
		l1, err := stdnet.InterfaceByName("l1")
		if err != nil {
			return err
		}
		for _, group := range []string{"ff02::77", "ff15::77"} {
			mreq := &unix.IPv6Mreq{Multiaddr: [16]byte(stdnet.ParseIP(group)), Interface: uint32(l1.Index)}
			if err := unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, mreq); err != nil {
				return err
			}
			// struct group_source_req of include/uapi/linux/in.h.
			var req struct {
				Interface     uint32
				_             uint32
				Group, Source struct {
					unix.RawSockaddrInet6
					_ [128 - unix.SizeofSockaddrInet6]byte
				}
			}
			req.Interface = uint32(l1.Index)
			req.Group.Family, req.Group.Addr = unix.AF_INET6, [16]byte(stdnet.ParseIP(group))
			req.Source.Family, req.Source.Addr = unix.AF_INET6, [16]byte(stdnet.ParseIP("fd00::1"))
			const mcastBlockSource = 43
			if err := unix.SetsockoptString(fd, unix.IPPROTO_IPV6, mcastBlockSource, string(unsafe.Slice((*byte)(unsafe.Pointer(&req)), unsafe.Sizeof(req)))); err != nil {
				return fmt.Errorf("MCAST_BLOCK_SOURCE: %w", err)
			}
		}
		return nil
	})
}

// refusedSocket has a raw socket of an IP protocol in ns1 with an IPsec policy of its own that lets nothing in. It is not among
// those that skb-collect counts.
func refusedSocket(t *testing.T, net *network, protocol int) {
	t.Helper()
	run(t, "modprobe", "xfrm_user")
	net.open(1, unix.AF_INET, unix.SOCK_RAW, protocol, func(fd int) error {
		// struct xfrm_userpolicy_info of include/uapi/linux/xfrm.h: its selector has the family and the protocol, all
		// else of it fits all packets; XFRM_POLICY_IN is 0.
		const size, family, proto, action, block = 168, 40, 44, 161, 1
		policy := make([]byte, size)
		binary.NativeEndian.PutUint16(policy[family:], unix.AF_INET)
		policy[proto], policy[action] = byte(protocol), block
		if err := unix.SetsockoptString(fd, unix.SOL_IP, unix.IP_XFRM_POLICY, string(policy)); err != nil {
			return fmt.Errorf("IP_XFRM_POLICY: %w", err)
		}
		return nil
	})
}

// serverlessService has a service of IPVS for UDP in ns1, which has no server.
func serverlessService(t *testing.T, net *network, at string) {
	t.Helper()
	run(t, "modprobe", "-a", "ip_vs", "ip_vs_rr")
	net.within(1, func() error { return ipvs(netip.MustParseAddrPort(at), netip.AddrPort{}) })
	t.Cleanup(func() {
		const flush = 17 // IPVS_CMD_FLUSH, include/uapi/linux/ip_vs.h
		net.within(1, func() error { return genetlink("IPVS", 1, command(flush)) })
	})
}

// tunOfNS1 opens the TUN device of a name in ns1, which is made if there is none.
func tunOfNS1(t *testing.T, net *network, name string, flags uint16, use func(fd int, ask func(request uint, flags uint16) error) error) {
	t.Helper()
	run(t, "modprobe", "tun")
	net.within(1, func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		t.Cleanup(func() { unix.Close(fd) })
		ask := func(request uint, flags uint16) error {
			ifr, err := unix.NewIfreq(name)
			if err != nil {
				return err
			}
			ifr.SetUint16(flags)
			return unix.IoctlIfreq(fd, request, ifr)
		}
		if err := ask(unix.TUNSETIFF, unix.IFF_TUN|unix.IFF_NO_PI|flags); err != nil {
			return err
		}
		return use(fd, ask)
	})
}

// writtenToDownTun has a program write a packet to zt2, a TUN device of ns1 that is not up.
func writtenToDownTun(t *testing.T, net *network) {
	t.Helper()
	tunOfNS1(t, net, "zt2", 0, func(fd int, _ func(uint, uint16) error) error {
		if _, err := unix.Write(fd, udp4("10.9.31.1", "10.9.31.2", 760)[2:]); err != unix.EIO {
			return fmt.Errorf("a TUN device that is down took a packet: %v", err)
		}
		return nil
	})
}

// detachedTun makes zt0 in ns1, a TUN device whose only queue its program has detached (drivers/net/tun.c, tun_set_queue).
func detachedTun(t *testing.T, net *network) {
	t.Helper()
	tunOfNS1(t, net, "zt0", unix.IFF_MULTI_QUEUE, func(_ int, ask func(uint, uint16) error) error {
		return ask(unix.TUNSETQUEUE, unix.IFF_DETACH_QUEUE)
	})
}

// tcxDrop has a BPF program drop what leaves zd13 and what comes in on zv1, both in ns1: by tcx, and on a kernel that has
// none (before 6.6) as a tc filter.
func tcxDrop(t *testing.T, net *network) {
	t.Helper()
	net.in(1, `ip link add zd13 type dummy; ip addr add 10.9.13.1/24 dev zd13; ip link set zd13 up; ip neigh add 10.9.13.2 lladdr 02:00:00:00:00:02 dev zd13
		ip link add zv1 type veth peer name zw1 netns ns0; ip addr add 10.9.14.1/24 dev zv1; ip link set zv1 up; ip -n ns0 link set zw1 up`)
	t.Cleanup(func() { net.in(1, "ip link del zd13; ip link del zv1") })
	program := tcxProgram(t)
	defer program.Close()
	pins := t.TempDir()
	if err := unix.Mount("bpf", pins, "bpf", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(pins, unix.MNT_DETACH) })
	if err := program.Pin(pins + "/looks"); err != nil {
		t.Fatal(err)
	}
	for dev, way := range map[string]ebpf.AttachType{"zd13": ebpf.AttachTCXEgress, "zv1": ebpf.AttachTCXIngress} {
		direction := map[ebpf.AttachType]string{ebpf.AttachTCXEgress: "egress", ebpf.AttachTCXIngress: "ingress"}[way]
		if err := attachTCX(t, net, program, dev, way); err != nil {
			t.Logf("no tcx: %v", err)
			net.in(1, fmt.Sprintf("tc qdisc add dev %s clsact; tc filter add dev %s %s bpf direct-action pinned %s/looks", dev, dev, direction, pins))
		}
	}
}

// tcxProgram is a BPF program that drops all.
func tcxProgram(t *testing.T) *ebpf.Program {
	t.Helper()
	const drop = 2 // TC_ACT_SHOT, include/uapi/linux/pkt_cls.h
	return returning(t, ebpf.ProgramSpec{Type: ebpf.SchedCLS, Name: "looks"}, drop)
}

// attachTCX attaches a program to a device of ns1. An error is the kernel's, which may have no tcx.
func attachTCX(t *testing.T, net *network, program *ebpf.Program, dev string, way ebpf.AttachType) (refused error) {
	t.Helper()
	net.within(1, func() error {
		on, err := stdnet.InterfaceByName(dev)
		if err != nil {
			return err
		}
		attached, err := bpflink.AttachTCX(bpflink.TCXOptions{Interface: on.Index, Program: program, Attach: way})
		if err != nil {
			refused = err
			return nil
		}
		t.Cleanup(func() { attached.Close() })
		return nil
	})
	return refused
}

// tcxSince has a BPF program drop what leaves zd24, by tcx, from now on. A kernel that has none drops nothing.
func tcxSince(t *testing.T, net *network) {
	t.Helper()
	program := tcxProgram(t)
	defer program.Close()
	if err := attachTCX(t, net, program, "zd24", ebpf.AttachTCXEgress); err != nil {
		t.Logf("no tcx: %v", err)
		return
	}
	net.in(1, "echo x > /dev/udp/10.9.24.2/749 || true")
}

// netkitDrop has a BPF program drop what leaves zk0, a netkit device of ns1. A kernel before 6.7 has none.
func netkitDrop(t *testing.T, net *network) {
	t.Helper()
	net.in(1, "ip link add zk0 type netkit || exit 0; ip addr add 10.9.30.1/24 dev zk0; ip link set zk0 up; ip link set nk0 up")
	net.within(1, func() error {
		on, err := stdnet.InterfaceByName("zk0")
		if err != nil {
			return nil
		}
		t.Cleanup(func() { net.in(1, "ip link del zk0") })
		program := tcxProgram(t)
		defer program.Close()
		attached, err := bpflink.AttachNetkit(bpflink.NetkitOptions{Interface: on.Index, Program: program, Attach: ebpf.AttachNetkitPrimary})
		if err != nil {
			return err
		}
		t.Cleanup(func() { attached.Close() })
		return nil
	})
}

// switchedOffPort makes zm1 in ns1, a team that takes nothing from its port pt1, whose other end is qt1 in ns0.
func switchedOffPort(t *testing.T, net *network) {
	t.Helper()
	run(t, "modprobe", "team")
	net.in(1, words+`ip link add zm1 type team; ip link add pt1 type veth peer name qt1 netns ns0; ip link set pt1 master zm1
		for d in zm1 pt1; do ip link set $d up; done; ip -n ns0 link set qt1 up; await 'grep -q up /sys/class/net/pt1/operstate'`)
	t.Cleanup(func() { net.in(1, "ip link del pt1; ip link del zm1") })
	net.within(1, func() error {
		team, err := stdnet.InterfaceByName("zm1")
		if err != nil {
			return err
		}
		port, err := stdnet.InterfaceByName("pt1")
		if err != nil {
			return err
		}
		// include/uapi/linux/if_team.h; a flag that has no value is off.
		const (
			setOptions             = 1
			teamIfindex, options   = 1, 2
			option                 = 1
			name, kind, portOption = 1, 3, 6
			flag                   = 6 // NLA_FLAG
		)
		// ESRCH: nobody listens to what the kernel tells of the change, which it has made.
		if err := genetlink("team", 1, command(setOptions, attr32(teamIfindex, uint32(team.Index)), attr(options|nested, attr(option|nested,
			slices.Concat(attr(name, []byte("enabled\x00")), attr(kind, []byte{flag}), attr32(portOption, uint32(port.Index))))))); !errors.Is(err, unix.ESRCH) {
			return err
		}
		return nil
	})
}

// addressesReady waits until the kernel has said of all addresses of IPv6 that they can be used.
const addressesReady = `await '[ -z "$(ip -n ns0 -6 -o address show tentative; ip -n ns1 -6 -o address show tentative)" ]'`

// withIPv6 gives ns0 and ns1 the addresses that chain gave them, which zooNetwork takes away.
func withIPv6(t *testing.T, net *network) {
	t.Helper()
	for i := range 2 {
		net.sysctl(i, "ipv6/conf/all/disable_ipv6=0", "ipv6/conf/all/forwarding=1")
	}
	net.in(1, `ip addr replace fd00::2/64 dev l1 nodad; ip addr replace fd00:1::1/64 dev r1 nodad`)
	net.in(0, `ip addr replace fd00::1/64 dev r0 nodad`)
}

// redirectToNowhere makes px in ns1, whose XDP program redirects each packet and does not say where to.
func redirectToNowhere(t *testing.T, net *network) {
	t.Helper()
	net.in(1, "ip link add px type veth peer name qx netns ns0; ip link set px up; ip -n ns0 link set qx up")
	program := returning(t, ebpf.ProgramSpec{Type: ebpf.XDP}, xdpRedirect)
	defer program.Close()
	t.Cleanup(attachXDP(t, program, "ns1", "px", bpflink.XDPGenericMode))
}
