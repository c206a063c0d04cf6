// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// What becomes of packets that an XDP program has seen. Nothing here runs unless XDP programs are probed.
//
// A packet keeps its identity where the memory is known to be still its own: in an sk_buff (generic XDP,
// and veth), in a frame that veth, a device or another cpu has got (struct xdp_frame, which is given back by
// xdp_return_*), and in the sk_buff that is built on it. What a driver does with the memory otherwise it
// does without a word, so the identity ends as the packet is given back to it.
#pragma once

enum origin {
	FROM_DRIVER,
	FROM_GENERIC, // an sk_buff's
	FROM_VETH,    // an sk_buff's or a frame's
	FROM_MAP,     // a frame's, to a program of a devmap or cpumap
};

// include/uapi/linux/bpf.h
#define XDP_PASS 2
#define XDP_TX 3
#define XDP_REDIRECT 4

static __always_inline bool is_veth(__u64 dev)
{
	struct net_device___xdp *d = (void *)dev;
	struct rtnl_link_ops *ops = NULL;
	const char *kind = NULL;
	__u64 name = 0;

	bpf_core_read(&ops, sizeof(ops), &d->rtnl_link_ops);
	if (!ops || bpf_core_read(&kind, sizeof(kind), &ops->kind))
		return false;
	bpf_probe_read_kernel(&name, 5, kind);
	return name == 0x68746576; // "veth", and the zero behind it
}

static __always_inline enum origin origin_of(struct frame *f, __u64 ctx)
{
	struct net_device___xdp *d = (void *)f->dev;
	__u64 rx = 0;
	__u32 n = 0;

	// Programs of maps are given a queue that lies in a frame of this stack (kernel/bpf/cpumap.c, devmap.c).
	if (f->rxq > ctx && f->rxq - ctx < 8192)
		return FROM_MAP;
	bpf_core_read(&rx, sizeof(rx), &d->_rx);
	bpf_core_read(&n, sizeof(n), &d->num_rx_queues);
	if (f->rxq >= rx && f->rxq < rx + n * (__u64)bpf_core_type_size(struct netdev_rx_queue))
		return FROM_GENERIC; // net/core/dev.c, netif_get_rxqueue
	return is_veth(f->dev) ? FROM_VETH : FROM_DRIVER;
}

// The packet that a program let go last on each cpu.
struct last_frame {
	__u64 head;
	__u64 id;
	__u64 rxq;
	__u64 passed; // by a driver, which will have built its sk_buff before it comes with the next packet
	__u64 own;    // no sk_buff has it
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct last_frame);
} last_frames SEC(".maps");

// The packet in the memory at head has ended, or is lost sight of.
static __noinline void end_frame(__u64 head, __u64 id, __u64 dropped, __u64 verdict)
{
	struct buffer *b = known(head);
	struct drop d = {.location = probe_number, .reason = verdict};

	if (!b || b->id != id)
		return;
	if (dropped)
		write_free(0, head, id, b, FREE_DROPPED, true, &d);
	else
		write_free(0, head, id, b, FREE_CONSUMED, true, NULL);
	forget(head);
}

static __noinline void set_frame(__u64 head, __u64 id, __u64 state)
{
	struct frame_of f = {.id = id, .state = state};

	if (bpf_map_update_elem(&frames, &head, &f, BPF_ANY) == 0)
		return;
	count_loss(LOSS_PENDING, bpf_ktime_get_ns());
	forget(head);
}

// The frame that this cpu's program has, as look_at_frame has found it.
static __always_inline struct frame *this_frame(void)
{
	__u32 zero = 0;
	struct frame_skb *s = bpf_map_lookup_elem(&frame_skbs, &zero);

	return s ? &s->frame : NULL;
}

// A program is about to be given a packet. Not inlined, as the next ones: with what it calls a program has
// 512 bytes of stack.
static __noinline void before_frame(__u64 ctx)
{
	__u32 zero = 0;
	struct last_frame *last = bpf_map_lookup_elem(&last_frames, &zero);
	struct frame *f = this_frame();
	struct buffer *b;

	if (!f)
		return;
	// The driver has come with the next one. If no sk_buff was built on the last one, it was copied.
	if (last && last->passed && last->rxq == f->rxq) {
		struct frame_of *was = bpf_map_lookup_elem(&frames, &last->head);

		if (was && was->state == FRAME_PASSED && was->id == last->id)
			end_frame(last->head, last->id, 0, 0);
		last->passed = 0;
	}
	b = known(f->head);
	if (b && origin_of(f, ctx) == FROM_DRIVER)
		end_frame(f->head, b->id, 0, 0); // the driver has filled this memory again
}

// A program was given a packet that nobody had reported.
static __noinline void first_frame(void)
{
	struct frame *f = this_frame();
	struct buffer *b = f ? known(f->head) : NULL;

	if (b && is_veth(f->dev))
		set_frame(f->head, b->id, FRAME_MAYBE);
}

// A program drops a packet that no sk_buff has, so that nothing else will tell.
static __noinline bool drops_frame(__u64 ctx, __u64 retval)
{
	__u32 verdict = retval;
	struct frame *f = this_frame();
	struct frame_of *was;

	if (!f || verdict == XDP_PASS || verdict == XDP_TX || verdict == XDP_REDIRECT)
		return false;
	switch (origin_of(f, ctx)) {
	case FROM_GENERIC:
		return false;
	case FROM_VETH: // not known, unless the packet was seen as it was sent there
		was = frame_at(f->head);
		return was && was->state == FRAME_FLYING;
	default:
		return true;
	}
}

// A program has returned.
static __noinline void after_frame(__u64 ctx, __u64 id, __u64 retval)
{
	__u32 zero = 0, verdict = retval;
	struct last_frame *last = bpf_map_lookup_elem(&last_frames, &zero);
	struct frame *f = this_frame();
	enum origin from;

	if (!f || !last)
		return;
	from = origin_of(f, ctx);
	if (from == FROM_GENERIC)
		return;
	last->head = f->head;
	last->id = id;
	last->rxq = f->rxq;
	last->passed = from == FROM_DRIVER && verdict == XDP_PASS;
	if (verdict == XDP_PASS) {
		if (from == FROM_DRIVER)
			set_frame(f->head, id, FRAME_PASSED);
	} else if (verdict == XDP_REDIRECT || (verdict == XDP_TX && from == FROM_VETH)) {
		set_frame(f->head, id, from == FROM_VETH ? FRAME_LEAVING : FRAME_FLYING);
	} else if (from == FROM_DRIVER) {
		end_frame(f->head, id, verdict != XDP_TX, verdict);
	} // else what ends it is hooked
}

// A frame is given back: it was sent, or could not be.
static __always_inline int returned(__u64 head)
{
	struct buffer *b = known(head);

	if (b)
		end_frame(head, b->id, 0, 0);
	return 0;
}

static __always_inline __u64 head_of_frame(__u64 at)
{
	struct xdp_frame *f = (struct xdp_frame *)at;
	__u64 data = 0, headroom = 0;

	// Not its own address: drivers return a copy of it, too (drivers/net/veth.c, veth_xdp_rcv_one).
	bpf_core_read(&data, sizeof(data), &f->data);
	if (bpf_core_field_size(f->headroom) == 2)
		bpf_core_read(&headroom, 2, &f->headroom);
	else
		bpf_core_read(&headroom, 4, &f->headroom);
	return data - headroom - bpf_core_type_size(struct xdp_frame);
}

#define RETURNED(function)                                                           \
	SEC("fentry/" #function)                                                     \
	int on_##function(void *ctx)                                                 \
	{                                                                            \
		return returned(head_of_frame(address_of((void *)ctx_arg(ctx, 0)))); \
	}
RETURNED(xdp_return_frame)
RETURNED(xdp_return_frame_rx_napi)
RETURNED(xdp_return_frame_bulk)

SEC("fentry/xdp_return_buff")
int on_xdp_return_buff(void *ctx)
{
	struct xdp_buff *x = (struct xdp_buff *)address_of((void *)ctx_arg(ctx, 0));
	__u64 head = 0;

	bpf_core_read(&head, sizeof(head), &x->data_hard_start);
	return returned(head);
}

// An sk_buff was built on memory that has a packet which a program saw: it is that packet.
static __always_inline int built(__u64 skb, __u64 head)
{
	struct frame_of *f = *slot_of(head) ? bpf_map_lookup_elem(&frames, &head) : NULL;
	struct buffer_ref from = {.head = head}, to;

	if (!f || !skb)
		return 0;
	to.skb = address_of((void *)skb);
	to.head = head;
	from.id = to.id = f->id;
	bpf_map_delete_elem(&frames, &head);
	write_link(LINK_XDP, &from, &to);
	return 0;
}

SEC("fexit/build_skb")
int on_build_skb(void *ctx)
{
	return built(ctx_arg(ctx, ret_arg), address_of((void *)ctx_arg(ctx, 0)));
}

SEC("fexit/napi_build_skb")
int on_napi_build_skb(void *ctx)
{
	return built(ctx_arg(ctx, ret_arg), address_of((void *)ctx_arg(ctx, 0)));
}

SEC("fexit/build_skb_around")
int on_build_skb_around(void *ctx)
{
	return built(ctx_arg(ctx, ret_arg), address_of((void *)ctx_arg(ctx, 1)));
}

// xdp:xdp_redirect_err and the like: the kernel could not do what a program wanted with the last packet,
// and drops it. If an sk_buff has it, it is dropped as that.
SEC("raw_tracepoint/frame_failed")
int on_frame_failed(void *ctx)
{
	__u32 zero = 0;
	struct last_frame *last = bpf_map_lookup_elem(&last_frames, &zero);
	struct frame_of *f;

	if (off || !last)
		return 0;
	f = bpf_map_lookup_elem(&frames, &last->head);
	if (f && f->id == last->id && (f->state == FRAME_LEAVING || f->state == FRAME_FLYING))
		end_frame(last->head, last->id, 1, 0);
	return 0;
}
