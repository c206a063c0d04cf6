package text

import (
	"encoding/binary"

	"github.com/skb-tools/skb-tools/internal/dissect"
)

// vxlanGPE prints a VXLAN-GPE header.
func (d *dissector) vxlanGPE() bool {
	d.str("VXLAN-GPE, ")
	if d.cut("vxlan-gpe") {
		return false
	}
	h := dissect.VXLANHeader(d.w.Header)
	d.str("flags [")
	some := false
	for _, f := range [...]struct {
		bit  byte
		name string
	}{{8, "I"}, {4, "P"}, {2, "B"}, {1, "O"}} {
		if h.Flags()&f.bit != 0 {
			d.str(f.name)
			some = true
		}
	}
	if !some {
		d.str("none")
	}
	d.str("], vni ").u32(h.VNI())
	if d.w.Next == dissect.None {
		d.str(", length ").num(d.w.N)
		return false
	}
	d.str(": ")
	return true
}

// gtp prints a GTP-U header (3GPP TS 29.281, 6.1).
func (d *dissector) gtp() bool {
	d.str("GTP-U")
	h := dissect.GTPHeader(d.w.Header)
	if len(h) < 8 {
		d.str(", ").short("gtp")
		return false
	}
	if !h.Current() {
		d.str(" version ").num(int(h[0] >> 5)).str(", length ").num(d.total())
		return false
	}
	switch h.Type() {
	case 1:
		d.str(", echo request")
	case 2:
		d.str(", echo response")
	case 26:
		d.str(", error indication")
	case 31:
		d.str(", supported extension headers")
	case 254:
		d.str(", end marker")
	case dissect.GTPData:
	default:
		d.str(", type ").num(int(h.Type()))
	}
	d.str(", teid 0x").hexDigits(uint64(h.TEID()))
	switch {
	case d.w.Fault == dissect.Cut:
		d.str(", ").short("gtp")
		return false
	case d.w.Next == dissect.None:
		d.str(", length ").num(d.w.N)
		return false
	}
	d.str(": ")
	return true
}

// wireguard prints a message of WireGuard's, or what is not encrypted of one that carries a packet.
func (d *dissector) wireguard() bool {
	d.str("WireGuard, ")
	h := dissect.WireGuardMessage(d.w.Header)
	if len(h) < 16 {
		d.short("wireguard")
		return false
	}
	index := func(at int) uint64 { return uint64(binary.LittleEndian.Uint32(h[at:])) }
	switch h.Type() {
	case 1:
		d.str("handshake initiation, sender ").hexNum(index(4))
	case 2:
		d.str("handshake response, sender ").hexNum(index(4)).str(", receiver ").hexNum(index(8))
	case 3:
		d.str("cookie reply, receiver ").hexNum(index(4))
	default:
		d.str("data, receiver ").hexNum(index(4)).str(", counter ")
		d.out = appendNum(d.out, binary.LittleEndian.Uint64(h[8:]))
	}
	d.str(", length ").num(d.total())
	return false
}

// l2tp prints an L2TP header, and of a control message of version 2 its type.
func (d *dissector) l2tp() bool {
	h := dissect.L2TPHeader(d.w.Header)
	if len(h) < 2 {
		d.str("l2tp:").short("l2tp")
		return false
	}
	switch {
	case h.Version() == 3 && h.Control():
		d.str("L2TPv3, control, length ").num(d.total())
		return false
	case h.Version() == 3:
		d.str("L2TPv3, session ").hexNum(uint64(h.Session())).str(", length ").num(d.w.N)
		return false
	case h.Version() != 2:
		d.str("L2TP version ").num(h.Version()).str(", length ").num(d.total())
		return false
	}
	d.str("l2tp:[")
	for _, f := range [...]struct {
		bit  byte
		name string
	}{{0x80, "T"}, {0x40, "L"}, {0x08, "S"}, {0x02, "O"}, {0x01, "P"}} {
		if h[0]&f.bit != 0 {
			d.str(f.name)
		}
	}
	d.str("]")
	if d.w.Fault == dissect.Cut {
		d.short("l2tp")
		return false
	}
	at := 2
	if h[0]&0x40 != 0 {
		at += 2
	}
	d.str("(").num(int(word(h, at))).str("/").num(int(word(h, at+2))).str(")")
	if at += 4; h[0]&0x08 != 0 {
		d.str("Ns=").num(int(word(h, at))).str(",Nr=").num(int(word(h, at+2)))
	}
	if h.Control() {
		d.l2tpMessage(d.w.Rest)
		return false
	}
	d.str(" {")
	d.ends = append(d.ends, end{text: "}"})
	return true
}

// l2tpMessage prints the type of a control message, which its first attribute tells (RFC 2661, 3.2, 4.4.1).
func (d *dissector) l2tpMessage(b []byte) {
	names := [...]string{1: "SCCRQ", 2: "SCCRP", 3: "SCCCN", 4: "StopCCN", 6: "HELLO", 7: "OCRQ", 8: "OCRP", 9: "OCCN",
		10: "ICRQ", 11: "ICRP", 12: "ICCN", 14: "CDN", 15: "WEN", 16: "SLI"}
	switch {
	case d.w.N == 0:
		d.str(" ZLB")
	case len(b) >= 8 && word(b, 2) == 0 && word(b, 4) == 0:
		d.str(" *MSGTYPE(")
		if t := int(word(b, 6)); t < len(names) && names[t] != "" {
			d.str(names[t])
		} else {
			d.num(t)
		}
		d.str(")")
	}
}

// l2tpIP prints the session of L2TP over IP.
func (d *dissector) l2tpIP() bool {
	if d.cut("l2tp") {
		return false
	}
	if n := dissect.L2TPSession(d.w.Header).Number(); n != 0 {
		d.str("L2TPv3, session ").hexNum(uint64(n))
	} else {
		d.str("L2TPv3, control")
	}
	d.str(", length ").num(d.w.N)
	return false
}

// macsec prints a SecTAG, and nothing of what is encrypted behind it.
func (d *dissector) macsec() bool {
	if d.frame != nil {
		d.hex(d.frame.Src(), ':').str(" > ").hex(d.frame.Dst(), ':').str(" ")
	}
	d.frame = nil
	d.str("802.1AE MACsec, ")
	h := dissect.MACsecTag(d.w.Header)
	if len(h) < 6 {
		d.short("macsec")
		return false
	}
	d.str("an ").num(int(h.Association())).str(", pn ").u32(h.Packet())
	sep := ", flags "
	for _, f := range [...]struct {
		bit  byte
		name string
	}{{0x08, "E"}, {0x04, "C"}, {0x40, "S"}, {0x20, "I"}, {0x10, "B"}} {
		if h[0]&f.bit != 0 {
			d.str(sep).str(f.name)
			sep = ""
		}
	}
	if short := h[1] & 0x3f; short != 0 {
		d.str(", sl ").num(int(short))
	}
	if h.Explicit() && len(h) >= 14 {
		d.str(", sci ").hex(h[6:14], 0)
	}
	d.str(", ")
	switch {
	case d.w.Fault == dissect.Cut:
		d.short("macsec")
		return false
	case h.Encrypted():
		d.str("length ").num(d.w.N)
		return false
	}
	d.told = false
	return true
}

// ah prints an authentication header among the extension headers.
func (d *dissector) ah() {
	h := dissect.AHHeader(d.w.Header)
	out := append(d.names, "AH(spi=0x"...)
	out = appendHex32(out, h.SPI())
	out = append(out, ",seq=0x"...)
	out = appendHexDigits(out, h.Seq())
	d.names = append(out, "): "...)
}

// ipcomp prints how the content is compressed.
func (d *dissector) ipcomp() bool {
	if d.cut("ipcomp") {
		return false
	}
	d.str("IPComp(cpi=").hexNum(uint64(dissect.IPCompHeader(d.w.Header).CPI())).str(")")
	return false
}

func appendHex32(dst []byte, v uint32) []byte {
	for shift := 28; shift >= 0; shift -= 4 {
		dst = append(dst, digits[v>>shift&15])
	}
	return dst
}

func appendHexDigits(dst []byte, v uint32) []byte {
	d := dissector{out: dst}
	return d.hexDigits(uint64(v)).out
}

// geneveClass names who defines a class of options (IANA's nvo3).
func geneveClass(class uint16) string {
	switch class {
	case 0x0100:
		return "Linux"
	case 0x0101:
		return "Open vSwitch (OVS)"
	case 0x0102:
		return "Open Virtual Networking (OVN)"
	case 0x0103:
		return "In-band Network Telemetry (INT)"
	case 0x0104:
		return "VMware"
	}
	return "Unknown"
}

// geneveOptions prints each option: its class and type, with C if the tunnel's end must know it, and its data.
func (d *dissector) geneveOptions(o dissect.GeneveOptions) {
	for sep := ""; ; sep = ", " {
		class, kind, value, ok := o.Next()
		if !ok {
			return
		}
		d.str(sep).str("class ").str(geneveClass(class)).str(" (").hexNum(uint64(class))
		d.str(") type ").hexNum(uint64(kind))
		if kind&0x80 != 0 {
			d.str("(C)")
		}
		d.str(" len ").num(len(value) + 4)
		if len(value) > 0 {
			d.str(" data ").hex(value, 0)
		}
	}
}
