package text

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"sync"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/dissect"
)

// Packet appends the one-line summary of a packet to dst, without a newline.
//
// data is what was captured, origLen the packet's length in bytes from where
// data starts (as packet.len; at least len(data) is assumed). at is packet.at:
// "mac" when data starts at the link header, "network" at the network header,
// "data" where skb->data pointed before any header offset was set. linkType is
// dev.type (ARPHRD_*, include/uapi/linux/if_arp.h; 0 when not known, read as
// Ethernet), protocol is skb.protocol (an EtherType in host order; 0 when not
// set).
//
// Any bytes will do: what the capture cut off shows as [|tcp], [|ip] and so
// on, and the result never grows past a small multiple of data.
func Packet(dst, data []byte, at string, linkType, protocol uint16, origLen int) []byte {
	d := dissectors.Get().(*dissector)
	dst = d.packet(dst, data, at, linkType, protocol, origLen)
	dissectors.Put(d)
	return dst
}

// packet is Packet.
func (d *dissector) packet(dst, data []byte, at string, linkType, protocol uint16, origLen int) []byte {
	d.out, d.depth, d.frame = dst, 0, nil
	d.begin(data, at, linkType, protocol, max(origLen, len(data)))
	dst, d.out, d.frame = d.out, nil, nil
	return dst
}

var dissectors = sync.Pool{New: func() any { return new(dissector) }}

// dissector holds the text so far and the decoded headers, to be used again
// for the next packet: nothing of a header is kept after the header inside it
// has been begun.
//
// gopacket reads the headers that it reads whole or not at all without harm.
// IPv4 and IPv6 are read here instead: gopacket returns before it has set the
// addresses when the options are malformed, and takes the captured length for
// the total length of a packet over 64 KiB (BIG TCP), and both are packets
// that one looks for. So are DNS messages: a capture of 256 bytes cuts most
// answers, and gopacket decodes a cut message not at all. And so are Ethernet,
// UDP and TCP, which are in most lines: gopacket allocates an error for each that is
// cut off, as in what an ICMP error quotes, and options take it 100 ns.
type dissector struct {
	out   []byte
	depth int
	frame []byte // the Ethernet header, until a network header is found behind it

	arp   layers.ARP
	tcp   layers.TCP
	sctp  layers.SCTP
	gre   layers.GRE
	vxlan layers.VXLAN
	stp   layers.STP
	dhcp  layers.DHCPv4
}

// maxDepth bounds the headers inside headers that are followed: a packet of
// nothing but VLAN tags or MPLS labels is one, and tells no more than these.
const maxDepth = 24

func (d *dissector) begin(data []byte, at string, linkType, protocol uint16, n int) {
	switch {
	case at == "mac" && format.HasEthernet(data, linkType, protocol):
		d.ethernet(data, n)
	case at == "mac" && !isNetwork(data, protocol):
		d.str("link type ").num(int(linkType)).str(", ")
		d.etherTypeName(protocol)
		d.str(", length ").num(n)
	case at == "data" && !(isNetwork(data, protocol) && lengthFits(data, n)):
		// Before a sender has pushed its headers, data is a payload or half of a
		// header: naming it would be a guess.
		d.str("no header yet, length ").num(n)
	default:
		d.network(data, protocol, n)
	}
}

// isNetwork says whether data can begin with the network header that protocol
// names. Devices without a link header (tun, ipip, wireguard) have at "mac"
// what others have at "network".
func isNetwork(data []byte, protocol uint16) bool {
	if len(data) == 0 {
		return false
	}
	switch layers.EthernetType(protocol) {
	case layers.EthernetTypeIPv4:
		return data[0]>>4 == 4 && data[0]&15 >= 5
	case layers.EthernetTypeIPv6:
		return data[0]>>4 == 6
	}
	return false
}

// lengthFits says whether what isNetwork took for a header gives the length n,
// which a payload that happens to begin like one does not.
func lengthFits(data []byte, n int) bool {
	if data[0]>>4 == 4 {
		h, ok := readIPv4(data, n)
		return ok && h.hl+h.n == n
	}
	h, ok := readIPv6(data, n)
	return ok && h.hl+h.n == n
}

// ethernet prints a frame. Addresses are left out where the network layer says
// more, as tcpdump does without -e.
func (d *dissector) ethernet(data []byte, n int) {
	if len(data) < 14 {
		d.short("ether")
		return
	}
	next := binary.BigEndian.Uint16(data[12:])
	if dissect.EtherType(next).IsLength() {
		d.llc(data[14:], n-14, int(next))
		return
	}
	d.frame = data[:14]
	d.network(data[14:], next, n-14)
}

// network prints what an EtherType names; n is the length from data on.
func (d *dissector) network(data []byte, etherType uint16, n int) {
	if d.depth++; d.depth > maxDepth {
		d.str("[nested too deep]")
		return
	}
	switch dissect.EtherType(etherType) {
	case dissect.EtherIPv4:
		d.ipv4(data, n)
	case dissect.EtherIPv6:
		d.ipv6(data, n)
	case dissect.EtherARP:
		d.address(data, n)
	case dissect.EtherVLAN, dissect.EtherQinQ, dissect.EtherQinQOld: // as EtherType.IsVLAN
		d.vlan(data, n)
	case dissect.EtherBridging:
		d.ethernet(data, n)
	case dissect.EtherMPLS, dissect.EtherMPLSMany:
		d.mpls(data, n)
	case dissect.EtherPPPoEDiscovery:
		d.pppoe(data, n, true)
	case dissect.EtherPPPoE:
		d.pppoe(data, n, false)
	case dissect.EtherPPP:
		d.ppp(data, n)
	case dissect.EtherLLDP:
		d.lldp(data, n)
	default:
		if d.frame != nil {
			d.hex(d.frame[6:12], ':').str(" > ").hex(d.frame[:6], ':').str(", ")
		}
		d.etherTypeName(etherType)
		d.str(", length ").num(n)
	}
}

// etherTypeName always gives the number, which is what one looks up.
func (d *dissector) etherTypeName(t uint16) {
	d.str("ethertype ")
	if name := dissect.EtherType(t).Name(); name != "" {
		d.str(name).str(" (0x").hex16(t).str(")")
		return
	}
	d.str("0x").hex16(t)
}

// vlan prints a tag: IEEE 802.1Q, the tag's 16 bits are priority (3), drop
// eligible (1) and id (12).
func (d *dissector) vlan(data []byte, n int) {
	if len(data) < 4 {
		d.short("vlan")
		return
	}
	d.vlanTag(binary.BigEndian.Uint16(data))
	next := binary.BigEndian.Uint16(data[2:])
	if dissect.EtherType(next).IsLength() {
		d.llc(data[4:], n-4, int(next))
		return
	}
	d.network(data[4:], next, n-4)
}

func (d *dissector) vlanTag(tci uint16) { d.out = appendVLAN(d.out, tci) }

func appendVLAN(dst []byte, tci uint16) []byte {
	dst = append(dst, "vlan "...)
	dst = strconv.AppendUint(dst, uint64(tci&0xfff), 10)
	if p := tci >> 13; p != 0 {
		dst = append(dst, ", p "...)
		dst = strconv.AppendUint(dst, uint64(p), 10)
	}
	if tci&0x1000 != 0 {
		dst = append(dst, ", DEI"...)
	}
	return append(dst, ", "...)
}

// address prints ARP (RFC 826).
func (d *dissector) address(data []byte, n int) {
	d.str("ARP, ")
	a := &d.arp
	if a.DecodeFromBytes(data, gopacket.NilDecodeFeedback) != nil {
		d.short("arp")
		return
	}
	if a.ProtAddressSize != 4 || a.Protocol != layers.EthernetTypeIPv4 {
		d.str("hardware ").num(int(a.AddrType)).str(", protocol 0x").hex16(uint16(a.Protocol))
		d.str(", operation ").num(int(a.Operation)).str(", length ").num(n)
		return
	}
	from, to := a.SourceProtAddress, a.DstProtAddress
	switch a.Operation {
	case layers.ARPRequest:
		d.str("Request who-has ").ip(to)
		if !allZero(a.DstHwAddress) {
			d.str(" (").hex(a.DstHwAddress, ':').str(")")
		}
		d.str(" tell ").ip(from)
	case layers.ARPReply:
		d.str("Reply ").ip(from).str(" is-at ").hex(a.SourceHwAddress, ':')
	default:
		d.str("operation ").num(int(a.Operation)).str(" ").ip(from).str(" > ").ip(to)
	}
	d.str(", length ").num(n)
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// short marks where the captured bytes end: [|name], as tcpdump writes it.
func (d *dissector) short(name string) { d.str("[|").str(name).str("]") }

func (d *dissector) str(s string) *dissector {
	d.out = append(d.out, s...)
	return d
}

func (d *dissector) hex16(v uint16) *dissector {
	const digits = "0123456789abcdef"
	d.out = append(d.out, digits[v>>12], digits[v>>8&15], digits[v>>4&15], digits[v&15])
	return d
}

// hex appends b as two digits a byte, sep between them unless it is 0.
func (d *dissector) hex(b []byte, sep byte) *dissector {
	const digits = "0123456789abcdef"
	for i, c := range b {
		if i > 0 && sep != 0 {
			d.out = append(d.out, sep)
		}
		d.out = append(d.out, digits[c>>4], digits[c&15])
	}
	return d
}

// ip appends an IPv4 or IPv6 address of 4 or 16 bytes in network order.
func (d *dissector) ip(b []byte) *dissector {
	d.out = appendIP(d.out, b)
	return d
}

func appendIP(dst, b []byte) []byte {
	if len(b) == 4 { // twice in most lines: netip takes three times as long
		dst = append(appendByte(dst, b[0]), '.')
		dst = append(appendByte(dst, b[1]), '.')
		dst = append(appendByte(dst, b[2]), '.')
		return appendByte(dst, b[3])
	}
	if a, ok := netip.AddrFromSlice(b); ok {
		return a.AppendTo(dst)
	}
	return append(dst, '?')
}

func appendByte(dst []byte, c byte) []byte {
	switch {
	case c < 10:
		return append(dst, '0'+c)
	case c < 100:
		return append(dst, '0'+c/10, '0'+c%10)
	}
	return append(dst, '0'+c/100, '0'+c/10%10, '0'+c%10)
}

func (d *dissector) hexNum(v uint64) *dissector {
	d.out = strconv.AppendUint(append(d.out, "0x"...), v, 16)
	return d
}

func (d *dissector) num(v int) *dissector {
	d.out = strconv.AppendInt(d.out, int64(v), 10)
	return d
}

func (d *dissector) u32(v uint32) *dissector {
	d.out = strconv.AppendUint(d.out, uint64(v), 10)
	return d
}
