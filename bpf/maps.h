// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#pragma once

// Settings: written by user space before the load, constants to the verifier,
// which removes the code that they turn off.
const volatile __u32 snaplen = 256;
const volatile bool track = true;         // keep the buffer map: identity
const volatile bool follow = true;        // a buffer that matched once is reported ever after
const volatile bool lifetimes = true;     // write link and free records
const volatile bool direct_loads = false; // bpf_rdonly_cast may be called
const volatile bool func_ip = false;      // bpf_get_func_ip may be called
const volatile bool atomic_fetch = false; // BPF_ATOMIC with BPF_FETCH may be used
const volatile __u64 probe_number = 0;    // of a tracepoint program: what its events carry as `probe`
const volatile __u8 skb_arg = 0;          // of a tracepoint or tracing program: which argument is the skb
const volatile bool received = false;     // this tracepoint is net:netif_receive_skb
const volatile bool is_drop = false;      // this tracepoint is skb:kfree_skb,
const volatile __u8 location_arg = 0xff;  // and these are its other arguments, 0xff: not on this kernel
const volatile __u8 reason_arg = 0xff;
const volatile __u8 rx_sk_arg = 0xff;
const volatile __u8 dev_arg = 0xff; // of a tracepoint that fires when the sk_buff was handed over: its other arguments,
const volatile __u8 txq_arg = 0xff; // 0xff: it has none
const volatile __u8 len_arg = 0xff;
const volatile __u8 rc_arg = 0xff;
const volatile bool deferred = false;      // another cpu may have brought the sk_buff to this tracepoint
const volatile bool no_new = false;        // what this program sees may be on its way out: it gets no identity
const volatile bool any_drop = false;      // a packet may be seen first when its drop has been announced
const volatile bool count_leaving = false; // skb_free_head is no function here that could be hooked
const volatile bool keep_released = false; // what was released last is asked for
const volatile __u8 ret_arg = 0;           // of an fexit program: where the return value is
const volatile __u8 cpu_bits = 10;         // bits that hold a cpu's number
const volatile __u32 sections = 0;         // enum section: what this program adds to its events,
const volatile __u32 more_size = 0;        // in so many bytes in front of the packet's:
const volatile __u32 stack_at = 0;         // where each begins in them
const volatile __u32 sock_at = 0;
const volatile __u32 ct_at = 0;
const volatile __u32 nft_at = 0;
const volatile __u32 caller_at = 0;
const volatile __u32 args_at = 0;
const volatile __u32 ovs_at = 0;
const volatile __u32 show_at = 0;
const volatile __u32 show_code = 0;  // of --show: what instructions internal/filter puts in
const volatile __u8 trace_args = 0;  // of a tracepoint with SECTION_ARGS: how many arguments it has
const volatile __u32 stack_size = 0; // bytes that a stack may have
const volatile __u8 sock_arg = 0;    // of a function program: which argument is a struct sock, from 1; 0: none
const volatile bool limited = false; // --limit is given, with so many events at once, in ns of its rate
const volatile __u64 limit_burst = 0;

// skb.bpf.c, which is loaded where no BPF programs are probed, does without all that is for them.
#ifdef PROBES_PROGRAMS
const volatile bool frames_on = false; // XDP programs are probed, and packets followed
const volatile bool no_skb = false;    // this program sees packets that have no sk_buff yet
#else
#define frames_on false
#define no_skb false
#endif

// Set when collecting ends: what programs do is over at the same moment for all of them, long
// before the last is taken off. In a map of its own, for user space to write it alone.
volatile __u32 off SEC(".data.off");

// With `limited`: ns between two events of a probe, on the average. User space may change it.
volatile __u64 limit_gap SEC(".data.limit");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 << 20);
} events SEC(".maps");

// One data buffer that was reported, by the address of its head.
struct buffer {
	__u64 id;
	__u64 seen;     // ns; user space collects entries whose release was missed
	__u64 merged;   // the sk_buff whose packet went into another, and that will be released next
	__u32 releases; // how many sk_buffs have let go of it
	__u32 leaving;  // with count_leaving: how many sk_buffs are within skb_release_data
	__u32 flags;    // with `limited`: enum told
	__u32 held;     // with `limited`: events that were held back since the last one
};

enum told {
	TOLD = 1,      // an event or a link of it was reported
	DROP_HELD = 2, // the event of its drop was held back
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 20);
	__type(key, __u64);
	__type(value, struct buffer);
} buffers SEC(".maps");

// Drops that skb:kfree_skb has announced, by the sk_buff, which is about to be released. Not in
// struct buffer: several cpus can be about to release clones of one.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct drop);
} drops SEC(".maps");

// The clones whose release the first on_release has seen, and the second has not.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
} releasing SEC(".maps");

// What each sk_buff's last release let go of, with keep_released.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct buffer_ref);
} released SEC(".maps");

// The sk_buffs that are within pskb_expand_head now, as they were before.
struct expansion {
	struct buffer_ref was;
	__u64 shared; // a clone held the old head too
	__u64 told;   // with `limited`: what remember takes
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct expansion);
} expanding SEC(".maps");

// The identity that the packet of an IP reassembly queue will have.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u64);
} frag_queues SEC(".maps");

// With `limited`: a probe, by what its events carry as `probe`; of a return with the highest bit changed.
struct bucket {
	__u64 ahead; // ns: see too_many
	__u64 held;  // events that were held back; of drops those for which held_drops had no room
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 10);
	__type(key, __u64);
	__type(value, struct bucket);
} buckets SEC(".maps");

// Drops that are counted without an event.
struct drop_key {
	__u64 location;
	__u32 reason;
	__u32 ifindex;  // 0: not known
	__u32 netns;    // 0: not known
	__u16 protocol; // big-endian
	__u16 pad;
};

struct drop_count {
	__u64 count;
	char dev[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 13);
	__type(key, struct drop_key);
	__type(value, struct drop_count);
} held_drops SEC(".maps");
// Packets that are in an XDP frame, which is no sk_buff's, or may be: by data_hard_start, which is the
// head of the sk_buff that is built on it. Only of those that were reported, and only with frames_on.
enum frame_state {
	FRAME_MAYBE = 1, // veth has given it to a program, as a frame or as an sk_buff: nothing tells which
	FRAME_PASSED,    // a driver goes on with it, and may build an sk_buff on it, or copy it
	FRAME_LEAVING,   // veth sends it elsewhere, and lets go of the sk_buff first, if it was one
	FRAME_FLYING,    // it is on its way to a device or cpu
};

struct frame_of {
	__u64 id;
	__u64 state;
};

#ifdef PROBES_PROGRAMS
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, struct frame_of);
} frames SEC(".maps");

static __always_inline struct frame_of *frame_at(__u64 head)
{
	return frames_on ? bpf_map_lookup_elem(&frames, &head) : NULL;
}

static __always_inline void forget_frame(__u64 head)
{
	if (frames_on)
		bpf_map_delete_elem(&frames, &head);
}
#else
static __always_inline struct frame_of *frame_at(__u64 head)
{
	return NULL;
}

static __always_inline void forget_frame(__u64 head)
{
}
#endif

struct lost {
	__u64 count;
	__u64 first; // ns, of the first since user space last looked
	__u64 last;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOSS_KINDS);
	__type(key, __u32);
	__type(value, struct lost);
} losses SEC(".maps");

#define LEVELS 4
struct cpu_state {
	__u32 level;
	__u32 pad;
	__u64 next[LEVELS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct cpu_state);
} cpu_states SEC(".maps");

// n, at most max. In asm, because clang proves such a bound unneeded, or checks one
// register and uses another, where the verifier has no proof without it. The verifier goes on first
// with all that n may be, and has then seen what follows for max, too.
static __always_inline __u64 at_most(__u64 n, __u64 max)
{
	asm volatile("if %0 > %1 goto +1\ngoto +1\n%0 = %1" : "+r"(n) : "r"(max));
	return n;
}

// 1 when any bit of v is set. Without a branch, for each of which the verifier walks all that follows
// once more.
static __always_inline __u64 any(__u64 v)
{
	__u64 n = v;

	asm volatile("%0 = -%0\n%0 |= %1\n%0 >>= 63" : "+r"(n) : "r"(v));
	return n;
}

// v, or 0 when it is less; without a branch.
static __always_inline __u64 not_negative(__s64 v)
{
	__u64 sign = v;

	asm volatile("%0 s>>= 63\n%0 ^= -1" : "+r"(sign));
	return v & sign;
}

// v, of which the verifier knows nothing any more: what it has seen of one number is then seen for
// all. Newer kernels see that without.
static __always_inline __u64 unknown(__u64 v)
{
	if (!direct_loads)
		asm volatile("%0 = -%0\n%0 = -%0" : "+r"(v));
	return v;
}

// The address of a map or of what a tracing program was given as a number: the verifier lets
// little be done with the pointer, but what bytes are swapped in is no pointer to it any more.
static __always_inline __u64 address_of(void *p)
{
	__u64 v = (__u64)p;

	asm volatile("%0 = be64 %0\n%0 = be64 %0" : "+r"(v));
	return v;
}

// v, loaded where it is written: clang would merge loads from several places of a context
// into one from a place in a register, which the verifier refuses. And it would widen what
// is loaded later, by two more instructions.
static __always_inline __u64 loaded(__u64 v)
{
	asm volatile("" : "+r"(v));
	return v;
}

// The n-th of the 64-bit values in the context of a raw tracepoint or tracing program.
// n is a setting, so constant when verified; but the verifier wants the offset in the
// load itself, not in a register, and clang would merge the branches into that: hence asm.
#define CTX_LOAD(n)                                                                  \
	case n:                                                                      \
		asm volatile("%0 = *(u64 *)(%1 + " #n " * 8)" : "=r"(v) : "r"(ctx)); \
		break;
static __always_inline __u64 ctx_arg(void *ctx, __u8 n)
{
	__u64 v = 0;

	switch (n) {
		CTX_LOAD(0)
		CTX_LOAD(1)
		CTX_LOAD(2)
		CTX_LOAD(3)
		CTX_LOAD(4)
		CTX_LOAD(5)
		CTX_LOAD(6)
		CTX_LOAD(7)
	}
	return v;
}

// *p += n, atomically, and what *p was before. As bytes: the assembler has this instruction
// only for kernels that have it. User space replaces it on those that have not.
static __always_inline __u64 fetch_add(__u64 *p, __u64 n)
{
	register __u64 *to asm("r1") = p;
	register __u64 v asm("r2") = n;

	asm volatile(".byte 0xdb, 0x21, 0, 0, 1, 0, 0, 0" : "+r"(v) : "r"(to) : "memory");
	return v;
}

static __always_inline void count_loss(enum loss what, __u64 ts)
{
	struct lost *l = bpf_map_lookup_elem(&losses, &what);

	if (!l)
		return;
	// Not atomic: an interrupt that loses too between load and store costs a count of
	// one, and the record that follows says "at least".
	l->count++;
	if (!l->first)
		l->first = ts;
	l->last = ts;
}
