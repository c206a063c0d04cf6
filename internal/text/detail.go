package text

import (
	"strconv"

	"github.com/skb-tools/skb-tools/internal/dissect"
)

// Detail says how much is printed of each packet, as tcpdump's flags of the same letters do. The zero value is a line
// as that of tcpdump -nnS.
type Detail struct {
	Verbose  int  // -v: what the IP header holds, and checksums; -vv: also those that are right of UDP over IPv4
	Quiet    bool // -q: addresses, ports and lengths
	Link     bool // -e: the header of an Ethernet frame
	Hex      int  // -x: the bytes behind the link header; -xx: all
	HexASCII int  // -X and -XX: likewise, and as ASCII
}

// networkName prints the name of the network header, unless that of the link layer has told it.
func (d *dissector) networkName(name string) {
	if !d.told {
		d.str(name)
	}
	d.told = false
}

// linkHeader prints the header of a frame (-e).
func (d *dissector) linkHeader(h dissect.EthernetHeader) {
	d.hex(h.Src(), ':').str(" > ").hex(h.Dst(), ':').str(", ")
	if d.w.Next == dissect.LLC {
		d.str("802.3")
	} else {
		d.etherTypeOf(dissect.EtherType(d.w.Type))
		d.told = true
	}
	d.str(", length ").num(d.total()).str(": ")
}

// etherTypeOf prints an EtherType as -e shows it.
func (d *dissector) etherTypeOf(t dissect.EtherType) {
	if d.detail.Quiet && t.Name() != "" {
		d.str(t.Name())
		return
	}
	d.etherTypeName(t)
}

// ecn is what the two lowest bits of the TOS say (RFC 3168, 5).
var ecn = [...]string{"", ",ECT(1)", ",ECT(0)", ",CE"}

// ipv4Detail prints what an IPv4 header holds besides the addresses (-v).
func (d *dissector) ipv4Detail(h dissect.IPv4Header) {
	d.str("(tos 0x").hexDigits(uint64(h.TOS()))
	d.str(ecn[h.TOS()&3])
	d.str(", ttl ").num(int(h.TTL())).str(", id ").num(int(h.ID())).str(", offset ").num(h.Offset()).str(", flags [")
	sep := ""
	for _, f := range [...]struct {
		bit  uint16
		name string
	}{{0x2000, "+"}, {0x4000, "DF"}, {0x8000, "rsvd"}} {
		if h.Fragment()&f.bit != 0 {
			d.str(sep).str(f.name)
			sep = ", "
		}
	}
	if sep == "" {
		d.str("none")
	}
	d.str("], proto ").protoDetail(h.Proto()).str(", length ").num(h.Total())
	if options := h.Options(); len(options) > 0 {
		d.str(", options (").ipOptions(options).str(")")
	}
	if len(h) == h.HeaderLen() {
		if sum := dissect.Sum(0, h); sum != 0xffff {
			d.badSum(", bad cksum ", " (->", ")!", word(h, 10), sum)
		}
	}
	d.str(")\n    ")
}

// ipv6Detail prints what an IPv6 header holds besides the addresses (-v).
func (d *dissector) ipv6Detail(h dissect.IPv6Header) {
	d.str("(")
	if class := h.TrafficClass(); class != 0 {
		d.str("class 0x").hex8(class).str(", ")
	}
	if flow := h.FlowLabel(); flow != 0 {
		d.str("flowlabel 0x").hex8(uint8(flow >> 16)).hex16(uint16(flow)).str(", ")
		copy(d.out[len(d.out)-8:], d.out[len(d.out)-7:]) // five digits, not six
		d.out = d.out[:len(d.out)-1]
	}
	d.str("hlim ").num(int(h.HopLimit())).str(", next-header ").protoDetail(h.Proto())
	d.str(" payload length: ").num(h.Length()).str(") ")
}

// protoDetail prints a protocol's name and number: "UDP (17)".
func (d *dissector) protoDetail(p dissect.Proto) *dissector {
	switch p {
	case dissect.ProtoHopByHop, dissect.ProtoDestOpts:
		d.str("Options")
	case dissect.ProtoIPv6:
		d.str("IPv6")
	case dissect.ProtoRouting:
		d.str("Routing")
	case dissect.ProtoFragment:
		d.str("Fragment")
	case dissect.ProtoICMPv6:
		d.str("ICMPv6")
	case dissect.ProtoIPComp:
		d.str("Compressed IP")
	case dissect.ProtoNoNextHeader:
		d.str("no next header")
	default:
		if p.Name() == "" && p != dissect.ProtoIPv4 {
			d.str("unknown")
		} else {
			d.out = appendProto(d.out, p)
		}
	}
	return d.str(" (").num(int(p)).str(")")
}

// hexDigits prints a number in hexadecimal, without 0x.
func (d *dissector) hexDigits(v uint64) *dissector {
	d.out = strconv.AppendUint(d.out, v, 16)
	return d
}

func word(b []byte, at int) uint16 { return uint16(b[at])<<8 | uint16(b[at+1]) }

// badSum prints that a checksum is wrong, and what it would have to be: sum is that of all that it is over, its own
// word included.
func (d *dissector) badSum(before, between, behind string, has uint16, sum uint32) {
	d.str(before).hexDigits(uint64(has)).str(between).hexDigits(uint64(shouldBe(has, sum))).str(behind)
}

// shouldBe is the checksum that makes sum right, which has it as has.
func shouldBe(has uint16, sum uint32) uint16 {
	s := sum + uint32(^has) // takes it out (RFC 1624)
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return ^uint16(s)
}

// A checked is what is known of a transport's checksum.
type checked uint8

const (
	unchecked  checked = iota // not all bytes were captured, or it is a fragment
	right                     // as it should be
	wrong                     // it is not
	unfinished                // only the sum of the pseudo-header: the device, or the kernel later, does the rest
)

// transportSum checks the checksum of the transport header that the walk stands at. sum is that of all bytes, the
// pseudo-header's included (RFC 9293, RFC 8200).
func (d *dissector) transportSum(proto dissect.Proto, has uint16) (sum uint32, is checked) {
	all := len(d.w.Header) + len(d.w.Rest)
	if d.fragmented || d.w.Quoted || d.w.Fault != dissect.Whole || all != d.total() || len(d.src) == 0 {
		return 0, unchecked
	}
	dst := d.dst
	if d.final != nil {
		dst = d.final
	}
	ends := dissect.Sum(dissect.Sum(0, d.src), dst)
	// The length may still be missing, too, where segments are to be cut from it.
	bare := dissect.Sum(ends, []byte{0, byte(proto)})
	pseudo := dissect.Sum(bare, []byte{byte(all >> 24), byte(all >> 16), byte(all >> 8), byte(all)})
	sum = dissect.Sum(dissect.Sum(pseudo, d.w.Header), d.w.Rest)
	switch {
	case sum == 0xffff:
		return sum, right
	case uint32(has) == pseudo || uint32(has) == bare: // CHECKSUM_PARTIAL, include/linux/skbuff.h
		return sum, unfinished
	}
	return sum, wrong
}

// udpSum prints what is known of a UDP checksum (-v).
func (d *dissector) udpSum(h dissect.UDPHeader) {
	if h.Sum() == 0 {
		if !d.fragmented && (d.detail.Verbose > 1 || len(d.src) == 16) {
			d.str("[no cksum] ")
		}
		return
	}
	switch sum, is := d.transportSum(dissect.ProtoUDP, h.Sum()); is {
	case right:
		if d.detail.Verbose > 1 || len(d.src) == 16 { // so does tcpdump
			d.str("[udp sum ok] ")
		}
	case wrong:
		d.str("[bad udp cksum 0x").hex16(h.Sum()).str(" -> 0x").hex16(shouldBe(h.Sum(), sum)).str("!] ")
	case unfinished:
		d.str("[udp cksum 0x").hex16(h.Sum()).str(" unfinished] ")
	}
}

// tcpSum prints what is known of a TCP checksum (-v).
func (d *dissector) tcpSum(h dissect.TCPHeader) {
	has := word(h, 16)
	sum, is := d.transportSum(dissect.ProtoTCP, has)
	if is == unchecked {
		return
	}
	d.str(", cksum 0x").hex16(has)
	switch is {
	case right:
		d.str(" (correct)")
	case unfinished:
		d.str(" (unfinished)")
	default:
		d.str(" (incorrect -> 0x").hex16(shouldBe(has, sum)).str(")")
	}
}

// icmpSum prints that an ICMP checksum is wrong (-v).
func (d *dissector) icmpSum(h dissect.ICMPHeader) {
	if d.fragmented || d.w.Quoted || len(d.w.Header)+len(d.w.Rest) != d.total() {
		return
	}
	if sum := dissect.Sum(dissect.Sum(0, h), d.w.Rest); sum != 0xffff {
		d.badSum(" (wrong icmp cksum ", " (->", ")!)", word(h, 2), sum)
	}
}

// icmp6Sum prints what is known of an ICMPv6 checksum (-v).
func (d *dissector) icmp6Sum(h dissect.ICMPHeader) {
	switch sum, is := d.transportSum(dissect.ProtoICMPv6, word(h, 2)); is {
	case right:
		d.str("[icmp6 sum ok] ")
	case wrong:
		d.str("[bad icmp6 cksum 0x").hex16(word(h, 2)).str(" -> 0x").hex16(shouldBe(word(h, 2), sum)).str("!] ")
	case unfinished:
		d.str("[icmp6 cksum 0x").hex16(word(h, 2)).str(" unfinished] ")
	}
}

// IPv4 options (IANA's ip-parameters).
const (
	optionRecordRoute = 7
	optionTimestamp   = 68
	optionSecurity    = 130
	optionLooseRoute  = 131
	optionStrictRoute = 137
	optionRouterAlert = 148
)

// ipOptions prints the options of an IPv4 header.
func (d *dissector) ipOptions(o dissect.Options) *dissector {
	for i := 0; len(o) > 0; i++ {
		if i > 0 {
			d.str(",")
		}
		kind, value, ok := o.Next()
		if !ok {
			return d.str("bad option 0x").hex(o, 0)
		}
		switch kind {
		case dissect.OptionEnd:
			d.str("EOL")
		case dissect.OptionNop:
			d.str("NOP")
		case optionRecordRoute, optionLooseRoute, optionStrictRoute:
			d.ipRoute(kind, value)
		case optionRouterAlert:
			d.str("RA")
			if len(value) == 2 && word(value, 0) != 0 {
				d.str(" value ").num(int(word(value, 0)))
			}
		case optionTimestamp:
			d.str("timestamp")
		case optionSecurity:
			d.str("security ").num(len(value) + 2)
		default:
			d.str("unknown ").num(int(kind))
		}
	}
	return d
}

// routeEnd is the last address of a source route, which checksums are made with (RFC 1122, 3.2.1.8); nil if there is
// none.
func routeEnd(o dissect.Options) []byte {
	for {
		kind, value, ok := o.Next()
		switch {
		case !ok:
			return nil
		case (kind == optionLooseRoute || kind == optionStrictRoute) && len(value) >= 5:
			return value[len(value)-4:]
		}
	}
}

// ipRoute prints an option of a route: a pointer and addresses.
func (d *dissector) ipRoute(kind byte, value []byte) {
	switch kind {
	case optionRecordRoute:
		d.str("RR")
	case optionLooseRoute:
		d.str("LSRR")
	default:
		d.str("SSRR")
	}
	if len(value) == 0 {
		return
	}
	for addrs := value[1:]; len(addrs) >= 4; addrs = addrs[4:] {
		d.str(" ").ip(addrs[:4])
	}
}

// appendHex appends bytes in lines of sixteen, as tcpdump -x and, with ASCII, -X print them.
func appendHex(dst, b []byte, ascii bool) []byte {
	for at := 0; at < len(b); at += 16 {
		line := b[at:min(at+16, len(b))]
		dst = append(dst, "\n\t0x"...)
		dst = append(dst, digits[at>>12&15], digits[at>>8&15], digits[at>>4&15], digits[at&15], ':', ' ')
		for i, c := range line {
			if i%2 == 0 {
				dst = append(dst, ' ')
			}
			dst = append(dst, digits[c>>4], digits[c&15])
		}
		if !ascii {
			continue
		}
		const hexColumns = 40
		dst = append(pad(dst, hexColumns-len(line)*2-(len(line)+1)/2), ' ', ' ')
		for _, c := range line {
			if c <= ' ' || c > '~' { // a blank, too: tcpdump's columns stay together
				c = '.'
			}
			dst = append(dst, c)
		}
	}
	return dst
}

// hex prints the bytes of a packet below its line, if they are asked for.
func (p *Printer) hex(e *fields) {
	o := &p.o.Detail
	if o.Hex|o.HexASCII == 0 || !e.hasData {
		return
	}
	b := e.data
	if all := o.Hex > 1 && o.HexASCII == 0 || o.HexASCII > 1; !all && e.at == "mac" {
		b = behindLink(b, e)
	}
	p.line = appendHex(p.line, b, o.HexASCII > 0)
}

// behindLink is what is behind a frame's header and its VLAN tags, and that of IEEE 802.2.
func behindLink(b []byte, e *fields) []byte {
	var w dissect.Walk
	if !walks(&w, b, e.at, uint16(e.devType.V), uint16(e.protocol.V), len(b)) || w.Next != dissect.Ethernet {
		return b
	}
	for w.Next == dissect.Ethernet && w.Kind == dissect.None || w.Next == dissect.VLAN || w.Next == dissect.LLC ||
		w.Next == dissect.SNAP {
		w.Step()
	}
	return b[w.Behind():]
}
