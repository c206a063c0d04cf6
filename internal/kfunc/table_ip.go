package kfunc

// Functions of IPv4, IPv6 and what serves them: reassembly, routing, neighbours, ARP, ICMP, IGMP (net/ipv4, net/ipv6,
// net/core/neighbour.c, net/core/dst.c).
var ip = []group{
	{"IPv4 receive, checking the header", []Func{
		{Name: "ip_rcv", Class: Receive, Way: In, Hook: "prerouting", Roles: OtherHost},
		{Name: "ip_rcv_core", Class: Receive, Way: In, Roles: OtherHost},
		{Name: "ip_list_rcv", Way: In},
	}},
	{"IPv4 receive, a batch of packets", []Func{
		{Name: "ip_sublist_rcv", Way: In, Hook: "prerouting"},
	}},
	{"IPv4 receive, looking for a route", []Func{
		{Name: "ip_rcv_finish", Way: In},
		{Name: "ip_rcv_finish_core", Way: In},
	}},
	{"IP receive, looking for a socket before there is a route", []Func{
		{Name: "tcp_v4_early_demux", Way: In, Inlined: "7.2"},
		{Name: "tcp_v6_early_demux", Way: In, Inlined: "7.2"},
		{Name: "udp_v4_early_demux", Way: In},
		{Name: "udp_v6_early_demux", Way: In},
	}},
	{"IPv4 receive, handing over to the protocol", []Func{
		{Name: "ip_local_deliver", Way: In, Hook: "input", Roles: OnlyHook},
		{Name: "ip_local_deliver_finish", Way: In},
		{Name: "ip_protocol_deliver_rcu", Way: In},
	}},
	{"IPv6 receive, checking the header", []Func{
		{Name: "ipv6_rcv", Class: Receive, Way: In, Hook: "prerouting", Roles: OtherHost},
		{Name: "ip6_rcv_core", Way: In, Roles: OtherHost},
		{Name: "ipv6_list_rcv", Way: In},
	}},
	{"IPv6 receive, a batch of packets", []Func{
		{Name: "ip6_sublist_rcv", Way: In, Hook: "prerouting"},
	}},
	{"IPv6 receive, looking for a route", []Func{
		{Name: "ip6_rcv_finish", Way: In},
		{Name: "ip6_rcv_finish_core", Way: In},
	}},
	{"IPv6 receive, handing over to the protocol", []Func{
		{Name: "ip6_input", Way: In, Hook: "input", Roles: OnlyHook},
		{Name: "ip6_input_finish", Way: In},
		{Name: "ip6_protocol_deliver_rcu", Way: In},
	}},
	{"multicast receive and routing", []Func{
		{Name: "ip6_mc_input", Way: In},
		{Name: "ip_mr_input", Way: In},
		{Name: "ip6_mr_input", Way: In},
	}},
	{"IPv4 reassembly", []Func{
		{Name: "ip_defrag"},
		{Name: "ip_frag_queue", Inlined: "all"},
		{Name: "ip_check_defrag"},
	}},
	{"IPv6 reassembly", []Func{
		{Name: "ipv6_frag_rcv", Way: In},
		{Name: "ip6_frag_queue", Inlined: "all"},
	}},
	{"reassembly, giving up", []Func{
		{Name: "ip_expire"},
		{Name: "ip6_frag_expire"},
		{Name: "inet_frag_rbtree_purge"},
		{Name: "inet_frag_destroy", Roles: Links},
	}},
	{"reassembly", []Func{
		{Name: "inet_frag_queue_insert", Roles: Links},
		{Name: "inet_frag_reasm_finish", Roles: Links},
	}},
	{"IPv4 forwarding", []Func{
		{Name: "ip_forward", Hook: "forward", Roles: OnlyHook},
		{Name: "ip_forward_finish"},
	}},
	{"IPv6 forwarding", []Func{
		{Name: "ip6_forward", Hook: "forward", Roles: OnlyHook},
		{Name: "ip6_forward_finish"},
	}},
	{"IPv4 routing, no way to the destination", []Func{
		{Name: "ip_error", Way: In},
	}},
	{"IPv6 routing, no way to the destination", []Func{
		{Name: "ip6_pkt_drop"},
		{Name: "ip6_pkt_discard", Way: In},
		{Name: "ip6_pkt_discard_out", Way: Out},
		{Name: "ip6_pkt_prohibit", Way: In},
		{Name: "ip6_pkt_prohibit_out", Way: Out},
	}},
	{"routing, a route that discards", []Func{
		{Name: "dst_discard_out"},
		{Name: "dst_discard"},
	}},
	{"IPv4 send, from a socket", []Func{
		{Name: "__ip_queue_xmit", Way: Out},
		{Name: "ip_queue_xmit", Way: Out},
		{Name: "__ip_local_out", Way: Out, Hook: "output"},
	}},
	{"IP send, from a socket", []Func{
		{Name: "ip_local_out", Way: Out},
		{Name: "ip_send_skb", Way: Out},
		{Name: "ip_build_and_send_pkt", Way: Out},
		{Name: "ip_mc_output", Way: Out, Hook: "postrouting"},
		{Name: "ip6_local_out", Way: Out},
		{Name: "__ip6_local_out", Way: Out, Hook: "output"},
		{Name: "ip6_send_skb", Way: Out},
		{Name: "inet6_csk_xmit", Way: Out},
	}},
	{"IPv4 send", []Func{
		{Name: "ip_output", Way: Out, Hook: "postrouting"},
		{Name: "ip_finish_output", Way: Out},
		{Name: "__ip_finish_output", Way: Out},
		{Name: "ip_finish_output2", Way: Out},
	}},
	{"IPv6 send", []Func{
		{Name: "ip6_output", Way: Out, Hook: "postrouting"},
		{Name: "ip6_finish_output", Way: Out},
		{Name: "__ip6_finish_output", Way: Out, Inlined: "6.1 6.12 7.2"},
		{Name: "ip6_finish_output2", Way: Out},
		{Name: "ip6_xmit", Way: Out, Hook: "output"},
	}},
	{"IP send, fragmenting", []Func{
		{Name: "ip_fragment", Way: Out},
		{Name: "ip_do_fragment", Way: Out},
		{Name: "ip_finish_output_gso", Way: Out, Inlined: "all"},
		{Name: "ip6_fragment", Way: Out},
	}},
	{"IP send, fragmenting", []Func{
		{Name: "ip_fraglist_prepare", Way: Out, Roles: Links},
		{Name: "ip_frag_next", Way: Out, Roles: Links},
		{Name: "ip6_fraglist_prepare", Way: Out, Roles: Links},
		{Name: "ip6_frag_next", Way: Out, Roles: Links},
	}},
	{"sending, waiting for the next hop's MAC address", []Func{
		{Name: "__neigh_event_send", Way: Out},
		{Name: "neigh_resolve_output", Way: Out},
		{Name: "neigh_connected_output", Way: Out},
	}},
	{"IP send", []Func{
		{Name: "neigh_direct_output", Way: Out},
	}},
	{"sending, the next hop's MAC address was not found", []Func{
		{Name: "neigh_invalidate"},
		{Name: "neigh_timer_handler"},
		{Name: "arp_error_report", Way: Out},
		{Name: "ndisc_error_report", Way: Out},
	}},
	{"a neighbour entry, removed with what waited for its address", []Func{
		{Name: "neigh_destroy"},
	}},
	{"sending, the neighbour entry is gone", []Func{
		{Name: "neigh_blackhole", Way: Out},
	}},
	{"ARP receive", []Func{
		{Name: "arp_rcv", Way: In, Hook: "ARP input"},
		{Name: "arp_process", Way: In},
	}},
	{"ARP send", []Func{
		{Name: "arp_xmit", Way: Out, Hook: "ARP output"},
	}},
	{"IPv6 Neighbour Discovery", []Func{
		{Name: "ndisc_rcv", Way: In},
		{Name: "ndisc_recv_ns", Way: In},
		{Name: "ndisc_recv_na", Way: In},
		{Name: "ndisc_recv_rs", Way: In},
	}},
	{"ICMP receive", []Func{
		{Name: "icmp_rcv", Way: In, Roles: LeftOver},
		{Name: "icmpv6_rcv", Way: In, Roles: LeftOver},
	}},
	{"ICMP, making an error", []Func{
		{Name: "ip6_err_gen_icmpv6_unreach", Way: In, Roles: FreesCopy},
	}},
	{"IGMP receive", []Func{
		{Name: "igmp_rcv", Way: In},
	}},
	{"MLD receive", []Func{
		{Name: "__mld_query_work", Way: In, On: "6.1 6.12 7.2", Inlined: "all"},
		{Name: "__mld_report_work", Way: In, On: "6.1 6.12 7.2", Inlined: "all"},
	}},
	{"IGMP and MLD snooping", []Func{
		{Name: "skb_checksum_trimmed", Roles: FreesCopy},
		{Name: "ip_mc_check_igmp", Roles: FreesCopy},
		{Name: "ip_mc_check_igmp_csum", Roles: FreesCopy, Inlined: "all"},
		{Name: "ipv6_mc_check_icmpv6", Roles: FreesCopy, Inlined: "all"},
		{Name: "ipv6_mc_check_mld", Roles: FreesCopy},
	}},
}
