package text

import (
	"encoding/binary"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/skb-tools/skb-tools/internal/dissect"
)

// udp prints what a UDP datagram carries, told by its ports.
func (d *dissector) udp() bool {
	h := dissect.UDPHeader(d.w.Header)
	switch d.w.Fault {
	case dissect.Cut:
		d.short("udp")
		return false
	case dissect.Bad:
		d.str("truncated-udplength ").num(h.Length())
		return false
	}
	if d.detail.Verbose > 0 {
		d.udpSum(h)
	}
	d.w.Trim()
	b, n := d.w.Rest, d.w.N
	if d.known && !d.fragmented && !d.w.Quoted && h.Length() > d.there {
		d.str("UDP, bad length ").num(n).str(" > ").num(d.there - dissect.UDPLen)
		return false
	}
	if d.detail.Quiet {
		d.str("UDP, length ").num(n)
		return false
	}
	src, dst := h.SrcPort(), h.DstPort()
	switch is := func(p uint16) bool { return src == p || dst == p }; {
	case is(dissect.PortDNS) || is(dissect.PortMulticastDNS) || is(dissect.PortLLMNR):
		d.dns(b, n)
	case (is(dissect.PortDHCPServer) || is(dissect.PortDHCPClient)) && n > 0:
		d.dhcpMessage(b, n)
	case d.w.Next == dissect.ESP:
		d.str("UDP-encap: ")
		return true
	case d.w.Next != dissect.None:
		return true
	case is(dissect.PortESP) && n == 1:
		d.str("isakmp-nat-keep-alive")
	case is(dissect.PortESP) && len(b) >= 4 && binary.BigEndian.Uint32(b) == 0:
		d.str("NONESP-encap: isakmp, length ").num(n - 4)
	case is(portISAKMP):
		d.str("isakmp, length ").num(n)
	case is(portNTP):
		d.ntp(b, n)
	case dst == portBFD || dst == portBFDMulti:
		d.bfd(b, n)
	case is(dissect.PortDHCP6Client) && is(dissect.PortDHCP6Server):
		d.dhcp6(b, n)
	default:
		d.str("UDP, length ").num(n)
	}
	return false
}

// udpLite prints a UDP-Lite header.
func (d *dissector) udpLite() bool {
	if d.cut("udp") {
		return false
	}
	d.str("UDPLITE, length ").num(d.w.N)
	return false
}

// dhcpMessage prints a BOOTP or DHCP message (RFC 2131).
func (d *dissector) dhcpMessage(b []byte, n int) {
	m := &d.dhcp
	err := m.DecodeFromBytes(b, gopacket.NilDecodeFeedback)
	d.str("BOOTP/DHCP, ")
	if len(b) < 44 || b[2] > 16 {
		d.short("bootp")
		return
	}
	// Of a message that is cut off before its options the fixed part is told.
	switch b[0] {
	case 1:
		d.str("Request from ")
	case 2:
		d.str("Reply to ")
	default:
		d.str("operation ").num(int(b[0])).str(" from ")
	}
	d.hex(b[28:28+b[2]], ':').str(", length ").num(n).str(", xid ").hexNum(uint64(binary.BigEndian.Uint32(b[4:])))
	if yours := b[16:20]; !allZero(yours) {
		d.str(", your address ").ip(yours)
	}
	if len(b) >= 240 {
		for i := range m.Options {
			o := &m.Options[i]
			switch {
			case o.Type == layers.DHCPOptMessageType && len(o.Data) == 1:
				d.str(", ").str(dhcpType(o.Data[0]))
			case o.Type == layers.DHCPOptRequestIP && len(o.Data) == 4:
				d.str(", requested ").ip(o.Data)
			case o.Type == layers.DHCPOptServerID && len(o.Data) == 4:
				d.str(", server ").ip(o.Data)
			case o.Type == layers.DHCPOptHostname:
				d.str(", hostname ")
				d.out = appendEscaped(d.out, o.Data)
			}
		}
	}
	if err != nil {
		d.str(", ").short("bootp")
	}
}

// dhcpType names option 53's values: RFC 2132, section 9.6.
func dhcpType(t byte) string {
	names := [...]string{"type 0", "Discover", "Offer", "Request", "Decline", "ACK", "NAK", "Release", "Inform"}
	if int(t) < len(names) {
		return names[t]
	}
	return "other type"
}

// dhcp6 prints a DHCPv6 message's type and transaction (RFC 8415).
func (d *dissector) dhcp6(b []byte, n int) {
	d.str("dhcp6 ")
	if len(b) < 4 {
		d.short("dhcp6")
		return
	}
	names := [...]string{"type 0", "solicit", "advertise", "request", "confirm", "renew", "rebind", "reply", "release",
		"decline", "reconfigure", "inf-req", "relay-fwd", "relay-reply"}
	if int(b[0]) < len(names) {
		d.str(names[b[0]])
	} else {
		d.str("type ").num(int(b[0]))
	}
	if b[0] < 12 {
		d.str(" xid ").hexNum(uint64(binary.BigEndian.Uint32(b) & 0xffffff))
	}
	d.str(", length ").num(n)
}
