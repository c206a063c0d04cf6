package odp

import "encoding/binary"

// What ovs-vswitchd wants back of a packet that an action sends it: the 16 bits in front of struct
// user_action_cookie (lib/odp-util.h of Open vSwitch since 2.10).
var reasons = [...]string{1: "sflow", "slow_path", "flow_sample", "ipfix", "controller"}

// slowPaths are the bits of why ovs-vswitchd handles a flow itself (SLOW_PATH_REASONS, of the same file).
var slowPaths = [...]string{"cfm", "bfd", "lacp", "stp", "lldp", "action", "match"}

// Reason returns what the data of an upcall say that it is for; "": not known. b is an attribute
// (OVS_USERSPACE_ATTR_USERDATA).
func Reason(b []byte) string {
	if a, _, ok := next(b); ok {
		return reason(a.data)
	}
	return ""
}

func reason(data []byte) string {
	if len(data) < 8 {
		return "" // that of another program, or version
	}
	if n := int(binary.NativeEndian.Uint16(data)); n < len(reasons) {
		return reasons[n]
	}
	return ""
}

func (w *writer) userspace(b []byte) {
	const pid, userdata, egressTunPort, actions = 1, 2, 3, 4
	from := len(*w)
	for a, rest, ok := next(b); ok; a, rest, ok = next(rest) {
		switch a.kind {
		case pid:
			w.item(from, "pid=%d", a.u32())
		case userdata:
			w.userdata(from, a.data)
		case egressTunPort:
			w.item(from, "tunnel_out_port=%d", a.u32())
		case actions:
			w.item(from, "actions")
		}
	}
}

func (w *writer) userdata(from int, data []byte) {
	const slowPathAt = 28 // of its bits
	switch r := reason(data); {
	case r == "":
		w.item(from, "userdata(%x)", data)
	case r == "slow_path" && len(data) >= slowPathAt+4:
		w.in(from, r, func() {
			bits, inner := binary.NativeEndian.Uint32(data[slowPathAt:]), len(*w)
			for i, s := range slowPaths {
				if bits>>i&1 != 0 {
					w.item(inner, "%s", s)
				}
			}
		})
	default:
		w.item(from, "%s", r)
	}
}
