// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// The kernel's symbols of some names, out of all: a reader of /proc/kallsyms has the kernel write
// all 150,000 down and takes each apart again, which is a quarter of a start. An iterator
// (BPF_LINK_TYPE_ITER, kernel/kallsyms.c, since 6.0) sees them before.
#pragma once

struct kallsym_iter {
	unsigned long value;
	char type;
	char name[128];
	char module_name[56];
} __attribute__((preserve_access_index));

struct bpf_iter_meta {
	struct seq_file *seq;
} __attribute__((preserve_access_index));

struct bpf_iter__ksym {
	struct bpf_iter_meta *meta;
	struct kallsym_iter *ksym;
};

// A bit for each hash of eight bytes that one of the names begins with.
#define NAME_BITS 16
struct name_bits {
	__u64 words[(1 << NAME_BITS) / 64];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct name_bits);
} names SEC(".maps");

// Writes the symbols whose names begin like one that is wanted, a line each as
// /proc/kallsyms has it, for user space to compare.
SEC("iter/ksym")
int on_symbol(struct bpf_iter__ksym *ctx)
{
	char line[] = "%lx %c %s\t[%s]\n";
	struct kallsym_iter *s = ctx->ksym;
	__u64 begin, zero, args[4];
	struct name_bits *bits;
	__u32 key = 0, hash;

	if (!s)
		return 0;
	bits = bpf_map_lookup_elem(&names, &key);
	if (!bits)
		return 0;
	// In one load, where clang would make one of each byte.
	asm volatile("%0 = *(u64 *)(%1 + 0)" : "=r"(begin) : "r"(&s->name));
	// What is behind the end of a short name was another's.
	zero = (begin - 0x0101010101010101ull) & ~begin & 0x8080808080808080ull;
	if (zero)
		begin &= ((zero & -zero) >> 7) - 1;
	hash = begin * 0x9e3779b97f4a7c15ull >> (64 - NAME_BITS);
	if (!(bits->words[hash / 64 % ((1 << NAME_BITS) / 64)] >> hash % 64 & 1))
		return 0;
	args[0] = s->value;
	args[1] = s->type;
	args[2] = (__u64)&s->name;
	args[3] = (__u64)&s->module_name;
	bpf_seq_printf(ctx->meta->seq, line, sizeof(line), args, sizeof(args));
	return 0;
}
