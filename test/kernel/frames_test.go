//go:build kernel

package kerneltest

import (
	"encoding/hex"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"
)

// frames are packets that the tools of a guest don't send, as they go over the wire from
// 10.0.0.1 to 10.0.0.2: each header that a filter has to find its way through, and some
// that end too early.
func frames(t *testing.T) [][]byte {
	t.Helper()
	eth := func(proto layers.EthernetType) *layers.Ethernet {
		return &layers.Ethernet{SrcMAC: net.HardwareAddr{2, 0, 0, 0, 0, 1}, DstMAC: net.HardwareAddr{2, 0, 0, 0, 0, 2}, EthernetType: proto}
	}
	multicast := eth(layers.EthernetTypeIPv4)
	multicast.DstMAC = net.HardwareAddr{1, 0, 0x5e, 1, 2, 3}
	tag := func(id uint16, proto layers.EthernetType) *layers.Dot1Q {
		return &layers.Dot1Q{Priority: 3, VLANIdentifier: id, Type: proto}
	}
	ip := func(proto layers.IPProtocol, src, dst string) *layers.IPv4 {
		return &layers.IPv4{Version: 4, IHL: 5, TTL: 61, Id: 4711, TOS: 0x10, Protocol: proto, SrcIP: net.ParseIP(src), DstIP: net.ParseIP(dst)}
	}
	ip6 := func(proto layers.IPProtocol) *layers.IPv6 {
		return &layers.IPv6{Version: 6, HopLimit: 61, NextHeader: proto, SrcIP: net.ParseIP("fd00:0::1"), DstIP: net.ParseIP("fd00:0::2")}
	}
	udp := func(src, dst layers.UDPPort) *layers.UDP { return &layers.UDP{SrcPort: src, DstPort: dst} }
	payload := func(s string) gopacket.Payload { return gopacket.Payload(s) }
	raw := func(s string) gopacket.Payload {
		b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var out [][]byte
	add := func(ls ...gopacket.SerializableLayer) {
		b := gopacket.NewSerializeBuffer()
		if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true}, ls...); err != nil {
			t.Fatal(err)
		}
		out = append(out, append([]byte(nil), b.Bytes()...))
	}
	const (
		v4, v6 = layers.EthernetTypeIPv4, layers.EthernetTypeIPv6
		a, b   = "10.0.0.1", "10.0.0.2"
	)
	options := ip(layers.IPProtocolUDP, a, b)
	options.Options = []layers.IPv4Option{{OptionType: 148, OptionLength: 4, OptionData: []byte{0, 0}}}
	first, later := ip(layers.IPProtocolUDP, a, b), ip(layers.IPProtocolUDP, a, b)
	first.Flags, later.FragOffset = layers.IPv4MoreFragments, 100
	dontFragment := ip(layers.IPProtocolTCP, a, "192.0.2.77")
	dontFragment.Flags = layers.IPv4DontFragment
	expired := ip(layers.IPProtocolUDP, "198.51.100.9", b)
	expired.TTL = 1

	add(eth(v4), dontFragment, &layers.TCP{SrcPort: 4000, DstPort: 80, SYN: true, Window: 100, Options: []layers.TCPOption{{OptionType: 2, OptionLength: 4, OptionData: []byte{5, 0xb4}}}})
	add(eth(v4), ip(layers.IPProtocolTCP, a, "192.0.2.77"), &layers.TCP{SrcPort: 4000, DstPort: 80, PSH: true, ACK: true}, payload("GET / HTTP/1.1\r\n\r\n"))
	add(eth(v4), ip(layers.IPProtocolTCP, a, b), &layers.TCP{SrcPort: 22, DstPort: 4001, RST: true, ACK: true})
	add(eth(v4), ip(layers.IPProtocolTCP, a, b), &layers.TCP{SrcPort: 443, DstPort: 4001, FIN: true, ACK: true, URG: true, ECE: true})
	add(eth(v4), options, udp(53, 5353), payload("options before the ports"))
	add(eth(v4), ip(layers.IPProtocolUDP, a, b), udp(4002, 53), raw("1234 0100 0001 0000 0000 0000 03777777 07657861 6d706c65 00 0001 0001"))
	add(eth(v4), first, udp(4003, 53), payload(strings.Repeat("f", 792)))
	add(eth(v4), later, payload(strings.Repeat("l", 200)))
	add(eth(v4), expired, udp(4004, 33434), payload("traceroute"))
	add(multicast, ip(layers.IPProtocolUDP, a, "239.1.2.3"), udp(5004, 5004), payload("multicast"))
	add(&layers.Ethernet{SrcMAC: eth(v4).SrcMAC, DstMAC: layers.EthernetBroadcast, EthernetType: v4}, ip(layers.IPProtocolUDP, "0.0.0.0", "255.255.255.255"), udp(68, 67), payload("DHCP"))
	add(eth(v4), ip(layers.IPProtocolICMPv4, a, b), &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(3, 4), Seq: 1400}, ip(layers.IPProtocolUDP, b, a), udp(1, 2))
	add(eth(v4), ip(layers.IPProtocolSCTP, a, b), raw("0050 0051 00000000 00000000 01000004"))
	add(eth(v4), ip(layers.IPProtocolESP, a, b), raw("00001001 00000001 aabbccdd"))
	add(eth(v4), ip(layers.IPProtocolAH, a, b), raw("0604 0000 00001001 00000001 00000000 00000000 00000000"))
	add(eth(v4), ip(layers.IPProtocolVRRP, a, "224.0.0.18"), raw("21016401 0001"))
	add(eth(v4), ip(layers.IPProtocolIGMP, a, "224.0.0.22"), raw("22000000 00000000"))
	add(eth(v4), ip(89, a, "224.0.0.5"), raw("0201002c 01010101"))
	add(eth(v4), ip(layers.IPProtocolGRE, a, b), raw("00000800"), ip(layers.IPProtocolUDP, "172.16.0.1", "172.16.0.2"), udp(1, 53), payload("in GRE"))
	add(eth(v4), ip(layers.IPProtocolIPv4, a, b), ip(layers.IPProtocolUDP, "172.16.0.1", "172.16.0.2"), udp(1, 53), payload("in IP"))
	add(eth(v4), ip(layers.IPProtocolUDP, a, b), udp(9999, 4789), raw("08000000 00002a00"), eth(v4), ip(layers.IPProtocolICMPv4, "172.16.0.1", "172.16.0.2"), raw("08000000 00010001"))
	add(eth(v4), ip(layers.IPProtocolUDP, a, b), udp(9999, 6081), raw("01000800 00002a00 00000001"), ip(layers.IPProtocolTCP, "172.16.0.1", "172.16.0.2"), &layers.TCP{SrcPort: 1, DstPort: 22, SYN: true})
	add(eth(v6), ip6(layers.IPProtocolTCP), &layers.TCP{SrcPort: 4000, DstPort: 80, SYN: true})
	add(eth(v6), ip6(layers.IPProtocolUDP), udp(4002, 53), payload("over 6"))
	add(eth(v6), ip6(0), raw("11 00 0502 0000 0100"), udp(4002, 53), payload("behind hop-by-hop options"))
	add(eth(v6), ip6(44), raw("11 00 0000 00004711"), udp(4002, 53), payload("in a fragment"))
	add(eth(v6), ip6(layers.IPProtocolICMPv6), raw("88000000 60000000 fd000000000000000000000000000001"))
	add(eth(layers.EthernetTypeARP), raw("0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000063"))
	add(eth(layers.EthernetTypeARP), raw("0001 0800 06 04 0002 020000000001 0a000001 020000000002 0a000002"))
	add(eth(layers.EthernetTypeDot1Q), tag(10, v4), ip(layers.IPProtocolUDP, a, b), udp(4002, 53), payload("tagged"))
	add(eth(layers.EthernetTypeDot1Q), tag(20, v6), ip6(layers.IPProtocolUDP), udp(4002, 53), payload("tagged"))
	add(eth(layers.EthernetTypeDot1Q), tag(10, layers.EthernetTypeARP), raw("0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000063"))
	add(eth(layers.EthernetTypeQinQ), tag(100, layers.EthernetTypeDot1Q), tag(10, v4), ip(layers.IPProtocolTCP, a, b), &layers.TCP{SrcPort: 4000, DstPort: 80, SYN: true})
	add(eth(layers.EthernetTypeMPLSUnicast), raw("00010140"), ip(layers.IPProtocolUDP, a, b), udp(1, 53), payload("behind a label"))
	add(eth(layers.EthernetTypePPPoESession), raw("1100 0005 0026 0021"), ip(layers.IPProtocolUDP, a, b), udp(1, 53), payload("in PPPoE"))
	add(eth(0x88cc), raw("0207 04 020000000001 0403 07 31 0602 0078 0000"))
	add(&layers.Ethernet{SrcMAC: eth(v4).SrcMAC, DstMAC: net.HardwareAddr{1, 0x80, 0xc2, 0, 0, 0}, EthernetType: layers.EthernetTypeLLC, Length: 38}, raw("424203 0000 00 00 00 8000020000000001 00000000 8000020000000001 8001 0000 1400 0200 0f00"))
	// Cut short: an Ethernet header alone, half an IP header, a TCP header without its flags.
	add(eth(v4), raw("45"))
	add(eth(v4), raw("4500 0028 0000 0000 4011 0000 0a00"))
	add(eth(v4), ip(layers.IPProtocolTCP, a, b), raw("0fa0 0050 00000000"))
	add(eth(v6), raw("60000000 0014 11 40 fd00"))
	return out
}

// send puts the frames on device dev of namespace i.
func (n *network) send(i int, dev string, frames [][]byte) {
	n.t.Helper()
	n.within(i, func() error {
		iface, err := net.InterfaceByName(dev)
		if err != nil {
			return err
		}
		s, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
		if err != nil {
			return err
		}
		defer unix.Close(s)
		for _, f := range frames {
			if err := unix.Sendto(s, f, 0, &unix.SockaddrLinklayer{Ifindex: iface.Index}); err != nil {
				return err
			}
		}
		return nil
	})
}

// sendIP sends those of the frames that are whole IPv4 packets as namespace i's own.
func (n *network) sendIP(i int, frames [][]byte) {
	n.t.Helper()
	n.within(i, func() error {
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		defer unix.Close(s)
		for _, f := range frames {
			if len(f) < 34 || f[12] != 8 || f[13] != 0 || f[30] != 10 {
				continue
			}
			if err := unix.Sendto(s, f[14:], 0, &unix.SockaddrInet4{Addr: [4]byte(f[30:34])}); err != nil {
				return err
			}
		}
		return nil
	})
}

// within calls f in namespace i.
func (n *network) within(i int, f func() error) {
	n.t.Helper()
	done := make(chan error, 1)
	// Go starts a thread from any of its threads: what onOneCPU asked of this one is handed on.
	var cpus unix.CPUSet
	if err := unix.SchedGetaffinity(0, &cpus); err != nil {
		n.t.Fatal(err)
	}
	go func() {
		runtime.LockOSThread() // and the thread ends with this goroutine
		done <- func() error {
			if err := unix.SchedSetaffinity(0, &cpus); err != nil {
				return err
			}
			ns, err := unix.Open("/run/netns/"+n.names[i], unix.O_RDONLY, 0)
			if err != nil {
				return err
			}
			defer unix.Close(ns)
			if err := unix.Setns(ns, unix.CLONE_NEWNET); err != nil {
				return err
			}
			return f()
		}()
	}()
	if err := <-done; err != nil {
		n.t.Fatalf("in %s: %v", n.names[i], err)
	}
}

// open opens a socket in namespace i, for as long as the test runs, and has set prepare it.
func (n *network) open(i, domain, kind, protocol int, set func(fd int) error) {
	n.t.Helper()
	n.within(i, func() error {
		fd, err := unix.Socket(domain, kind|unix.SOCK_CLOEXEC, protocol)
		if err != nil {
			return err
		}
		n.t.Cleanup(func() { unix.Close(fd) })
		return set(fd)
	})
}
