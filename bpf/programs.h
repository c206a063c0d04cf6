// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// BPF programs as probes: fentry and fexit of each, loaded once for each with its own settings.
// User space says which program an event is of by probe_number.
#pragma once

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct xdp_rxq_info {
	struct net_device *dev;
	__u32 queue_index;
};

struct xdp_buff {
	void *data;
	void *data_end;
	void *data_hard_start;
	struct xdp_rxq_info *rxq;
	__u32 frame_sz;
	__u32 flags; // since 5.18
};

struct xdp_frame {
	void *data;
	__u16 headroom; // __u32 since 5.18
};

struct xdp_frame___wide {
	__u32 headroom;
};

struct netdev_rx_queue {
	struct xdp_rxq_info xdp_rxq;
};

struct rtnl_link_ops {
	const char *kind;
};

struct net_device___xdp {
	struct netdev_rx_queue *_rx;
	unsigned int num_rx_queues;
	const struct rtnl_link_ops *rtnl_link_ops;
};

struct skb_shared_info___xdp {
	unsigned int xdp_frags_size; // since 5.18
};

struct bpf_nf_ctx {
	struct sk_buff *skb;
};

struct bpf_map {
	__u32 id;
};

struct bpf_redirect_info {
	__u64 tgt_index; // __u32 until 6.2
	struct bpf_map *map;
	__u32 map_id; // since 5.13
	__u32 kern_flags;
};

struct bpf_net_context {
	struct bpf_redirect_info ri;
};

struct task_struct___net {
	struct bpf_net_context *bpf_net_context; // since 6.11
};

#pragma clang attribute pop

// What an XDP program sees as an sk_buff, for all that looks at one: on each cpu there is one such
// program at a time. What is not set here is zero for ever, and user space shows nothing of it.
#define FRAME_SKB 384 // bytes: struct sk_buff, and what load_rest reads behind it
struct frame {
	__u64 head;
	__u64 dev;
	__u64 rxq;
};

struct frame_skb {
	__u64 words[FRAME_SKB / 8];
	struct frame frame;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct frame_skb);
} frame_skbs SEC(".maps");

// include/uapi/linux/if_arp.h: devices whose frames have Ethernet headers.
#define ARPHRD_ETHER 1
#define ARPHRD_LOOPBACK 772
// include/net/xdp.h
#define XDP_FLAGS_HAS_FRAGS 1
// SKB_DATA_ALIGN() by 64 bytes, as on x86 and arm64.
#define CACHE_ALIGN(n) (((n) + 63) & ~63ULL)

static __noinline bool look_at_frame(struct look *l, __u64 at)
{
	struct xdp_buff *x = (struct xdp_buff *)at;
	__u64 data = 0, end = 0, head = 0, rxq = 0, dev = 0, len;
	__u32 zero = 0, queue = 0, size = 0, flags = 0, frags = 0;
	unsigned short type = 0;
	struct net_device *device = NULL;
	struct frame_skb *s = bpf_map_lookup_elem(&frame_skbs, &zero);
	struct sk_buff *skb = (struct sk_buff *)s;

	if (!s)
		return false;
	if (direct_loads) {
		struct xdp_buff *b = CAST(struct xdp_buff, x);

		data = (__u64)b->data;
		end = (__u64)b->data_end;
		head = (__u64)b->data_hard_start;
		rxq = (__u64)b->rxq;
	} else {
		bpf_core_read(&data, sizeof(data), &x->data);
		bpf_core_read(&end, sizeof(end), &x->data_end);
		bpf_core_read(&head, sizeof(head), &x->data_hard_start);
		bpf_core_read(&rxq, sizeof(rxq), &x->rxq);
	}
	LOAD(device, struct xdp_rxq_info, rxq, dev);
	dev = (__u64)device;
	LOAD(queue, struct xdp_rxq_info, rxq, queue_index);
	LOAD(type, struct net_device, dev, type);
	if (!head || data < head || end < data)
		return false;
	s->frame.head = head;
	s->frame.dev = dev;
	s->frame.rxq = rxq;
	len = end - data;
	if (bpf_core_field_exists(x->flags)) {
		struct skb_shared_info___xdp *info;

		LOAD(flags, struct xdp_buff, x, flags);
		LOAD(size, struct xdp_buff, x, frame_sz);
		info = (void *)(head + size - CACHE_ALIGN(bpf_core_type_size(struct skb_shared_info)));
		if (flags & XDP_FLAGS_HAS_FRAGS && bpf_core_field_exists(info->xdp_frags_size))
			bpf_core_read(&frags, sizeof(frags), &info->xdp_frags_size);
		skb->end = (__u64)info - head;
	}
	skb->head = (unsigned char *)head;
	skb->data = (unsigned char *)data;
	skb->len = len + frags;
	skb->data_len = frags;
	skb->tail = end - head;
	skb->dev = (struct net_device *)dev;
	skb->tstamp = 0;
	skb->queue_mapping = queue + 1; // as skb_record_rx_queue() has it
	if (type == ARPHRD_ETHER || type == ARPHRD_LOOPBACK) {
		skb->mac_header = data - head;
		skb->network_header = data - head + 14;
	} else {
		skb->mac_header = 0xffff;
		skb->network_header = data - head;
	}
	return look_at(l, (struct sk_buff *)address_of(skb));
}

// Of a netfilter program, whose argument is a struct that has the sk_buff.
const volatile bool in_nf_ctx = false;
// This is the program's exit.
const volatile bool at_end = false;
// What it returns to redirect the packet.
const volatile __s32 redirects = -1;
// Until 6.10: the variable of each cpu bpf_redirect_info, and the array of where these are. 0: not known.
const volatile __u64 redirect_info = 0;
const volatile __u64 per_cpu_offset = 0;

// include/linux/filter.h: the kernel sets what it finds without it to zero first.
#define BPF_RI_F_RI_INIT 2
#define INT_MAX 0x7fffffff

// Where the kernel will redirect the packet to: the number of a device, or the key in a map, which a frame's
// tstamp is set to. 0: nothing tells.
static __noinline __u64 redirected(void)
{
	__u64 key = 0;
	struct task_struct___net *t = (void *)bpf_get_current_task();
	struct bpf_redirect_info *ri = NULL;

	if (bpf_core_field_exists(t->bpf_net_context)) {
		struct bpf_net_context *c = NULL;
		__u32 flags = 0;

		if (bpf_core_read(&c, sizeof(c), &t->bpf_net_context) || !c)
			return 0;
		ri = &c->ri;
		if (bpf_core_read(&flags, sizeof(flags), &ri->kern_flags) || !(flags & BPF_RI_F_RI_INIT))
			return 0;
	} else if (redirect_info && per_cpu_offset) {
		__u64 at = 0;

		if (bpf_probe_read_kernel(&at, sizeof(at), (void *)(per_cpu_offset + 8 * bpf_get_smp_processor_id())))
			return 0;
		ri = (void *)(at + redirect_info);
	} else {
		return 0;
	}
	if (no_skb) {
		__u32 id = 0, zero = 0;
		struct sk_buff *skb;

		if (bpf_core_field_exists(ri->map_id)) {
			bpf_core_read(&id, sizeof(id), &ri->map_id);
			if (!id) // nobody said where to
				return 0;
			if (id == INT_MAX) // bpf_redirect()
				id = 0;
		} else {
			struct bpf_map *m = NULL;

			bpf_core_read(&m, sizeof(m), &ri->map);
			if (m && bpf_core_read(&id, sizeof(id), &m->id))
				return 0;
		}
		skb = bpf_map_lookup_elem(&frame_skbs, &zero);
		if (!skb)
			return 0;
		skb->tstamp = id;
	}
	if (bpf_core_field_size(ri->tgt_index) == 4)
		bpf_core_read(&key, 4, &ri->tgt_index);
	else
		bpf_core_read(&key, 8, &ri->tgt_index);
	return key;
}

#include "frames.h"

// One for all kinds and both ends: user space makes an fentry or an fexit of it. Of an exit the upper
// half of retval is the key in the map, or the number of the device, to which the packet is redirected;
// the frame's tstamp is the map.
SEC("fentry/program")
int on_program(void *ctx)
{
	__u64 arg = address_of((void *)ctx_arg(ctx, 0));
	struct hit h = {.ctx = ctx, .probe = probe_number};
	struct look l;
	bool in;

	if (off)
		return 0;
	if (at_end) {
		h.retval = (__u32)ctx_arg(ctx, ret_arg);
		h.has = HAS_VERDICT;
	}
	if (no_skb) {
		h.has |= HAS_FRAME;
		if (!look_at_frame(&l, arg)) {
			count_loss(LOSS_UNREADABLE, bpf_ktime_get_ns());
			return 0;
		}
		if (at_end && drops_frame(address_of(ctx), h.retval))
			h.has |= HAS_DROP;
		if (frames_on && !at_end)
			before_frame(address_of(ctx));
	} else {
		if (in_nf_ctx) {
			struct bpf_nf_ctx *c = (struct bpf_nf_ctx *)arg;

			arg = 0;
			bpf_core_read(&arg, sizeof(arg), &c->skb);
		}
		if (!seen(&l, (struct sk_buff *)arg))
			return 0;
	}
	in = wanted(&l, &h.id);
	// What --sample leaves out is followed all the same.
	if (!in && !(sampled && no_skb && frames_on && unwanted(h.id)))
		return 0;
	h.id = unknown(h.id);
	h.has |= any(h.id) * HAS_ID;
	if (at_end && (__s32)h.retval == redirects)
		h.retval |= redirected() << 32;
	if (in && !held(&h, l.ts, arg, (__u64)l.head))
		report(&l, &h);
	if (no_skb && frames_on && h.id) {
		if (at_end)
			after_frame(address_of(ctx), h.id, h.retval);
		else if (l.fresh)
			first_frame();
	}
	return 0;
}
