package text

import "encoding/binary"

// icmp6 prints an ICMPv6 message (RFC 4443), Neighbor Discovery (RFC 4861) and
// MLD (RFC 2710, 3810) with their target addresses and link-layer addresses.
func (d *dissector) icmp6(b []byte, n int) {
	d.str("ICMP6, ")
	if len(b) < 8 {
		d.short("icmp6")
		return
	}
	typ, code := b[0], b[1]
	rest := binary.BigEndian.Uint32(b[4:])
	about := false
	options := 0 // where Neighbor Discovery options begin
	switch typ {
	case 1:
		about = true
		d.str("destination unreachable, ")
		switch code {
		case 0:
			d.str("no route")
		case 1:
			d.str("admin prohibited")
		case 3:
			d.str("unreachable address")
		case 4:
			d.str("unreachable port")
		case 5, 6:
			d.str([...]string{5: "source address failed policy", 6: "rejected route"}[code])
		default:
			d.str("code ").num(int(code))
		}
		if h, ok := readIPv6(b[8:], n-8); ok {
			d.str(", ").ip(h.dst)
			if hasPorts(h.proto) && len(h.payload) >= 4 {
				d.str(" ").str(protoName(h.proto)).str(" port ").num(int(binary.BigEndian.Uint16(h.payload[2:])))
			}
		}
	case 2:
		about = true
		d.str("packet too big, mtu ").u32(rest)
	case 3:
		about = true
		d.str("time exceeded in-transit")
		if code == 1 {
			d.str(" (reassembly)")
		}
	case 4:
		about = true
		d.str("parameter problem, code ").num(int(code)).str(" - octet ").u32(rest)
	case 128, 129:
		d.str("echo re").str([...]string{"quest", "ply"}[typ-128])
		d.str(", id ").u32(rest >> 16).str(", seq ").u32(rest & 0xffff)
	case 130:
		d.str("multicast listener query")
		d.groupAddress(b, " ")
	case 131:
		d.str("multicast listener report")
		d.groupAddress(b, " ")
	case 132:
		d.str("multicast listener done")
		d.groupAddress(b, " ")
	case 133:
		d.str("router solicitation")
		options = 8
	case 134:
		d.str("router advertisement")
		if len(b) >= 16 {
			d.str(", hop limit ").num(int(b[4])).str(", lifetime ").num(int(binary.BigEndian.Uint16(b[6:]))).str("s")
		}
		options = 16
	case 135:
		d.str("neighbor solicitation, who has")
		d.groupAddress(b, " ")
		options = 24
	case 136:
		d.str("neighbor advertisement, tgt is")
		d.groupAddress(b, " ")
		options = 24
	case 137:
		d.str("redirect")
		if len(b) >= 40 {
			d.str(", ").ip(b[24:40]).str(" to ").ip(b[8:24])
		}
		options = 40
	case 143:
		d.str("multicast listener report v2, ").u32(rest & 0xffff).str(" group record(s)")
	default:
		d.str("type ").num(int(typ)).str(" code ").num(int(code))
	}
	d.str(", length ").num(n)
	if about {
		d.about(b[8:], n-8, true)
	}
	if typ == 143 {
		d.mldRecords(b[8:], int(rest&0xffff))
	}
	if options > 0 && options < len(b) {
		d.linkAddresses(b[options:])
	}
}

// groupAddress prints the 16 bytes at 8, which all of these have there.
func (d *dissector) groupAddress(b []byte, before string) {
	d.str(before)
	if len(b) < 24 {
		d.short("icmp6")
		return
	}
	d.ip(b[8:24])
}

// linkAddresses prints the source (1) and target (2) link-layer address of
// Neighbor Discovery options; the length counts 8 bytes.
func (d *dissector) linkAddresses(b []byte) {
	for len(b) >= 8 && b[1] > 0 && int(b[1])*8 <= len(b) {
		switch b[0] {
		case 1:
			d.str(", source link-address ").hex(b[2:8], ':')
		case 2:
			d.str(", destination link-address ").hex(b[2:8], ':')
		}
		b = b[int(b[1])*8:]
	}
}

// mldRecords prints the groups of an MLDv2 report, the first few by name.
func (d *dissector) mldRecords(b []byte, n int) {
	for i := 0; i < min(n, maxListed) && len(b) >= 20; i++ {
		d.str(" [").ip(b[4:20]).str("]")
		next := 20 + int(binary.BigEndian.Uint16(b[2:]))*16 + int(b[1])*4
		b = b[min(next, len(b)):]
	}
}

// maxListed is how many entries of a list in a packet (answers, groups,
// chunks) are printed; the count of all stands before them.
const maxListed = 16
