// Package odp writes the actions of Open vSwitch's kernel datapath as ovs-dpctl(8) does. It reads them as
// the kernel module keeps them, which is not quite what user space sends: net/openvswitch/flow_netlink.c,
// __ovs_nla_copy_actions.
package odp

import "fmt"

// The actions: enum ovs_action_attr, include/uapi/linux/openvswitch.h. Behind the last one that a
// kernel knows comes one more, OVS_ACTION_ATTR_SET_TO_MASKED: see decode.
const (
	output = 1 + iota
	userspace
	set
	pushVLAN
	popVLAN
	sample
	recirc
	hash
	pushMPLS
	popMPLS
	setMasked
	ct
	trunc
	pushEth
	popEth
	ctClear
	pushNSH
	popNSH
	meter
	clone
	checkPktLen
	addMPLS
	decTTL
	drop
	psample
)

var names = [...]string{output: "output", userspace: "userspace", set: "set", pushVLAN: "push_vlan",
	popVLAN: "pop_vlan", sample: "sample", recirc: "recirc", hash: "hash", pushMPLS: "push_mpls", popMPLS: "pop_mpls",
	setMasked: "set_masked", ct: "ct", trunc: "trunc", pushEth: "push_eth", popEth: "pop_eth", ctClear: "ct_clear",
	pushNSH: "push_nsh", popNSH: "pop_nsh", meter: "meter", clone: "clone", checkPktLen: "check_pkt_len",
	addMPLS: "add_mpls", decTTL: "dec_ttl", drop: "drop", psample: "psample"}

// Action returns the name of the first action in b, and its arguments: what ovs-dpctl writes between
// parentheses. An action that b has not all of ends in "...". The name is "" if b holds none.
// Behind a set of a tunnel b may have the first 40 bytes of its struct ip_tunnel_key.
func Action(b []byte) (name, args string) {
	a, rest, ok := next(b)
	if !ok {
		return "", ""
	}
	var w writer
	name = w.action(a)
	if inner, _, _ := next(a.data); a.kind == set && isTunnel(inner.kind) {
		w.tunnel(rest)
	}
	return name, string(w)
}

// Actions returns the list of actions in b with commas between, as ovs-dpctl writes flows.
func Actions(b []byte) string {
	var w writer
	w.actions(b)
	return string(w)
}

// Port returns the number of the port that an action of the name output has.
func Port(b []byte) uint32 {
	a, _, _ := next(b)
	return a.u32()
}

// A writer gathers text.
type writer []byte

func (w *writer) f(format string, args ...any) { *w = fmt.Appendf(*w, format, args...) }

// item writes one of a list that began at byte `from`.
func (w *writer) item(from int, format string, args ...any) {
	if len(*w) > from {
		*w = append(*w, ',')
	}
	w.f(format, args...)
}

// in writes name(...), where f writes what is between the parentheses.
func (w *writer) in(from int, name string, f func()) {
	w.item(from, "%s(", name)
	f()
	*w = append(*w, ')')
}

func (w *writer) actions(b []byte) {
	from := len(*w)
	for len(b) > 0 {
		a, rest, ok := next(b)
		if !ok {
			w.item(from, "...")
			return
		}
		var args writer
		switch name := args.action(a); {
		case name == names[output]:
			w.item(from, "%s", args)
		case name == names[setMasked]:
			w.item(from, "set(%s)", args) // as ovs-dpctl has it
		case len(args) == 0:
			w.item(from, "%s", name)
		default:
			w.item(from, "%s(%s)", name, args)
		}
		b = rest
	}
}

// action writes the arguments of one, and returns its name.
func (w *writer) action(a attribute) string {
	kind := a.known()
	if kind == 0 {
		w.f("%x", a.data)
		return fmt.Sprintf("action%d", a.kind)
	}
	w.arguments(kind, a)
	if a.cut {
		w.f("...")
	}
	return names[kind]
}

// known is which of the constants an action is; 0: none. What a kernel calls SET_TO_MASKED has the
// number behind its last action. That became drop (6.7) and psample (6.11), which are told by what they hold:
// a number alone, or attributes of which the first is 1, no key that can be set.
func (a attribute) known() uint16 {
	first, _, _ := next(a.data)
	switch {
	case a.kind == 0 || int(a.kind) > len(names):
		return 0
	case a.kind == drop && len(a.data) > 4,
		a.kind == psample && first.kind != 1,
		int(a.kind) == len(names):
		return set
	}
	return a.kind
}

func (w *writer) arguments(kind uint16, a attribute) {
	b := a.data
	switch kind {
	case output, meter, trunc, drop:
		w.f("%d", a.u32())
	case recirc:
		w.f("%#x", a.u32())
	case hash:
		w.hash(b)
	case userspace:
		w.userspace(b)
	case set:
		w.set(b)
	case setMasked:
		w.setMasked(b)
	case pushVLAN:
		w.pushVLAN(b)
	case pushMPLS, addMPLS:
		w.mpls(be32(b, 0))
		w.f(",eth_type=%#04x", be16(b, 4))
	case popMPLS:
		w.f("eth_type=%#x", be16(b, 0))
	case ct:
		w.ct(b)
	case pushEth:
		w.f("src=%s,dst=%s", mac(b, 0), mac(b, 6))
	case pushNSH:
		w.nsh(b)
	case sample:
		w.sample(b)
	case clone:
		// The first attribute says how it is executed.
		_, rest, _ := next(b)
		w.actions(rest)
	case checkPktLen:
		w.checkPktLen(b)
	case decTTL:
		inner, _, _ := next(b)
		w.in(len(*w), "le_1", func() { w.actions(inner.data) })
	case psample:
		w.psample(b)
	}
}

// hash is struct ovs_action_hash.
func (w *writer) hash(b []byte) {
	algorithm, basis := attribute{data: b}.u32(), attribute{data: b[min(4, len(b)):]}.u32()
	switch algorithm {
	case 0:
		w.f("l4(%d)", basis)
	case 1:
		w.f("sym_l4(%d)", basis)
	default:
		w.f("alg=%d,basis=%d", algorithm, basis)
	}
}

// pushVLAN is struct ovs_action_push_vlan.
func (w *writer) pushVLAN(b []byte) {
	const eth8021Q, cfi = 0x8100, 0x1000
	if tpid := be16(b, 0); tpid != eth8021Q {
		w.f("tpid=%#04x,", tpid)
	}
	w.tci(be16(b, 2) | cfi)
}

func (w *writer) tci(tci uint16) { w.f("vid=%d,pcp=%d", tci&0xfff, tci>>13) }

func (w *writer) mpls(lse uint32) {
	w.f("label=%d,tc=%d,ttl=%d,bos=%d", lse>>12, lse>>9&7, lse&0xff, lse>>8&1)
}

// sample begins with struct sample_arg, behind which are the actions.
func (w *writer) sample(b []byte) {
	from := len(*w)
	arg, rest, ok := next(b)
	if !ok {
		return
	}
	if len(arg.data) >= 8 {
		p := attribute{data: arg.data[4:]}.u32()
		w.f("sample=%.1f%%", 100*float64(p)/(1<<32-1))
	}
	w.in(from, "actions", func() { w.actions(rest) })
}

// checkPktLen begins with struct check_pkt_len_arg.
func (w *writer) checkPktLen(b []byte) {
	const ifGreater, ifLessEqual = 2, 3
	from := len(*w)
	arg, rest, _ := next(b)
	if len(arg.data) >= 2 {
		w.item(from, "size=%d", uint16(arg.data[0])|uint16(arg.data[1])<<8)
	}
	for a, rest, ok := next(rest); ok; a, rest, ok = next(rest) {
		switch a.kind {
		case ifGreater:
			w.in(from, "gt", func() { w.actions(a.data) })
		case ifLessEqual:
			w.in(from, "le", func() { w.actions(a.data) })
		}
	}
}

func (w *writer) psample(b []byte) {
	const group, cookie = 1, 2
	from := len(*w)
	for a, rest, ok := next(b); ok; a, rest, ok = next(rest) {
		switch a.kind {
		case group:
			w.item(from, "group=%d", a.u32())
		case cookie:
			w.item(from, "cookie=0x%x", a.data)
		}
	}
}
