package text

import (
	"encoding/binary"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// vxlanPacket prints a VXLAN header (RFC 7348) and the frame in it.
func (d *dissector) vxlanPacket(b []byte, n int) {
	d.str("VXLAN, ")
	if d.vxlan.DecodeFromBytes(b, gopacket.NilDecodeFeedback) != nil {
		d.short("vxlan")
		return
	}
	d.str("flags [").str([...]string{".", "I"}[b[0]>>3&1]).str("] (0x").hex(b[:1], 0).str("), vni ").u32(d.vxlan.VNI)
	if d.vxlan.GBPExtension {
		d.str(", gbp ").num(int(d.vxlan.GBPGroupPolicyID))
	}
	d.inner(b[8:], uint16(layers.EthernetTypeTransparentEthernetBridging), n-8)
}

// geneve prints a Geneve header (RFC 8926) and what is in it. It is read here
// because gopacket counts the offset of the options in a byte, which overflows
// at their greatest length.
func (d *dissector) geneve(b []byte, n int) {
	d.str("Geneve, ")
	if len(b) < 8 {
		d.short("geneve")
		return
	}
	d.str("Flags [")
	switch b[1] >> 6 {
	case 0:
		d.str("none")
	case 1:
		d.str("C")
	case 2:
		d.str("O")
	case 3:
		d.str("OC")
	}
	d.str("], vni ").u32(binary.BigEndian.Uint32(b[4:]) >> 8)
	options := int(b[0]&0x3f) * 4
	if options > 0 {
		d.str(", options length ").num(options)
	}
	if len(b) < 8+options {
		d.str(", ").short("geneve")
		return
	}
	d.inner(b[8+options:], binary.BigEndian.Uint16(b[2:]), n-8-options)
}

// grePacket prints a GRE header (RFC 2784, 2890; version 1: RFC 2637).
func (d *dissector) grePacket(b []byte, n int) {
	g := &d.gre
	err := g.DecodeFromBytes(b, gopacket.NilDecodeFeedback)
	if len(b) < 4 {
		d.short("gre")
		return
	}
	d.str("GREv").num(int(g.Version))
	if err != nil {
		d.str(", ").short("gre")
		return
	}
	if g.KeyPresent {
		d.str(", key=").hexNum(uint64(g.Key))
	}
	if g.SeqPresent {
		d.str(", seq ").u32(g.Seq)
	}
	d.str(", length ").num(n)
	hl := len(g.Contents)
	if g.Version == 1 && len(g.Payload) == 0 {
		return // PPTP's bare acknowledgement
	}
	// A keepalive is a header with nothing in it.
	if g.Protocol == 0 && len(g.Payload) == 0 {
		d.str(", keepalive")
		return
	}
	d.inner(b[hl:], uint16(g.Protocol), n-hl)
}

func (d *dissector) inner(b []byte, etherType uint16, n int) {
	d.str(": ")
	d.network(b, etherType, max(n, len(b)))
}

// mpls prints the label stack (RFC 3032). What is under it is told by its
// first nibble, as routers do (RFC 4928).
func (d *dissector) mpls(b []byte, n int) {
	if len(b) < 4 {
		d.short("mpls")
		return
	}
	e := binary.BigEndian.Uint32(b)
	d.str("MPLS (label ").u32(e >> 12)
	if tc := e >> 9 & 7; tc != 0 {
		d.str(", tc ").u32(tc)
	}
	bottom := e&0x100 != 0
	if bottom {
		d.str(", [S]")
	}
	d.str(", ttl ").u32(e & 0xff).str(") ")
	b, n = b[4:], max(n-4, 0)
	switch {
	case !bottom:
		d.network(b, uint16(layers.EthernetTypeMPLSUnicast), n)
	case len(b) > 0 && b[0]>>4 == 4:
		d.network(b, uint16(layers.EthernetTypeIPv4), n)
	case len(b) > 0 && b[0]>>4 == 6:
		d.network(b, uint16(layers.EthernetTypeIPv6), n)
	default:
		d.str("length ").num(n)
	}
}

// pppoe prints a PPPoE header (RFC 2516).
func (d *dissector) pppoe(b []byte, n int, discovery bool) {
	d.str("PPPoE ")
	if len(b) < 6 {
		d.short("pppoe")
		return
	}
	switch b[1] {
	case 0:
	case 0x07:
		d.str("PADO ")
	case 0x09:
		d.str("PADI ")
	case 0x19:
		d.str("PADR ")
	case 0x65:
		d.str("PADS ")
	case 0xa7:
		d.str("PADT ")
	default:
		d.str("code ").num(int(b[1])).str(" ")
	}
	d.str("[ses ").hexNum(uint64(binary.BigEndian.Uint16(b[2:]))).str("]")
	length := int(binary.BigEndian.Uint16(b[4:]))
	if discovery {
		d.str(", length ").num(length)
		return
	}
	d.str(" ")
	d.ppp(b[6:min(6+length, len(b))], length)
}

// ppp prints what a PPP frame's protocol field names (RFC 1661). The address
// and control bytes, ff 03, are left out by PPPoE and optional elsewhere.
func (d *dissector) ppp(b []byte, n int) {
	if len(b) >= 2 && b[0] == 0xff && b[1] == 3 {
		b, n = b[2:], n-2
	}
	if len(b) < 2 {
		d.short("ppp")
		return
	}
	proto, size := binary.BigEndian.Uint16(b), 2
	if b[0]&1 != 0 { // compressed to one byte
		proto, size = uint16(b[0]), 1
	}
	b, n = b[size:], max(n-size, 0)
	switch proto {
	case 0x21:
		d.network(b, uint16(layers.EthernetTypeIPv4), n)
	case 0x57:
		d.network(b, uint16(layers.EthernetTypeIPv6), n)
	default:
		if name := pppNames[proto]; name != "" {
			d.str(name)
		} else {
			d.str("ppp protocol ").hexNum(uint64(proto))
		}
		d.str(", length ").num(n)
	}
}

var pppNames = map[uint16]string{0xc021: "LCP", 0xc023: "PAP", 0xc223: "CHAP", 0x8021: "IPCP", 0x8057: "IPV6CP",
	0x80fd: "CCP"}

// esp prints the part of ESP (RFC 4303) that is not encrypted.
func (d *dissector) esp(b []byte, n int) {
	if len(b) < 8 {
		d.short("esp")
		return
	}
	d.str("ESP(spi=").hexNum(uint64(binary.BigEndian.Uint32(b)))
	d.str(",seq=").hexNum(uint64(binary.BigEndian.Uint32(b[4:])))
	d.str("), length ").num(n)
}
