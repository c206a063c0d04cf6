package odp

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
)

// A field of a key that an action sets.
type field struct {
	name   string
	at, to int
	show   func(b []byte) string
}

// A key is what one attribute of enum ovs_key_attr holds.
type key struct {
	name   string
	fields []field // one without a name is all of it
}

func network(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

func number(b []byte) string { return fmt.Sprint(network(b)) }

func hexadecimal(b []byte) string { return fmt.Sprintf("%#x", network(b)) }

func native(b []byte) string { return fmt.Sprintf("%#x", binary.NativeEndian.Uint32(b)) }

func native16(b []byte) string { return fmt.Sprint(binary.NativeEndian.Uint16(b)) }

func ip(b []byte) string {
	a, _ := netip.AddrFromSlice(b)
	return a.String()
}

func ethernet(b []byte) string { return net.HardwareAddr(b).String() }

func labels(b []byte) string { return "0x" + little(b) }

var ports = []field{{"src", 0, 2, number}, {"dst", 2, 4, number}}

// keys are those that can be set, by enum ovs_key_attr (include/uapi/linux/openvswitch.h). The bytes are in
// network order but for numbers of the kernel's own.
var keys = map[uint16]key{
	2: {"skb_priority", []field{{"", 0, 4, native}}},
	4: {"eth", []field{{"src", 0, 6, ethernet}, {"dst", 6, 12, ethernet}}},
	7: {"ipv4", []field{{"src", 0, 4, ip}, {"dst", 4, 8, ip}, {"proto", 8, 9, number},
		{"tos", 9, 10, hexadecimal}, {"ttl", 10, 11, number}}},
	8: {"ipv6", []field{{"src", 0, 16, ip}, {"dst", 16, 32, ip}, {"label", 32, 36, hexadecimal},
		{"proto", 36, 37, number}, {"tclass", 37, 38, hexadecimal}, {"hlimit", 38, 39, number}}},
	9:  {"tcp", ports},
	10: {"udp", ports},
	11: {"icmp", []field{{"type", 0, 1, number}, {"code", 1, 2, number}}},
	12: {"icmpv6", []field{{"type", 0, 1, number}, {"code", 1, 2, number}}},
	13: {"arp", []field{{"sip", 0, 4, ip}, {"tip", 4, 8, ip}, {"op", 8, 10, number},
		{"sha", 10, 16, ethernet}, {"tha", 16, 22, ethernet}}},
	14: {"nd", []field{{"target", 0, 16, ip}, {"sll", 16, 22, ethernet}, {"tll", 22, 28, ethernet}}},
	15: {"skb_mark", []field{{"", 0, 4, native}}},
	17: {"sctp", ports},
	21: {"mpls", []field{{"lse", 0, 4, hexadecimal}}},
	23: {"ct_zone", []field{{"", 0, 2, native16}}},
	24: {"ct_mark", []field{{"", 0, 4, native}}},
	25: {"ct_label", []field{{"", 0, 16, labels}}},
}

const keyNSH = 28

// Tunnels that are set are not described by attributes, but by a pointer: OVS_KEY_ATTR_TUNNEL_INFO,
// which is 29 or, since 6.0, 31.
func isTunnel(kind uint16) bool { return kind == 29 || kind == 31 }

// set writes what OVS_ACTION_ATTR_SET sets: a tunnel. What else user space sets the kernel makes
// masked sets of (OVS_ACTION_ATTR_SET_TO_MASKED).
func (w *writer) set(b []byte) {
	a, _, ok := next(b)
	switch {
	case !ok:
	case isTunnel(a.kind):
		w.f("tunnel")
	default:
		w.masked(a)
	}
}

func (w *writer) setMasked(b []byte) {
	if a, _, ok := next(b); ok {
		w.masked(a)
	}
}

// masked writes a key and those of its fields that have a mask, which is the second half.
func (w *writer) masked(a attribute) {
	k, known := keys[a.kind]
	half := len(a.data) / 2
	value, mask := a.data[:half], a.data[half:]
	switch {
	case a.kind == keyNSH:
		w.f("nsh")
		return
	case !known:
		w.f("key%d=%x/%x", a.kind, value, mask)
		return
	}
	w.in(len(*w), k.name, func() {
		from := len(*w)
		for _, f := range k.fields {
			if f.to > half || zero(mask[f.at:f.to]) {
				continue
			}
			name := ""
			if f.name != "" {
				name = f.name + "="
			}
			w.item(from, "%s%s", name, f.show(value[f.at:f.to]))
			if !ones(mask[f.at:f.to]) {
				w.f("/%s", f.show(mask[f.at:f.to]))
			}
		}
	})
}

func ones(b []byte) bool {
	for _, c := range b {
		if c != 0xff {
			return false
		}
	}
	return true
}

func mac(b []byte, at int) string {
	if len(b) < at+6 {
		return "?"
	}
	return ethernet(b[at : at+6])
}

// nsh writes the base header of what push_nsh adds: struct ovs_nsh_key_base.
func (w *writer) nsh(b []byte) {
	nested, _, _ := next(b)
	if nested.kind == keyNSH {
		b = nested.data
	}
	base, _, ok := next(b)
	if !ok || len(base.data) < 8 {
		return
	}
	path := be32(base.data, 4)
	w.f("nsh(flags=%d,ttl=%d,mdtype=%d,np=%d,spi=%#x,si=%d)", base.data[0], base.data[1], base.data[2], base.data[3],
		path>>8, path&0xff)
}

// tunnel writes what struct ip_tunnel_key begins with: the id, and the addresses of both ends.
func (w *writer) tunnel(b []byte) {
	const size, srcAt, dst4At, dst6At = 40, 8, 12, 24
	if len(b) < size {
		return
	}
	id := uint64(be32(b, 0))<<32 | uint64(be32(b, 4))
	src, dst := b[srcAt:srcAt+4], b[dst4At:dst4At+4]
	if !zero(b[dst4At+4 : size]) {
		src, dst = b[srcAt:srcAt+16], b[dst6At:size]
	}
	w.f("(tun_id=%#x", id)
	if !zero(src) {
		w.f(",src=%s", ip(src))
	}
	w.f(",dst=%s)", ip(dst))
}
