// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// How a reported buffer ends. Runs for every packet that the host frees, so the path of
// a buffer that nobody reported is two loads and one lookup.
#pragma once

static __always_inline void write_free(struct sk_buff *skb, __u64 head, struct buffer *b, __u8 how, bool last)
{
	__u64 now = bpf_ktime_get_ns();
	struct free *f;

	if (!lifetimes)
		return;
	f = bpf_ringbuf_reserve(&events, sizeof(*f), 0);
	if (!f) {
		count_loss(LOSS_FREE, now);
		return;
	}
	f->kind = RECORD_FREE;
	f->how = how;
	f->has = last ? HAS_LAST : 0;
	f->cpu = bpf_get_smp_processor_id();
	f->ts = now;
	f->skb.skb = (__u64)skb;
	f->skb.head = head;
	f->skb.id = b->id;
	if (b->dropped_skb == (__u64)skb) {
		f->how = FREE_DROPPED;
		f->has |= HAS_DROP;
		f->drop = b->drop;
		b->dropped_skb = 0; // the next clone at this address (fclones have a fixed one) has an end of its own
	}
	bpf_ringbuf_submit(f, 0);
}

// Nobody but skb holds its data. skb->nohdr holds both halves of dataref
// (include/linux/skbuff.h).
static __always_inline bool holds_last(struct sk_buff *skb)
{
	struct skb_shared_info *shinfo = (struct skb_shared_info *)(skb->head + skb->end);
	int dataref = 0;

	if (!BPF_CORE_READ_BITFIELD(skb, cloned))
		return true;
	bpf_core_read(&dataref, sizeof(dataref), &shinfo->dataref.counter);
	return dataref == (BPF_CORE_READ_BITFIELD(skb, nohdr) ? (1 << 16) + 1 : 1);
}

// The buffer of skb is let go of. Within pskb_expand_head that is no end: the packet goes
// on with another head.
static __always_inline void release(struct sk_buff *skb, __u64 head, struct buffer *b, bool last)
{
	__u64 key = (__u64)skb;

	b->releases++;
	if (!bpf_map_lookup_elem(&expanding, &key))
		write_free(skb, head, b, FREE_CONSUMED, last);
	if (last)
		forget(head);
}

// An interrupt can land while this program runs, and the kernel then skips the same
// program inside it: a release goes unseen, and the next packet at that address would
// inherit the identity. So it is loaded and attached twice. Whichever of the two is
// interrupted, the other runs inside; where both run, the second undoes the mark of the
// first and does nothing else.
SEC("fentry/skb_release_data")
int on_release(void *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx_arg(ctx, 0);
	__u64 head = number(skb->head);
	struct buffer *b = buffer_of(head);

	if (!b)
		return 0;
	if (b->released == (__u64)skb) {
		b->released = 0;
		return 0;
	}
	b->released = (__u64)skb;
	release(skb, head, b, holds_last(skb));
	return 0;
}

// skb_free_head, where the compiler left it a function: catches the data that two cpus
// released at once, when each saw the other's hold.
SEC("fentry/skb_free_head")
int on_free_head(void *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx_arg(ctx, 0);
	__u64 head = number(skb->head);
	struct buffer *b = buffer_of(head);

	if (b)
		release(skb, head, b, true);
	return 0;
}

// skb:kfree_skb says why just before the release.
SEC("raw_tracepoint/kfree_skb")
int on_drop(void *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx_arg(ctx, skb_arg);
	__u64 head = 0;
	struct buffer *b;

	bpf_core_read(&head, sizeof(head), &skb->head);
	b = buffer_of(head);
	if (!b)
		return 0;
	b->dropped_skb = (__u64)skb;
	b->drop.location = ctx_arg(ctx, location_arg);
	b->drop.reason = reason_arg == 0xff ? NO_REASON : ctx_arg(ctx, reason_arg);
	b->drop.rx_sk = rx_sk_arg == 0xff ? 0 : ctx_arg(ctx, rx_sk_arg);
	return 0;
}
