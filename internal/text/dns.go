package text

import (
	"encoding/binary"

	"github.com/gopacket/gopacket/layers"
)

// dns prints a DNS message (RFC 1035) of n bytes with its first question and its
// answers, in tcpdump's notation.
func (d *dissector) dns(b []byte, n int) {
	if len(b) < dnsHeaderLen {
		d.short("domain")
		return
	}
	h := dnsHeader(b)
	d.dnsHead(h, b)
	if d.dnsBody(h, b) {
		d.str(" (").num(n).str(")")
	}
}

// A dnsHeader is one of 12 bytes (RFC 1035, 4.1.1).
type dnsHeader []byte

const dnsHeaderLen = 12

func (h dnsHeader) id() uint16     { return binary.BigEndian.Uint16(h) }
func (h dnsHeader) flags() uint16  { return binary.BigEndian.Uint16(h[2:]) }
func (h dnsHeader) response() bool { return h.flags()&0x8000 != 0 }
func (h dnsHeader) op() uint16     { return h.flags() >> 11 & 15 }
func (h dnsHeader) rcode() uint16  { return h.flags() & 15 }

// Flags of a DNS message.
const (
	dnsAuthoritative = 0x0400
	dnsTruncated     = 0x0200 // by the server
	dnsDesired       = 0x0100 // recursion
	dnsAvailable     = 0x0080 // likewise
)

// The counts of the message's sections.
func (h dnsHeader) questions() int   { return int(binary.BigEndian.Uint16(h[4:])) }
func (h dnsHeader) answers() int     { return int(binary.BigEndian.Uint16(h[6:])) }
func (h dnsHeader) authorities() int { return int(binary.BigEndian.Uint16(h[8:])) }
func (h dnsHeader) additionals() int { return int(binary.BigEndian.Uint16(h[10:])) }

// dnsHead prints the header: id, + for recursion desired, * for authoritative, | for truncated by the
// server, - for no recursion, then the counts of answers, authorities and additionals.
func (d *dissector) dnsHead(h dnsHeader, b []byte) {
	flags := h.flags()
	d.num(int(h.id()))
	if op := int(h.op()); op != 0 {
		names := [...]string{1: "inv_q", 2: "stat", 4: "notify", 5: "update", 6: "stateful"}
		if d.str(" "); op < len(names) && names[op] != "" {
			d.str(names[op])
		} else {
			d.str("op").num(op)
		}
	}
	if !h.response() {
		if flags&dnsDesired != 0 {
			d.str("+")
		}
		return
	}
	if rcode := h.rcode(); rcode != 0 {
		d.str(" ").str(rcodeName(byte(rcode)))
	}
	if flags&dnsAuthoritative != 0 {
		d.str("*")
	}
	if flags&dnsAvailable == 0 {
		d.str("-")
	}
	if flags&dnsTruncated != 0 {
		d.str("|")
	}
	if d.detail.Verbose > 1 && h.questions() > 0 && !d.dnsQuestions(h, b) {
		return
	}
	d.str(" ").num(h.answers()).str("/").num(h.authorities()).str("/").num(h.additionals())
}

// dnsQuestions prints the questions of the message b, an answer (-vv); false when the bytes end among them.
func (d *dissector) dnsQuestions(h dnsHeader, b []byte) bool {
	d.str(" q:")
	at := dnsHeaderLen
	for i := range min(h.questions(), maxListed) {
		start := at
		if at = skipName(b, at); at < 0 || at+4 > len(b) {
			return false
		}
		if i > 0 {
			d.str(",")
		}
		d.str(" ").dnsType(binary.BigEndian.Uint16(b[at:])).str("? ").dnsName(b, start)
		at += 4
	}
	return true
}

// dnsBody prints the first question and the answers of the message b; false when the bytes end among the questions.
func (d *dissector) dnsBody(h dnsHeader, b []byte) bool {
	at := dnsHeaderLen
	for i := range min(h.questions(), maxListed) {
		start := at
		if at = skipName(b, at); at < 0 || at+4 > len(b) {
			d.str(" ").short("domain")
			return false
		}
		// The first question tells what an answer without answers is about.
		if i == 0 && (!h.response() || d.detail.Verbose < 2 && (h.answers() == 0 || h.rcode() != 0)) {
			d.str(" ").dnsType(binary.BigEndian.Uint16(b[at:])).str("? ").dnsName(b, start)
		}
		at += 4
	}
	if h.questions() > maxListed {
		d.str(" ...")
	} else if h.response() {
		d.dnsAnswers(b, at, h.answers())
	}
	return true
}

// dnsAnswers prints n answers, which begin at at.
func (d *dissector) dnsAnswers(b []byte, at, n int) {
	for i := range n {
		if i == maxListed {
			d.str(", ...")
			return
		}
		if i > 0 {
			d.str(",")
		}
		d.str(" ")
		if at = d.dnsRecord(b, at); at < 0 {
			return
		}
	}
}

// dnsRecord prints the record at at and returns where the next begins, or -1
// where the bytes end.
func (d *dissector) dnsRecord(b []byte, at int) int {
	if d.detail.Verbose > 0 {
		d.dnsName(b, at).str(" ")
	}
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
	if int(t) < len(dnsTypes) && dnsTypes[t] != "" {
		return d.str(dnsTypes[t])
	}
	return d.str("Type").num(int(t))
}

// dnsTypes are those that are met often (IANA's dns-parameters).
var dnsTypes = [...]string{1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV",
	41: "OPT", 43: "DS", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 64: "SVCB", 65: "HTTPS", 255: "ANY"}

// rcodeName gives tcpdump's names for the response codes.
func rcodeName(c byte) string {
	names := [...]string{"", "FormErr", "ServFail", "NXDomain", "NotImp", "Refused", "YXDomain", "YXRRSet", "NXRRSet",
		"NotAuth", "NotZone", "Resp11", "Resp12", "Resp13", "Resp14", "Resp15"}
	return names[c&15]
}
