// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// Where one buffer begets another. Each hook is the return of a function of
// net/core/skbuff.c, net/core/gro.c or the IP layers; none does anything but a lookup for
// buffers that were not reported.
#pragma once

#define MAX_SEGMENTS 128

// how_by is enum link_how, and enum link_by 8 bits above it.
static __noinline void write_link(__u16 how_by, struct buffer_ref *from, struct buffer_ref *to)
{
	__u64 now = bpf_ktime_get_ns();
	struct link *k;

	if (!lifetimes || off || unwanted(from->id) || unwanted(to->id))
		return;
	k = bpf_ringbuf_reserve(&events, sizeof(*k), 0);
	if (!k) {
		count_loss(LOSS_LINK, now);
		return;
	}
	k->kind = RECORD_LINK;
	k->how = how_by;
	k->by = how_by >> 8;
	k->pad = 0;
	k->cpu = bpf_get_smp_processor_id();
	k->ts = now;
	k->from = *from;
	k->to = *to;
	bpf_ringbuf_submit(k, 0);
}

// The reference to skb, with its identity if it was reported.
static __always_inline bool reported(struct buffer_ref *r, __u64 skb)
{
	struct buffer *b;

	r->skb = skb;
	r->head = head_of(skb);
	r->id = 0;
	b = buffer_of(r->head);
	if (b)
		r->id = b->id;
	return b != NULL;
}

// With `limited`: has no event of this buffer been reported?
static __always_inline bool is_untold(__u64 head, __u64 id)
{
	struct buffer *b = told_of(head, id);

	return b && !(b->flags & TOLD);
}

// With `limited`: a link to the buffer at head is to be reported.
static __always_inline void tell(__u64 head)
{
	struct buffer *b = buffer_of(head);

	if (b)
		b->flags |= TOLD;
}

// child comes from skb with the head and identity from, which was reported: so child is from
// now on. In the same buffer it has the same identity, in another one a new identity.
//
// Global, with numbers for arguments: the verifier then looks at it once, not for each of a
// hundred segments, which took it a third of the instructions of a start that follows.
int inherit_number(__u64 how, __u64 skb, __u64 head, __u64 id, __u64 child)
{
	struct buffer_ref from = {.skb = skb, .head = head, .id = id}, to;
	// None was reported of a packet whose events were held back: what comes from it begins anew, and lacks these.
	bool untold = limited && is_untold(head, id);

	if (!reported(&to, child) || (unwanted(to.id) && !unwanted(id))) {
		if (!to.head)
			return 0;
		to.id = remember(to.head, id_from(new_id(), id), bpf_ktime_get_ns(), untold ? 1ull << 32 : TOLD,
				 to.id ? BPF_ANY : BPF_NOEXIST);
		if (!to.id)
			return 0;
	} else if (limited && !untold) {
		tell(to.head);
	}
	if (!untold)
		write_link(how, &from, &to);
	return 0;
}

// What comes from a program's context is a pointer to the verifier, and no number to pass on.
static __always_inline void inherit(enum link_how how, struct buffer_ref *from, __u64 child)
{
	inherit_number(how, address_of((void *)from->skb), from->head, from->id, address_of((void *)child));
}

static __always_inline bool is_error(__u64 pointer)
{
	return !pointer || pointer > (__u64)-4096;
}

#define COPY(function, how)                                               \
	SEC("fexit/" #function)                                           \
	int on_##function(void *ctx)                                      \
	{                                                                 \
		struct buffer_ref from;                                   \
		__u64 child = ctx_arg(ctx, ret_arg);                      \
		if (!is_error(child) && reported(&from, ctx_arg(ctx, 0))) \
			inherit(how, &from, child);                       \
		return 0;                                                 \
	}
COPY(skb_clone, LINK_CLONE)
COPY(ip_frag_next, LINK_FRAGMENT)
COPY(ip6_frag_next, LINK_FRAGMENT)

// The sk_buffs that are within __pskb_copy_fclone, each in a slot of its own but for rare ones
// that share it: then a link says copy instead.
#define PSKB_SLOTS 256
__u64 pskb_copying[PSKB_SLOTS];

static __always_inline __u64 *pskb_slot(__u64 skb)
{
	return &pskb_copying[(__u32)(skb >> 6) * 0x9e3779b1u >> 24];
}

SEC("fentry/__pskb_copy_fclone")
int on_pskb_copy(void *ctx)
{
	__u64 skb = address_of((void *)ctx_arg(ctx, 0));

	*pskb_slot(skb) = skb;
	return 0;
}

// void skb_copy_header(struct sk_buff *new, const struct sk_buff *old): in skb_copy,
// skb_copy_expand and pskb_copy, and wherever else a packet goes on in an sk_buff that is made
// for it, as veth makes one for a native XDP program (drivers/net/veth.c, skb_pp_cow_data since
// 6.8). One that is known already is none of these: kTLS gives an sk_buff of its own, which it
// keeps, the header of each message's first (net/tls/tls_strp.c).
SEC("fentry/skb_copy_header")
int on_skb_copy_header(void *ctx)
{
	__u64 old = address_of((void *)ctx_arg(ctx, 1)), new = ctx_arg(ctx, 0), *slot;
	struct buffer_ref from;
	enum link_how how = LINK_COPY;

	if (!reported(&from, old))
		return 0;
	slot = pskb_slot(old);
	if (*slot == old) {
		how = LINK_PSKB_COPY;
		*slot = 0;
	}
	if (!buffer_of(head_of(new)))
		inherit(how, &from, new);
	return 0;
}

// Of a list of segments so many at a time, and the next one behind them; 0: there is none. Global, as
// above; with skb_segment_list the first is the packet itself.
#define SEGMENTS_AT_ONCE 8
__noinline __u64 inherit_segments(__u64 skb, __u64 head, __u64 id, __u64 next)
{
	struct sk_buff *segment;
	int i;

	for (i = 0; i < SEGMENTS_AT_ONCE && next; i++) {
		if (next != skb)
			inherit_number(LINK_SEGMENT, skb, head, id, next);
		segment = (struct sk_buff *)next;
		if (bpf_core_read(&next, sizeof(next), &segment->next))
			return 0;
	}
	return next;
}

// A list of segments comes back.
#define SEGMENT(function)                                                       \
	SEC("fexit/" #function)                                                 \
	int on_##function(void *ctx)                                            \
	{                                                                       \
		__u64 next = address_of((void *)ctx_arg(ctx, ret_arg)), skb;    \
		struct buffer_ref from;                                         \
		int i;                                                          \
		if (is_error(next) || !reported(&from, ctx_arg(ctx, 0)))        \
			return 0;                                               \
		skb = address_of((void *)from.skb);                             \
		for (i = 0; i < MAX_SEGMENTS / SEGMENTS_AT_ONCE && next; i++)   \
			next = inherit_segments(skb, from.head, from.id, next); \
		if (next)                                                       \
			count_loss(LOSS_SEGMENTS, bpf_ktime_get_ns());          \
		return 0;                                                       \
	}
SEGMENT(skb_segment)
SEGMENT(skb_segment_list)

// from's packet lives on in to. Its data may be held by others, as TCP's is until it has been
// acknowledged, and from itself is let go of later: then its free record says that it was merged.
static __always_inline int merge(enum link_how how, __u64 to, __u64 from)
{
	struct buffer_ref f;
	struct buffer *b;

	if (!reported(&f, from))
		return 0;
	inherit(how, &f, to);
	b = buffer_of(f.head);
	if (b && head_of(to) != f.head)
		b->merged = from;
	return 0;
}

// static void napi_reuse_skb(struct napi_struct *napi, struct sk_buff *skb): what was merged
// will be the driver's next packet, with the same data buffer.
SEC("fentry/napi_reuse_skb")
int on_napi_reuse_skb(void *ctx)
{
	__u64 skb = ctx_arg(ctx, 1), head = head_of(skb);
	struct buffer *b = buffer_of(head);

	if (b) {
		write_free(skb, head, b->id, b, FREE_MERGED, true, NULL);
		forget(head);
	}
	return 0;
}

// int skb_gro_receive(struct sk_buff *p, struct sk_buff *skb): 0 when skb was merged.
SEC("fexit/skb_gro_receive")
int on_skb_gro_receive(void *ctx)
{
	return (int)ctx_arg(ctx, ret_arg) ? 0 : merge(LINK_GRO, ctx_arg(ctx, 0), ctx_arg(ctx, 1));
}

// bool skb_try_coalesce(struct sk_buff *to, struct sk_buff *from, ...)
SEC("fexit/skb_try_coalesce")
int on_skb_try_coalesce(void *ctx)
{
	return (__u8)ctx_arg(ctx, ret_arg) ? merge(LINK_COALESCE, ctx_arg(ctx, 0), ctx_arg(ctx, 1)) : 0;
}

// struct sk_buff *skb_morph(struct sk_buff *dst, struct sk_buff *src)
SEC("fexit/skb_morph")
int on_skb_morph(void *ctx)
{
	struct buffer_ref from;

	if (reported(&from, ctx_arg(ctx, 1)))
		inherit(LINK_MORPH, &from, ctx_arg(ctx, 0));
	return 0;
}

// A packet that is a list of fragments, put together from what came in or made so by its
// sender, is sent as these; next is the one after skb.
static __always_inline int next_fragment(__u64 skb, void *next_at)
{
	struct buffer_ref from;
	__u64 next = 0;

	bpf_probe_read_kernel(&next, sizeof(next), next_at);
	if (next && reported(&from, skb))
		inherit(LINK_FRAGMENT, &from, next);
	return 0;
}

// void ip_fraglist_prepare(struct sk_buff *skb, struct ip_fraglist_iter *iter): iter->frag
// is the first field.
SEC("fentry/ip_fraglist_prepare")
int on_ip_fraglist_prepare(void *ctx)
{
	return next_fragment(ctx_arg(ctx, 0), (void *)ctx_arg(ctx, 1));
}

// void ip6_fraglist_prepare(struct sk_buff *skb, struct ip6_fraglist_iter *iter):
// iter->frag comes behind the pointer tmp_hdr (include/net/ipv6.h).
SEC("fentry/ip6_fraglist_prepare")
int on_ip6_fraglist_prepare(void *ctx)
{
	return next_fragment(ctx_arg(ctx, 0), (void *)(ctx_arg(ctx, 1) + sizeof(void *)));
}

// pskb_expand_head gives the same sk_buff another head. The packet is the same, so the
// identity moves along, unless a clone stays behind with the old head. It is taken off the old
// head before: within the function that is freed, and may be another packet's at once.
SEC("fentry/pskb_expand_head")
int before_expand(void *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx_arg(ctx, 0);
	__u64 key = (__u64)skb;
	struct expansion x;

	if (!reported(&x.was, key)) {
		keep(key, x.was.head, 0);
		return 0;
	}
	x.shared = !holds_last(skb);
	x.told = 0;
	if (limited) {
		struct buffer *b = told_of(x.was.head, x.was.id);

		if (b)
			x.told = b->flags | (__u64)b->held << 32;
	}
	begin_expansion(key, &x);
	if (!x.shared && expansion_of(key))
		forget(x.was.head);
	return 0;
}

SEC("fexit/pskb_expand_head")
int after_expand(void *ctx)
{
	__u64 skb = ctx_arg(ctx, 0);
	struct expansion *found = expansion_of(skb), x;
	struct buffer_ref to;

	if (!found)
		return 0;
	x = *found;
	end_expansion(skb);
	to.skb = skb;
	to.head = head_of(skb);
	if (!to.head || (x.shared && to.head == x.was.head))
		return 0;
	to.id = x.shared ? id_from(new_id(), x.was.id) : x.was.id;
	if (remember(to.head, to.id, bpf_ktime_get_ns(), x.told, BPF_ANY) && to.head != x.was.head &&
	    (!limited || x.told & TOLD))
		write_link(LINK_EXPAND, &x.was, &to);
	return 0;
}

// IP reassembly: all fragments of a queue become one packet, whose identity is made when
// the first of them is queued.
// int inet_frag_queue_insert(struct inet_frag_queue *q, struct sk_buff *skb, int, int)
SEC("fexit/inet_frag_queue_insert")
int on_inet_frag_queue_insert(void *ctx)
{
	__u64 q = ctx_arg(ctx, 0), *known, id;
	struct buffer_ref from, to = {};

	if ((int)ctx_arg(ctx, ret_arg) || !reported(&from, ctx_arg(ctx, 1)) || unwanted(from.id))
		return 0;
	if (limited && is_untold(from.head, from.id))
		return 0;
	known = bpf_map_lookup_elem(&frag_queues, &q);
	id = known ? *known : new_id();
	if (!known && bpf_map_update_elem(&frag_queues, &q, &id, BPF_ANY)) {
		count_loss(LOSS_PENDING, bpf_ktime_get_ns());
		return 0;
	}
	to.id = id;
	write_link(LINK_REASSEMBLE, &from, &to);
	return 0;
}

// void inet_frag_reasm_finish(struct inet_frag_queue *q, struct sk_buff *head, ...)
SEC("fexit/inet_frag_reasm_finish")
int on_inet_frag_reasm_finish(void *ctx)
{
	__u64 q = ctx_arg(ctx, 0), *id = bpf_map_lookup_elem(&frag_queues, &q);
	struct buffer_ref from, to;

	if (!id)
		return 0;
	reported(&from, ctx_arg(ctx, 1));
	to = from;
	to.id = *id;
	bpf_map_delete_elem(&frag_queues, &q);
	if (to.head && remember(to.head, to.id, bpf_ktime_get_ns(), TOLD, BPF_ANY))
		write_link(LINK_REASSEMBLE, &from, &to);
	return 0;
}

// void inet_frag_destroy(struct inet_frag_queue *q): timed out or done; its address will
// be another datagram's.
SEC("fentry/inet_frag_destroy")
int on_inet_frag_destroy(void *ctx)
{
	__u64 q = ctx_arg(ctx, 0);

	bpf_map_delete_elem(&frag_queues, &q);
	return 0;
}
