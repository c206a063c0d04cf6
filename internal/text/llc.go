package text

import (
	"bytes"
	"encoding/binary"

	"github.com/gopacket/gopacket"
)

// llc prints an IEEE 802.2 frame of which the 802.3 header says length bytes.
func (d *dissector) llc(b []byte, n, length int) {
	b = b[:min(len(b), length)]
	n = min(n, length)
	if len(b) < 3 {
		d.short("llc")
		return
	}
	switch {
	case b[0] == 0x42 && b[1] == 0x42:
		d.stpMessage(b[3:], n-3)
	case b[0] == 0xaa && b[1] == 0xaa && len(b) >= 8 && bytes.Equal(b[3:6], []byte{0, 0, 0}):
		d.network(b[8:], binary.BigEndian.Uint16(b[6:]), n-8) // SNAP, RFC 1042
	case b[0] == 0xaa && b[1] == 0xaa && len(b) >= 8:
		d.str("SNAP oui ").hex(b[3:6], ':').str(", pid 0x").hex(b[6:8], 0).str(", length ").num(n - 8)
	default:
		d.str("802.2 dsap 0x").hex(b[:1], 0).str(" ssap 0x").hex(b[1:2], 0).str(", length ").num(n)
	}
}

// stpMessage prints a spanning tree BPDU (IEEE 802.1D, 802.1Q).
func (d *dissector) stpMessage(b []byte, n int) {
	d.str("STP ")
	if len(b) < 4 {
		d.short("stp")
		return
	}
	switch b[2] {
	case 0:
		d.str("802.1d")
	case 2:
		d.str("802.1w")
	case 3:
		d.str("802.1s")
	default:
		d.str("version ").num(int(b[2]))
	}
	if b[3] == 0x80 { // no more than the four bytes
		d.str(", Topology Change, length ").num(n)
		return
	}
	if d.stp.DecodeFromBytes(b, gopacket.NilDecodeFeedback) != nil {
		d.str(", ").short("stp")
		return
	}
	s := &d.stp
	if b[3] == 2 {
		d.str(", Rapid STP")
	} else {
		d.str(", Config")
	}
	if s.TC {
		d.str(", topology change")
	}
	d.str(", root ").hex16(s.RouteID.Priority|s.RouteID.SysID).str(".").hex(s.RouteID.HwAddr, ':')
	d.str(", bridge-id ").hex16(s.BridgeID.Priority|s.BridgeID.SysID).str(".").hex(s.BridgeID.HwAddr, ':')
	d.str(".").hex16(s.PortID).str(", length ").num(n)
}

// lldp prints the names in an LLDP message (IEEE 802.1AB): a TLV is 7 bits of
// type, 9 of length.
func (d *dissector) lldp(b []byte, n int) {
	d.str("LLDP, length ").num(n)
	for len(b) >= 2 {
		tlv := binary.BigEndian.Uint16(b)
		typ, length := tlv>>9, int(tlv&0x1ff)
		if len(b) < 2+length {
			d.str(", ").short("lldp")
			return
		}
		v := b[2 : 2+length]
		switch {
		case typ == 0:
			return
		case typ == 4:
			d.str(", port description ")
			d.out = appendEscaped(d.out, v)
		case typ == 5:
			d.str(", system name ")
			d.out = appendEscaped(d.out, v)
		}
		b = b[2+length:]
	}
}
