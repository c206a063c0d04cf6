package kfunc

// Functions of netfilter (net/netfilter, net/ipv4/netfilter, net/ipv6/netfilter, net/bridge/netfilter).
var netfilter = []group{
	{"netfilter hooks (nftables, iptables)", []Func{
		{Name: "nf_hook_slow", Roles: RunsHook},
		{Name: "nf_hook_slow_list", Roles: RunsHook},
	}},
	{"nftables", []Func{
		{Name: "nft_do_chain", Module: "nf_tables"},
	}},
	{"nftables", []Func{
		{Name: "nft_do_chain_ipv4", Module: "nf_tables"},
		{Name: "nft_do_chain_ipv6", Module: "nf_tables"},
		{Name: "nft_do_chain_inet", Module: "nf_tables"},
		{Name: "nft_do_chain_arp", Module: "nf_tables"},
		{Name: "nft_do_chain_bridge", Module: "nf_tables"},
		{Name: "nft_do_chain_netdev", Module: "nf_tables"},
	}},
	{"nftables, trace and log", []Func{
		{Name: "nft_trace_notify", Module: "nf_tables"},
		{Name: "nft_log_eval", Module: "nft_log"},
	}},
	{"iptables", []Func{
		{Name: "ipt_do_table", Module: "ip_tables"},
		{Name: "ip6t_do_table", Module: "ip6_tables"},
	}},
	{"ebtables", []Func{
		{Name: "ebt_do_table", Module: "ebtables"},
	}},
	{"netfilter, asking a program (NFQUEUE)", []Func{
		{Name: "nf_reinject", Inlined: "6.12 7.2"},
		{Name: "nf_queue"},
		{Name: "nfqnl_enqueue_packet", Module: "nfnetlink_queue"},
	}},
	{"netfilter, a program's answer (NFQUEUE)", []Func{
		{Name: "nfqnl_recv_verdict", Roles: FreesCopy, Module: "nfnetlink_queue"},
		{Name: "nfqnl_mangle", Roles: FreesCopy, Module: "nfnetlink_queue", Inlined: "all"},
	}},
	{"connection tracking", []Func{
		{Name: "nf_conntrack_in", Module: "nf_conntrack"},
		{Name: "nf_confirm", Module: "nf_conntrack", Was: "ipv4_confirm"},
		{Name: "ipv4_confirm", Module: "nf_conntrack", On: "5.10 6.1"},
	}},
	{"NAT", []Func{
		{Name: "nf_nat_inet_fn", Module: "nf_nat"},
		{Name: "nf_nat_ipv4_pre_routing", Way: In, Module: "nf_nat"},
		{Name: "nf_nat_ipv4_local_in", Way: In, Module: "nf_nat"},
		{Name: "nf_nat_ipv4_local_fn", Way: Out, Module: "nf_nat"},
		{Name: "nf_nat_ipv4_out", Way: Out, Module: "nf_nat"},
		{Name: "nf_nat_ipv6_fn", Module: "nf_nat"},
		{Name: "nf_nat_ipv6_in", Way: In, Module: "nf_nat"},
		{Name: "nf_nat_ipv6_local_in", Way: In, Module: "nf_nat", On: "6.12 7.2"},
		{Name: "nf_nat_ipv6_local_fn", Way: Out, Module: "nf_nat"},
		{Name: "nf_nat_ipv6_out", Way: Out, Module: "nf_nat"},
	}},
	{"netfilter, answering with a reset or an ICMP error", []Func{
		{Name: "nf_send_reset", Module: "nf_reject_ipv4"},
		{Name: "nf_send_unreach", Module: "nf_reject_ipv4"},
	}},
	{"netfilter, a rule's copy of the packet", []Func{
		{Name: "nf_dup_ipv4", Roles: FreesCopy, Module: "nf_dup_ipv4"},
		{Name: "nf_dup_ipv6", Roles: FreesCopy, Module: "nf_dup_ipv6"},
	}},
	{"SYNPROXY", []Func{
		{Name: "nft_synproxy_eval_v4", Module: "nft_synproxy", Inlined: "all"},
		{Name: "nft_synproxy_eval_v6", Module: "nft_synproxy", Inlined: "all"},
		{Name: "synproxy_tg4", Module: "ipt_SYNPROXY"},
		{Name: "synproxy_tg6", Module: "ip6t_SYNPROXY"},
	}},
}
