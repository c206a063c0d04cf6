package text

import (
	"encoding/binary"

	"github.com/skb-tools/skb-tools/internal/dissect"
)

func (d *dissector) ipv4() bool {
	d.networkName("IP ")
	h := dissect.IPv4Header(d.w.Header)
	switch {
	case len(h) < dissect.IPv4Len:
		d.short("ip")
	case h.Version() != 4:
		d.badVersion(h.Version())
	case d.w.Fault == dissect.Bad:
		d.ip(h.Src()).str(" > ").ip(h.Dst())
		if h.HeaderLen() < dissect.IPv4Len {
			d.str(": bad-hlen ").num(h.HeaderLen())
		} else {
			d.str(": bad-len ").num(h.Total())
		}
	default:
		d.hops = h.TTL()
		d.missing("truncated-ip - ", h.Total())
		if d.final = nil; d.detail.Verbose > 0 {
			d.ipv4Detail(h)
			d.final = routeEnd(h.Options())
		}
		return d.between(h.Src(), h.Dst(), piece{id: uint32(h.ID()), offset: h.Offset(), more: h.MoreFragments()})
	}
	return false
}

func (d *dissector) ipv6() bool {
	d.networkName("IP6 ")
	h := dissect.IPv6Header(d.w.Header)
	switch d.w.Fault {
	case dissect.Cut:
		d.short("ip6")
	case dissect.Bad:
		d.badVersion(h.Version())
	default:
		d.hops = h.HopLimit()
		d.missing("truncated-ip6 - ", dissect.IPv6Len+h.Length())
		if d.final = nil; d.detail.Verbose > 0 {
			d.ipv6Detail(h)
		}
		return d.between(h.Src(), h.Dst(), piece{})
	}
	return false
}

// missing says that an IP packet is shorter than it says. One that an ICMP error quotes usually is.
func (d *dissector) missing(what string, total int) {
	if d.known && !d.w.Quoted && total > d.there {
		d.str(what).num(total - d.there).str(" bytes missing! ")
	}
}

func (d *dissector) badVersion(version int) {
	d.str("bad version ").num(version).str(", length ").num(d.total())
}

// A piece says which one of a packet that was cut into fragments this is.
type piece struct {
	id     uint32
	offset int // in bytes
	more   bool
}

// between prints the addresses of the IP header that the walk stands at, with ports where the
// transport header has them, and the extension headers behind it.
func (d *dissector) between(src, dst []byte, p piece) bool {
	d.frame, d.src, d.dst = nil, src, dst
	whole := true
	if d.names = d.names[:0]; d.w.Next.IsExtension() {
		p, whole = d.extensions(p)
	}
	proto := dissect.Proto(d.w.Type)
	ports := whole && !d.w.Later && proto.HasPorts()
	d.endpoint(src, 0, ports).str(" > ").endpoint(dst, 2, ports).str(": ")
	if len(d.names) > 0 {
		d.out = append(d.out, d.names...)
	}
	if d.fragmented = whole && (p.more || p.offset != 0); d.fragmented && (d.detail.Verbose == 0 || len(src) != 4) {
		d.ends = append(d.ends, end{piece: p, n: d.w.N})
	}
	return whole
}

// protocol prints the name and the length of what an IP header carries and what has no form.
func (d *dissector) protocol(proto dissect.Proto, n int) {
	name := proto.Name()
	if proto == dissect.ProtoIGMP {
		name = "" // of its fragments the number has always been told here
	}
	switch {
	case d.w.Later && name != "":
		d.str(name)
		return
	case d.w.Later:
		d.str("ip-proto-").num(int(proto))
		return
	case d.routing(proto, d.w.Rest, n):
		return
	case proto == dissect.ProtoNoNextHeader:
		d.str("no next header")
		return
	}
	d.str("ip-proto-").num(int(proto))
	if name != "" {
		d.str(" ").str(name)
	}
	d.str(", length ").num(n)
}

// extensions walks the IPv6 extension headers, and AH, which IPv4 has too. What is printed of them
// stands before the protocol, but what they say decides how the addresses are printed: so their
// names are put aside. It is false when the captured bytes end among them.
func (d *dissector) extensions(p piece) (_ piece, whole bool) {
	for i := 0; i < maxDepth && d.w.Next.IsExtension(); i++ { // a host takes fewer
		d.w.Step()
		name := extensionNames[d.w.Kind]
		if d.w.Fault == dissect.Cut {
			d.names = append(append(d.names, name...), "[|ip6]"...)
			return p, false
		}
		switch d.w.Kind {
		case dissect.Fragment:
			h := dissect.FragmentHeader(d.w.Header)
			p = piece{h.ID(), h.Offset(), h.More()}
		case dissect.AH:
			d.ah()
		case dissect.Routing:
			d.routingHeader()
		default:
			d.names = append(d.names, name...)
		}
	}
	return p, true
}

// routingHeader puts aside what a routing header says: its length in units of 8 bytes behind the first, its type, and
// how many nodes are still to be visited.
func (d *dissector) routingHeader() {
	h := dissect.RoutingHeader(d.w.Header)
	out := appendNum(append(d.names, "RT6 (len="...), uint64(h[1]))
	out = appendNum(append(out, ", type="...), uint64(h.Type()))
	out = appendNum(append(out, ", segleft="...), uint64(h.SegmentsLeft()))
	d.names = append(out, ") "...)
}

var extensionNames = [...]string{dissect.HopByHop: "HBH ", dissect.DestOpts: "DSTOPT ", dissect.Routing: "RT6 ",
	dissect.Fragment: "frag ", dissect.AH: "AH "}

// fragment says which piece of which packet this is: id:length@offset, with a
// + when more follow.
func (d *dissector) fragment(p piece, n int) {
	d.str(" (frag ").u32(p.id).str(":").num(n).str("@").num(p.offset)
	if p.more {
		d.str("+")
	}
	d.str(")")
}

// endpoint prints addr and, of the header that the walk has come to, the port at off.
func (d *dissector) endpoint(addr []byte, off int, ports bool) *dissector {
	d.out = appendEnd(d.out, addr, d.w.Rest, off, ports)
	return d
}

// appendEnd appends addr and, if there are ports, the one at off of the transport header.
func appendEnd(dst, addr, transport []byte, off int, ports bool) []byte {
	dst = appendIP(dst, addr)
	if ports && len(transport) >= off+2 {
		dst = appendNum(append(dst, '.'), uint64(binary.BigEndian.Uint16(transport[off:])))
	}
	return dst
}
