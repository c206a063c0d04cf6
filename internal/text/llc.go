package text

import "github.com/skb-tools/skb-tools/internal/dissect"

// llc prints nothing of an IEEE 802.2 frame, if what is behind its header has a form.
func (d *dissector) llc() bool { return !d.cut("llc") }

func (d *dissector) accessPoints(h dissect.LLCHeader, n int) {
	d.str("802.2 dsap 0x").hex8(h.DSAP()).str(" ssap 0x").hex8(h.SSAP()).str(", length ").num(n)
}

// snap prints SNAP's header, if it names no EtherType, and that of LLC if this one was cut off.
func (d *dissector) snap() bool {
	h := dissect.SNAPHeader(d.w.Header)
	switch {
	case d.w.Fault == dissect.Cut:
		d.accessPoints(dissect.LLCHeader{0xaa, 0xaa}, dissect.LLCLen+d.total())
	case allZero(h.OUI()):
		return true
	default:
		d.str("SNAP oui ").hex(h.OUI(), ':').str(", pid 0x").hex16(h.Protocol()).str(", length ").num(d.w.N)
	}
	return false
}

// stp prints a bridge's message.
func (d *dissector) stp() bool {
	d.str("STP ")
	h, n := dissect.BPDU(d.w.Header), d.total()
	if len(h) < dissect.BPDULeast {
		d.short("stp")
		return false
	}
	switch h.Version() {
	case 0:
		d.str("802.1d")
	case 2:
		d.str("802.1w")
	case 3:
		d.str("802.1s")
	default:
		d.str("version ").num(int(h.Version()))
	}
	switch {
	case h.Type() == dissect.BPDUTopologyChange:
		d.str(", Topology Change, length ").num(n)
		return false
	case len(h) < dissect.BPDULen:
		d.str(", ").short("stp")
		return false
	case h.Type() == dissect.BPDURapid:
		d.str(", Rapid STP")
	default:
		d.str(", Config")
	}
	d.str(", Flags [")
	sep := ""
	for _, f := range [...]struct {
		bit  byte
		name string
	}{{0x01, "Topology change"}, {0x02, "Proposal"}, {0x10, "Learn"}, {0x20, "Forward"}, {0x40, "Agreement"},
		{0x80, "Topology change ACK"}} {
		if h.Flags()&f.bit != 0 {
			d.str(sep).str(f.name)
			sep = ", "
		}
	}
	if sep == "" {
		d.str("none")
	}
	d.str("], root ").bridge(h.Root()).str(", bridge-id ").bridge(h.Bridge())
	d.str(".").hex16(h.Port()).str(", length ").num(n)
	return false
}

func (d *dissector) bridge(id dissect.BridgeID) *dissector {
	return d.hex16(id.Priority()).str(".").hex(id.Address(), ':')
}

// lldp prints the names in an LLDP message.
func (d *dissector) lldp() bool {
	d.str("LLDP, length ").num(d.total())
	parts := dissect.LLDPParts(d.w.Header)
	for {
		kind, value, ok := parts.Next()
		switch {
		case !ok && len(parts) >= 2:
			d.str(", ").short("lldp")
			return false
		case !ok || kind == dissect.LLDPEnd:
			return false
		case kind == dissect.LLDPPortDescription:
			d.str(", port description ")
			d.out = appendEscaped(d.out, value)
		case kind == dissect.LLDPSystemName:
			d.str(": ")
			d.out = appendEscaped(d.out, value)
		}
	}
}
