// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// --limit: how many events a probe may give, and an exact count of those that were held back.
#pragma once

// Is the next event of a probe one too many? Only a time is kept: when the last event would have come if all had
// come at the rate that is allowed. It may be as far ahead of the clock as limit_burst. What several cpus do at once
// can let an event more pass each, which then counts like the others: no atomic instruction has to say what it found.
static __always_inline bool too_many(struct bucket *k, __u64 now)
{
	__s64 ahead = *(volatile __u64 *)&k->ahead - now;

	if (ahead > (__s64)limit_burst)
		return true;
	if (ahead < 0)
		*(volatile __u64 *)&k->ahead = now;
	__sync_fetch_and_add(&k->ahead, limit_gap);
	return false;
}

// The bucket of a probe is made with its first event.
static __always_inline struct bucket *bucket_of(__u64 probe)
{
	struct bucket *k = bpf_map_lookup_elem(&buckets, &probe), new = {};

	if (k)
		return k;
	bpf_map_update_elem(&buckets, &probe, &new, BPF_NOEXIST);
	k = bpf_map_lookup_elem(&buckets, &probe);
	if (!k) { // no room: those of the probes that came too late share one, which user space has made
		probe = 0;
		k = bpf_map_lookup_elem(&buckets, &probe);
	}
	return k;
}

struct sk_buff___protocol {
	__u16 protocol;
} __attribute__((preserve_access_index));

// Network namespaces have their numbers from here on (include/linux/proc_ns.h): what has none of these is none.
// skb->dev shares its place with other things while a packet waits in a queue.
#define FIRST_NETNS 0xeffffff0u

static __always_inline __u32 netns_of(struct net *net)
{
	__u32 inum = 0;

	if (net)
		bpf_core_read(&inum, sizeof(inum), &net->ns.inum);
	return inum >= FIRST_NETNS ? inum : 0;
}

// The same, by direct loads.
static __always_inline __u32 cast_netns(struct net *net)
{
	__u32 inum = 0;

	if (net)
		inum = CAST(struct net, net)->ns.inum;
	return inum >= FIRST_NETNS ? inum : 0;
}

// Counts a drop without an event of it. False: the map is full.
static __noinline bool count_drop(struct sk_buff *skb, struct drop *d)
{
	struct drop_key key = {.location = d->location, .reason = d->reason};
	struct drop_count *n, new = {};
	struct net_device *dev = NULL;
	struct sock *sk = NULL;
	struct net *net = NULL;

	if (direct_loads) {
		struct sk_buff *s = CAST(struct sk_buff, skb);

		key.protocol =
			*(__u16 *)window((void *)skb + bpf_core_field_offset(struct sk_buff___protocol, protocol));
		dev = (struct net_device *)loaded((__u64)s->dev);
		if (dev) {
			struct net_device *device = CAST(struct net_device, dev);

			key.netns = cast_netns(device->nd_net.net);
			key.ifindex = any(key.netns) * device->ifindex;
		}
		if (!key.netns) {
			sk = s->sk;
			if (sk)
				key.netns = cast_netns(CAST(struct sock, sk)->__sk_common.skc_net.net);
		}
	} else {
		bpf_core_read(&key.protocol, sizeof(key.protocol), &((struct sk_buff___protocol *)skb)->protocol);
		bpf_core_read(&dev, sizeof(dev), &skb->dev);
		if (dev && bpf_core_read(&net, sizeof(net), &dev->nd_net.net) == 0)
			key.netns = netns_of(net);
		if (key.netns) {
			bpf_core_read(&key.ifindex, sizeof(key.ifindex), &dev->ifindex);
		} else {
			bpf_core_read(&sk, sizeof(sk), &skb->sk);
			if (sk && bpf_core_read(&net, sizeof(net), &sk->__sk_common.skc_net.net) == 0)
				key.netns = netns_of(net);
		}
	}
	n = bpf_map_lookup_elem(&held_drops, &key);
	if (!n) {
		if (key.ifindex)
			bpf_core_read(new.dev, sizeof(new.dev), &dev->name);
		bpf_map_update_elem(&held_drops, &key, &new, BPF_NOEXIST);
		n = bpf_map_lookup_elem(&held_drops, &key);
		if (!n)
			return false;
	}
	__sync_fetch_and_add(&n->count, 1);
	return true;
}

// Whether an event is held back.
enum decided {
	UNDECIDED = 0,
	DECIDED_PASSES = 1,
	DECIDED_HELD = 2,
};

// What is reported of a packet says whether some of its events were held back before.
static __always_inline struct buffer *told_of(__u64 head, __u64 id)
{
	struct buffer *b = track && id ? buffer_of(head) : NULL;

	return b && b->id == id ? b : NULL;
}

// A function and the return from it are two probes.
static __always_inline __u64 bucket_key(__u64 probe, __u64 has)
{
	return probe ^ (__u64) !!(has & HAS_RET) << 63;
}

// Of an event that comes with a later program (a return, behind a hand-over), decided as the packet is still at hand:
// how the packet ends may be told before that event, and is to be told only of a packet that has one.
static __noinline __u64 decide(__u64 bucket, __u64 now, __u64 head, __u64 id)
{
	struct bucket *k = bucket_of(bucket);
	struct buffer *b;

	if (k && too_many(k, now))
		return DECIDED_HELD;
	b = told_of(head, id);
	if (b)
		b->flags |= TOLD;
	return DECIDED_PASSES;
}

// decided: enum decided.
static __noinline bool hold(struct hit *h, __u64 now, __u64 skb, __u64 head, __u64 decided)
{
	struct bucket *k = bucket_of(bucket_key(h->probe, h->has));
	struct buffer *b = told_of(head, h->id);

	if (!k || decided == DECIDED_PASSES || (decided == UNDECIDED && !too_many(k, now))) {
		if (b) {
			h->held = b->held;
			b->held = 0;
			b->flags |= TOLD;
			if (is_drop)
				b->flags &= ~DROP_HELD;
		}
		return false;
	}
	if (!is_drop) {
		__sync_fetch_and_add(&k->held, 1);
	} else {
		struct drop d = {.location = h->drop.location, .reason = NO_REASON};

		if (h->has & HAS_REASON)
			d.reason = h->drop.reason;
		if (!count_drop((struct sk_buff *)skb, &d))
			__sync_fetch_and_add(&k->held, 1);
	}
	if (b) {
		__sync_fetch_and_add(&b->held, 1);
		if (is_drop)
			b->flags |= DROP_HELD;
	}
	return true;
}

// Is this event to be held back? If so, it is counted.
static __always_inline bool held(struct hit *h, __u64 now, __u64 skb, __u64 head)
{
	return limited && hold(h, now, skb, head, UNDECIDED);
}

// The same of one of which that was decided before.
static __always_inline bool held_as(__u64 decided, struct hit *h, __u64 now, __u64 skb, __u64 head)
{
	return limited && hold(h, now, skb, head, decided);
}

// Of a buffer none of whose events was reported, nothing else is.
static __always_inline bool told(struct buffer *b)
{
	return !limited || b->flags & TOLD;
}

// With --limit a dropped packet that was not seen before has its identity only if it is reported: there is no other
// event of it.
#define only_drop (limited && is_drop && !any_drop)
