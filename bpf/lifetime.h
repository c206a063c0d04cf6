// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// How a reported buffer ends. Runs for every packet that the host frees, so the path of
// a buffer that nobody reported is two loads and one lookup.
#pragma once

// b is NULL where there is no entry for the buffer.
static __always_inline void write_free(__u64 skb, __u64 head, __u64 id, struct buffer *b, enum free_how how, bool last,
				       struct drop *d)
{
	__u64 now = bpf_ktime_get_ns();
	struct free *f;

	if (!lifetimes || off || unwanted(id))
		return;
	if (b && !told(b)) {
		if (d)
			b->flags &= ~DROP_HELD; // of a clone that nothing else is told of
		return;
	}
	f = bpf_ringbuf_reserve(&events, sizeof(*f), 0);
	if (!f) {
		count_loss(LOSS_FREE, now);
		return;
	}
	f->kind = RECORD_FREE;
	f->how = how;
	f->has = (last ? HAS_LAST : 0) | (d ? HAS_DROP : 0);
	f->held = 0;
	if (limited && b) {
		f->has |= d && b->flags & DROP_HELD ? HAS_HELD : 0;
		f->held = b->held;
		b->held = 0;
		if (d)
			b->flags &= ~DROP_HELD;
	}
	f->cpu = bpf_get_smp_processor_id();
	f->ts = now;
	f->skb.skb = skb;
	f->skb.head = head;
	f->skb.id = id;
	if (d)
		f->drop = *d;
	bpf_ringbuf_submit(f, 0);
}

// Keeps what skb lets go of for programs that run between that and the end of its memory. Where
// nobody reported it (id 0), what was kept of an sk_buff that lay there before is out of date.
static __always_inline void keep(__u64 skb, __u64 head, __u64 id)
{
	struct buffer_ref r = {.skb = skb, .head = head, .id = id};

	if (!keep_released)
		return;
	if (id)
		bpf_map_update_elem(&released, &skb, &r, BPF_ANY);
	else
		bpf_map_delete_elem(&released, &skb);
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

// The same at skb_release_data, where several cpus may be with clones of one buffer. Each sees the
// holds of the others until they have come to where the kernel counts down, so that none may
// seem to be the last: skb_free_head then tells. Where that was inlined (5.10), each says
// that it leaves before it looks, and those that leave are taken for gone. So the last is always
// found; a third holder may lose its identity when one that had been counted down was
// taken for gone twice.
static __always_inline bool leaves_last(struct sk_buff *skb, struct buffer *b)
{
	struct skb_shared_info *shinfo = (struct skb_shared_info *)(skb->head + skb->end);
	int dataref = 0;

	if (!count_leaving)
		return holds_last(skb);
	if (!BPF_CORE_READ_BITFIELD(skb, cloned))
		return true;
	__sync_fetch_and_add(&b->leaving, 1);
	bpf_core_read(&dataref, sizeof(dataref), &shinfo->dataref.counter);
	// The lower half counts all holders.
	return (__u32)(dataref & 0xffff) <= (__u32)b->leaving;
}

// The buffer of skb is let go of. Within pskb_expand_head that is no end: the packet goes
// on with another head.
static __noinline void release(__u64 skb, __u64 head, struct buffer *b, bool last)
{
	__u64 id = b->id;
	struct drop d;
	bool dropped = *drop_slot(skb) && announced(skb, &d);
	struct frame_of *f;

	b->releases++;
	f = frame_at(head);
	if (f && f->state == FRAME_LEAVING) {
		f->state = FRAME_FLYING; // its packet goes on without an sk_buff
		return;
	}
	keep(skb, head, id);
	if (!expansion_of(skb)) {
		if (b->merged == skb)
			write_free(skb, head, id, b, FREE_MERGED, last, NULL);
		else if (dropped)
			write_free(skb, head, id, b, FREE_DROPPED, last, &d);
		else
			write_free(skb, head, id, b, FREE_CONSUMED, last, NULL);
	}
	if (last)
		forget(head);
}

// An sk_buff whose buffer nobody reported is released. If it is said to be within
// pskb_expand_head and that began with another head, a return was missed.
static __noinline void release_unknown(__u64 skb, __u64 head)
{
	struct expansion *x = expansion_of(skb);
	struct drop d;

	if (x && x->was.head != head)
		end_expansion(skb);
	if (any_drop && *drop_slot(skb))
		announced(skb, &d);
}

// An interrupt can land while this program runs, and the kernel then skips the same
// program inside it: a release goes unseen, and the next packet at that address would
// inherit the identity. So it is loaded and attached twice. Whichever of the two is
// interrupted, the other runs inside; where both run, the second finds that the buffer is
// known no more or, where clones still hold it, that the first has marked the sk_buff. The
// mark is the sk_buff's own, since several cpus can let go of clones of one buffer at once.
const volatile bool second = false;

SEC("fentry/skb_release_data")
int on_release(void *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx_arg(ctx, 0);
	__u64 head = number(skb->head), key, *mark;
	struct buffer *b = buffer_of(head);
	bool last;

	if (!b) {
		if (pending || keep_released) {
			key = address_of(skb);
			release_unknown(key, head);
			if (!second)
				keep(key, head, 0);
		}
		return 0;
	}
	key = address_of(skb);
	if (second) {
		mark = bpf_map_lookup_elem(&releasing, &key);
		if (mark) {
			bool marked = *mark == b->id;

			if (!count_leaving || !marked)
				bpf_map_delete_elem(&releasing, &key);
			if (marked)
				return 0;
		}
	}
	last = leaves_last(skb, b);
	if (!last && (!second || count_leaving))
		bpf_map_update_elem(&releasing, &key, &b->id, BPF_ANY);
	release(key, head, b, last);
	return 0;
}

// With count_leaving. The sk_buff is there still, its data may not be.
SEC("fexit/skb_release_data")
int after_release(void *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx_arg(ctx, 0);
	__u64 head = number(skb->head), key = address_of(skb), *mark;
	struct buffer *b;

	if (!*slot_of(head))
		return 0;
	mark = bpf_map_lookup_elem(&releasing, &key);
	if (!mark)
		return 0;
	b = buffer_of(head);
	if (b && b->id == *mark)
		__sync_fetch_and_add(&b->leaving, -1);
	bpf_map_delete_elem(&releasing, &key);
	return 0;
}

// skb_free_head, where the compiler left it a function: catches the data that two cpus
// released at once, when each saw the other's hold. How their sk_buffs ended has been told.
SEC("fentry/skb_free_head")
int on_free_head(void *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx_arg(ctx, 0);
	__u64 head = number(skb->head);
	struct buffer *b = buffer_of(head);

	if (b) {
		if (!expansion_of((__u64)skb))
			write_free(0, head, b->id, b, FREE_CONSUMED, true, NULL);
		forget(head);
	}
	return 0;
}

// skb goes without its data, which another packet has taken as a fragment.
static __always_inline void stolen(struct sk_buff *skb)
{
	__u64 head = number(skb->head);
	struct buffer *b = buffer_of(head);

	keep((__u64)skb, head, b ? b->id : 0);
	if (b) {
		write_free((__u64)skb, head, b->id, b, FREE_MERGED, true, NULL);
		forget(head);
	}
}

// void kfree_skb_partial(struct sk_buff *skb, bool head_stolen)
SEC("fentry/kfree_skb_partial")
int on_kfree_skb_partial(void *ctx)
{
	if ((__u8)ctx_arg(ctx, 1))
		stolen((struct sk_buff *)ctx_arg(ctx, 0));
	return 0;
}

SEC("fentry/napi_skb_free_stolen_head")
int on_napi_skb_free_stolen_head(void *ctx)
{
	stolen((struct sk_buff *)ctx_arg(ctx, 0));
	return 0;
}

// skb:kfree_skb says why just before the release. Of what went into another packet it says how
// that one ended: its fragments go with it.
SEC("raw_tracepoint/kfree_skb")
int on_drop(void *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx_arg(ctx, skb_arg);
	struct drop d = {};
	__u64 head = 0;
	struct buffer *b;

	bpf_core_read(&head, sizeof(head), &skb->head);
	b = buffer_of(head);
	if (b ? b->merged == (__u64)skb : !any_drop)
		return 0;
	d.location = ctx_arg(ctx, location_arg);
	d.reason = reason_arg == 0xff ? NO_REASON : ctx_arg(ctx, reason_arg);
	d.rx_sk = rx_sk_arg == 0xff ? 0 : ctx_arg(ctx, rx_sk_arg);
	announce_drop((__u64)skb, &d);
	return 0;
}
