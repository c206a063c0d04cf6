package text

import (
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/dissect"
)

// Flow appends who sends to whom in the outermost network header, as
// "10.0.42.1.41234 > 10.0.255.1.53 UDP"; without ports for what has none and
// for fragments after the first. ARP gives "10.0.42.1 > 10.0.42.2 ARP".
// Arguments are those of [Packet]. Nothing is appended when the bytes do not
// tell.
func Flow(dst, data []byte, at string, linkType, protocol uint16) []byte {
	w := dissect.Network(data, dissect.EtherType(protocol), len(data))
	if at == "mac" && format.HasEthernet(data, linkType, protocol) {
		w = dissect.Frame(data, len(data))
		w.Step()
	}
	for w.Next == dissect.VLAN {
		w.Step()
	}
	switch w.Next {
	case dissect.IPv4:
		w.Step()
		if h := dissect.IPv4Header(w.Header); len(h) >= dissect.IPv4Len && w.Fault != dissect.Bad {
			return appendBetween(dst, &w, h.Src(), h.Dst())
		}
	case dissect.IPv6:
		w.Step()
		if h := dissect.IPv6Header(w.Header); w.Fault == dissect.Whole {
			return appendBetween(dst, &w, h.Src(), h.Dst())
		}
	case dissect.ARP:
		w.Step()
		h := dissect.ARPPacket(w.Header)
		if w.Fault == dissect.Whole && at != "data" && h.HardwareLen() == 6 && h.ProtocolLen() == 4 {
			dst = append(appendIP(dst, h.SenderProtocol()), " > "...)
			return append(appendIP(dst, h.TargetProtocol()), " ARP"...)
		}
	}
	return dst
}

// appendBetween appends the addresses of the IP header that w stands at, ports and the protocol.
func appendBetween(dst []byte, w *dissect.Walk, src, to []byte) []byte {
	proto := dissect.Proto(w.Type)
	for w.Next.IsExtension() {
		if w.Step(); w.Fault == dissect.Cut {
			break
		}
		proto = dissect.Proto(w.Type)
	}
	ports := !w.Later && proto.HasPorts()
	dst = append(appendEnd(dst, src, w.Rest, 0, ports), " > "...)
	dst = append(appendEnd(dst, to, w.Rest, 2, ports), ' ')
	return appendProto(dst, proto)
}

// appendProto appends an IP protocol's name in capitals, or its number.
func appendProto(dst []byte, proto dissect.Proto) []byte {
	if name := proto.Name(); name != "" {
		for i := range len(name) {
			c := name[i]
			if 'a' <= c && c <= 'z' {
				c -= 'a' - 'A'
			}
			dst = append(dst, c)
		}
		return dst
	}
	switch proto {
	case dissect.ProtoIPv4:
		return append(dst, "IPIP"...)
	case dissect.ProtoIPv6:
		return append(dst, "IP6"...)
	}
	return strconv.AppendInt(append(dst, "ip-proto-"...), int64(proto), 10)
}
