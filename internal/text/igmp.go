package text

import "github.com/skb-tools/skb-tools/internal/dissect"

// igmp prints an IGMP message.
func (d *dissector) igmp() bool {
	d.str("igmp ")
	if d.cut("igmp") {
		return false
	}
	if d.detail.Quiet {
		d.out = d.out[:len(d.out)-1]
		return false
	}
	h, n, listed := dissect.IGMPHeader(d.w.Header), d.total(), 0
	switch h.Type() {
	case dissect.IGMPQuery:
		d.igmpQuery(h, n)
	case dissect.IGMPReport1:
		d.str("v1 report ").ip(h.Group())
	case dissect.IGMPReport2:
		d.str("v2 report ").ip(h.Group())
	case dissect.IGMPLeave:
		d.str("leave ").ip(h.Group())
	case dissect.IGMPReport3:
		d.str("v3 report, ").num(h.Records()).str(" group record(s)")
		if d.detail.Verbose > 0 {
			d.groupRecords(h.Records())
		} else {
			listed = h.Records()
		}
	default:
		d.str("type 0x").hex8(h.Type())
	}
	if d.detail.Verbose > 0 {
		d.igmpChecksum(h, n)
	}
	d.str(", length ").num(n).groups(dissect.IGMPRecords(d.w.Rest), listed)
	return false
}

// groups prints the addresses of a report of n groups, the first few.
func (d *dissector) groups(records dissect.GroupRecords, n int) {
	for range min(n, maxListed) {
		group, ok := records.Next()
		if !ok {
			return
		}
		d.str(" [").ip(group).str("]")
	}
}

// maxListed is how many entries of a list in a packet (answers, groups,
// chunks) are printed; the count of all stands before them.
const maxListed = 16
