// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// The identity of a data buffer: a number that is never given twice, kept by the
// address of skb->head until the buffer is released.
#pragma once

// Numbers are made per cpu, by an atomic instruction where the kernel knows one that says
// what it added to (5.12). On older kernels per nesting level instead: there, a program that
// interrupts another on the same cpu ends before the other goes on, so what it finds at its
// own level nobody else touches. (bpf_ktime_get_ns alone would not do: two buffers are first
// seen in one tick of a coarse clock.)
static __always_inline __u64 new_id(void)
{
	__u32 zero = 0, level;
	struct cpu_state *s = bpf_map_lookup_elem(&cpu_states, &zero);
	__u64 n;

	if (!s)
		return 0;
	if (atomic_fetch)
		return ((fetch_add(&s->next[0], 1) + 1) << cpu_bits) | bpf_get_smp_processor_id();
	level = s->level;
	s->level = level + 1;
	asm volatile("" ::: "memory");
	n = ++s->next[level & (LEVELS - 1)];
	asm volatile("" ::: "memory");
	s->level = level;
	return ((n * LEVELS + (level & (LEVELS - 1))) << cpu_bits) | bpf_get_smp_processor_id();
}

// How many entries of `buffers` share a slot, at least. Most packets of a host are none of
// ours, and here that takes 12 instructions where a lookup takes 110. Counted up before an
// entry is made and down after one has gone, so a zero is never wrong; entries that user
// space removes stay counted.
#define SLOTS (1 << 16)
__u32 entries[SLOTS];

static __always_inline __u32 *slot_of(__u64 head)
{
	return &entries[(__u32)head * 0x9e3779b1u >> 16];
}

// The memory at head is a frame's that no sk_buff has: what else begins there has another packet.
static __always_inline bool is_frame(__u64 head)
{
	struct frame_of *f = no_skb ? NULL : frame_at(head);

	return f && (f->state == FRAME_PASSED || f->state == FRAME_FLYING);
}

static __always_inline struct buffer *known(__u64 head)
{
	struct buffer *b = *slot_of(head) && !off ? bpf_map_lookup_elem(&buffers, &head) : NULL;

	return b && b->id ? b : NULL;
}

static __always_inline struct buffer *buffer_of(__u64 head)
{
	struct buffer *b = known(head);

	return b && !is_frame(head) ? b : NULL;
}

static __noinline void forget(__u64 head)
{
	struct buffer *b;
	__u64 id = 0;

	forget_frame(head);
	if (packets) {
		b = bpf_map_lookup_elem(&buffers, &head);
		if (b)
			id = b->id;
	}
	if (bpf_map_delete_elem(&buffers, &head) == 0) {
		__sync_fetch_and_add(slot_of(head), -1);
		count_followed(id, -1);
		return;
	}
	// Some kernels (5.11 to 6.6) refuse to wait for an entry's lock within an interrupt.
	b = bpf_map_lookup_elem(&buffers, &head);
	if (b) {
		b->id = 0;
		count_followed(id, -1);
	}
}

// Gives the buffer at head the identity id, and returns it: 0 when the map is full, a loss.
// With BPF_NOEXIST, one that another cpu has given it meanwhile stands.
// told: enum told, and above it `held`, of a packet that goes on.
static __noinline __u64 remember(__u64 head, __u64 id, __u64 ts, __u64 told, __u64 flags)
{
	struct buffer b = {.id = id, .seen = ts, .flags = told, .held = told >> 32}, *known;

	if (id) {
		if (is_frame(head))
			forget(head);
		// Never in the place of another entry, which is counted already.
		__sync_fetch_and_add(slot_of(head), 1);
		if (bpf_map_update_elem(&buffers, &head, &b, BPF_NOEXIST) == 0) {
			count_followed(id, 1);
			return id;
		}
		__sync_fetch_and_add(slot_of(head), -1);
		known = bpf_map_lookup_elem(&buffers, &head);
		if (known) {
			if (!known->id || flags == BPF_ANY) {
				count_followed(known->id, -1);
				count_followed(id, 1);
				*known = b;
			}
			return known->id;
		}
	}
	count_loss(LOSS_IDENTITY, ts);
	return 0;
}

// With --packets, for a packet that passes and is not known: its identity if it is one of those that
// are followed, else 0. The gate is no longer looked at when it says that some are let in: who comes
// too late finds let_in full.
static __noinline __u64 let_packet_in(__u64 head, __u64 ts)
{
	__u64 id = new_id(), given;

	if (!id)
		return 0;
	if (first_packets.gate == GATE_EARLY) {
		remember(head, id | UNWANTED, ts, 0, BPF_NOEXIST);
		return 0;
	}
	if (bpf_map_update_elem(&let_in, &id, &ts, BPF_NOEXIST))
		return 0;
	given = remember(head, id, ts, 0, BPF_NOEXIST);
	// Another cpu has seen it too, and was first; or there was no room for it (a loss).
	if (given != id && bpf_map_delete_elem(&let_in, &id) == 0)
		return unwanted(given) ? 0 : given;
	__sync_fetch_and_add(&first_packets.left, -1);
	if (first_packets.left <= 0)
		first_packets.gate = GATE_CLOSED;
	return unwanted(given) ? 0 : given;
}

// Reads skb's head; zero when it can't be read.
static __always_inline __u64 head_of(__u64 skb)
{
	__u64 head = 0;

	bpf_core_read(&head, sizeof(head), &((struct sk_buff *)skb)->head);
	return head;
}

// How many sk_buffs are within pskb_expand_head (or were, when a return from it was missed), and
// with the drops that were announced: when there are any, an sk_buff that nobody reported is looked
// up as it is released.
__u32 expansions, pending;

// What a buffer is known by whose sk_buff is within pskb_expand_head: that has a new head
// already, or the old one still, and neither has an identity. NULL: it is not within.
static __always_inline struct expansion *expansion_of(__u64 skb)
{
	return expansions ? bpf_map_lookup_elem(&expanding, &skb) : NULL;
}

static __noinline void begin_expansion(__u64 skb, struct expansion *x)
{
	// One whose return was missed is counted already.
	if (bpf_map_lookup_elem(&expanding, &skb)) {
		bpf_map_update_elem(&expanding, &skb, x, BPF_ANY);
	} else if (bpf_map_update_elem(&expanding, &skb, x, BPF_NOEXIST)) {
		count_loss(LOSS_PENDING, bpf_ktime_get_ns());
	} else {
		__sync_fetch_and_add(&expansions, 1);
		__sync_fetch_and_add(&pending, 1);
	}
}

static __noinline void end_expansion(__u64 skb)
{
	if (bpf_map_delete_elem(&expanding, &skb) == 0) {
		__sync_fetch_and_add(&expansions, -1);
		__sync_fetch_and_add(&pending, -1);
	}
}

// Drops that were announced and not released yet, counted by sk_buffs that share a slot.
#define DROP_SLOTS (1 << 12)
__u32 dropping[DROP_SLOTS];

static __always_inline __u32 *drop_slot(__u64 skb)
{
	return &dropping[(__u32)(skb >> 6) * 0x9e3779b1u >> 20];
}

// skb is about to be released, and dropped.
static __noinline void announce_drop(__u64 skb, struct drop *d)
{
	__u32 *slot = drop_slot(skb);

	__sync_fetch_and_add(slot, 1);
	__sync_fetch_and_add(&pending, 1);
	if (bpf_map_update_elem(&drops, &skb, d, BPF_NOEXIST) == 0)
		return;
	__sync_fetch_and_add(slot, -1);
	__sync_fetch_and_add(&pending, -1);
	// One whose release was missed, or the map is full.
	if (bpf_map_update_elem(&drops, &skb, d, BPF_EXIST))
		count_loss(LOSS_PENDING, bpf_ktime_get_ns());
}

// Takes what was announced of skb to *d. False: nothing was.
static __noinline bool announced(__u64 skb, struct drop *d)
{
	struct drop *found = bpf_map_lookup_elem(&drops, &skb);

	if (!found)
		return false;
	*d = *found;
	if (bpf_map_delete_elem(&drops, &skb) == 0) {
		__sync_fetch_and_add(drop_slot(skb), -1);
		__sync_fetch_and_add(&pending, -1);
	}
	return true;
}
