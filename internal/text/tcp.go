package text

import (
	"encoding/binary"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// tcpSegment prints a TCP header (RFC 9293) and its options; n is the length
// of header and payload.
func (d *dissector) tcpSegment(b []byte, n int) {
	t := &d.tcp
	err := t.DecodeFromBytes(b, gopacket.NilDecodeFeedback)
	if len(b) < 20 {
		d.short("tcp")
		return
	}
	d.str("Flags [")
	start := len(d.out)
	for i, set := range [...]bool{t.FIN, t.SYN, t.RST, t.PSH, t.ACK, t.URG, t.ECE, t.CWR, t.NS} {
		if set {
			d.out = append(d.out, "FSRP.UEWe"[i])
		}
	}
	if len(d.out) == start {
		d.str("none")
	}
	d.str("]")
	if t.DataOffset < 5 {
		d.str(", bad header length ").num(int(t.DataOffset) * 4).str(", length ").num(n)
		return
	}
	length := max(n-int(t.DataOffset)*4, 0)
	if length > 0 || t.SYN || t.FIN || t.RST {
		d.str(", seq ").u32(t.Seq)
		if length > 0 {
			d.str(":").u32(t.Seq + uint32(length))
		}
	}
	if t.ACK {
		d.str(", ack ").u32(t.Ack)
	}
	d.str(", win ").num(int(t.Window))
	if t.URG {
		d.str(", urg ").num(int(t.Urgent))
	}
	if err != nil { // the options are not all there
		d.str(", ").short("tcp")
	} else if len(t.Options) > 0 || len(t.Padding) > 0 {
		d.tcpOptions()
	}
	d.str(", length ").num(length)
}

func (d *dissector) tcpOptions() {
	d.str(", options [")
	end := false
	for i := range d.tcp.Options {
		o := &d.tcp.Options[i]
		if i > 0 {
			d.str(",")
		}
		v := o.OptionData
		switch {
		case o.OptionType == layers.TCPOptionKindEndList:
			d.str("eol")
			end = true
		case o.OptionType == layers.TCPOptionKindNop:
			d.str("nop")
		case o.OptionType == layers.TCPOptionKindMSS && len(v) == 2:
			d.str("mss ").num(int(binary.BigEndian.Uint16(v)))
		case o.OptionType == layers.TCPOptionKindWindowScale && len(v) == 1:
			d.str("wscale ").num(int(v[0]))
		case o.OptionType == layers.TCPOptionKindSACKPermitted:
			d.str("sackOK")
		case o.OptionType == layers.TCPOptionKindSACK && len(v)%8 == 0:
			d.str("sack ").num(len(v) / 8).str(" ")
			for ; len(v) > 0; v = v[8:] {
				d.str("{").u32(binary.BigEndian.Uint32(v)).str(":").u32(binary.BigEndian.Uint32(v[4:])).str("}")
			}
		case o.OptionType == layers.TCPOptionKindTimestamps && len(v) == 8:
			d.str("TS val ").u32(binary.BigEndian.Uint32(v)).str(" ecr ").u32(binary.BigEndian.Uint32(v[4:]))
		case o.OptionType == layers.TCPOptionKindMultipathTCP:
			d.str("mptcp ").num(int(o.OptionLength)).str(" ").str(mptcpName(o.OptionMultipath))
		case o.OptionType == 19: // RFC 2385
			d.str("md5 ").hex(v, 0)
		case o.OptionType == 29: // RFC 5925
			d.str("tcp-ao ").hex(v, 0)
		case o.OptionType == 34: // RFC 7413
			d.str("tfo")
			if len(v) == 0 {
				d.str(" cookiereq")
			} else {
				d.str(" cookie ").hex(v, 0)
			}
		default:
			d.str("unknown-").num(int(o.OptionType))
			if len(v) > 0 {
				d.str(" 0x").hex(v, 0)
			}
		}
	}
	// gopacket ends at an option whose length leads nowhere, and at eol; what
	// is behind eol is padding by right.
	if len(d.tcp.Padding) > 0 && !end {
		if len(d.tcp.Options) > 0 {
			d.str(",")
		}
		d.str("bad option 0x").hex(d.tcp.Padding, 0)
	}
	d.str("]")
}

// mptcpName names the subtypes of RFC 8684.
func mptcpName(s layers.MPTCPSubtype) string {
	names := [...]string{"capable", "join", "dss", "add-addr", "rem-addr", "prio", "fail", "fast-close", "rst"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}
