// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// One packet at one probe: decide, reserve once, fill in place, submit.
#pragma once

#include "sections.h"

// The rest of an event there is for two kinds of kernel: by direct loads, or by a call for
// each stretch of memory. What user space makes of either is the same.
//
// The network namespace is known by the device or, before a route is known, by the socket.
// skb->dev shares its place with other things while a packet waits in a queue (rbnode,
// dev_scratch): user space believes only what has the shape of a device.

// n bytes, a multiple of 8.
static __always_inline void load_bytes(__u8 *to, const void *from, const __u32 n)
{
	const __u64 *w = window(from);
	__u32 i;

#pragma unroll
	for (i = 0; i < n / 8; i++)
		((__u64 *)to)[i] = w[i];
}

static __always_inline void load_rest(struct event *e, struct look *l, __u64 has)
{
	struct task_struct *t = bpf_get_current_task_btf();
	struct sk_buff *skb = CAST(struct sk_buff, l->skb);
	void *tail = (void *)l->skb + TAIL_BASE;
	__u64 dev = (__u64)skb->dev, sk = (__u64)skb->sk;
	struct net *net = NULL;

	e->pid = t->pid;
	e->tgid = t->tgid;
	((__u64 *)e->comm)[0] = *(__u64 *)t->comm;
	((__u64 *)e->comm)[1] = *(__u64 *)(t->comm + 8);
	load_bytes(e->tail, tail, WINDOW_WORDS);
	load_bytes(e->tail + WINDOW_WORDS, tail + WINDOW_WORDS, SKB_TAIL - WINDOW_WORDS);
	load_bytes(e->shinfo, l->head + skb->end, SHINFO);
	((__u64 *)e->front)[0] = dev;
	((__u64 *)e->front)[1] = sk;
	((__u64 *)e->front)[2] = skb->tstamp;
	has |= HAS_SHINFO | HAS_FRONT;
	if (dev) {
		struct net_device *d = CAST(struct net_device, (void *)dev);
		__u64 name = *(__u64 *)d->name;

		if (name) { // else nothing is mapped there
			((__u64 *)e->dev)[0] = name;
			((__u64 *)e->dev)[1] = *(__u64 *)(d->name + 8);
			e->ifindex = d->ifindex;
			e->dev_type = d->type;
			net = d->nd_net.net;
			has |= HAS_DEV;
		}
	}
	if (!(has & HAS_DEV) && sk)
		net = CAST(struct sock, (void *)sk)->__sk_common.skc_net.net;
	if (net) {
		struct net *n = CAST(struct net, net);

		e->netns = n->ns.inum;
		has |= HAS_NETNS;
		if (bpf_core_field_exists(net->net_cookie)) {
			e->netns_cookie = n->net_cookie;
			has |= HAS_COOKIE;
		}
	}
	e->has = has;
}

static __always_inline void read_process(struct event *e)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();

	e->pid = pid_tgid;
	e->tgid = pid_tgid >> 32;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
}

// What was read is noted in the event at once, where the verifier does not follow it.
static __always_inline void read_rest(struct event *e, struct look *l, __u64 has)
{
	struct net *net = NULL;

	e->has = has;
	read_process(e);
	__builtin_memcpy(e->tail, l->copy, SKB_TAIL);
	if (bpf_probe_read_kernel(e->shinfo, SHINFO, l->head + COPIED(l, end)) == 0)
		e->has |= HAS_SHINFO;
	if (!bpf_probe_read_kernel(e->front, SKB_FRONT, (void *)l->skb + bpf_core_field_offset(struct sk_buff, dev))) {
		struct net_device *dev = *(struct net_device **)e->front;
		struct sock *sk = *(struct sock **)(e->front + 8);

		e->has |= HAS_FRONT;
		if (dev && bpf_core_read(e->dev, sizeof(e->dev), &dev->name) == 0) {
			bpf_core_read(&e->ifindex, sizeof(e->ifindex), &dev->ifindex);
			bpf_core_read(&e->dev_type, sizeof(e->dev_type), &dev->type);
			bpf_core_read(&net, sizeof(net), &dev->nd_net.net);
			e->has |= HAS_DEV;
		} else if (sk) {
			bpf_core_read(&net, sizeof(net), &sk->__sk_common.skc_net.net);
		}
	}
	if (net && bpf_core_read(&e->netns, sizeof(e->netns), &net->ns.inum) == 0) {
		e->has |= HAS_NETNS;
		if (bpf_core_field_exists(net->net_cookie)) {
			bpf_core_read(&e->netns_cookie, sizeof(e->netns_cookie), &net->net_cookie);
			e->has |= HAS_COOKIE;
		}
	}
}

// Not inlined: it is the same for each size of record below.
static __noinline void fill_event(struct event *e, struct look *l, struct hit *h)
{
	e->kind = RECORD_EVENT;
	e->at = l->at;
	e->cpu = bpf_get_smp_processor_id();
	e->ts = l->ts;
	e->probe = h->probe;
	e->skb = (__u64)l->skb;
	e->head = (__u64)l->head;
	e->id = h->id;
	if (is_drop)
		e->drop = h->drop;
	else
		e->retval = h->retval;
	e->len = l->len;
	e->sections = sections;
	e->held = h->held;
	if (direct_loads)
		load_rest(e, l, h->has);
	else
		read_rest(e, l, h->has);
	if (sections)
		fill_more(e, h);
}

// At a return nobody holds the sk_buff for us: what was let go of while it was read says nothing.
static __always_inline void look_again(struct event *e, struct hit *h)
{
	struct buffer *b;

	if (!(h->has & HAS_RET))
		return;
	b = buffer_of(e->head);
	if (b && b->id == h->id && b->releases == h->releases)
		return;
	e->has = (h->has & (HAS_ID | HAS_RET)) | HAS_GONE;
	e->at = AT_NONE;
	e->caplen = e->nr_holes = 0;
	e->sections = 0;
}

// The ring buffer gives records of a size known to the verifier only, so there is one
// copy of this for each of some sizes.
static __always_inline void write_linear(struct look *l, struct hit *h, __u64 n, const __u32 size)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e) + more_size + size, 0);

	if (!e) {
		count_loss(LOSS_EVENT, l->ts);
		return;
	}
	fill_event(e, l, h);
	n = at_most(n, size);
	e->caplen = n;
	e->nr_holes = 0;
	if (n && bpf_probe_read_kernel(e->data + more_size, n, l->start))
		e->caplen = 0;
	look_again(e, h);
	bpf_ringbuf_submit(e, 0);
}

// The same for a packet whose wanted bytes go beyond its linear part. There are two sizes
// only, since each copy of that loop costs the verifier a hundred thousand steps where it
// has no bpf_loop.
static __always_inline void write_paged(struct look *l, struct hit *h, const __u32 size,
					void (*copy)(struct event *, struct look *))
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e) + more_size + 2 * size, 0);
	__u64 linear = at_most(l->linear, size);

	if (!e) {
		count_loss(LOSS_EVENT, l->ts);
		return;
	}
	fill_event(e, l, h);
	if (linear && bpf_probe_read_kernel(e->data + more_size, linear, l->start))
		e->caplen = e->nr_holes = 0;
	else
		copy(e, l);
	look_again(e, h);
	bpf_ringbuf_submit(e, 0);
}

static __always_inline void read_dev(struct event *e, struct net_device *dev)
{
	struct net *net = NULL;

	if (!dev || bpf_core_read(e->dev, sizeof(e->dev), &dev->name))
		return;
	bpf_core_read(&e->ifindex, sizeof(e->ifindex), &dev->ifindex);
	bpf_core_read(&e->dev_type, sizeof(e->dev_type), &dev->type);
	bpf_core_read(&net, sizeof(net), &dev->nd_net.net);
	e->has |= HAS_DEV;
	if (!net || bpf_core_read(&e->netns, sizeof(e->netns), &net->ns.inum))
		return;
	e->has |= HAS_NETNS;
	if (bpf_core_field_exists(net->net_cookie)) {
		bpf_core_read(&e->netns_cookie, sizeof(e->netns_cookie), &net->net_cookie);
		e->has |= HAS_COOKIE;
	}
}

// What an event has of which no sk_buff is looked at.
static __always_inline void fill_bare(struct event *e, struct hit *h, __u64 ts)
{
	e->kind = RECORD_EVENT;
	e->at = AT_NONE;
	e->has = h->has | HAS_GONE;
	e->cpu = bpf_get_smp_processor_id();
	e->ts = ts;
	e->probe = h->probe;
	e->id = h->id;
	e->retval = h->retval;
	e->sections = 0;
	e->held = h->held;
	e->caplen = e->nr_holes = 0;
	read_process(e);
}

// An event about an sk_buff that must not be looked at any more. dev and len are what the probe
// itself says of it, with HAS_LEN.
static __always_inline void write_gone(__u64 skb, __u64 head, __u64 ts, struct hit *h, struct net_device *dev,
				       __u32 len)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		count_loss(LOSS_EVENT, ts);
		return;
	}
	fill_bare(e, h, ts);
	e->skb = skb;
	e->head = head;
	e->len = len;
	read_dev(e, dev);
	bpf_ringbuf_submit(e, 0);
}

static __always_inline void report(struct look *l, struct hit *h)
{
	__u64 n = at_most(l->len, snaplen);

	*(volatile __u32 *)&l->want = n;
	// snaplen is asked again because what it turns off can be taken out of a program before the
	// verifier goes over it.
	if (n > l->linear && paged_size > SMALL_PAGED && n <= SMALL_PAGED) {
		write_paged(l, h, SMALL_PAGED, copy_paged_small);
	} else if (n > l->linear) {
		write_paged(l, h, paged_size, copy_paged_large);
	} else if (snaplen <= 64 || n <= 64) {
		write_linear(l, h, n, 64);
	} else if (snaplen <= 128 || n <= 128) {
		write_linear(l, h, n, 128);
	} else if (snaplen <= 256 || n <= 256) {
		write_linear(l, h, n, 256);
	} else if (snaplen <= 512 || n <= 512) {
		write_linear(l, h, n, 512);
	} else if (snaplen <= 2048 || n <= 2048) {
		write_linear(l, h, n, 2048);
	} else if (snaplen <= 8192 || n <= 8192) {
		write_linear(l, h, n, 8192);
	} else {
		write_linear(l, h, n, 65536);
	}
}

// Gives the packet an identity, if it has none.
static __always_inline void identify(struct look *l, __u64 *id)
{
	if (track && !*id && !no_new) {
		*id = remember((__u64)l->head, new_id(), l->ts, only_drop ? TOLD : 0, BPF_NOEXIST);
		l->fresh = true;
	}
}

// Looks the packet's identity up, or gives it one when the packet passes the filter.
// False: not to be reported. Sets l->ts, and *id to 0 where there is none.
static __always_inline bool wanted(struct look *l, __u64 *id)
{
	struct buffer *b = NULL;
	__u64 head = (__u64)l->head;

	*id = 0;
	l->fresh = false;
	if (track) {
		b = buffer_of(head);
		if (b) {
			b->seen = l->ts = bpf_ktime_get_ns();
			*id = b->id;
			if (follow)
				return !unwanted(b->id);
		} else if (expansions) {
			struct expansion *x = expansion_of((__u64)l->skb);

			if (x) {
				*id = x->was.id;
				l->ts = bpf_ktime_get_ns();
				if (follow)
					return !unwanted(x->was.id);
			}
		}
	}
	if (packets && first_packets.gate == GATE_CLOSED)
		return false;
	if (!passes(l))
		return false;
	l->ts = bpf_ktime_get_ns();
	if (packets) {
		*id = no_new ? 0 : let_packet_in(head, l->ts);
		l->fresh = true;
		return *id != 0;
	}
	if (sampled) {
		*id = sample((__u64)l->start, l->linear, l->at, head, l->ts);
		l->fresh = true;
		if (!*id || unwanted(*id))
			return false;
		*id &= ~NO_IDENTITY;
		return true;
	}
	if (!only_drop)
		identify(l, id);
	return true;
}

static __always_inline bool seen(struct look *l, struct sk_buff *skb)
{
	if (!skb)
		return false;
	if (look_at(l, skb))
		return true;
	count_loss(LOSS_UNREADABLE, bpf_ktime_get_ns());
	return false;
}

static __always_inline __u64 function_of(struct pt_regs *ctx)
{
	return func_ip ? bpf_get_func_ip(ctx) : REG_PROBE(ctx);
}

// What only an event needs (the clock, the probe's name, struct hit) would be a fifth of what
// a packet that does not pass costs: it comes last.
static __always_inline int on_function(struct sk_buff *skb, struct pt_regs *ctx)
{
	struct look l;
	struct hit h;
	__u64 id;

	if (off || !seen(&l, skb) || !wanted(&l, &id))
		return 0;
	id = unknown(id);
	h = (struct hit){.ctx = ctx, .probe = function_of(ctx), .id = id, .has = any(id) * HAS_ID};
	if (held(&h, l.ts, (__u64)skb, (__u64)l.head))
		return 0;
	report(&l, &h);
	return 0;
}

static __always_inline int on_tracepoint(struct sk_buff *skb, struct hit *h)
{
	struct look l;

	if (!seen(&l, skb) || !wanted(&l, &h->id) || held(h, l.ts, (__u64)skb, (__u64)l.head))
		return 0;
	if (only_drop)
		identify(&l, &h->id);
	h->id = unknown(h->id);
	h->has |= any(h->id) * HAS_ID;
	// What on_drop did not know yet.
	if (is_drop && lifetimes && l.fresh) {
		struct drop d = {.location = h->drop.location, .reason = NO_REASON};

		if (h->has & HAS_REASON)
			d.reason = h->drop.reason;
		if (h->has & HAS_RX_SK)
			d.rx_sk = h->drop.rx_sk;
		announce_drop((__u64)skb, &d);
	}
	report(&l, h);
	return 0;
}
