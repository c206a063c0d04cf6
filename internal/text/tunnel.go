package text

import "github.com/skb-tools/skb-tools/internal/dissect"

// vxlan prints a VXLAN header.
func (d *dissector) vxlan() bool {
	d.str("VXLAN, ")
	if d.cut("vxlan") {
		return false
	}
	h := dissect.VXLANHeader(d.w.Header)
	d.str("flags [")
	if h.HasVNI() {
		d.str("I")
	} else {
		d.str(".")
	}
	d.str("] (0x").hex8(h.Flags()).str("), vni ").u32(h.VNI())
	if policy, ok := h.Policy(); ok {
		d.str(", gbp ").num(int(policy))
	}
	d.str(": ")
	return true
}

// geneve prints a Geneve header without what is in it.
func (d *dissector) geneve() bool {
	d.str("Geneve, ")
	h := dissect.GeneveHeader(d.w.Header)
	if len(h) < dissect.GeneveLen {
		d.short("geneve")
		return false
	}
	d.str("Flags [")
	if h.OAM() {
		d.str("O")
	}
	if h.Critical() {
		d.str("C")
	}
	if !h.OAM() && !h.Critical() {
		d.str("none")
	}
	d.str("], vni ").u32(h.VNI())
	if n := h.OptionsLen(); n > 0 {
		d.str(", options [")
		if d.detail.Verbose > 0 && d.w.Fault == dissect.Whole {
			d.geneveOptions(h.Options())
		} else {
			d.num(n).str(" bytes")
		}
		d.str("]")
	}
	if d.w.Fault == dissect.Cut {
		d.str(", ").short("geneve")
		return false
	}
	d.str(": ")
	return true
}

// gre prints a GRE header without what is in it.
func (d *dissector) gre() bool {
	h := dissect.GREHeader(d.w.Header)
	if len(h) < dissect.GRELen {
		d.short("gre")
		return false
	}
	d.str("GREv").num(h.Version())
	if d.w.Fault == dissect.Cut {
		d.str(", ").short("gre")
		return false
	}
	if key, ok := h.Key(); ok && h.Version() == 1 { // of PPTP: a length and a call (RFC 2637, 4.1)
		d.str(", call ").num(int(key & 0xffff))
	} else if ok {
		d.str(", key=").hexNum(uint64(key))
	}
	if seq, ok := h.Seq(); ok {
		d.str(", seq ").u32(seq)
	}
	if ack, ok := h.Ack(); ok {
		d.str(", ack ").u32(ack)
	}
	d.str(", length ").num(d.total())
	switch empty := len(d.w.Rest) == 0; {
	case empty && h.Version() == 1: // PPTP's bare acknowledgement
		return false
	case empty && h.Protocol() == 0: // a keepalive is a header with nothing in it
		d.str(", keepalive")
		return false
	}
	d.str(": ")
	return true
}

// mpls prints an entry of a label stack.
func (d *dissector) mpls() bool {
	if d.cut("mpls") {
		return false
	}
	h := dissect.MPLSEntry(d.w.Header)
	if !d.stacked {
		d.str("MPLS ")
	}
	d.stacked = !h.Bottom()
	d.str("(label ").u32(h.Label()).str(", tc ").num(int(h.Class()))
	if h.Bottom() {
		d.str(", [S]")
	}
	d.str(", ttl ").num(int(h.TTL())).str(") ")
	return true
}

// pppoe prints a PPPoE header without what is in it.
func (d *dissector) pppoe() bool {
	d.str("PPPoE ")
	if d.cut("pppoe") {
		return false
	}
	h := dissect.PPPoEHeader(d.w.Header)
	if name := h.CodeName(); name != "" {
		d.str(name).str(" ")
	} else if h.Code() != 0 {
		d.str("code ").num(int(h.Code())).str(" ")
	}
	if d.w.Kind == dissect.PPPoEDiscovery {
		if h.Session() != 0 {
			d.str("[ses ").hexNum(uint64(h.Session())).str("] ")
		}
		d.out = d.out[:len(d.out)-1]
		d.w.Trim()
		d.pppoeTags(d.w.Rest)
		return false
	}
	d.str("[ses ").hexNum(uint64(h.Session())).str("] ")
	return true
}

// ppp prints nothing of a PPP header, if what it names has a form.
func (d *dissector) ppp() bool { return !d.cut("ppp") }

func (d *dissector) pppName(p dissect.PPPProtocol) {
	if name := p.Name(); name != "" {
		d.str(name)
		return
	}
	d.str("ppp protocol ").hexNum(uint64(p))
}

// esp prints the part of ESP that is not encrypted.
func (d *dissector) esp() bool {
	if d.cut("esp") {
		return false
	}
	h := dissect.ESPHeader(d.w.Header)
	d.out = appendHex32(append(d.out, "ESP(spi=0x"...), h.SPI())
	d.str(",seq=").hexNum(uint64(h.Seq())).str("), length ").num(d.total())
	return false
}
