// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// The hooks that users choose with -p.
#pragma once

// The n-th of the 64-bit values in the context of a raw tracepoint or tracing program.
// n is a setting, so constant when verified; but the verifier wants the offset in the
// load itself, not in a register, and clang would merge the branches into that: hence asm.
#define CTX_LOAD(n) \
	case n: \
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

// Entry of a function whose n-th argument is an sk_buff: one program for each n serves
// every such function.
#define FUNCTION(n) \
	SEC("kprobe/skb_arg" #n) \
	int function_arg##n(struct pt_regs *ctx) \
	{ \
		return on_function((struct sk_buff *)REG_ARG##n(ctx), ctx); \
	}
FUNCTION(1)
FUNCTION(2)
FUNCTION(3)
FUNCTION(4)
FUNCTION(5)

// A return: the entry keeps the sk_buff under the stack pointer, which no other call
// shares until this one has returned, but for functions that jump to the next one as their
// last act: hence the function, where programs can ask for it.
struct call_key {
	__u64 sp;
	__u64 function;
};

struct call {
	__u64 skb;
	__u64 head;
	__u64 id;
	__u64 releases; // of the buffer, until then
	__u64 function;
	__u64 has;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 14);
	__type(key, struct call_key);
	__type(value, struct call);
} calls SEC(".maps");

static __always_inline int on_call(struct pt_regs *ctx, __u64 skb)
{
	struct call_key key = {.sp = REG_SP(ctx), .function = func_ip ? bpf_get_func_ip(ctx) : 0};
	struct call c = {.skb = skb};
	struct buffer *b;
	struct look l;

	if (!skb || !look_at(&l, (struct sk_buff *)skb) || !wanted(&l, &c.id)) {
		// What a return that the kernel missed left here must not pass for this call's.
		bpf_map_delete_elem(&calls, &key);
		return 0;
	}
	c.function = function_of(ctx);
	c.head = (__u64)l.head;
	b = buffer_of(c.head);
	if (b)
		c.releases = b->releases;
	c.has = c.id ? HAS_ID : 0;
	if (bpf_map_update_elem(&calls, &key, &c, BPF_NOEXIST)) {
		count_loss(LOSS_RETURN, l.ts); // that one's, or this one's
		bpf_map_update_elem(&calls, &key, &c, BPF_ANY);
	}
	return 0;
}

#define CALL(n) \
	SEC("kprobe/call_arg" #n) \
	int call_arg##n(struct pt_regs *ctx) \
	{ \
		return on_call(ctx, REG_ARG##n(ctx)); \
	}
CALL(1)
CALL(2)
CALL(3)
CALL(4)
CALL(5)

// Most functions that take an sk_buff have passed it on or freed it by the time they
// return. It is looked at again only if its buffer is known to be alive and no sk_buff has
// let go of it since; otherwise the event says what was returned, and of which packet, and
// no more.
SEC("kprobe/return")
int function_return(struct pt_regs *ctx)
{
	// The return address has been popped by now, on x86 off the stack; only where the
	// function graph tracer brought us here sp still is what it was.
	struct call_key key = {.sp = REG_SP(ctx) - RETURN_SIZE, .function = func_ip ? bpf_get_func_ip(ctx) : 0};
	struct call *found = bpf_map_lookup_elem(&calls, &key), c;
	struct hit h = {.ctx = ctx};
	struct buffer *b;
	struct look l;
	bool alive;

	if (!found && func_ip) {
		key.sp = REG_SP(ctx);
		found = bpf_map_lookup_elem(&calls, &key);
	}
	if (!found)
		return 0;
	c = *found;
	bpf_map_delete_elem(&calls, &key);
	l.ts = bpf_ktime_get_ns();
	h.probe = c.function;
	h.retval = REG_RET(ctx);
	h.id = c.id;
	h.has = (c.has & HAS_ID) | HAS_RET;
	b = c.has & HAS_ID ? buffer_of(c.head) : NULL;
	alive = b && b->id == c.id && b->releases == c.releases && look_at(&l, (struct sk_buff *)c.skb) &&
		(__u64)l.head == c.head;
	if (alive) {
		report(&l, &h);
	} else {
		write_gone(c.skb, c.head, l.ts, &h);
	}
	return 0;
}

// A tracepoint: loaded once for each, with its own settings.
SEC("raw_tracepoint/skb")
int tracepoint(void *ctx)
{
	struct hit h = {.ctx = ctx, .probe = probe_number};

	if (is_drop) {
		h.drop.location = ctx_arg(ctx, location_arg);
		h.has |= HAS_DROP;
		if (reason_arg != 0xff) {
			h.drop.reason = ctx_arg(ctx, reason_arg);
			h.has |= HAS_REASON;
		}
		if (rx_sk_arg != 0xff) {
			h.drop.rx_sk = ctx_arg(ctx, rx_sk_arg);
			h.has |= HAS_RX_SK;
		}
	}
	return on_tracepoint((struct sk_buff *)ctx_arg(ctx, skb_arg), &h);
}

// nft_trace_notify has its sk_buff in a struct of nf_tables.
SEC("kprobe/nft_trace")
int on_nft_trace(struct pt_regs *ctx)
{
	return on_function((struct sk_buff *)nft_skb(ctx), ctx);
}
