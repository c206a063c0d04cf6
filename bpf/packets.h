// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// --packets: the first so many packets that pass the filters are followed to their end, and nothing
// else is reported.
#pragma once

const volatile bool packets = false;

// With `packets`, or with --sample (bpf/sample.h): identities may be UNWANTED.
const volatile bool picks = false;

// User space writes all of it until it opens the gate, and from then on none of it.
volatile struct countdown first_packets SEC(".data.packets");

// The packets that were let in, by their identity. It has as many entries as packets are wanted: that
// an update of a full map fails is what keeps cpus that race from letting in one more, on kernels too
// that have no atomic instruction which tells what it found (before 5.12).
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u64);
} let_in SEC(".maps");

// A packet that is on its way as the gate opens would be seen without its start. What is seen just
// before gets an identity with this bit, and all that comes from it: it is never reported. So does
// what --sample leaves out.
#define UNWANTED (1ULL << 63)

static __always_inline bool unwanted(__u64 id)
{
	return picks && id & UNWANTED;
}

// The identity `id` of a buffer that comes from one with the identity `from`.
static __always_inline __u64 id_from(__u64 id, __u64 from)
{
	return picks && id ? id | (from & UNWANTED) : id;
}

// A buffer of a followed packet is known from now on (1), or is no more (-1).
static __always_inline void count_followed(__u64 id, __s32 n)
{
	if (packets && id && !(id & UNWANTED))
		__sync_fetch_and_add(&first_packets.buffers, n);
}

// The same for one that is with Open vSwitch's user space.
static __always_inline void count_away(__u64 id, __s32 n)
{
	if (packets && id && !(id & UNWANTED))
		__sync_fetch_and_add(&first_packets.away, n);
}
