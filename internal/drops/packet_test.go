package drops

import (
	"testing"

	"github.com/skb-tools/skb-tools/internal/dissect"
)

func TestPacket(t *testing.T) {
	for _, c := range []struct {
		words        string
		proto        dissect.Proto
		sport, dport uint16
		flags        string
		sum, ip      sumState
	}{
		{"udp,10.0.0.1:1000,10.0.0.2:53", dissect.ProtoUDP, 1000, 53, "", sumGood, sumGood},
		{"udp,10.0.0.1:1000,10.0.0.2:53,badsum", dissect.ProtoUDP, 1000, 53, "", sumBad, sumGood},
		{"udp,10.0.0.1:1000,10.0.0.2:53,badip", dissect.ProtoUDP, 1000, 53, "", sumGood, sumBad},
		{"udp,[fd00::1]:1000,[fd00::2]:53", dissect.ProtoUDP, 1000, 53, "", sumGood, sumUnknown},
		{"tcp,10.0.0.1:1000,10.0.0.2:80,SA", dissect.ProtoTCP, 1000, 80, "SA", sumGood, sumGood},
		{"tcp,[fd00::1]:1000,[fd00::2]:80,FA,badsum", dissect.ProtoTCP, 1000, 80, "FA", sumBad, sumUnknown},
		{"icmp,10.0.0.1,10.0.0.2,8", dissect.ProtoICMP, 0, 0, "", sumGood, sumGood},
		{"icmp6,fd00::1,fd00::2,128,badsum", dissect.ProtoICMPv6, 0, 0, "", sumBad, sumUnknown},
	} {
		etherType, data := buildPacket(t, c.words)
		var p packet
		check := func(what string) {
			t.Helper()
			if p.proto != c.proto || p.sport != c.sport || p.dport != c.dport || p.sum() != c.sum || p.ipSum() != c.ip ||
				len(appendFlags(nil, p.tcpFlags)) != len(c.flags) {
				t.Errorf("%s, %s: %+v", c.words, what, p)
			}
		}
		p.parse(data, 0, uint16(etherType))
		check("from the IP header")
		frame := append(make([]byte, 12), byte(etherType>>8), byte(etherType))
		p.parse(append(append(frame, data...), 0, 0, 0), 14, uint16(etherType))
		check("in a padded frame")
		frame = append(make([]byte, 12), 0x81, 0, 0, 5, byte(etherType>>8), byte(etherType))
		p.parse(append(frame, data...), 14, 0x8100)
		check("in a tagged frame")
		p.parse(data[:len(data)-1], 0, uint16(etherType))
		if p.sum() != sumUnknown {
			t.Errorf("%s: a checksum of a packet that is not all there", c.words)
		}
	}
}

// A fragment that is not the first has no ports, and what is behind IPv6's extension
// headers is found.
func TestFragmentsAndExtensions(t *testing.T) {
	_, data := buildPacket(t, "udp,10.0.0.1:1000,10.0.0.2:53")
	data[7] = 1
	var p packet
	p.parse(data, 0, uint16(dissect.EtherIPv4))
	if p.hasPorts || !p.later || p.proto != dissect.ProtoUDP {
		t.Errorf("%+v", p)
	}

	_, data = buildPacket(t, "udp,[fd00::1]:1000,[fd00::2]:53")
	with := append(append(append([]byte{}, data[:40]...), byte(dissect.ProtoUDP), 0, 0, 0, 0, 0, 0, 0), data[40:]...)
	with[6], with[5] = 60, with[5]+8
	p.parse(with, 0, uint16(dissect.EtherIPv6))
	if p.dport != 53 || p.sum() != sumGood {
		t.Errorf("behind destination options: %+v", p)
	}
	with[6], with[42], with[43] = 44, 0, 8 // now a fragment with an offset
	p.parse(with, 0, uint16(dissect.EtherIPv6))
	if p.hasPorts || p.proto != dissect.ProtoUDP {
		t.Errorf("a later fragment: %+v", p)
	}
	with[40] = 60 // what is behind its header is data, whatever it may be
	p.parse(with, 0, uint16(dissect.EtherIPv6))
	if !p.hasProto || p.proto != 60 || !p.later {
		t.Errorf("a later fragment of options: %+v", p)
	}
}
