package text

import (
	"encoding/binary"
	"strconv"

	"github.com/gopacket/gopacket/layers"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/dissect"
)

// Flow appends who sends to whom in the outermost network header, as
// "10.0.42.1.41234 > 10.0.255.1.53 UDP"; without ports for what has none and
// for fragments after the first. ARP gives "10.0.42.1 > 10.0.42.2 ARP".
// Arguments are those of [Packet]. Nothing is appended when the bytes do not
// tell.
func Flow(dst, data []byte, at string, linkType, protocol uint16) []byte {
	if at == "mac" && format.HasEthernet(data, linkType, protocol) {
		if len(data) < 14 {
			return dst
		}
		protocol, data = binary.BigEndian.Uint16(data[12:]), data[14:]
	}
	// Tags, as long as there are any: each takes four bytes.
	for dissect.EtherType(protocol).IsVLAN() && len(data) >= 4 {
		protocol, data = binary.BigEndian.Uint16(data[2:]), data[4:]
	}
	var h ipHeader
	ok := false
	switch layers.EthernetType(protocol) {
	case layers.EthernetTypeIPv4:
		h, ok = readIPv4(data, len(data))
	case layers.EthernetTypeIPv6:
		h, ok = readIPv6(data, len(data))
	case layers.EthernetTypeARP:
		if len(data) >= 28 && at != "data" && data[4] == 6 && data[5] == 4 {
			dst = append(appendIP(dst, data[14:18]), " > "...)
			return append(appendIP(dst, data[24:28]), " ARP"...)
		}
	}
	if !ok {
		return dst
	}
	d := dissector{out: dst}
	d.extensions(&h)
	ports := h.offset == 0 && hasPorts(h.proto)
	d.endpoint(h.src, h.payload, 0, ports).str(" > ").endpoint(h.dst, h.payload, 2, ports).str(" ")
	return appendProto(d.out, h.proto)
}

// appendProto appends an IP protocol's name in capitals, or its number.
func appendProto(dst []byte, proto layers.IPProtocol) []byte {
	if name := protoName(proto); name != "" {
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
	case layers.IPProtocolIPv4:
		return append(dst, "IPIP"...)
	case layers.IPProtocolIPv6:
		return append(dst, "IP6"...)
	case layers.IPProtocolIGMP:
		return append(dst, "IGMP"...)
	}
	return strconv.AppendInt(append(dst, "ip-proto-"...), int64(proto), 10)
}
