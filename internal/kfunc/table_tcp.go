package kfunc

// Functions and tracepoints of TCP, and of what is above it (net/ipv4/tcp*.c, net/ipv6/tcp_ipv6.c, net/mptcp).
var tcp = []group{
	{"TCP receive, looking for a socket", []Func{
		{Name: "tcp_v4_rcv", Class: Handed, Way: In},
		{Name: "tcp_v6_rcv", Class: Handed, Way: In},
	}},
	{"TCP receive, waiting for a busy socket", []Func{
		{Name: "tcp_add_backlog", Class: Handed, Way: In},
	}},
	{"TCP receive, the socket's filter", []Func{
		{Name: "tcp_filter", Class: Handed, Way: In, Inlined: "7.2"},
	}},
	{"TCP receive, in the socket", []Func{
		{Name: "tcp_v4_do_rcv", Class: Handed, Way: In},
		{Name: "tcp_v6_do_rcv", Class: Handed, Way: In},
	}},
	{"TCP receive, on an established connection", []Func{
		{Name: "tcp_rcv_established", Class: Handed, Way: In, Roles: Established},
	}},
	{"TCP receive, opening or closing a connection", []Func{
		{Name: "tcp_rcv_state_process", Class: Handed, Way: In},
		{Name: "tcp_rcv_synsent_state_process", Way: In, Inlined: "all"},
	}},
	{"TCP receive, on a connection that is closed and not forgotten yet", []Func{
		{Name: "tcp_timewait_state_process", Class: Handed, Way: In, Roles: Established},
	}},
	{"TCP receive, checking sequence numbers", []Func{
		{Name: "tcp_validate_incoming", Class: Handed, Way: In, Roles: Established},
	}},
	{"TCP receive, an acknowledgement", []Func{
		{Name: "tcp_ack", Class: Handed, Way: In, Roles: Established},
	}},
	{"TCP receive, into the socket's queue", []Func{
		{Name: "tcp_data_queue", Class: Handed, Way: In, Roles: Established},
		{Name: "tcp_data_queue_ofo", Way: In, Inlined: "all"},
	}},
	{"TCP receive, from the queue of segments out of order", []Func{
		{Name: "tcp_ofo_queue", Inlined: "all"},
	}},
	{"TCP receive, into the socket's queue", []Func{
		{Name: "tcp_queue_rcv", Class: Deliver, Way: In},
		{Name: "tcp_event_data_recv", Class: Deliver, Way: In},
		{Name: "tcp_fastopen_add_skb", Class: Deliver, Way: In},
	}},
	{"TCP receive, making room in the buffer", []Func{
		{Name: "tcp_prune_ofo_queue"},
		{Name: "tcp_collapse"},
		{Name: "tcp_try_rmem_schedule", Way: In},
	}},
	{"TCP receive, a new connection", []Func{
		{Name: "tcp_conn_request", Class: Handed, Way: In},
		{Name: "tcp_v4_conn_request", Class: Handed, Way: In},
		{Name: "tcp_v6_conn_request", Class: Handed, Way: In},
		{Name: "tcp_check_req", Way: In},
		{Name: "tcp_child_process", Class: Handed, Way: In},
	}},
	{"TCP, the answer to a SYN", []Func{
		{Name: "tcp_make_synack", Class: Deliver},
	}},
	{"TCP receive, the end of a handshake by SYN cookie", []Func{
		{Name: "cookie_v4_check", Way: In},
		{Name: "cookie_v6_check", Way: In},
	}},
	{"TCP send", []Func{
		{Name: "__tcp_transmit_skb", Way: Out, Roles: Sends},
		{Name: "tcp_transmit_skb", Way: Out, Roles: Sends, Inlined: "all"},
		{Name: "__tcp_retransmit_skb", Way: Out, Roles: Sends | SendsAgain},
		{Name: "tcp_retransmit_skb", Way: Out, Roles: Sends | SendsAgain},
		{Name: "tcp:tcp_retransmit_skb", Way: Out, Roles: Sends | SendsAgain},
		{Name: "__tcp_v4_send_check", Way: Out, Inlined: "7.2"},
		{Name: "tcp_v4_send_check", Way: Out, Inlined: "7.2"},
	}},
	{"TCP, answering with a reset", []Func{
		{Name: "tcp_v4_send_reset", Way: In, Roles: Resets},
		{Name: "tcp_v6_send_reset", Way: In, Roles: Resets},
	}},
	// TCP frees what it has no use for.
	{"", []Func{
		{Name: "tcp_drop", Way: In, Roles: Frees, On: "5.10", Inlined: "all"},
		{Name: "tcp_drop_reason", Way: In, Roles: Frees, Was: "tcp_drop", On: "6.1 6.12 7.2", Inlined: "6.1 6.12"},
		{Name: "tcp_wfree", Class: Neutral},
	}},
	{"MPTCP receive", []Func{
		{Name: "mptcp_drop", Way: In, Inlined: "5.10 6.1 6.12"},
	}},
}
