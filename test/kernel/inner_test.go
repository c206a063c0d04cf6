//go:build kernel

package kerneltest

import (
	"fmt"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// TestInnerFilter: of what goes through tunnels, the packets whose inside matches, with an
// Ethernet header or not yet.
func TestInnerFilter(t *testing.T) {
	n := chain(t, 2)
	n.tunnels()
	ping := func() {
		n.in(0, "ping -qc 1 10.0.0.2")
		for i := range tunnels {
			n.in(0, fmt.Sprintf("ping -qc %d -i 0.02 172.16.%d.2; ping -qc 1 -s 700 172.16.%d.2; echo > /dev/udp/172.16.%d.2/9", i+1, i, i, i))
		}
	}
	ping() // neighbours are known from here on
	p, file := collect(t, "--inner-filter", "icmp[icmptype] == icmp-echo and less 200", "--no-follow", "-p", "net:net_dev_start_xmit,ip_output")
	ping()
	p.stop()
	s := readStream(t, file)
	counts := map[string]int{}
	for i := range s.events {
		e := &s.events[i]
		first := gopacket.Decoder(layers.LayerTypeEthernet)
		if e.Packet.At != "mac" {
			first = layers.LayerTypeIPv4
		}
		counts[e.Probe+" "+tunnelOf(gopacket.NewPacket(e.Packet.Data, first, gopacket.NoCopy))]++
	}
	for i, tun := range tunnels {
		want := i + 1
		if tun.name == "vlan" {
			want = 0 // a tag is no tunnel
		}
		for _, probe := range []string{"net:net_dev_start_xmit", "ip_output"} {
			if got := counts[probe+" "+tun.name]; got != want {
				t.Errorf("%d packets in %s at %s, want %d", got, tun.name, probe, want)
			}
			delete(counts, probe+" "+tun.name)
		}
	}
	if len(counts) > 0 {
		t.Errorf("and also: %v", counts)
	}
}

// tunnelOf names what a packet from one host to the other is wrapped in.
func tunnelOf(p gopacket.Packet) string {
	ip, ok := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if !ok {
		return "no IP"
	}
	if p.Layer(layers.LayerTypeDot1Q) != nil {
		return "vlan"
	}
	switch ip.Protocol {
	case layers.IPProtocolGRE:
		return "gre"
	case layers.IPProtocolIPv4:
		return "ipip"
	case layers.IPProtocolUDP:
		switch p.Layer(layers.LayerTypeUDP).(*layers.UDP).DstPort {
		case 4789:
			return "vxlan"
		case 6081:
			return "geneve"
		}
	}
	return ip.Protocol.String()
}
