// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// The hooks that users choose with -p.
#pragma once

// Entry of a function whose n-th argument is an sk_buff: one program for each n serves
// every such function.
#define FUNCTION(n)                                                         \
	SEC("kprobe/skb_arg" #n)                                            \
	int function_arg##n(struct pt_regs *ctx)                            \
	{                                                                   \
		return on_function((struct sk_buff *)REG_ARG##n(ctx), ctx); \
	}
FUNCTION(1)
FUNCTION(2)
FUNCTION(3)
FUNCTION(4)
FUNCTION(5)

// A return: the entry keeps the sk_buff under the stack pointer, which no other call
// shares until this one has returned, but for functions that jump to the next one as their
// last act: hence the function, where programs can ask for it.
struct call_key {
	__u64 sp;
	__u64 function;
};

struct call {
	__u64 skb;
	__u64 head;
	__u64 id;
	__u64 releases; // of the buffer, until then
	__u64 function;
	__u32 has;
	__u32 decided; // with `limited`: enum decided
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 14);
	__type(key, struct call_key);
	__type(value, struct call);
} calls SEC(".maps");

static __always_inline int on_call(struct pt_regs *ctx, __u64 skb)
{
	struct call_key key = {.sp = REG_SP(ctx), .function = func_ip ? bpf_get_func_ip(ctx) : 0};
	struct call c = {.skb = skb};
	struct buffer *b;
	struct look l;

	if (off)
		return 0;
	if (!skb || !look_at(&l, (struct sk_buff *)skb) || !wanted(&l, &c.id)) {
		// What a return that the kernel missed left here must not pass for this call's.
		bpf_map_delete_elem(&calls, &key);
		return 0;
	}
	c.function = function_of(ctx);
	c.head = (__u64)l.head;
	b = buffer_of(c.head);
	if (b)
		c.releases = b->releases;
	c.has = c.id ? HAS_ID : 0;
	if (limited)
		c.decided = decide(bucket_key(c.function, HAS_RET), l.ts, c.head, c.id);
	if (bpf_map_update_elem(&calls, &key, &c, BPF_NOEXIST)) {
		count_loss(LOSS_RETURN, l.ts); // that one's, or this one's
		bpf_map_update_elem(&calls, &key, &c, BPF_ANY);
	}
	return 0;
}

#define CALL(n)                                       \
	SEC("kprobe/call_arg" #n)                     \
	int call_arg##n(struct pt_regs *ctx)          \
	{                                             \
		return on_call(ctx, REG_ARG##n(ctx)); \
	}
CALL(1)
CALL(2)
CALL(3)
CALL(4)
CALL(5)

// Most functions that take an sk_buff have passed it on or freed it by the time they
// return. It is looked at again only if its buffer is known to be alive and no sk_buff has
// let go of it since; otherwise the event says what was returned, and of which packet, and
// no more.
SEC("kprobe/return")
int function_return(struct pt_regs *ctx)
{
	// The return address has been popped by now, on x86 off the stack; only where the
	// function graph tracer brought us here sp still is what it was.
	struct call_key key = {.sp = REG_SP(ctx) - RETURN_SIZE, .function = func_ip ? bpf_get_func_ip(ctx) : 0};
	struct call *found = bpf_map_lookup_elem(&calls, &key);
	struct hit h = {.ctx = ctx};
	__u64 skb, head;
	struct buffer *b;
	struct look l;
	__u32 decided;
	bool alive;

	if (off)
		return 0;
	if (!found && func_ip) {
		key.sp = REG_SP(ctx);
		found = bpf_map_lookup_elem(&calls, &key);
	}
	if (!found)
		return 0;
	// Not the whole of it: with what it calls a program has 512 bytes of stack.
	skb = found->skb;
	head = found->head;
	h.probe = found->function;
	h.id = found->id;
	h.releases = found->releases;
	h.has = (found->has & HAS_ID) | HAS_RET;
	decided = found->decided;
	bpf_map_delete_elem(&calls, &key);
	l.ts = bpf_ktime_get_ns();
	h.retval = REG_RET(ctx);
	b = h.has & HAS_ID ? buffer_of(head) : NULL;
	if (held_as(decided, &h, l.ts, skb, head))
		return 0;
	alive = b && b->id == h.id && b->releases == h.releases && look_at(&l, (struct sk_buff *)skb) &&
		(__u64)l.head == head;
	if (alive) {
		report(&l, &h);
	} else {
		write_gone(skb, head, l.ts, &h, NULL, 0);
	}
	return 0;
}

// Some tracepoints fire when the sk_buff is another's, or freed, and its memory another
// packet's: net:net_dev_xmit behind the driver, qdisc:qdisc_enqueue behind the queue. Which packet
// that was a program at the tracepoint before the hand-over keeps, under the sk_buff and the
// number of the one that is to come. Both are hit on one cpu by one task; but a queue's lock may be
// held by a cpu that puts in what others have brought (net/core/dev.c, __dev_xmit_skb, since 7.0).
struct handed {
	__u64 head;
	__u64 id;
	__u64 pid_tgid;
	__u32 cpu;
	__u32 decided; // with `limited`: enum decided
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct call_key);
	__type(value, struct handed);
} handing SEC(".maps");

SEC("raw_tracepoint/before")
int before_hand_over(void *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx_arg(ctx, skb_arg);
	struct call_key key = {.sp = (__u64)skb, .function = probe_number};
	struct handed n = {};
	struct look l;

	if (!skb || !look_at(&l, skb) || !wanted(&l, &n.id)) {
		bpf_map_delete_elem(&handing, &key);
		return 0;
	}
	n.head = (__u64)l.head;
	if (limited)
		n.decided = decide(bucket_key(probe_number, rc_arg != 0xff ? HAS_RET : 0), l.ts, n.head, n.id);
	n.pid_tgid = bpf_get_current_pid_tgid();
	n.cpu = bpf_get_smp_processor_id();
	if (bpf_map_update_elem(&handing, &key, &n, BPF_ANY))
		count_loss(LOSS_RETURN, l.ts);
	return 0;
}

struct netdev_queue {
	struct net_device *dev;
} __attribute__((preserve_access_index));

struct Qdisc {
	unsigned int flags;
} __attribute__((preserve_access_index));

// include/net/sch_generic.h. Such a queue has no lock: others take out what is put in.
#define TCQ_F_NOLOCK 0x100

SEC("raw_tracepoint/after")
int after_hand_over(void *ctx)
{
	__u64 skb = ctx_arg(ctx, skb_arg);
	struct call_key key = {.sp = skb, .function = probe_number};
	struct handed *n = bpf_map_lookup_elem(&handing, &key);
	struct hit h = {.ctx = ctx, .probe = probe_number};
	struct net_device *dev = NULL;
	__u64 head = 0, now;
	__u32 len = 0, decided = UNDECIDED;

	if (n) {
		bool same = n->cpu == bpf_get_smp_processor_id() && n->pid_tgid == bpf_get_current_pid_tgid();

		if (!same && deferred) {
			struct Qdisc *q = (struct Qdisc *)ctx_arg(ctx, 0);
			__u32 flags = TCQ_F_NOLOCK;

			bpf_core_read(&flags, sizeof(flags), &q->flags);
			same = !(flags & TCQ_F_NOLOCK);
		}
		if (same) {
			head = n->head;
			h.id = n->id;
			decided = n->decided;
			bpf_map_delete_elem(&handing, &key);
		} else if (filters || picks) {
			// There is another packet at that address by now, whose turn will come.
			count_loss(LOSS_RETURN, bpf_ktime_get_ns());
			return 0;
		}
	} else if (filters || picks) {
		return 0;
	}
	if (h.id)
		h.has |= HAS_ID;
	if (dev_arg != 0xff) {
		dev = (struct net_device *)ctx_arg(ctx, dev_arg);
	} else if (txq_arg != 0xff) {
		struct netdev_queue *q = (struct netdev_queue *)ctx_arg(ctx, txq_arg);

		bpf_core_read(&dev, sizeof(dev), &q->dev);
	}
	if (len_arg != 0xff) {
		len = ctx_arg(ctx, len_arg);
		h.has |= HAS_LEN;
	}
	if (rc_arg != 0xff) {
		h.retval = (__s64)(__s32)ctx_arg(ctx, rc_arg);
		h.has |= HAS_RET;
	}
	now = bpf_ktime_get_ns();
	if (!held_as(decided, &h, now, skb, head))
		write_gone(skb, head, now, &h, dev, len);
	return 0;
}

// A function that an sk_buff comes to when it has let go of its data: of that nothing can be
// said but whose it was.
static __always_inline bool let_go(struct call *c, struct pt_regs *ctx)
{
	struct buffer_ref *r = bpf_map_lookup_elem(&released, &c->skb);
	struct expansion *x = expansion_of(c->skb);

	c->head = head_of(c->skb);
	c->function = function_of(ctx);
	if (x)
		r = &x->was;
	if (!r || r->head != c->head)
		return !filters && !packets && (!sampled || drawn());
	c->id = r->id;
	c->has = HAS_ID;
	return !unwanted(r->id);
}

SEC("kprobe/released")
int function_released(struct pt_regs *ctx)
{
	struct call c = {.skb = REG_ARG1(ctx)};
	struct hit h = {.ctx = ctx};
	__u64 now;

	if (!let_go(&c, ctx))
		return 0;
	h.probe = c.function;
	h.id = c.id;
	h.has = c.has;
	now = bpf_ktime_get_ns();
	if (!held(&h, now, c.skb, c.head))
		write_gone(c.skb, c.head, now, &h, NULL, 0);
	return 0;
}

SEC("kprobe/call_released")
int call_released(struct pt_regs *ctx)
{
	struct call_key key = {.sp = REG_SP(ctx), .function = func_ip ? bpf_get_func_ip(ctx) : 0};
	struct call c = {.skb = REG_ARG1(ctx)};

	if (!let_go(&c, ctx)) {
		bpf_map_delete_elem(&calls, &key);
		return 0;
	}
	if (limited)
		c.decided = decide(bucket_key(c.function, HAS_RET), bpf_ktime_get_ns(), c.head, c.id);
	bpf_map_update_elem(&calls, &key, &c, BPF_ANY);
	return 0;
}

// A tracepoint: loaded once for each, with its own settings.
SEC("raw_tracepoint/skb")
int tracepoint(void *ctx)
{
	struct hit h = {.ctx = ctx, .probe = probe_number};

	if (off)
		return 0;
	if (is_drop) {
		h.drop.location = ctx_arg(ctx, location_arg);
		h.has |= HAS_DROP;
		if (reason_arg != 0xff) {
			h.drop.reason = ctx_arg(ctx, reason_arg);
			h.has |= HAS_REASON;
		}
		if (rx_sk_arg != 0xff) {
			h.drop.rx_sk = ctx_arg(ctx, rx_sk_arg);
			h.has |= HAS_RX_SK;
		}
	}
	return on_tracepoint((struct sk_buff *)ctx_arg(ctx, skb_arg), &h);
}

// --count-drops: skb:kfree_skb without events. Kept short, as a host may drop millions a second.
SEC("raw_tracepoint/count")
int count_only(void *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx_arg(ctx, skb_arg);
	struct drop d = {.location = ctx_arg(ctx, location_arg), .reason = NO_REASON};
	__u64 probe = probe_number;
	struct bucket *k;
	struct look l;

	if (off || (filters && (!seen(&l, skb) || !passes(&l))))
		return 0;
	if (reason_arg != 0xff)
		d.reason = ctx_arg(ctx, reason_arg);
	if (count_drop(skb, &d))
		return 0;
	k = bpf_map_lookup_elem(&buckets, &probe);
	if (k)
		__sync_fetch_and_add(&k->held, 1);
	return 0;
}

// nft_trace_notify has its sk_buff in a struct of nf_tables.
SEC("kprobe/nft_trace")
int on_nft_trace(struct pt_regs *ctx)
{
	if (off || !nft_wanted(ctx))
		return 0;
	return on_function((struct sk_buff *)nft_skb(ctx), ctx);
}

// The flow table's answer: what the sk_buff is, bpf/ovs.h has kept.
SEC("kprobe/ovs_lookup_return")
int on_ovs_lookup_return(struct pt_regs *ctx)
{
	struct ovs_lookup *l = ovs_lookup_of_cpu();
	struct hit h = {.ctx = ctx, .probe = probe_number};

	if (off || !l || !l->mask_hits)
		return 0;
	on_tracepoint((struct sk_buff *)l->skb, &h);
	l->mask_hits = 0;
	return 0;
}
