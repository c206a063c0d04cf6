// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// The identity of a data buffer: a number that is never given twice, kept by the
// address of skb->head until the buffer is released.
#pragma once

// Numbers are made per cpu and per nesting level, without atomics: a program that
// interrupts another on the same cpu ends before the other goes on, so what it finds at
// its own level nobody else touches. (bpf_ktime_get_ns alone would not do: two buffers
// are first seen in one tick of a coarse clock. Atomic fetch-and-add needs 5.12.)
static __always_inline __u64 new_id(void)
{
	__u32 zero = 0, level;
	struct cpu_state *s = bpf_map_lookup_elem(&cpu_states, &zero);
	__u64 n;

	if (!s)
		return 0;
	level = s->level;
	s->level = level + 1;
	asm volatile("" ::: "memory");
	n = ++s->next[level & (LEVELS - 1)];
	asm volatile("" ::: "memory");
	s->level = level;
	return ((n * LEVELS + (level & (LEVELS - 1))) << cpu_bits) | bpf_get_smp_processor_id();
}

static __always_inline struct buffer *buffer_of(const void *head)
{
	__u64 key = (__u64)head;

	return bpf_map_lookup_elem(&buffers, &key);
}

// Gives the buffer at head the identity id. False when the map is full: a loss.
static __noinline bool remember(__u64 head, __u64 id, __u64 ts)
{
	struct buffer b = {.id = id, .seen = ts};

	if (id && bpf_map_update_elem(&buffers, &head, &b, BPF_ANY) == 0)
		return true;
	count_loss(LOSS_IDENTITY, ts);
	return false;
}
