package text

import "encoding/binary"

// igmp prints an IGMP message: RFC 1112, 2236, 3376.
func (d *dissector) igmp(b []byte, n int) {
	d.str("igmp ")
	if len(b) < 8 {
		d.short("igmp")
		return
	}
	group, records := b[4:8], 0
	switch b[0] {
	case 0x11:
		switch {
		case n >= 12:
			d.str("query v3")
		case b[1] == 0:
			d.str("query v1")
		default:
			d.str("query v2")
		}
		if !allZero(group) {
			d.str(" ").ip(group)
		}
	case 0x12:
		d.str("v1 report ").ip(group)
	case 0x16:
		d.str("v2 report ").ip(group)
	case 0x17:
		d.str("leave ").ip(group)
	case 0x22:
		records = int(binary.BigEndian.Uint16(b[6:]))
		d.str("v3 report, ").num(records).str(" group record(s)")
	default:
		d.str("type 0x").hex(b[:1], 0)
	}
	d.str(", length ").num(n)
	b = b[8:]
	for i := 0; i < min(records, maxListed) && len(b) >= 8; i++ {
		d.str(" [").ip(b[4:8]).str("]")
		next := 8 + int(binary.BigEndian.Uint16(b[2:]))*4 + int(b[1])*4
		b = b[min(next, len(b)):]
	}
}
