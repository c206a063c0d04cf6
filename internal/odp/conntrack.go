package odp

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
)

// Where things are in struct ovs_conntrack_info (net/openvswitch/conntrack.c, 5.10 to 7.2, on 64-bit
// machines), which is what a flow's action ct has.
const (
	ctHelper   = 0
	ctZone     = 8
	ctBits     = 24 // commit, 3 bits of enum ovs_ct_nat, force
	ctFamily   = 26
	ctMark     = 32 // struct md_mark
	ctLabels   = 40 // struct md_labels
	ctTimeout  = 72
	ctNATFlags = 112 // struct nf_nat_range2
	ctMinAddr  = 116
	ctMaxAddr  = 132
	ctMinPort  = 148
	ctMaxPort  = 150
	ctSize     = 152
)

// ct writes the arguments of ct().
func (w *writer) ct(b []byte) {
	from, n := len(*w), binary.NativeEndian
	if len(b) < ctTimeout {
		return
	}
	bits := b[ctBits]
	if bits&1 != 0 {
		w.item(from, "%s", [...]string{"commit", "force_commit"}[bits>>4&1])
	}
	if zone := n.Uint16(b[ctZone:]); zone != 0 {
		w.item(from, "zone=%d", zone)
	}
	if mark, mask := n.Uint32(b[ctMark:]), n.Uint32(b[ctMark+4:]); mask != 0 {
		w.item(from, "mark=%#x/%#x", mark, mask)
	}
	if labels, mask := b[ctLabels:ctLabels+16], b[ctLabels+16:ctLabels+32]; !zero(mask) {
		w.item(from, "label=0x%s/0x%s", little(labels), little(mask))
	}
	if n.Uint64(b[ctHelper:]) != 0 {
		w.item(from, "helper")
	}
	if len(b) >= ctNATFlags {
		if name, _, _ := bytes.Cut(b[ctTimeout:ctTimeout+32], []byte{0}); len(name) > 0 {
			w.item(from, "timeout=%s", name)
		}
	}
	w.nat(from, b, bits>>1&7)
}

// nat writes nat(...). how is enum ovs_ct_nat.
func (w *writer) nat(from int, b []byte, how byte) {
	const nat, src, dst = 1, 2, 4
	switch {
	case how&nat == 0:
		return
	case how&(src|dst) == 0 || len(b) < ctSize:
		w.item(from, "nat")
		return
	}
	w.in(from, "nat", func() {
		// include/uapi/linux/netfilter/nf_nat.h
		const mapIPs, protoSpecified, protoRandom, persistent, protoHash = 1, 2, 4, 8, 16
		inner, n := len(*w), binary.NativeEndian
		flags := n.Uint32(b[ctNATFlags:])
		w.f("%s", map[bool]string{true: "src", false: "dst"}[how&src != 0])
		if flags&mapIPs != 0 {
			w.f("=")
			w.span(address(b[ctMinAddr:], n.Uint16(b[ctFamily:])), address(b[ctMaxAddr:], n.Uint16(b[ctFamily:])),
				flags&protoSpecified != 0)
		}
		if flags&protoSpecified != 0 {
			w.f(":%d", be16(b, ctMinPort))
			if be16(b, ctMinPort) != be16(b, ctMaxPort) {
				w.f("-%d", be16(b, ctMaxPort))
			}
		}
		for _, f := range [...]struct {
			bit  uint32
			word string
		}{{persistent, "persistent"}, {protoHash, "hash"}, {protoRandom, "random"}} {
			if flags&f.bit != 0 {
				w.item(inner, "%s", f.word)
			}
		}
	})
}

// span writes one address or two, those of IPv6 in brackets where ports follow.
func (w *writer) span(first, last netip.Addr, ports bool) {
	format := "%s"
	if ports && first.Is6() {
		format = "[%s]"
	}
	w.f(format, first)
	if first != last {
		w.f("-"+format, last)
	}
}

func address(b []byte, family uint16) netip.Addr {
	const inet6 = 10 // NFPROTO_IPV6
	if family == inet6 {
		return netip.AddrFrom16([16]byte(b[:16]))
	}
	return netip.AddrFrom4([4]byte(b[:4]))
}

func zero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }

// little is a little-endian number in hexadecimal.
func little(b []byte) string {
	b = bytes.Clone(b)
	slices.Reverse(b)
	return cmp.Or(strings.TrimLeft(hex.EncodeToString(b), "0"), "0")
}
