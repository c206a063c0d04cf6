// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// A first look at an sk_buff: the fields that say where the packet is.
#pragma once

// Kernels from 6.2 on let a program follow a pointer by plain loads, which read zeros where
// nothing is mapped: 7 reads for 60 instructions instead of 350.
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;
#define CAST(type, p) ((type *)bpf_rdonly_cast(p, bpf_core_type_id_kernel(type)))

// The same for memory as numbers: 124 bytes of it, where loads may be of any size at any
// place. The type is one that has an array of char as long as that, on every kernel the
// same (include/uapi/linux/socket.h), two bytes behind its start.
struct __kernel_sockaddr_storage {
	__u16 family;
	char data[126];
};
#define WINDOW_WORDS 120 // bytes of it, as many as 8-byte words fill
static __always_inline const void *window(const void *p)
{
	return bpf_rdonly_cast(p - 2, bpf_core_type_id_kernel(struct __kernel_sockaddr_storage)) + 2;
}

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
	bool fresh; // its identity was made for this event
};

// What says where the packet is, besides.
struct headers {
	unsigned char *data;
	__u64 len;
	__u64 data_len;
	__u64 tail;
	__u64 mac;
	__u64 network;
};

// The copy begins at an 8-byte boundary so that its fields are aligned on the stack,
// which the verifier asks of every stack access.
#define TAIL_BASE (bpf_core_field_offset(struct sk_buff, len) & ~7)
// The empty asm keeps clang from subtracting from the stack pointer, which the verifier
// forbids, instead of from the offset.
#define COPIED(l, field)                                                               \
	({                                                                             \
		__u64 off_ = bpf_core_field_offset(struct sk_buff, field) - TAIL_BASE; \
		asm volatile("" : "+r"(off_));                                         \
		*(typeof(((struct sk_buff *)0)->field) *)((l)->copy + off_);           \
	})

// The second half of sk_buff, from the 8 bytes that hold `len` on, in one read.
static __always_inline bool copy_tail(__u8 *to, const struct sk_buff *skb)
{
	__u32 n = bpf_core_type_size(struct sk_buff) - TAIL_BASE;

	if (n > SKB_TAIL)
		n = SKB_TAIL;
	return bpf_probe_read_kernel(to, n, (void *)skb + TAIL_BASE) == 0;
}

#define BE16(n) (((n) >> 8 & 0xff) | (0xff & (n)) << 8)

// ETH_P_8021Q, ETH_P_8021AD, ETH_P_QINQ1 (include/uapi/linux/if_ether.h), in network byte order.
static __always_inline bool is_tag(__u16 type)
{
	return type == BE16(0x8100) || type == BE16(0x88a8) || type == BE16(0x9100);
}

// Tells whether the Ethernet header at mac has the VLAN tags that fill its n bytes, 18 or 22. What
// IPComp, ESP or a label took from between the headers may leave as many.
static __always_inline bool is_tagged(const __u8 *mac, __u64 n)
{
	__u16 type[4] = {}; // in network byte order

	if (bpf_probe_read_kernel(type, 6, mac + 12))
		return false;
	return is_tag(type[0]) && (n == 18 || is_tag(type[2]));
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
	// 64 bits wide, as BPF's registers: of fewer each step takes two more instructions.
	__u64 mac = h->mac, net = h->network, off = h->data - l->head, start = off;
	__s64 len, linear;

	l->at = AT_DATA;
	if (mac != 0xffff && (off - mac == 14 || net - mac == 14 ||
			      ((net - mac == 18 || net - mac == 22) && is_tagged(l->head + mac, net - mac)))) {
		l->at = AT_MAC;
		start = mac;
	} else if (received) {
		// Of a packet without an Ethernet header: GRO of old kernels (5.10, 6.1) leaves
		// network_header at the inner packet of a tunnel's (inet_gro_receive, net/ipv4/af_inet.c).
		l->at = AT_NETWORK;
	} else if (net) {
		// network_header 0 is "never set": the first bytes of a head are headroom.
		l->at = AT_NETWORK;
		start = net;
	}
	if (start > h->tail) {
		l->at = AT_DATA;
		start = off;
	}
	len = h->len + off - start;
	linear = len - h->data_len;
	l->start = l->head + start;
	l->len = not_negative(len);
	l->linear = not_negative(linear);
}

// False: that was no sk_buff which could be read. Leaves l->ts alone.
static __always_inline bool look_at(struct look *l, struct sk_buff *skb)
{
	struct headers h;

	l->skb = skb;
	if (direct_loads) {
		struct sk_buff *s = CAST(struct sk_buff, skb);
		// `data` comes next: user space has looked.
		const __u64 *w = window((void *)skb + bpf_core_field_offset(struct sk_buff, head));

		l->head = (void *)w[0];
		h.data = (void *)w[1];
		h.len = loaded(s->len);
		h.data_len = loaded(s->data_len);
		h.tail = loaded(s->tail);
		h.mac = loaded(s->mac_header);
		h.network = loaded(s->network_header);
		if (!l->head)
			return false;
	} else {
		if (!copy_tail(l->copy, skb))
			return false;
		l->head = COPIED(l, head);
		h.data = COPIED(l, data);
		h.len = loaded(COPIED(l, len));
		h.data_len = loaded(COPIED(l, data_len));
		h.tail = loaded(COPIED(l, tail));
		h.mac = loaded(COPIED(l, mac_header));
		h.network = loaded(COPIED(l, network_header));
	}
	find_start(l, &h);
	return true;
}
