package kfunc

// Functions of UDP, of raw sockets and those of ping, and of other transports (net/ipv4/udp.c, net/ipv6/udp.c, raw.c,
// ping.c, net/sctp, net/dccp, net/rxrpc).
var udp = []group{
	{"UDP receive, looking for a socket", []Func{
		{Name: "__udp4_lib_rcv", Class: Handed, Way: In, Roles: Datagrams, On: "5.10 6.1 6.12"},
		{Name: "__udp6_lib_rcv", Class: Handed, Way: In, Roles: Datagrams, On: "5.10 6.1 6.12"},
		{Name: "udp_rcv", Class: Handed, Way: In, Roles: Datagrams},
		{Name: "udpv6_rcv", Class: Handed, Way: In, Roles: Datagrams},
	}},
	{"UDP receive, handing over to the socket", []Func{
		{Name: "udp_unicast_rcv_skb", Class: Handed, Way: In, Roles: Datagrams},
		{Name: "udp6_unicast_rcv_skb", Class: Handed, Way: In, Roles: Datagrams},
	}},
	{"UDP receive, into the socket's queue", []Func{
		{Name: "udp_queue_rcv_skb", Class: Handed, Way: In, Roles: Datagrams},
		{Name: "udpv6_queue_rcv_skb", Class: Handed, Way: In, Roles: Datagrams},
		{Name: "udp_queue_rcv_one_skb", Class: Handed, Way: In, Roles: Datagrams},
		{Name: "udpv6_queue_rcv_one_skb", Class: Handed, Way: In, Roles: Datagrams},
		{Name: "__udp_enqueue_schedule_skb", Class: Deliver, Way: In},
	}},
	{"UDP receive, multicast to all sockets that joined", []Func{
		{Name: "__udp4_lib_mcast_deliver", Way: In, Inlined: "all"},
		{Name: "__udp6_lib_mcast_deliver", Way: In, Inlined: "all"},
	}},
	{"UDP, a program reading from its socket", []Func{
		{Name: "udp_recvmsg"},
		{Name: "udpv6_recvmsg"},
		{Name: "__first_packet_length"},
	}},
	{"UDP, a program reading from its socket", []Func{
		{Name: "skb_consume_udp", Class: Read, Way: In},
	}},
	{"UDP send", []Func{
		{Name: "udp_send_skb", Way: Out},
		{Name: "udp_v6_send_skb", Way: Out},
	}},
	{"ICMP receive, for a ping socket", []Func{
		{Name: "ping_rcv", Class: Deliver, Way: In, Roles: LeftOver},
		{Name: "ping_queue_rcv_skb", Class: Deliver, Way: In},
		{Name: "__ping_queue_rcv_skb", Way: In, On: "6.1 6.12 7.2"},
	}},
	{"raw socket receive", []Func{
		{Name: "raw_rcv", Class: Deliver, Way: In},
		{Name: "raw_rcv_skb", Class: Deliver, Way: In},
		{Name: "rawv6_rcv", Class: Deliver, Way: In},
		{Name: "rawv6_rcv_skb", Way: In},
		{Name: "raw_local_deliver", Way: In},
	}},
	{"raw socket send", []Func{
		{Name: "raw_sendmsg", Hook: "output"},
		{Name: "rawv6_sendmsg", Hook: "output"},
	}},
	{"SCTP", []Func{
		{Name: "sctp_rcv", Class: Handed, Way: In, Roles: Chunks, Module: "sctp"},
		{Name: "sctp_chunk_destroy", Module: "sctp", Inlined: "all"},
		{Name: "sctp_recvmsg", Roles: Reads, Module: "sctp"},
	}},
	{"DCCP", []Func{
		{Name: "dccp_rcv_state_process", Way: In, Module: "dccp", On: "5.10 6.1 6.12"},
		{Name: "dccp_recvmsg", Module: "dccp", On: "5.10 6.1 6.12"},
	}},
	{"AF_RXRPC", []Func{
		{Name: "rxrpc_input_packet", Way: In, Module: "rxrpc"},
		{Name: "rxrpc_free_skb", Module: "rxrpc"},
	}},
}
