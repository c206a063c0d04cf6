// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// What nftables did with a packet that is traced: net/netfilter/nf_tables_trace.c.
#pragma once

// Where things are in nf_tables, which is a module: user space finds them in its BTF.
struct nft_layout {
	__u8 by_args;      // nft_trace_notify(pkt, verdict, rule, info), since 6.4; else (info)
	__u8 handle_shift; // struct nft_rule_dp, or struct nft_rule until 5.16: handle is 42 bits
	__u8 dlen_shift;   // and dlen 12 bits
	__u8 chain_at_end; // the chain is in the rule behind the last, since 6.4
	__u16 info_pkt, info_basechain, info_chain, info_rule, info_verdict, info_type;
	__u16 pkt_skb;
	__u16 rule_bits, rule_size, last_chain;
	__u16 basechain_policy, basechain_chain;
	__u16 chain_table, chain_name;
	__u16 table_name, table_family;
	__u16 verdict_chain;
};
const volatile struct nft_layout nft = {};
const volatile __u32 nft_verdicts = 0; // the steps that are wanted: NFT_BIT of each verdict; 0: all

// Verdicts are from -5 (return) to 5 (stop): include/uapi/linux/netfilter.h and netfilter/nf_tables.h.
#define NFT_BIT(code) (1U << ((code) + 5))
#define NFT_POLICY 1         // enum nft_trace_types
#define NF_VERDICT_MASK 0xff // a queue's number and an error are above

static __always_inline __u64 pointer_at(__u64 object, __u16 offset)
{
	__u64 p = 0;

	bpf_probe_read_kernel(&p, sizeof(p), (void *)object + offset);
	return p;
}

static __always_inline __u64 nft_info_of(struct pt_regs *regs)
{
	return nft.by_args ? loaded(REG_ARG4(regs)) : loaded(REG_ARG1(regs));
}

static __always_inline __u64 nft_skb(struct pt_regs *regs)
{
	__u64 pkt = nft.by_args ? loaded(REG_ARG1(regs)) : pointer_at(loaded(REG_ARG1(regs)), nft.info_pkt);

	return pointer_at(pkt, nft.pkt_skb);
}

// Rules lie one behind the other; the one that is marked as last names the chain.
static long next_rule(__u32 i, __u64 *rule)
{
	__u64 bits = pointer_at(*rule, nft.rule_bits);

	if (bits & 1)
		return 1;
	*rule += nft.rule_size + (bits >> nft.dlen_shift & 0xfff);
	return 0;
}

// More rules than that in one chain: its name is not found.
#define MAX_RULES (1 << 16)

static __always_inline __u64 nft_chain(__u64 info, __u64 rule)
{
	if (!nft.chain_at_end)
		return pointer_at(info, nft.info_chain);
	if (!rule)
		return pointer_at(info, nft.info_basechain) + nft.basechain_chain;
	if (have_loop)
		bpf_loop(MAX_RULES, next_rule, &rule, 0);
	if (!(pointer_at(rule, nft.rule_bits) & 1))
		return 0;
	return pointer_at(rule, nft.last_chain);
}

static __noinline void fill_nft(struct nft_info *n, struct pt_regs *regs)
{
	__u64 info = nft_info_of(regs), rule, verdict, basechain, chain, table;

	__builtin_memset(n, 0, sizeof(*n));
	if (nft.by_args) {
		verdict = loaded(REG_ARG2(regs));
		rule = loaded(REG_ARG3(regs));
	} else {
		verdict = pointer_at(info, nft.info_verdict);
		rule = pointer_at(info, nft.info_rule);
	}
	bpf_probe_read_kernel(&n->type, 1, (void *)info + nft.info_type);
	bpf_probe_read_kernel(&n->code, 4, (void *)verdict);
	if (rule) {
		n->has_rule = 1;
		n->handle = pointer_at(rule, nft.rule_bits) >> nft.handle_shift & ((1ULL << 42) - 1);
	}
	basechain = pointer_at(info, nft.info_basechain);
	if (basechain)
		bpf_probe_read_kernel(&n->policy, 1, (void *)basechain + nft.basechain_policy);
	chain = nft_chain(info, rule);
	if (chain) {
		bpf_probe_read_kernel_str(n->chain, NFT_NAME, (void *)pointer_at(chain, nft.chain_name));
		table = pointer_at(chain, nft.chain_table);
		bpf_probe_read_kernel_str(n->table, NFT_NAME, (void *)pointer_at(table, nft.table_name));
		bpf_probe_read_kernel(&n->family, 1, (void *)table + nft.table_family);
		n->family &= 0x3f;
	}
	// NFT_JUMP, NFT_GOTO (include/uapi/linux/netfilter/nf_tables.h)
	if (n->code == (__u32)-3 || n->code == (__u32)-4) {
		chain = pointer_at(verdict, nft.verdict_chain);
		bpf_probe_read_kernel_str(n->jump, NFT_NAME, (void *)pointer_at(chain, nft.chain_name));
	}
}

// A step in a chain of --nft-trace, whose tables are called skb-collect-PID, is no part of what the host does.
// Base chains and what they jump to are of one table.
static __always_inline bool nft_is_own(__u64 basechain)
{
	__u64 table = pointer_at(basechain, nft.basechain_chain + nft.chain_table), words[2] = {};

	bpf_probe_read_kernel(words, 12, (void *)pointer_at(table, nft.table_name));
	return words[0] == 0x6c6c6f632d626b73 && words[1] == 0x2d746365; // "skb-coll", "ect-"
}

static __noinline bool nft_wanted(struct pt_regs *regs)
{
	__u64 info = nft_info_of(regs), verdict, basechain = pointer_at(info, nft.info_basechain);
	__s32 code = 0;
	__u8 type = 0, policy = 0;

	if (nft_verdicts) {
		verdict = nft.by_args ? loaded(REG_ARG2(regs)) : pointer_at(info, nft.info_verdict);
		bpf_probe_read_kernel(&code, 4, (void *)verdict);
		bpf_probe_read_kernel(&type, 1, (void *)info + nft.info_type);
		if (code > 0)
			code &= NF_VERDICT_MASK;
		if (type == NFT_POLICY) {
			bpf_probe_read_kernel(&policy, 1, (void *)basechain + nft.basechain_policy);
			code = policy;
		}
		if (code < -5 || code > 5 || !(nft_verdicts & NFT_BIT(code)))
			return false;
	}
	return !nft_is_own(basechain);
}
