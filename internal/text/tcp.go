package text

import (
	"encoding/binary"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// tcpSegment prints a TCP header (RFC 9293) and its options; n is the length
// of header and payload.
func (d *dissector) tcpSegment(b []byte, n int) {
	if len(b) < 20 {
		d.short("tcp")
		return
	}
	d.str("Flags [")
	offset, flags := int(b[12]>>4)*4, uint(b[13])|uint(b[12]&1)<<8
	if flags == 0 {
		d.str("none")
	}
	for i, left := 0, flags; left != 0; i, left = i+1, left>>1 {
		if left&1 != 0 {
			d.out = append(d.out, "FSRP.UEWe"[i])
		}
	}
	d.str("]")
	if offset < 20 {
		d.str(", bad header length ").num(offset).str(", length ").num(n)
		return
	}
	length := max(n-offset, 0)
	if seq := binary.BigEndian.Uint32(b[4:]); length > 0 || flags&(tcpFIN|tcpSYN|tcpRST) != 0 {
		d.str(", seq ").u32(seq)
		if length > 0 {
			d.str(":").u32(seq + uint32(length))
		}
	}
	if flags&tcpACK != 0 {
		d.str(", ack ").u32(binary.BigEndian.Uint32(b[8:]))
	}
	d.str(", win ").num(int(binary.BigEndian.Uint16(b[14:])))
	if flags&tcpURG != 0 {
		d.str(", urg ").num(int(binary.BigEndian.Uint16(b[18:])))
	}
	if offset > len(b) { // the options are not all there
		d.str(", ").short("tcp")
	} else if offset > 20 {
		d.tcpOptions(b[:offset])
	}
	d.str(", length ").num(length)
}

// Flags of a TCP header: its 13th byte, and the lowest bit of the one before.
const (
	tcpFIN = 0x01
	tcpSYN = 0x02
	tcpRST = 0x04
	tcpACK = 0x10
	tcpURG = 0x20
)

// tcpOptions prints the options of a header that is there to its end.
func (d *dissector) tcpOptions(header []byte) {
	d.str(", options [")
	begin := len(d.out)
	b := header[20:]
	for i := 0; len(b) > 0; i++ {
		kind, size := layers.TCPOptionKind(b[0]), 1
		switch {
		case kind == layers.TCPOptionKindMultipathTCP:
			d.out = d.out[:begin]
			d.tcpMultipath(header)
			b = nil
			continue
		case kind == layers.TCPOptionKindEndList, kind == layers.TCPOptionKindNop:
		case len(b) < 2 || b[1] < 2 || int(b[1]) > len(b):
			// A length that leads nowhere: a host reads no further.
			d.badOption(i > 0, b)
			b = nil
			continue
		default:
			size = int(b[1])
		}
		if i > 0 {
			d.str(",")
		}
		d.tcpOption(kind, b[min(2, size):size])
		if b = b[size:]; kind == layers.TCPOptionKindEndList {
			break // what is behind is padding
		}
	}
	d.str("]")
}

// tcpMultipath prints options with some of RFC 8684 among them, which gopacket knows to
// check.
func (d *dissector) tcpMultipath(header []byte) {
	t := &d.tcp
	if t.DecodeFromBytes(header, gopacket.NilDecodeFeedback) != nil {
		return
	}
	end := false
	for i := range t.Options {
		o := &t.Options[i]
		if i > 0 {
			d.str(",")
		}
		if o.OptionType == layers.TCPOptionKindMultipathTCP {
			d.str("mptcp ").num(int(o.OptionLength)).str(" ").str(mptcpName(o.OptionMultipath))
			continue
		}
		end = end || o.OptionType == layers.TCPOptionKindEndList
		d.tcpOption(o.OptionType, o.OptionData)
	}
	if len(t.Padding) > 0 && !end {
		d.badOption(len(t.Options) > 0, t.Padding)
	}
}

func (d *dissector) badOption(behind bool, rest []byte) {
	if behind {
		d.str(",")
	}
	d.str("bad option 0x").hex(rest, 0)
}

// tcpOption prints an option with the value v.
func (d *dissector) tcpOption(kind layers.TCPOptionKind, v []byte) {
	switch {
	case kind == layers.TCPOptionKindEndList:
		d.str("eol")
	case kind == layers.TCPOptionKindNop:
		d.str("nop")
	case kind == layers.TCPOptionKindMSS && len(v) == 2:
		d.str("mss ").num(int(binary.BigEndian.Uint16(v)))
	case kind == layers.TCPOptionKindWindowScale && len(v) == 1:
		d.str("wscale ").num(int(v[0]))
	case kind == layers.TCPOptionKindSACKPermitted:
		d.str("sackOK")
	case kind == layers.TCPOptionKindSACK && len(v)%8 == 0:
		d.str("sack ").num(len(v) / 8).str(" ")
		for ; len(v) > 0; v = v[8:] {
			d.str("{").u32(binary.BigEndian.Uint32(v)).str(":").u32(binary.BigEndian.Uint32(v[4:])).str("}")
		}
	case kind == layers.TCPOptionKindTimestamps && len(v) == 8:
		d.str("TS val ").u32(binary.BigEndian.Uint32(v)).str(" ecr ").u32(binary.BigEndian.Uint32(v[4:]))
	case kind == 19: // RFC 2385
		d.str("md5 ").hex(v, 0)
	case kind == 29: // RFC 5925
		d.str("tcp-ao ").hex(v, 0)
	case kind == 34: // RFC 7413
		d.str("tfo")
		if len(v) == 0 {
			d.str(" cookiereq")
		} else {
			d.str(" cookie ").hex(v, 0)
		}
	default:
		d.str("unknown-").num(int(kind))
		if len(v) > 0 {
			d.str(" 0x").hex(v, 0)
		}
	}
}

// mptcpName names the subtypes of RFC 8684.
func mptcpName(s layers.MPTCPSubtype) string {
	names := [...]string{"capable", "join", "dss", "add-addr", "rem-addr", "prio", "fail", "fast-close", "rst"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown"
}
