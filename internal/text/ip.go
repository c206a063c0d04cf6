package text

import (
	"encoding/binary"

	"github.com/gopacket/gopacket/layers"

	"github.com/skb-tools/skb-tools/internal/dissect"
)

// ipHeader is what is read of an IPv4 or IPv6 header. src and dst alias the
// packet.
type ipHeader struct {
	src, dst []byte
	proto    layers.IPProtocol
	payload  []byte // captured bytes after the header, padding removed
	n        int    // length of the payload by the header's word; for a packet over 64 KiB by origLen
	id       uint32
	offset   int // of a fragment, in bytes
	more     bool
	hl       int
}

// readIPv4 reads an IPv4 header (RFC 791) of a packet of n bytes.
func readIPv4(b []byte, n int) (h ipHeader, ok bool) {
	if len(b) < 20 {
		return h, false
	}
	hl, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if total == 0 { // BIG TCP, or a header whose length is still to be filled in
		total = n
	}
	if b[0]>>4 != 4 || hl < 20 || total < hl {
		return h, false
	}
	frag := binary.BigEndian.Uint16(b[6:])
	h = ipHeader{src: b[12:16], dst: b[16:20], proto: layers.IPProtocol(b[9]), n: total - hl, hl: hl,
		id: uint32(binary.BigEndian.Uint16(b[4:])), offset: int(frag&0x1fff) * 8, more: frag&0x2000 != 0}
	h.payload = b[min(hl, len(b)):min(total, len(b))]
	return h, true
}

// readIPv6 reads the fixed header (RFC 8200) of a packet of n bytes.
func readIPv6(b []byte, n int) (h ipHeader, ok bool) {
	if len(b) < 40 || b[0]>>4 != 6 {
		return h, false
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	if length == 0 { // BIG TCP or a jumbogram
		length = max(n-40, 0)
	}
	h = ipHeader{src: b[8:24], dst: b[24:40], proto: layers.IPProtocol(b[6]), n: length, hl: 40}
	h.payload = b[40:min(40+length, len(b))]
	return h, true
}

func (d *dissector) ipv4(b []byte, n int) {
	d.str("IP ")
	h, ok := readIPv4(b, n)
	switch {
	case ok:
		d.transport(h)
	case len(b) < 20:
		d.short("ip")
	case b[0]>>4 != 4:
		d.str("bad version ").num(int(b[0] >> 4)).str(", length ").num(n)
	default:
		d.ip(b[12:16]).str(" > ").ip(b[16:20]).str(": bad header length ").num(int(b[0]&15) * 4)
		d.str(", total length ").num(int(binary.BigEndian.Uint16(b[2:])))
	}
}

func (d *dissector) ipv6(b []byte, n int) {
	d.str("IP6 ")
	h, ok := readIPv6(b, n)
	switch {
	case ok:
		d.transport(h)
	case len(b) < 40:
		d.short("ip6")
	default:
		d.str("bad version ").num(int(b[0] >> 4)).str(", length ").num(n)
	}
}

// transport prints the addresses, with ports where the next header has them,
// and what that header says.
func (d *dissector) transport(h ipHeader) {
	d.frame = nil
	headers, ok := d.extensions(&h)
	ports := ok && h.offset == 0 && hasPorts(h.proto)
	d.endpoint(h.src, h.payload, 0, ports).str(" > ").endpoint(h.dst, h.payload, 2, ports).str(": ")
	d.str(headers)
	if !ok {
		return
	}
	if h.offset == 0 && h.more {
		defer d.fragment(h)
	} else if h.offset > 0 {
		d.str(protoName(h.proto))
		if protoName(h.proto) == "" {
			d.str("ip-proto-").num(int(h.proto))
		}
		d.fragment(h)
		return
	}
	if d.depth++; d.depth > maxDepth {
		d.str("[nested too deep]")
		return
	}
	switch h.proto {
	case layers.IPProtocolTCP:
		d.tcpSegment(h.payload, h.n)
	case layers.IPProtocolUDP, layers.IPProtocolUDPLite:
		d.udpDatagram(h.payload, h.n, h.proto)
	case layers.IPProtocolICMPv4:
		d.icmp(h.payload, h.n)
	case layers.IPProtocolICMPv6:
		d.icmp6(h.payload, h.n)
	case layers.IPProtocolSCTP:
		d.sctpPacket(h.payload, h.n)
	case layers.IPProtocolGRE:
		d.grePacket(h.payload, h.n)
	case layers.IPProtocolIPv4:
		d.ipv4(h.payload, h.n)
	case layers.IPProtocolIPv6:
		d.ipv6(h.payload, h.n)
	case layers.IPProtocolIGMP:
		d.igmp(h.payload, h.n)
	case layers.IPProtocolMPLSInIP:
		d.mpls(h.payload, h.n)
	case layers.IPProtocolESP:
		d.esp(h.payload, h.n)
	case layers.IPProtocolNoNextHeader:
		d.str("no next header")
	default:
		d.str("ip-proto-").num(int(h.proto))
		if name := protoName(h.proto); name != "" {
			d.str(" ").str(name)
		}
		d.str(", length ").num(h.n)
	}
}

// extensions walks the IPv6 extension headers, and AH, which IPv4 has too,
// leaving in h what follows them. What it prints of them stands before the
// protocol, but what it finds decides how the addresses are printed: so the
// names come back as text. ok is false when the captured bytes end among them.
func (d *dissector) extensions(h *ipHeader) (text string, ok bool) {
	// maxDepth bounds the headers followed; a host takes fewer.
	for range maxDepth {
		name := extensionName(h)
		if name == "" || h.offset > 0 { // behind a later fragment's header is data
			return text, true
		}
		b := h.payload
		hl := 8
		if len(b) >= 2 {
			switch h.proto {
			case layers.IPProtocolAH:
				hl = int(b[1])*4 + 8 // in 4-byte words, less 2 (RFC 4302)
			case layers.IPProtocolIPv6Fragment:
			default:
				hl = int(b[1])*8 + 8 // in 8-byte words, less 1 (RFC 8200)
			}
		}
		if len(b) < hl {
			return text + name + "[|ip6]", false
		}
		if h.proto == layers.IPProtocolIPv6Fragment {
			frag := binary.BigEndian.Uint16(b[2:])
			h.id, h.offset, h.more = binary.BigEndian.Uint32(b[4:]), int(frag&^7), frag&1 != 0
		} else if text == "" {
			text = name // the usual case, without an allocation
		} else {
			text += name
		}
		h.proto, h.payload, h.n = layers.IPProtocol(b[0]), b[hl:], max(h.n-hl, 0)
	}
	return text, true
}

func extensionName(h *ipHeader) string {
	if h.proto == layers.IPProtocolAH {
		return "AH "
	}
	if len(h.src) != 16 {
		return ""
	}
	switch h.proto {
	case layers.IPProtocolIPv6HopByHop:
		return "HBH "
	case layers.IPProtocolIPv6Destination:
		return "DSTOPT "
	case layers.IPProtocolIPv6Routing:
		return "RT6 "
	case layers.IPProtocolIPv6Fragment:
		return "frag "
	}
	return ""
}

// fragment says which piece of which packet this is: id:length@offset, with a
// + when more follow.
func (d *dissector) fragment(h ipHeader) {
	d.str(" (frag ").u32(h.id).str(":").num(h.n).str("@").num(h.offset)
	if h.more {
		d.str("+")
	}
	d.str(")")
}

// endpoint prints addr and, of a transport header with ports, the port at off.
func (d *dissector) endpoint(addr, transport []byte, off int, ports bool) *dissector {
	d.ip(addr)
	if ports && len(transport) >= off+2 {
		d.str(".").num(int(binary.BigEndian.Uint16(transport[off:])))
	}
	return d
}

func hasPorts(p layers.IPProtocol) bool { return dissect.Proto(p).HasPorts() }

// protoName is empty for IGMP, of which fragments have always had a number here.
func protoName(p layers.IPProtocol) string {
	if p == layers.IPProtocolIGMP {
		return ""
	}
	return dissect.Proto(p).Name()
}
