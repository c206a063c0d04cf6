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

static __always_inline struct buffer *buffer_of(__u64 head)
{
	struct buffer *b = *slot_of(head) ? bpf_map_lookup_elem(&buffers, &head) : NULL;

	return b && b->id ? b : NULL;
}

static __noinline void forget(__u64 head)
{
	struct buffer *b;

	if (bpf_map_delete_elem(&buffers, &head) == 0) {
		__sync_fetch_and_add(slot_of(head), -1);
		return;
	}
	// Some kernels (5.11 to 6.6) refuse to wait for an entry's lock within an interrupt.
	b = bpf_map_lookup_elem(&buffers, &head);
	if (b)
		b->id = 0;
}

// Gives the buffer at head the identity id, and returns it: 0 when the map is full, a loss.
// With BPF_NOEXIST, one that another cpu has given it meanwhile stands.
static __noinline __u64 remember(__u64 head, __u64 id, __u64 ts, __u64 flags)
{
	struct buffer b = {.id = id, .seen = ts}, *known;

	if (id) {
		__sync_fetch_and_add(slot_of(head), 1);
		if (bpf_map_update_elem(&buffers, &head, &b, flags) == 0)
			return id;
		__sync_fetch_and_add(slot_of(head), -1);
		known = bpf_map_lookup_elem(&buffers, &head);
		if (known) {
			if (!known->id || flags == BPF_ANY)
				*known = b;
			return known->id;
		}
	}
	count_loss(LOSS_IDENTITY, ts);
	return 0;
}
