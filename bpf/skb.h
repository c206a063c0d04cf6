// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// A first look at an sk_buff: one read of its second half, which holds everything
// that says where the packet is. Fields are then picked out of the copy.
#pragma once

struct look {
	__u8 tail[SKB_TAIL];
	__u64 ts;
	struct sk_buff *skb;
	unsigned char *start; // where the packet begins in kernel memory
	__u32 len;            // its bytes from start on, paged data included
	__u32 linear;         // those of them that are linear
	__u8 at;
};

// The copy begins at an 8-byte boundary so that its fields are aligned on the stack,
// which the verifier asks of every stack access.
#define TAIL_BASE (bpf_core_field_offset(struct sk_buff, len) & ~7)
// The empty asm keeps clang from subtracting from the stack pointer, which the verifier
// forbids, instead of from the offset.
#define TAIL(l, field)                                                             \
	({                                                                         \
		__u64 off_ = bpf_core_field_offset(struct sk_buff, field) - TAIL_BASE; \
		asm volatile("" : "+r"(off_));                                     \
		*(typeof(((struct sk_buff *)0)->field) *)((l)->tail + off_);       \
	})

static __always_inline bool look_at(struct look *l, struct sk_buff *skb)
{
	__u32 n = bpf_core_type_size(struct sk_buff) - TAIL_BASE;

	if (n > SKB_TAIL)
		n = SKB_TAIL;
	l->skb = skb;
	return bpf_probe_read_kernel(l->tail, n, (void *)skb + TAIL_BASE) == 0;
}

// Finds where the packet begins.
//
// At L2 when the MAC header is set and an Ethernet header (14 bytes, or with one or two
// VLAN tags 18 or 22) lies between it and what follows: on receive that is skb->data,
// because network_header is still the sender's or unset when netif_receive_skb fires
// (net/core/dev.c); elsewhere it is network_header. A MAC header that an encapsulation
// has overtaken lies behind the network header and does not count.
static __always_inline void find_start(struct look *l)
{
	unsigned char *head = TAIL(l, head), *data = TAIL(l, data);
	__u32 mac = TAIL(l, mac_header), net = TAIL(l, network_header);
	__u32 off = data - head, end = TAIL(l, tail), start = off;
	__u32 len = TAIL(l, len), data_len = TAIL(l, data_len);
	__s32 before;

	l->at = AT_DATA;
	if (mac != 0xffff && (off - mac == 14 || net - mac == 14 || net - mac == 18 || net - mac == 22)) {
		l->at = AT_MAC;
		start = mac;
	} else if (net) {
		// network_header 0 is "never set": the first bytes of a head are headroom.
		l->at = AT_NETWORK;
		start = net;
	}
	if (start > end) {
		l->at = AT_DATA;
		start = off;
	}
	before = off - start;
	l->start = head + start;
	l->len = len + before;
	l->linear = len - data_len + before;
	if ((__s32)l->len < 0)
		l->len = 0;
	if ((__s32)l->linear < 0)
		l->linear = 0;
}
