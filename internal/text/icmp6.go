package text

import "github.com/skb-tools/skb-tools/internal/dissect"

// icmp6 prints an ICMPv6 message. An error comes with the packet that it is about, a message of
// Neighbor Discovery or about listeners with its addresses.
func (d *dissector) icmp6() bool {
	h, n := dissect.ICMPHeader(d.w.Header), d.total()
	if d.detail.Verbose > 0 && d.w.Fault == dissect.Whole {
		d.icmp6Sum(h)
	}
	d.str("ICMP6, ")
	if d.cut("icmp6") {
		return false
	}
	if h.Type() < dissect.ICMPv6Echo {
		d.icmp6Error(h)
	} else {
		d.icmp6Message(h)
	}
	d.str(", length ").num(n)
	if h.Type() == dissect.ICMPv6ListenerReport2 {
		d.groups(dissect.MLDRecords(d.w.Rest), h.Records())
	}
	d.linkAddresses(dissect.NeighborMessage(d.w.Rest).Options(h.Type()))
	return d.about()
}

func (d *dissector) icmp6Error(h dissect.ICMPHeader) {
	switch h.Type() {
	case dissect.ICMPv6Unreachable:
		d.str("destination unreachable, ").icmp6Unreachable(h)
	case dissect.ICMPv6TooBig:
		d.str("packet too big, mtu ").u32(h.Value())
	case dissect.ICMPv6TimeExceeded:
		if h.Code() == 1 {
			d.str("ip reassembly time exceeded")
		} else {
			d.str("time exceeded in-transit")
		}
		if q := d.quoted(); q.known {
			d.str(" for ").ip(q.dst)
		}
	case dissect.ICMPv6ParameterProblem:
		d.str("parameter problem, code ").num(int(h.Code())).str(" - octet ").u32(h.Value())
	default:
		d.icmpNumber(h)
	}
}

func (d *dissector) icmp6Unreachable(h dissect.ICMPHeader) {
	names := [...]string{0: "no route", 1: "admin prohibited", 3: "unreachable address", 4: "unreachable port",
		5: "source address failed policy", 6: "rejected route"}
	if code := int(h.Code()); code < len(names) && names[code] != "" {
		d.str(names[code])
	} else {
		d.str("code ").num(code)
	}
	q := d.quoted()
	if q.known {
		d.str(", ").ip(q.dst)
	}
	if q.hasPort {
		d.str(" ").str(q.proto.Name()).str(" port ").num(int(q.port))
	}
}

func (d *dissector) icmp6Message(h dissect.ICMPHeader) {
	m := dissect.NeighborMessage(d.w.Rest)
	switch h.Type() {
	case dissect.ICMPv6Echo:
		d.str("echo request, id ").num(int(h.ID())).str(", seq ").num(int(h.Seq()))
	case dissect.ICMPv6EchoReply:
		d.str("echo reply, id ").num(int(h.ID())).str(", seq ").num(int(h.Seq()))
	case dissect.ICMPv6ListenerQuery:
		if d.total() >= mldQuery2Len {
			d.str("multicast listener query v2 [gaddr ").target(m).str("]")
		} else {
			d.str("multicast listener query ").target(m)
		}
	case dissect.ICMPv6ListenerReport:
		d.str("multicast listener report ").target(m)
	case dissect.ICMPv6ListenerDone:
		d.str("multicast listener done ").target(m)
	case dissect.ICMPv6RouterSolicitation:
		d.str("router solicitation")
	case dissect.ICMPv6RouterAdvertisement:
		d.str("router advertisement")
		if len(m) >= dissect.AdvertisementLen {
			d.str(", hop limit ").num(int(h.HopLimit())).str(", lifetime ").num(int(h.Lifetime())).str("s")
		}
	case dissect.ICMPv6NeighborSolicitation:
		d.str("neighbor solicitation, who has ").target(m)
	case dissect.ICMPv6NeighborAdvertisement:
		d.str("neighbor advertisement, tgt is ").target(m)
	case dissect.ICMPv6Redirect:
		d.str("redirect")
		if to := m.Destination(); to != nil {
			d.str(", ").ip(to).str(" to ").ip(m.Target())
		}
	case dissect.ICMPv6ListenerReport2:
		d.str("multicast listener report v2, ").num(h.Records()).str(" group record(s)")
	default:
		d.icmpNumber(h)
	}
}

// mldQuery2Len is the least length of a query of MLDv2, in bytes; that of version 1 is shorter (RFC 3810, 8.1).
const mldQuery2Len = 28

// target prints the address that a message is about.
func (d *dissector) target(m dissect.NeighborMessage) *dissector {
	if a := m.Target(); a != nil {
		return d.ip(a)
	}
	d.short("icmp6")
	return d
}

// linkAddresses prints the link-layer addresses of Neighbor Discovery.
func (d *dissector) linkAddresses(o dissect.NeighborOptions) {
	for {
		kind, value, ok := o.Next()
		switch {
		case !ok:
			return
		case kind == dissect.NeighborSource:
			d.str(", source link-address ").hex(value[:6], ':')
		case kind == dissect.NeighborTarget:
			d.str(", destination link-address ").hex(value[:6], ':')
		}
	}
}
