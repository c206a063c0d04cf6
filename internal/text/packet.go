package text

import (
	"net/netip"
	"strconv"
	"sync"

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
	d.out, d.depth, d.frame, d.ends = dst, 0, nil, d.ends[:0]
	d.told, d.fragmented, d.stacked, d.known = false, false, false, origLen > 0 && origLen >= len(data)
	d.src, d.dst = nil, nil
	d.begin(data, at, linkType, protocol, max(origLen, len(data)))
	dst = d.out
	d.out, d.frame, d.w.Header, d.w.Rest, d.src, d.dst = nil, nil, nil, nil, nil, nil
	return dst
}

var dissectors = sync.Pool{New: func() any { return new(dissector) }}

// dissector prints the headers that dissect walks through. It holds the text so far and the walk. How much of
// a malformed header is printed is decided here.
type dissector struct {
	out   []byte
	w     dissect.Walk
	depth int
	frame dissect.EthernetHeader // until a network header is found behind it
	names []byte                 // of extension headers
	ends  []end                  // the innermost last
	dhcp  layers.DHCPv4

	detail     Detail
	told       bool   // the network header's name, by the link header in front of it
	known      bool   // how long the packet is on the wire
	there      int    // how many bytes the header in front says there are
	src, dst   []byte // of the last IP header
	final      []byte // where it leads at last, if it has a source route; for checksums
	hops       uint8  // its TTL
	fragmented bool   // what is behind that header
	stacked    bool   // the last MPLS entry was not the bottom of its stack
}

// maxDepth bounds the headers inside headers that are followed: a packet of
// nothing but VLAN tags or MPLS labels is one, and tells no more than these.
const maxDepth = 24

func (d *dissector) begin(data []byte, at string, linkType, protocol uint16, n int) {
	if walks(&d.w, data, at, linkType, protocol, n) {
		d.headers()
		return
	}
	if at == "mac" {
		d.str("link type ").num(int(linkType)).str(", ")
		d.etherTypeName(dissect.EtherType(protocol))
	} else {
		// Before a sender has pushed its headers, data is a payload or half of a
		// header: naming it would be a guess.
		d.str("no header yet")
	}
	d.str(", length ").num(n)
}

// walks begins a walk through a packet as Packet has it; false if data does not begin with a header that is known.
func walks(w *dissect.Walk, data []byte, at string, linkType, protocol uint16, n int) bool {
	t := dissect.EtherType(protocol)
	switch {
	case at == "mac" && format.HasEthernet(data, linkType, protocol):
		w.Frame(data, n)
	case at == "mac" && !isNetwork(data, t), at == "data" && !(isNetwork(data, t) && lengthFits(data, t, n)):
		return false
	default:
		w.Network(data, t, n)
	}
	return true
}

// isNetwork says whether data can begin with the network header that t
// names. Devices without a link header (tun, ipip, wireguard) have at "mac"
// what others have at "network".
func isNetwork(data []byte, t dissect.EtherType) bool {
	return t != 0 && t == dissect.OfVersion(data) &&
		(t != dissect.EtherIPv4 || dissect.IPv4Header(data).HeaderLen() >= dissect.IPv4Len)
}

// lengthFits says whether what isNetwork took for a header gives the length n,
// which a payload that happens to begin like one does not.
func lengthFits(data []byte, t dissect.EtherType, n int) bool {
	w := dissect.Network(data, t, n)
	w.Step()
	switch {
	case w.Fault == dissect.Bad:
		return false
	case w.Kind == dissect.IPv6:
		return w.Fault == dissect.Whole && dissect.IPv6Len+w.N == n
	}
	return len(data) >= dissect.IPv4Len && dissect.IPv4Header(data).HeaderLen()+w.N == n
}

// headers prints the headers from the next one on.
func (d *dissector) headers() {
	for {
		d.w.Trim()
		form := forms[d.w.Next]
		if form == nil {
			d.unread()
			break
		}
		if d.depth++; d.depth > maxDepth {
			d.str("[nested too deep]")
			break
		}
		d.there = d.w.N
		d.w.Step()
		if !form(d) {
			break
		}
	}
	for i := len(d.ends) - 1; i >= 0; i-- {
		d.end(d.ends[i])
	}
}

// forms has a method for each kind of header that has a form here: it prints the header that the walk stands at, and
// tells whether what is behind it is to be printed next. They don't call each other: with some tunnels
// there were more returns than a processor predicts, which took more time than all else.
var forms = [256]func(*dissector) bool{
	dissect.Ethernet: (*dissector).ethernet, dissect.LLC: (*dissector).llc, dissect.SNAP: (*dissector).snap,
	dissect.STP: (*dissector).stp, dissect.LLDP: (*dissector).lldp, dissect.VLAN: (*dissector).vlan,
	dissect.MPLS: (*dissector).mpls, dissect.PPPoE: (*dissector).pppoe, dissect.PPPoEDiscovery: (*dissector).pppoe,
	dissect.PPP: (*dissector).ppp, dissect.ARP: (*dissector).arp,

	dissect.IPv4: (*dissector).ipv4, dissect.IPv6: (*dissector).ipv6, dissect.TCP: (*dissector).tcp,
	dissect.UDP: (*dissector).udp, dissect.UDPLite: (*dissector).udpLite, dissect.SCTP: (*dissector).sctp,
	dissect.ICMP: (*dissector).icmp, dissect.ICMPv6: (*dissector).icmp6, dissect.IGMP: (*dissector).igmp,

	dissect.GRE: (*dissector).gre, dissect.ESP: (*dissector).esp, dissect.VXLAN: (*dissector).vxlan,
	dissect.Geneve: (*dissector).geneve, dissect.VXLANGPE: (*dissector).vxlanGPE, dissect.GTPU: (*dissector).gtp,
	dissect.WireGuard: (*dissector).wireguard, dissect.L2TP: (*dissector).l2tp, dissect.L2TPIP: (*dissector).l2tpIP,
	dissect.MACsec: (*dissector).macsec, dissect.IPComp: (*dissector).ipcomp, dissect.DCCP: (*dissector).dccp,
}

// unread prints what is behind the header that the walk stands at, where that has no form.
func (d *dissector) unread() {
	n := d.w.N
	switch k := d.w.Kind; {
	case k == dissect.IPv4 || k == dissect.IPv6 || k.IsExtension():
		d.protocol(dissect.Proto(d.w.Type), n)
		return
	case k == dissect.LLC:
		d.accessPoints(dissect.LLCHeader(d.w.Header), dissect.LLCLen+n)
		return
	case k == dissect.PPP:
		d.pppName(dissect.PPPProtocol(d.w.Type))
		if b := d.w.Rest; d.w.Type >= 0xc000 && len(b) >= 4 || d.w.Type>>12 == 8 && len(b) >= 4 {
			d.pppControl(b, n+len(d.w.Header))
			return
		}
		d.str(", ")
	case k == dissect.MPLS: // which does not tell
	default:
		if d.frame != nil {
			d.hex(d.frame.Src(), ':').str(" > ").hex(d.frame.Dst(), ':').str(", ")
		}
		d.etherTypeName(dissect.EtherType(d.w.Type))
		d.str(", ")
	}
	d.str("length ").num(n)
}

// An end is what stands behind all that is printed of what a header carries.
type end struct {
	text  string
	piece piece // if there is no text
	n     int   // bytes of it
}

func (d *dissector) end(e end) {
	if e.text != "" {
		d.str(e.text)
		return
	}
	d.fragment(e.piece, e.n)
}

// cut says that the header at hand was cut off, where it was.
func (d *dissector) cut(name string) bool {
	if d.w.Fault != dissect.Cut {
		return false
	}
	d.short(name)
	return true
}

// total is the length of the header and of what is behind it.
func (d *dissector) total() int { return len(d.w.Header) + d.w.N }

// ethernet prints nothing of a frame's header, if the network layer says more, as tcpdump does without -e.
func (d *dissector) ethernet() bool {
	if d.cut("ether") {
		return false
	}
	switch {
	case d.detail.Link:
		d.linkHeader(dissect.EthernetHeader(d.w.Header))
	case d.w.Next != dissect.LLC:
		d.frame = d.w.Header
	}
	return true
}

// etherTypeName always gives the number, which is what one looks up.
func (d *dissector) etherTypeName(t dissect.EtherType) {
	d.str("ethertype ")
	if name := t.Name(); name != "" {
		d.str(name).str(" (0x").hex16(uint16(t)).str(")")
		return
	}
	d.str("0x").hex16(uint16(t))
}

// vlan prints a tag.
func (d *dissector) vlan() bool {
	if d.cut("vlan") {
		return false
	}
	d.out = appendVLAN(d.out, dissect.VLANTag(d.w.Header).TCI())
	if d.told {
		d.etherTypeOf(dissect.EtherType(d.w.Type))
		d.str(", ")
	}
	return true
}

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

// arp prints an ARP packet.
func (d *dissector) arp() bool {
	d.networkName("ARP, ")
	if d.cut("arp") {
		return false
	}
	h, n := dissect.ARPPacket(d.w.Header), d.total()
	if d.detail.Verbose > 0 && h.Hardware() == 1 && h.Protocol() == dissect.EtherIPv4 {
		d.str("Ethernet (len ").num(h.HardwareLen()).str("), IPv4 (len ").num(h.ProtocolLen()).str("), ")
	}
	if h.ProtocolLen() != 4 || h.Protocol() != dissect.EtherIPv4 {
		d.str("hardware ").num(int(h.Hardware())).str(", protocol 0x").hex16(uint16(h.Protocol()))
		d.str(", operation ").num(int(h.Operation())).str(", length ").num(n)
		return false
	}
	from, to := h.SenderProtocol(), h.TargetProtocol()
	switch h.Operation() {
	case dissect.ARPRequest:
		d.str("Request who-has ").ip(to)
		if hardware := h.TargetHardware(); !allZero(hardware) {
			d.str(" (").hex(hardware, ':').str(")")
		}
		d.str(" tell ").ip(from)
	case dissect.ARPReply:
		d.str("Reply ").ip(from).str(" is-at ").hex(h.SenderHardware(), ':')
	default:
		d.str("operation ").num(int(h.Operation())).str(" ").ip(from).str(" > ").ip(to)
	}
	d.str(", length ").num(n)
	return false
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

const digits = "0123456789abcdef"

func (d *dissector) hex8(v uint8) *dissector {
	d.out = append(d.out, digits[v>>4], digits[v&15])
	return d
}

func (d *dissector) hex16(v uint16) *dissector {
	d.out = append(d.out, digits[v>>12], digits[v>>8&15], digits[v>>4&15], digits[v&15])
	return d
}

// hex appends b as two digits a byte, sep between them unless it is 0.
func (d *dissector) hex(b []byte, sep byte) *dissector {
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
	d.out = appendNum(d.out, uint64(max(v, 0)))
	return d
}

func (d *dissector) u32(v uint32) *dissector {
	d.out = appendNum(d.out, uint64(v))
	return d
}

// appendNum appends v in decimal. Most numbers of a packet are ports and lengths, for which strconv takes twice
// as long.
func appendNum(dst []byte, v uint64) []byte {
	digit := func(unit uint32) byte { return '0' + byte(uint32(v)/unit%10) }
	switch {
	case v < 10:
		return append(dst, digit(1))
	case v < 100:
		return append(dst, digit(10), digit(1))
	case v < 1000:
		return append(dst, digit(100), digit(10), digit(1))
	case v < 10000:
		return append(dst, digit(1000), digit(100), digit(10), digit(1))
	case v < 100000:
		return append(dst, digit(10000), digit(1000), digit(100), digit(10), digit(1))
	}
	return strconv.AppendUint(dst, v, 10)
}
