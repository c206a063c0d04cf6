package text

import (
	"encoding/binary"

	"github.com/skb-tools/skb-tools/internal/dissect"
)

// groupRecords prints the n records of a report as tcpdump does with -v.
func (d *dissector) groupRecords(n int) {
	records := dissect.IGMPRecords(d.w.Rest)
	for range min(n, maxListed) {
		r, ok := records.Record()
		if !ok {
			break
		}
		d.str(" [gaddr ").ip(r.Group).str(" ")
		if r.Type > 0 && int(r.Type) < len(groupChanges) {
			d.str(groupChanges[r.Type])
		} else {
			d.str(" [v3-report-#").num(int(r.Type)).str("]")
		}
		d.sources(", ", r.Count, r.Sources).str("]")
	}
}

// igmpChecksum tells of a wrong checksum, where all n bytes of the message are there.
func (d *dissector) igmpChecksum(h dissect.IGMPHeader, n int) {
	if d.fragmented || d.w.Quoted || len(d.w.Header)+len(d.w.Rest) != n {
		return
	}
	if sum := dissect.Sum(dissect.Sum(0, h), d.w.Rest); sum != 0xffff {
		d.str(" bad igmp cksum ").hexDigits(uint64(word(h, 2))).str("!")
	}
}

// groupChanges are what a record of a report says of the group's sources (RFC 3376, 4.2.12).
var groupChanges = [...]string{1: "is_in", 2: "is_ex", 3: "to_in", 4: "to_ex", 5: "allow", 6: "block"}

// sources prints how many sources there are, or with -vv which.
func (d *dissector) sources(before string, n int, sources []byte) *dissector {
	if d.detail.Verbose < 2 {
		return d.str(before).num(n).str(" source(s)")
	}
	d.str(" {")
	for i := 0; i+4 <= min(len(sources), 4*maxListed); i += 4 {
		d.str(" ").ip(sources[i : i+4])
	}
	return d.str(" }")
}

// igmpQuery prints a query. Ten seconds to answer are what is usual, and are left out.
func (d *dissector) igmpQuery(h dissect.IGMPHeader, n int) {
	const usual = 100 // tenths of a second
	tenths := int(h.MaxResponse())
	if n < dissect.IGMPv3QueryLen {
		if tenths == 0 {
			d.str("query v1")
		} else if d.str("query v2"); tenths != usual {
			d.str(" [max resp time ").num(tenths).str("]")
		}
		if group := h.Group(); !allZero(group) {
			d.str(" [gaddr ").ip(group).str("]")
		}
		return
	}
	if tenths >= 128 { // a floating point number (RFC 3376, 4.1.1)
		tenths = (tenths&15 | 16) << (tenths>>4&7 + 3)
	}
	d.str("query v3")
	switch seconds := tenths / 10; {
	case tenths == usual:
	case tenths < 600:
		d.str(" [max resp time ").num(seconds).str(".").num(tenths % 10).str("s]")
	default:
		d.str(" [max resp time ")
		if seconds >= 3600 {
			d.num(seconds / 3600).str("h")
		}
		if minutes := seconds / 60 % 60; minutes > 0 {
			d.num(minutes).str("m")
		}
		if seconds%60 > 0 {
			d.num(seconds % 60).str("s")
		}
		d.str("]")
	}
	if group := h.Group(); !allZero(group) && len(d.w.Rest) >= 4 {
		d.str(" [gaddr ").ip(group)
		if count := int(binary.BigEndian.Uint16(d.w.Rest[2:])); count > 0 {
			d.sources(", ", count, d.w.Rest[4:])
		}
		d.str("]")
	}
}
