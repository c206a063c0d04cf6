package text

import "github.com/skb-tools/skb-tools/internal/dissect"

// icmp prints an ICMP message, and for an error the packet that it is about.
func (d *dissector) icmp() bool {
	d.str("ICMP ")
	if d.cut("icmp") {
		return false
	}
	h, n := dissect.ICMPHeader(d.w.Header), d.total()
	switch h.Type() {
	case dissect.ICMPTimestamp, dissect.ICMPTimestampReply:
		d.str(icmpNames[h.Type()]).str(" id ").num(int(h.ID())).str(" seq ").num(int(h.Seq()))
	case dissect.ICMPEcho, dissect.ICMPEchoReply:
		d.str(icmpNames[h.Type()]).str(", id ").num(int(h.ID())).str(", seq ").num(int(h.Seq()))
	case dissect.ICMPExtendedEcho, dissect.ICMPExtendedEchoReply:
		d.str(icmpNames[h.Type()]).str(", id ").num(int(h.ID()))
	case dissect.ICMPSourceQuench, dissect.ICMPRouterAdvertisement, dissect.ICMPRouterSolicitation:
		d.str(icmpNames[h.Type()])
	case dissect.ICMPUnreachable:
		d.icmpUnreachable(h)
	case dissect.ICMPRedirect:
		d.str("redirect ")
		if q := d.quoted(); q.known {
			d.ip(q.dst).str(" ")
		}
		d.str("to ").str([...]string{"net ", "host ", "TOS and net ", "TOS and host "}[h.Code()&3]).ip(h.Gateway())
	case dissect.ICMPTimeExceeded:
		switch h.Code() {
		case 0:
			d.str("time exceeded in-transit")
		case 1:
			d.str("ip reassembly time exceeded")
		default:
			d.str("time exceeded, code ").num(int(h.Code()))
		}
	case dissect.ICMPParameterProblem:
		d.str("parameter problem - octet ").num(int(h.Pointer()))
	default:
		d.icmpNumber(h)
	}
	d.str(", length ").num(n)
	if d.detail.Verbose > 0 {
		d.icmpSum(h)
	}
	return d.about()
}

var icmpNames = [...]string{
	dissect.ICMPEchoReply: "echo reply", dissect.ICMPEcho: "echo request", dissect.ICMPSourceQuench: "source quench",
	dissect.ICMPRouterAdvertisement: "router advertisement", dissect.ICMPRouterSolicitation: "router solicitation",
	dissect.ICMPTimestamp: "time stamp query", dissect.ICMPTimestampReply: "time stamp reply",
	dissect.ICMPExtendedEcho: "extended echo request", dissect.ICMPExtendedEchoReply: "extended echo reply",
}

func (d *dissector) icmpNumber(h dissect.ICMPHeader) {
	d.str("type ").num(int(h.Type())).str(" code ").num(int(h.Code()))
}

// icmpUnreachable names the codes of RFC 792, 1122 and 1812. Host, protocol
// and port are those of the packet that could not be delivered.
func (d *dissector) icmpUnreachable(h dissect.ICMPHeader) {
	q := d.quoted()
	switch h.Code() {
	case 0, 9:
		d.str("net ")
	case 1, 10, 13:
		d.str("host ")
	}
	if q.known {
		d.ip(q.dst).str(" ")
	}
	switch h.Code() {
	case 0, 1:
		d.str("unreachable")
	case 2:
		d.str("protocol ")
		if q.known {
			d.num(int(q.proto)).str(" ")
		}
		d.str("unreachable")
	case 3:
		if q.hasPort {
			d.str(q.proto.Name()).str(" port ").num(int(q.port)).str(" ")
		}
		d.str("unreachable")
	case 4:
		d.str("unreachable - need to frag (mtu ").num(int(h.MTU())).str(")")
	case 5:
		d.str("unreachable - source route failed")
	case 9, 10, 13:
		d.str("unreachable - admin prohibited")
		if h.Code() == 13 {
			d.str(" filter")
		}
	default:
		d.str("unreachable, code ").num(int(h.Code()))
	}
}

// A quote is what an ICMP error's text says of the packet that it is about.
type quote struct {
	dst            []byte
	proto          dissect.Proto
	port           uint16 // where it was for
	known, hasPort bool
}

// quoted reads the packet that the ICMP error at hand quotes.
func (d *dissector) quoted() (q quote) {
	w := d.w
	if w.Step(); w.Fault == dissect.Bad {
		return q
	}
	switch {
	case w.Kind == dissect.IPv4 && len(w.Header) >= dissect.IPv4Len:
		q.dst = dissect.IPv4Header(w.Header).Dst()
	case w.Kind == dissect.IPv6 && w.Fault == dissect.Whole:
		q.dst = dissect.IPv6Header(w.Header).Dst()
	default:
		return q
	}
	q.known, q.proto = true, dissect.Proto(w.Type)
	if q.hasPort = !w.Later && q.proto.HasPorts() && len(w.Rest) >= 4; q.hasPort {
		_, q.port = dissect.Ports(w.Rest)
	}
	return q
}

// about begins to print the packet that an ICMP error quotes, in parentheses. RFC 792
// asks for 8 bytes of its payload only: [|tcp] is usual there.
func (d *dissector) about() bool {
	if d.w.Next == dissect.None || len(d.w.Rest) == 0 {
		return false
	}
	d.str(" (")
	d.ends = append(d.ends, end{text: ")"})
	return true
}
