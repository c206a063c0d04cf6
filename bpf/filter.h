// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// Does a packet pass -f, --inner-filter and --where? The functions that say so are written
// by internal/filter when skb-collect starts, in the place of the ones here.
#pragma once

#include "paged.h"

enum filter_in_use {
	FILTER_PACKET = 1,
	FILTER_INFO = 2, // the packet filter asks for struct sk_buff's own fields, too
	FILTER_INNER = 4,
	FILTER_WHERE = 8,
};
const volatile __u32 filters = 0; // enum filter_in_use

// `info` of the functions below: what sk_buff knows and the packet's bytes don't say.
#define INFO_TAG_PRESENT (1 << 16) // bits 0 to 15 are vlan_tci

// The most page fragments that a sk_buff can have (MAX_SKB_FRAGS) is 17 unless configured
// higher; headers are in the first.
#define FILTER_FRAGS 17

// What packet_bytes says in the place of bytes.
enum no_bytes {
	NOT_READABLE = -1,
	NOT_LOOKED_AT = -2, // they may lie in frag_list, whose sk_buffs are more than a verifier follows here
};

// shinfo, and how many fragments it has, of an sk_buff.
#define PAGED_PART(s)                                          \
	({                                                     \
		u.bytes = 0;                                   \
		bpf_core_read(&u.bytes, 8, &(s)->head);        \
		shinfo = (void *)u.bytes;                      \
		u.bytes = 0;                                   \
		bpf_core_read(&u.bytes, 4, &(s)->end);         \
		shinfo = (void *)shinfo + u.bytes;             \
		u.bytes = 0;                                   \
		bpf_core_read(&u.bytes, 1, &shinfo->nr_frags); \
		nr = u.bytes;                                  \
	})

// size (at most 4) bytes at offset off of the packet that begins at addr, of which
// `linear` bytes (negative: none, and so many of the paged ones are not the packet's) are
// linear. In the lower bytes, as a load would put them there; zeros behind the packet's
// end. Or enum no_bytes: a packet whose bytes are NOT_LOOKED_AT passes, whatever the filter says.
//
// Global, with numbers for arguments, like all functions here: the verifier then looks at
// each once for a program, not once for each way there. Its stack is 96 bytes at most.
__u64 packet_bytes(__u64 skb, __u64 addr, __s64 linear, __u64 off, __u64 size)
{
	__s64 want = off - linear; // from the next piece's start on
	__u64 value = 0, got = 0, at;
	struct skb_shared_info *shinfo;
	struct sk_buff *next = NULL;
	struct sk_buff *s = (struct sk_buff *)skb;
	__u32 frag = 0, nr = 0, i, len;
	union { // the stack is short, and what is in here is not needed for long
		__u64 bytes;
		struct frag frag;
	} u = {};

	size = at_most(size, 4);
	if (want < 0) {
		got = at_most(at_most(-want, size), 4);
		if (bpf_probe_read_kernel(&u.bytes, got, (void *)(addr + off)))
			return NOT_READABLE;
		value = u.bytes;
		if (got == size)
			return value;
		want = 0;
	}
	if (!frags_at)
		return NOT_READABLE;
	PAGED_PART(s);
	// Where it begins is looked for first, and only then read: else kernels before 5.12
	// would verify the reading again for each fragment.
	if (!got) {
		for (;; frag++) {
			if (frag >= nr) {
				bpf_core_read(&next, sizeof(next), &shinfo->frag_list);
				return next ? NOT_LOOKED_AT : 0;
			}
			if (frag == FILTER_FRAGS)
				return NOT_READABLE;
			bpf_probe_read_kernel(&u.frag, sizeof(u.frag), frag_at(shinfo, frag));
			if (want < u.frag.len)
				break;
			want -= u.frag.len;
		}
	}
	for (i = 0; i < 2 && got < size && frag < nr; i++, frag++) {
		bpf_probe_read_kernel(&u.frag, sizeof(u.frag), frag_at(shinfo, frag));
		len = at_most(at_most(u.frag.len - want, size - got), 4);
		at = frag_address(&u.frag);
		u.bytes = 0;
		if (!at || bpf_probe_read_kernel(&u.bytes, len, (void *)(at + want)))
			return NOT_READABLE;
		value |= u.bytes << (8 * got);
		got += len;
		want = 0;
	}
	if (got < size) {
		bpf_core_read(&next, sizeof(next), &shinfo->frag_list);
		if (next)
			return NOT_LOOKED_AT;
	}
	return value;
}

// For the functions below, where direct_loads: memory as numbers.
static __noinline const void *packet_window(const void *addr)
{
	return window(addr);
}

// The packet begins at addr in kernel memory, or would if it were linear, and has len bytes.
// Packets pass where no instructions were put in.
#define FILTER(name)                                                                               \
	__attribute__((weak)) int name(__u64 skb, __u64 addr, __u64 len, __s64 linear, __u64 info) \
	{                                                                                          \
		if (direct_loads)                                                                  \
			linear += *(const __u8 *)packet_window((void *)addr);                      \
		return packet_bytes(skb, addr, linear, len, info) != NOT_READABLE;                 \
	}
FILTER(filter_l2)       // it begins with an Ethernet header
FILTER(filter_l3)       // with an IP header
FILTER(filter_inner_l2) // the same for a packet within a tunnel
FILTER(filter_inner_l3)

__attribute__((weak)) int filter_where(__u64 skb)
{
	return direct_loads ? *(const __u8 *)packet_window((void *)skb) : skb != 0;
}

#define NO_INNER 0
#define INNER_L2 (1 << 16) // with the offset below

// Finds the packet within a tunnel: VXLAN (RFC 7348, and Linux' older port 8472), Geneve (RFC
// 8926), GRE (RFC 2784, 2890), IP in IP. Of several, one within the other, the outermost.
__attribute__((weak)) __u64 inner_packet(__u64 skb, __u64 addr, __s64 linear, __u64 at)
{
#define BYTES(off, size) packet_bytes(skb, addr, linear, off, size)
	__u64 off = 0, proto, v, i;

	if (at == AT_MAC) {
		off = 12;
		proto = BYTES(off, 2);
		for (i = 0; i < 2 && (proto == BE16(0x8100) || proto == BE16(0x88a8)); i++) {
			off += 4;
			proto = BYTES(off, 2);
		}
		off += 2;
	}
	v = BYTES(off, 1);
	if (v == NOT_READABLE || v == NOT_LOOKED_AT)
		return NO_INNER;
	if (v >> 4 == 4) {
		if (BYTES(off + 6, 2) & BE16(0x1fff)) // not the first fragment
			return NO_INNER;
		proto = BYTES(off + 9, 1);
		off += (v & 0xf) * 4;
	} else if (v >> 4 == 6) {
		proto = BYTES(off + 6, 1);
		off += 40;
		// Hop-by-hop options, routing, destination options: Linux puts the limit of
		// nested tunnels into the last (RFC 2473).
		for (i = 0; i < 3 && (proto == 0 || proto == 43 || proto == 60); i++) {
			v = BYTES(off, 2);
			proto = v & 0xff;
			off += ((v >> 8 & 0xff) + 1) * 8;
		}
	} else {
		return NO_INNER;
	}
	if (proto == 4 || proto == 41)
		return off;
	if (proto == 47) {
		v = BYTES(off, 4);
		if (v & BE16(0x4007)) // routing (RFC 1701), or not version 0
			return NO_INNER;
		off += 4;
		for (i = 4; i < 8; i++) // checksum, (routing,) key, sequence number
			if (v & 1 << i)
				off += 4;
		v >>= 16;
	} else if (proto == 17) {
		proto = BYTES(off + 2, 2);
		off += 8;
		v = BYTES(off, 4);
		off += 8;
		if (proto == BE16(6081)) {
			if (v & 0xc0) // not version 0
				return NO_INNER;
			off += (v & 0x3f) * 4;
			v >>= 16;
		} else if ((proto == BE16(4789) || proto == BE16(8472)) && v & 0x08) {
			v = BE16(0x6558);
		} else {
			return NO_INNER;
		}
	} else {
		return NO_INNER;
	}
	v &= 0xffff;
	if (v == BE16(0x6558)) // Ethernet
		return off | INNER_L2;
	if (v == BE16(0x0800) || v == BE16(0x86dd))
		return off;
	return NO_INNER;
}

struct sk_buff___info {
	__u8 vlan_present : 1; // until 6.1
	__u16 vlan_tci;
	__u32 vlan_all; // since 6.2, zero where there is no tag
} __attribute__((preserve_access_index));

static __always_inline __u64 info_of(struct sk_buff *skb)
{
	struct sk_buff___info *s = (struct sk_buff___info *)skb;
	__u32 present = 0;
	__u16 tci = 0;

	if (bpf_core_field_exists(s->vlan_present))
		present = BPF_CORE_READ_BITFIELD_PROBED(s, vlan_present);
	else
		bpf_core_read(&present, sizeof(present), &s->vlan_all);
	bpf_core_read(&tci, sizeof(tci), &s->vlan_tci);
	return present ? INFO_TAG_PRESENT | tci : 0;
}

// Where neither header's place is known yet (AT_DATA), nothing can be said of the packet:
// it does not pass.
static __always_inline bool passes(struct look *l)
{
	__u64 skb = (__u64)l->skb, addr = (__u64)l->start, len = l->len;
	__s64 linear = l->linear;
	__u32 use = filters; // volatile: each look at it is a load

	if (use & (FILTER_PACKET | FILTER_INNER) && l->at == AT_DATA)
		return false;
	if (no_skb && use & FILTER_WHERE) // of what it asks for there is nothing
		return false;
	if (use & FILTER_PACKET) {
		__u64 info = use & FILTER_INFO ? info_of(l->skb) : 0;

		if (!(l->at == AT_MAC ? filter_l2(skb, addr, len, linear, info) :
					filter_l3(skb, addr, len, linear, info)))
			return false;
	}
	if (use & FILTER_INNER) {
		__u64 inner = inner_packet(skb, addr, linear, l->at), off = inner & 0xffff;

		if (inner == NO_INNER || off >= len)
			return false;
		addr += off;
		len -= off;
		linear -= off;
		if (!(inner & INNER_L2 ? filter_inner_l2(skb, addr, len, linear, 0) :
					 filter_inner_l3(skb, addr, len, linear, 0)))
			return false;
	}
	return !(use & FILTER_WHERE) || filter_where(skb);
}
