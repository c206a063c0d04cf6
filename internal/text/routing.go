package text

import (
	"encoding/binary"

	"github.com/skb-tools/skb-tools/internal/dissect"
)

// routing prints the head of a message of a protocol that routers speak, b of its n bytes being captured. It is false
// if it is none.
func (d *dissector) routing(proto dissect.Proto, b []byte, n int) bool {
	switch {
	case proto == dissect.ProtoVRRP && len(b) >= 8:
		return d.vrrp(b, n)
	case proto == dissect.ProtoOSPF && len(b) >= 2 && (b[0] == 2 || b[0] == 3):
		d.str("OSPFv").num(int(b[0])).str(", ").name(ospfNames[:], int(b[1]), "unknown packet type ")
	case proto == dissect.ProtoPIM && len(b) >= 1 && b[0]>>4 == 2:
		d.str("PIMv2, ").name(pimNames[:], int(b[0]&15), "type ")
	case proto == dissect.ProtoEIGRP && len(b) >= 2 && b[0] == 2:
		d.str("EIGRP ").name(eigrpNames[:], int(b[1]), "unknown opcode ").str(", length: ").num(n)
		return true
	default:
		return false
	}
	d.str(", length ").num(n)
	return true
}

var (
	ospfNames = [...]string{1: "Hello", 2: "Database Description", 3: "LS-Request", 4: "LS-Update", 5: "LS-Ack"}
	pimNames  = [...]string{"Hello", "Register", "Register-Stop", "Join / Prune", "Bootstrap", "Assert", "Graft",
		"Graft-ACK", "Candidate RP Advertisement", "Prune-Refresh", "DF Election", "ECMP Redirect"}
	eigrpNames = [...]string{1: "Update", 3: "Query", 4: "Reply", 5: "Hello", 6: "IPX SAP", 8: "Probe"}
)

// name prints the i-th of names, or its number.
func (d *dissector) name(names []string, i int, other string) *dissector {
	if i < len(names) && names[i] != "" {
		return d.str(names[i])
	}
	return d.str(other).num(i)
}

// vrrp prints a message of VRRP, of version 2 (RFC 3768) or 3 (RFC 9568).
func (d *dissector) vrrp(b []byte, n int) bool {
	version := b[0] >> 4
	if version != 2 && version != 3 || b[0]&15 != 1 {
		return false
	}
	d.str("VRRPv").num(int(version)).str(", Advertisement, ")
	if d.hops != 255 { // which no router passes on
		d.str("(ttl ").num(int(d.hops)).str("), ")
	}
	d.str("vrid ").num(int(b[1])).str(", prio ").num(int(b[2]))
	if version == 3 {
		d.str(", intvl ").num(int(binary.BigEndian.Uint16(b[4:]) & 0xfff)).str("cs")
	} else {
		d.str(", authtype ").name([]string{"none", "simple", "ah"}, int(b[4]), "")
		d.str(", intvl ").num(int(b[5])).str("s")
	}
	d.str(", length ").num(n)
	return true
}

// Ports of what is told by its port (IANA's service-names-port-numbers).
const (
	portNTP      = 123
	portISAKMP   = 500
	portBFD      = 3784 // RFC 5881
	portBFDMulti = 4784 // RFC 5883
)

// ntp prints the head of a message of NTP (RFC 5905).
func (d *dissector) ntp(b []byte, n int) {
	if len(b) < 1 {
		d.short("ntp")
		return
	}
	d.str("NTPv").num(int(b[0] >> 3 & 7)).str(", ")
	d.name([]string{"unspecified", "symmetric active", "symmetric passive", "Client", "Server", "Broadcast",
		"Control Message", "Reserved"}, int(b[0]&7), "").str(", length ").num(n)
}

// bfd prints a control packet of BFD (RFC 5880, 4.1).
func (d *dissector) bfd(b []byte, n int) {
	if len(b) < 2 {
		d.short("bfd")
		return
	}
	d.str("BFDv").num(int(b[0] >> 5)).str(", Control, State ")
	d.name([]string{"AdminDown", "Down", "Init", "Up"}, int(b[1]>>6), "").str(", Flags: [")
	sep := ""
	for i, name := range [...]string{"Multipoint", "Demand", "Authentication Present", "Control Plane Independent",
		"Final", "Poll"} {
		if b[1]>>i&1 != 0 {
			d.str(sep).str(name)
			sep = ", "
		}
	}
	if sep == "" {
		d.str("none")
	}
	d.str("], length: ").num(n)
}

// dccp prints the type of a DCCP packet (RFC 4340, 5.1).
func (d *dissector) dccp() bool {
	d.str("DCCP ")
	if len(d.w.Header) < 9 {
		d.short("dccp")
		return false
	}
	d.name([]string{"DCCP-Request", "DCCP-Response", "DCCP-Data", "DCCP-Ack", "DCCP-DataAck", "DCCP-CloseReq",
		"DCCP-Close", "DCCP-Reset", "DCCP-Sync", "DCCP-SyncAck"}, int(d.w.Header[8]>>1&15), "type ")
	d.str(", length ").num(d.total())
	return false
}

// pppControl prints a message of one of PPP's control protocols (RFC 1661, 5), n bytes with the protocol's number.
func (d *dissector) pppControl(b []byte, n int) {
	d.str(", ").name([]string{1: "Conf-Request", 2: "Conf-Ack", 3: "Conf-Nack", 4: "Conf-Reject", 5: "Term-Request",
		6: "Term-Ack", 7: "Code-Reject", 8: "Prot-Reject", 9: "Echo-Request", 10: "Echo-Reply",
		11: "Discard-Request"}, int(b[0]), "code ")
	d.str(" (0x").hex8(b[0]).str("), id ").num(int(b[1])).str(", length ").num(n)
}

// pppoeTags prints the names of a discovery's tags (RFC 2516, appendix A).
func (d *dissector) pppoeTags(b []byte) {
	for i := 0; len(b) >= 4 && i < maxListed; i++ {
		kind, n := word(b, 0), int(word(b, 2))
		value := b[4:min(4+n, len(b))]
		b = b[4+len(value):]
		if kind == 0 {
			return
		}
		d.str(" [")
		switch kind {
		case 0x0101:
			d.str("Service-Name")
		case 0x0102:
			d.str("AC-Name")
		case 0x0103:
			d.str("Host-Uniq")
		case 0x0104:
			d.str("AC-Cookie")
		case 0x0105:
			d.str("Vendor-Specific")
		case 0x0110:
			d.str("Relay-Session-ID")
		case 0x0201:
			d.str("Service-Name-Error")
		case 0x0202:
			d.str("AC-System-Error")
		case 0x0203:
			d.str("Generic-Error")
		default:
			d.str("unknown tag 0x").hex16(kind)
		}
		switch text := kind == 0x0101 || kind == 0x0102 || kind >= 0x0201; {
		case len(value) == 0:
		case text:
			d.str(` "`)
			d.out = appendEscaped(d.out, value)
			d.str(`"`)
		default:
			d.str(" 0x").hex(value, 0)
		}
		d.str("]")
	}
}
