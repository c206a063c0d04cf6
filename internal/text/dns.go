package text

import (
	"encoding/binary"

	"github.com/gopacket/gopacket/layers"
)

// dns prints a DNS message (RFC 1035) with its first question and its
// answers, in tcpdump's notation: id, + for recursion desired, * for
// authoritative, | for truncated by the server, - for no recursion, then the
// counts of answers, authorities and additionals; n is the message's length.
func (d *dissector) dns(b []byte, n int) {
	if len(b) < 12 {
		d.short("domain")
		return
	}
	flags := binary.BigEndian.Uint16(b[2:])
	count := func(i int) int { return int(binary.BigEndian.Uint16(b[4+2*i:])) }
	response := flags&0x8000 != 0
	d.num(int(binary.BigEndian.Uint16(b)))
	if op := flags >> 11 & 15; op != 0 {
		d.str(" ")
		if names := [...]string{1: "inv_q", 2: "stat", 4: "notify", 5: "update", 6: "stateful"}; int(op) < len(names) &&
			names[op] != "" {
			d.str(names[op])
		} else {
			d.str("op").num(int(op))
		}
	}
	if response {
		if rcode := flags & 15; rcode != 0 {
			d.str(" ").str(rcodeName(byte(rcode)))
		}
		if flags&0x0400 != 0 {
			d.str("*")
		}
		if flags&0x0080 == 0 {
			d.str("-")
		}
		if flags&0x0200 != 0 {
			d.str("|")
		}
		d.str(" ").num(count(1)).str("/").num(count(2)).str("/").num(count(3))
	} else if flags&0x0100 != 0 {
		d.str("+")
	}
	at := 12
	for i := range min(count(0), maxListed) {
		start := at
		if at = skipName(b, at); at < 0 || at+4 > len(b) {
			d.str(" ").short("domain")
			return
		}
		// The first question tells what an answer without answers is about.
		if i == 0 && (!response || count(1) == 0 || flags&15 != 0) {
			d.str(" ").dnsType(binary.BigEndian.Uint16(b[at:])).str("? ").dnsName(b, start)
		}
		at += 4
	}
	if count(0) > maxListed {
		d.str(" ...")
	} else if response {
		for i := range count(1) {
			if i == maxListed {
				d.str(", ...")
				break
			}
			if i > 0 {
				d.str(",")
			}
			d.str(" ")
			if at = d.dnsRecord(b, at); at < 0 {
				break
			}
		}
	}
	d.str(" (").num(n).str(")")
}

// dnsRecord prints the record at at and returns where the next begins, or -1
// where the bytes end.
func (d *dissector) dnsRecord(b []byte, at int) int {
	if at = skipName(b, at); at < 0 || at+10 > len(b) {
		d.short("domain")
		return -1
	}
	typ := binary.BigEndian.Uint16(b[at:])
	data, end := at+10, at+10+int(binary.BigEndian.Uint16(b[at+8:]))
	d.dnsType(typ)
	if end > len(b) {
		d.str(" ").short("domain")
		return -1
	}
	switch t := layers.DNSType(typ); {
	case t == layers.DNSTypeA && end-data == 4, t == layers.DNSTypeAAAA && end-data == 16:
		d.str(" ").ip(b[data:end])
	case t == layers.DNSTypeCNAME, t == layers.DNSTypeNS, t == layers.DNSTypePTR:
		d.str(" ").dnsName(b[:end], data)
	case t == layers.DNSTypeMX && end-data > 2:
		d.str(" ").dnsName(b[:end], data+2).str(" ").num(int(binary.BigEndian.Uint16(b[data:])))
	case t == layers.DNSTypeSRV && end-data > 6:
		d.str(" ").dnsName(b[:end], data+6).str(":").num(int(binary.BigEndian.Uint16(b[data+4:])))
	case t == layers.DNSTypeTXT && end-data > 0:
		text := b[data+1 : min(end, data+1+int(b[data]))]
		d.str(" \"")
		d.out = appendEscaped(d.out, text)
		d.str("\"")
	}
	return end
}

// skipName returns the offset behind the name at at, or -1 where the bytes
// end.
func skipName(b []byte, at int) int {
	for at >= 0 && at < len(b) {
		switch c := int(b[at]); {
		case c == 0:
			return at + 1
		case c >= 0xc0:
			if at+2 > len(b) {
				return -1
			}
			return at + 2
		default:
			at += 1 + c
		}
	}
	return -1
}

// dnsName prints the name at at. A name has at most 255 bytes (RFC 1035,
// section 2.3.4), which also ends a circle of pointers.
func (d *dissector) dnsName(b []byte, at int) *dissector {
	first := true
	for length, jumps := 0, 0; length < 255 && jumps < 32; {
		if at >= len(b) {
			return d.str("[|domain]")
		}
		c := int(b[at])
		if c == 0 {
			if first {
				d.str(".")
			}
			return d
		}
		if c >= 0xc0 {
			if at+1 >= len(b) {
				return d.str("[|domain]")
			}
			at = (c&0x3f)<<8 | int(b[at+1])
			jumps++
			continue
		}
		if at+1+c > len(b) {
			return d.str("[|domain]")
		}
		d.out = appendEscaped(d.out, b[at+1:at+1+c])
		d.str(".")
		first = false
		length += 1 + c
		at += 1 + c
	}
	return d.str("[bad name]")
}

func (d *dissector) dnsType(t uint16) *dissector {
	switch layers.DNSType(t) {
	case layers.DNSTypeA:
		return d.str("A")
	case layers.DNSTypeAAAA:
		return d.str("AAAA")
	case layers.DNSTypeNS:
		return d.str("NS")
	case layers.DNSTypeCNAME:
		return d.str("CNAME")
	case layers.DNSTypeSOA:
		return d.str("SOA")
	case layers.DNSTypePTR:
		return d.str("PTR")
	case layers.DNSTypeMX:
		return d.str("MX")
	case layers.DNSTypeTXT:
		return d.str("TXT")
	case layers.DNSTypeSRV:
		return d.str("SRV")
	case layers.DNSTypeOPT:
		return d.str("OPT")
	case 43:
		return d.str("DS")
	case 46:
		return d.str("RRSIG")
	case 47:
		return d.str("NSEC")
	case 48:
		return d.str("DNSKEY")
	case 64:
		return d.str("SVCB")
	case 65:
		return d.str("HTTPS")
	case 255:
		return d.str("ANY")
	}
	return d.str("Type").num(int(t))
}

// rcodeName gives tcpdump's names for the response codes.
func rcodeName(c byte) string {
	names := [...]string{"", "FormErr", "ServFail", "NXDomain", "NotImp", "Refused", "YXDomain", "YXRRSet", "NXRRSet",
		"NotAuth", "NotZone", "Resp11", "Resp12", "Resp13", "Resp14", "Resp15"}
	return names[c&15]
}
