// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// One packet at one probe: decide, reserve once, fill in place, submit.
#pragma once

#include "sections.h"

static __always_inline struct net *net_of_dev(struct net_device *dev)
{
	struct net *net = NULL;

	if (direct_loads)
		return CAST(struct net_device, dev)->nd_net.net;
	bpf_core_read(&net, sizeof(net), &dev->nd_net.net);
	return net;
}

static __always_inline void read_netns(struct event *e, struct net *net)
{
	if (!net)
		return;
	if (direct_loads) {
		struct net *n = CAST(struct net, net);

		e->netns = n->ns.inum;
		if (bpf_core_field_exists(net->net_cookie))
			e->netns_cookie = n->net_cookie;
	} else {
		if (bpf_core_read(&e->netns, sizeof(e->netns), &net->ns.inum))
			return;
		if (bpf_core_field_exists(net->net_cookie))
			bpf_core_read(&e->netns_cookie, sizeof(e->netns_cookie), &net->net_cookie);
	}
	e->has |= HAS_NETNS;
	if (bpf_core_field_exists(net->net_cookie))
		e->has |= HAS_COOKIE;
}

static __always_inline bool copy_front(__u8 *to, struct sk_buff *skb)
{
	if (!direct_loads)
		return bpf_probe_read_kernel(to, SKB_FRONT, (void *)skb + bpf_core_field_offset(struct sk_buff, dev)) == 0;
	((__u64 *)to)[0] = (__u64)CAST(struct sk_buff, skb)->dev;
	((__u64 *)to)[1] = (__u64)CAST(struct sk_buff, skb)->sk;
	((__u64 *)to)[2] = CAST(struct sk_buff, skb)->tstamp;
	return true;
}

// The device, and the network namespace by it or, before a route is known, by the socket.
// skb->dev shares its place with other things while a packet waits in a queue (rbnode,
// dev_scratch): user space believes only what has the shape of a device.
static __always_inline void read_dev(struct event *e)
{
	struct net_device *dev = *(struct net_device **)e->front;
	struct sock *sk = *(struct sock **)(e->front + 8);
	struct net *net = NULL;

	if (dev && bpf_core_read(e->dev, sizeof(e->dev), &dev->name) == 0) {
		if (direct_loads) {
			struct net_device *d = CAST(struct net_device, dev);

			e->ifindex = d->ifindex;
			e->dev_type = d->type;
		} else {
			bpf_core_read(&e->ifindex, sizeof(e->ifindex), &dev->ifindex);
			bpf_core_read(&e->dev_type, sizeof(e->dev_type), &dev->type);
		}
		net = net_of_dev(dev);
		e->has |= HAS_DEV;
	} else if (sk) {
		bpf_core_read(&net, sizeof(net), &sk->__sk_common.skc_net.net);
	}
	read_netns(e, net);
}

// Not inlined: it is the same for each size of record below.
static __noinline void fill_event(struct event *e, struct look *l, struct hit *h)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	__u32 end;

	e->kind = RECORD_EVENT;
	e->at = l->at;
	e->has = h->has;
	e->cpu = bpf_get_smp_processor_id();
	e->ts = l->ts;
	e->probe = h->probe;
	e->skb = (__u64)l->skb;
	e->head = (__u64)l->head;
	e->id = h->id;
	e->pid = pid_tgid;
	e->tgid = pid_tgid >> 32;
	if (is_drop)
		e->drop = h->drop;
	else
		e->retval = h->retval;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	e->len = l->len;
	e->sections = sections;
	if (direct_loads) {
		end = CAST(struct sk_buff, l->skb)->end;
		copy_tail(e->tail, l->skb);
	} else {
		end = COPIED(l, end);
		__builtin_memcpy(e->tail, l->copy, SKB_TAIL);
	}
	if (bpf_probe_read_kernel(e->shinfo, SHINFO, l->head + end) == 0)
		e->has |= HAS_SHINFO;
	if (copy_front(e->front, l->skb)) {
		e->has |= HAS_FRONT;
		read_dev(e);
	}
	if (sections)
		fill_more(e, h);
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
	bpf_ringbuf_submit(e, 0);
}

// An event about an sk_buff that must not be looked at any more.
static __always_inline void write_gone(__u64 skb, __u64 head, __u64 ts, struct hit *h)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e) {
		count_loss(LOSS_EVENT, ts);
		return;
	}
	e->kind = RECORD_EVENT;
	e->at = AT_NONE;
	e->has = h->has | HAS_GONE;
	e->cpu = bpf_get_smp_processor_id();
	e->ts = ts;
	e->probe = h->probe;
	e->skb = skb;
	e->head = head;
	e->id = h->id;
	e->pid = pid_tgid;
	e->tgid = pid_tgid >> 32;
	e->retval = h->retval;
	e->sections = 0;
	e->caplen = e->nr_holes = 0;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
	bpf_ringbuf_submit(e, 0);
}

static __always_inline void report(struct look *l, struct hit *h)
{
	__u32 n = l->len;

	if (n > snaplen)
		n = snaplen;
	*(volatile __u32 *)&l->want = n;
	if (n > l->linear && paged_size > SMALL_PAGED && n <= SMALL_PAGED) {
		write_paged(l, h, SMALL_PAGED, copy_paged_small);
	} else if (n > l->linear) {
		write_paged(l, h, paged_size, copy_paged_large);
	} else if (n <= 64) {
		write_linear(l, h, n, 64);
	} else if (n <= 128) {
		write_linear(l, h, n, 128);
	} else if (n <= 256) {
		write_linear(l, h, n, 256);
	} else if (n <= 512) {
		write_linear(l, h, n, 512);
	} else if (n <= 2048) {
		write_linear(l, h, n, 2048);
	} else if (n <= 8192) {
		write_linear(l, h, n, 8192);
	} else {
		write_linear(l, h, n, 65536);
	}
}

// Looks the packet's identity up, or gives it one when the packet passes the filter.
// False: not to be reported. Sets l->ts.
static __always_inline bool wanted(struct look *l, struct hit *h)
{
	struct buffer *b = NULL;
	__u64 head = (__u64)l->head;

	if (track) {
		b = buffer_of(head);
		if (b) {
			b->seen = l->ts = bpf_ktime_get_ns();
			h->id = b->id;
			h->has |= HAS_ID;
			if (follow)
				return true;
		}
	}
	if (!passes(l))
		return false;
	l->ts = bpf_ktime_get_ns();
	if (track && !b) {
		h->id = new_id();
		if (remember(head, h->id, l->ts))
			h->has |= HAS_ID;
	}
	return true;
}

static __always_inline __u64 function_of(struct pt_regs *ctx)
{
	return func_ip ? bpf_get_func_ip(ctx) : REG_PROBE(ctx);
}

// The clock and the probe's name cost a fifth of what a packet that does not pass costs:
// they are asked for only when the packet is reported.
static __always_inline int on_skb(struct sk_buff *skb, struct hit *h, struct pt_regs *function)
{
	struct look l;

	if (!skb)
		return 0;
	if (!look_at(&l, skb)) {
		count_loss(LOSS_UNREADABLE, bpf_ktime_get_ns());
		return 0;
	}
	if (!wanted(&l, h))
		return 0;
	if (function)
		h->probe = function_of(function);
	report(&l, h);
	return 0;
}
