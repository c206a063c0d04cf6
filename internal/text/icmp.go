package text

import "encoding/binary"

// icmp prints an ICMP message (RFC 792), and for an error the packet that it
// is about.
func (d *dissector) icmp(b []byte, n int) {
	d.str("ICMP ")
	if len(b) < 8 {
		d.short("icmp")
		return
	}
	typ, code := b[0], b[1]
	rest := binary.BigEndian.Uint32(b[4:])
	about := false
	switch typ {
	case 0, 8:
		d.str("echo re").str([...]string{"ply", "quest"}[typ/8])
		d.str(", id ").u32(rest >> 16).str(", seq ").u32(rest & 0xffff)
	case 3:
		about = true
		d.icmpUnreachable(code, b)
	case 4:
		about = true
		d.str("source quench")
	case 5:
		about = true
		d.str("redirect ")
		if h, ok := readIPv4(b[8:], n-8); ok {
			d.ip(h.dst).str(" ")
		}
		d.str("to ").str([...]string{"net ", "host ", "TOS and net ", "TOS and host "}[code&3]).ip(b[4:8])
	case 9:
		d.str("router advertisement")
	case 10:
		d.str("router solicitation")
	case 11:
		about = true
		switch code {
		case 0:
			d.str("time exceeded in-transit")
		case 1:
			d.str("ip reassembly time exceeded")
		default:
			d.str("time exceeded, code ").num(int(code))
		}
	case 12:
		about = true
		d.str("parameter problem - octet ").u32(rest >> 24)
	case 13:
		d.str("time stamp query, id ").u32(rest >> 16).str(", seq ").u32(rest & 0xffff)
	case 14:
		d.str("time stamp reply, id ").u32(rest >> 16).str(", seq ").u32(rest & 0xffff)
	case 42:
		d.str("extended echo request, id ").u32(rest >> 16) // RFC 8335
	case 43:
		d.str("extended echo reply, id ").u32(rest >> 16)
	default:
		d.str("type ").num(int(typ)).str(" code ").num(int(code))
	}
	d.str(", length ").num(n)
	if about {
		d.about(b[8:], n-8, false)
	}
}

// icmpUnreachable names the codes of RFC 792, 1122 and 1812. Host, protocol
// and port are those of the packet that could not be delivered.
func (d *dissector) icmpUnreachable(code byte, b []byte) {
	h, ok := readIPv4(b[8:], len(b)-8)
	if ok {
		d.ip(h.dst).str(" ")
	}
	switch code {
	case 0:
		d.str("net unreachable")
	case 1:
		d.str("host unreachable")
	case 2:
		d.str("protocol ")
		if ok {
			d.num(int(h.proto)).str(" ")
		}
		d.str("unreachable")
	case 3:
		if ok && h.offset == 0 && hasPorts(h.proto) && len(h.payload) >= 4 {
			d.str(protoName(h.proto)).str(" port ").num(int(binary.BigEndian.Uint16(h.payload[2:]))).str(" ")
		}
		d.str("unreachable")
	case 4:
		d.str("unreachable - need to frag (mtu ").num(int(binary.BigEndian.Uint16(b[6:]))).str(")")
	case 5:
		d.str("unreachable - source route failed")
	case 9, 10, 13:
		d.str("unreachable - admin prohibited")
		d.str([...]string{9: " net", 10: " host", 13: " filter"}[code])
	default:
		d.str("unreachable, code ").num(int(code))
	}
}

// about prints the packet that an ICMP error quotes, in parentheses. RFC 792
// asks for 8 bytes of its payload only: [|tcp] is usual there.
func (d *dissector) about(b []byte, n int, v6 bool) {
	if len(b) == 0 {
		return
	}
	if d.depth++; d.depth > maxDepth {
		return
	}
	d.str(" (")
	if v6 {
		d.ipv6(b, n)
	} else {
		d.ipv4(b, n)
	}
	d.str(")")
}
