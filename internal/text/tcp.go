package text

import (
	"encoding/binary"

	"github.com/skb-tools/skb-tools/internal/dissect"
)

// tcp prints a TCP header and its options.
func (d *dissector) tcp() bool {
	h, n := dissect.TCPHeader(d.w.Header), d.total()
	if len(h) < dissect.TCPLen {
		d.short("tcp")
		return false
	}
	if d.detail.Quiet && d.w.Fault != dissect.Bad {
		d.str("tcp ").num(max(n-h.HeaderLen(), 0))
		return false
	}
	flags := h.Flags()
	d.str("Flags [")
	d.out = appendFlags(d.out, flags)
	d.str("]")
	if d.w.Fault == dissect.Bad {
		d.str(" [bad hdr length ").num(h.HeaderLen()).str(" - too short, < 20], length ").num(n)
		return false
	}
	if d.detail.Verbose > 0 {
		d.tcpSum(h)
	}
	length := max(n-h.HeaderLen(), 0)
	if seq := h.Seq(); length > 0 || flags&(dissect.FIN|dissect.SYN|dissect.RST) != 0 || d.detail.Verbose > 1 {
		d.str(", seq ").u32(seq)
		if length > 0 {
			d.str(":").u32(seq + uint32(length))
		}
	}
	if flags&dissect.ACK != 0 {
		d.str(", ack ").u32(h.Ack())
	}
	d.str(", win ").num(int(h.Window()))
	if flags&dissect.URG != 0 {
		d.str(", urg ").num(int(h.Urgent()))
	}
	if d.w.Fault == dissect.Cut { // the options are not all there
		d.str(", ").short("tcp")
	} else if options := h.Options(); len(options) > 0 {
		d.str(", options [").tcpOptions(options).str("]")
	}
	d.str(", length ").num(length)
	return false
}

// appendFlags appends TCP's flags as tcpdump has them between brackets.
func appendFlags(dst []byte, flags uint16) []byte {
	if flags == 0 {
		return append(dst, "none"...)
	}
	for i, left := 0, flags; left != 0; i, left = i+1, left>>1 {
		if left&1 != 0 {
			dst = append(dst, "FSRP.UEWe"[i])
		}
	}
	return dst
}

// tcpOptions prints the options of a header that is there to its end.
func (d *dissector) tcpOptions(o dissect.Options) *dissector {
	for i := 0; len(o) > 0; i++ {
		if i > 0 {
			d.str(",")
		}
		kind, value, ok := o.Next()
		if !ok { // a length that leads nowhere: a host reads no further
			return d.str("bad option 0x").hex(o, 0)
		}
		d.tcpOption(kind, value)
	}
	return d
}

// tcpOption prints an option with the value v.
func (d *dissector) tcpOption(kind byte, v []byte) {
	switch {
	case kind == dissect.OptionEnd:
		d.str("eol")
	case kind == dissect.OptionNop:
		d.str("nop")
	case kind == dissect.OptionMSS && len(v) == 2:
		d.str("mss ").num(int(binary.BigEndian.Uint16(v)))
	case kind == dissect.OptionWindowScale && len(v) == 1:
		d.str("wscale ").num(int(v[0]))
	case kind == dissect.OptionSACKPermitted:
		d.str("sackOK")
	case kind == dissect.OptionSACK && len(v)%8 == 0:
		d.str("sack ").num(len(v) / 8).str(" ")
		for ; len(v) > 0; v = v[8:] {
			d.str("{").u32(binary.BigEndian.Uint32(v)).str(":").u32(binary.BigEndian.Uint32(v[4:])).str("}")
		}
	case kind == dissect.OptionTimestamps && len(v) == 8:
		d.str("TS val ").u32(binary.BigEndian.Uint32(v)).str(" ecr ").u32(binary.BigEndian.Uint32(v[4:]))
	case kind == dissect.OptionMD5:
		d.str("md5 ").hex(v, 0)
	case kind == dissect.OptionAO:
		d.str("tcp-ao ").hex(v, 0)
	case kind == dissect.OptionMPTCP && len(v) > 0:
		d.str("mptcp ").num(2 + len(v)).str(" ").str(dissect.MPTCPName(v))
	case kind == dissect.OptionFastOpen && len(v) == 0:
		d.str("tfo cookiereq")
	case kind == dissect.OptionFastOpen:
		d.str("tfo cookie ").hex(v, 0)
	default:
		d.str("unknown-").num(int(kind))
		if len(v) > 0 {
			d.str(" 0x").hex(v, 0)
		}
	}
}
