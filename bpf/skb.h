// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// A first look at an sk_buff: the fields that say where the packet is.
#pragma once

// Kernels from 6.2 on let a program follow a pointer by plain loads, which read zeros where
// nothing is mapped: 7 reads for 60 instructions instead of 350.
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;
#define CAST(type, p) ((type *)bpf_rdonly_cast(p, bpf_core_type_id_kernel(type)))

// Newer kernels (7.x) know char * fields like skb->head for pointers, whatever is done to
// them, and refuse them as offsets and arguments. A 32-bit subtraction makes a number of
// one, a half at a time. As bytes, because the assembler has no 32-bit registers below v3.
static __always_inline __u64 number(const void *p)
{
	register __u64 low asm("r1") = (__u64)p;
	register __u64 high asm("r2") = (__u64)p;

	asm volatile(".byte 0x14, 1, 0, 0, 0, 0, 0, 0\n" // w1 -= 0
		     "%1 >>= 32\n"
		     ".byte 0x14, 2, 0, 0, 0, 0, 0, 0" // w2 -= 0
		     : "+r"(low), "+r"(high));
	return high << 32 | low;
}

struct look {
	__u8 copy[SKB_TAIL]; // of the sk_buff's second half, where direct loads can't be had
	__u64 ts;
	struct sk_buff *skb;
	unsigned char *head;
	unsigned char *start; // where the packet begins in kernel memory
	__u32 len;            // the packet's bytes from start on, paged data included
	__u32 linear;         // those of them that are linear
	__u32 want;           // those to keep: here, because of a value on the stack the verifier knows less
	__u8 at;
};

// What says where the packet is, besides.
struct headers {
	unsigned char *data;
	__u32 len;
	__u32 data_len;
	__u32 tail;
	__u16 mac;
	__u16 network;
};

// The copy begins at an 8-byte boundary so that its fields are aligned on the stack,
// which the verifier asks of every stack access.
#define TAIL_BASE (bpf_core_field_offset(struct sk_buff, len) & ~7)
// The empty asm keeps clang from subtracting from the stack pointer, which the verifier
// forbids, instead of from the offset.
#define COPIED(l, field)                                                             \
	({                                                                         \
		__u64 off_ = bpf_core_field_offset(struct sk_buff, field) - TAIL_BASE; \
		asm volatile("" : "+r"(off_));                                     \
		*(typeof(((struct sk_buff *)0)->field) *)((l)->copy + off_);       \
	})

// The second half of sk_buff, from the 8 bytes that hold `len` on, in one read.
static __always_inline bool copy_tail(__u8 *to, const struct sk_buff *skb)
{
	__u32 n = bpf_core_type_size(struct sk_buff) - TAIL_BASE;

	if (n > SKB_TAIL)
		n = SKB_TAIL;
	return bpf_probe_read_kernel(to, n, (void *)skb + TAIL_BASE) == 0;
}

// Finds where the packet begins.
//
// At L2 when the MAC header is set and an Ethernet header (14 bytes, or with one or two
// VLAN tags 18 or 22) lies between it and what follows: on receive that is skb->data,
// because network_header is still the sender's or unset when netif_receive_skb fires
// (net/core/dev.c); elsewhere it is network_header. A MAC header that an encapsulation
// has overtaken lies behind the network header and does not count.
static __always_inline void find_start(struct look *l, struct headers *h)
{
	__u32 mac = h->mac, net = h->network, off = h->data - l->head, start = off;
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
	if (start > h->tail) {
		l->at = AT_DATA;
		start = off;
	}
	before = off - start;
	l->start = l->head + start;
	l->len = h->len + before;
	l->linear = h->len - h->data_len + before;
	if ((__s32)l->len < 0)
		l->len = 0;
	if ((__s32)l->linear < 0)
		l->linear = 0;
}

// False: that was no sk_buff which could be read. Leaves l->ts alone.
static __always_inline bool look_at(struct look *l, struct sk_buff *skb)
{
	struct headers h;

	l->skb = skb;
	if (direct_loads) {
		struct sk_buff *s = CAST(struct sk_buff, skb);

		l->head = (void *)number(s->head);
		h.data = (void *)number(s->data);
		h.len = s->len;
		h.data_len = s->data_len;
		h.tail = s->tail;
		h.mac = s->mac_header;
		h.network = s->network_header;
		if (!l->head)
			return false;
	} else {
		if (!copy_tail(l->copy, skb))
			return false;
		l->head = COPIED(l, head);
		h.data = COPIED(l, data);
		h.len = COPIED(l, len);
		h.data_len = COPIED(l, data_len);
		h.tail = COPIED(l, tail);
		h.mac = COPIED(l, mac_header);
		h.network = COPIED(l, network_header);
	}
	find_start(l, &h);
	return true;
}
