package kfunc

// Functions and tracepoints of sockets of all families: filters, queues, reading, closing (net/core/sock.c,
// net/core/datagram.c, net/packet, net/unix, net/netlink and others).
var sockets = []group{
	{"socket filter", []Func{
		{Name: "sk_filter_trim_cap", Class: Neutral},
	}},
	{"into a socket's queue", []Func{
		{Name: "sock_queue_rcv_skb", Class: Deliver, Inlined: "6.1 6.12 7.2"},
		{Name: "sock_queue_rcv_skb_reason", Class: Deliver, Was: "sock_queue_rcv_skb", On: "6.1 6.12 7.2"},
		{Name: "__sock_queue_rcv_skb", Class: Deliver},
	}},
	{"a program reading", []Func{
		{Name: "skb:skb_copy_datagram_iovec", Class: Read, Roles: Whole},
		{Name: "skb_copy_datagram_iter", Class: Read, Roles: Whole},
		{Name: "__skb_datagram_iter", Class: Read, Roles: Whole},
		{Name: "skb_copy_and_csum_datagram_msg", Class: Read},
		{Name: "tcp_recv_skb", Class: Read},
	}},
	// What a socket accounts for an sk_buff is given back.
	{"", []Func{
		{Name: "sock_rfree", Class: Neutral},
		{Name: "sock_wfree", Class: Neutral},
		{Name: "sock_efree", Class: Neutral},
		{Name: "skb_orphan_partial", Class: Neutral},
	}},
	{"closing a socket", []Func{
		{Name: "inet_sock_destruct", Roles: Closes},
		{Name: "udp_destruct_sock", Roles: Closes},
		{Name: "udpv6_destruct_sock", Roles: Closes},
		{Name: "udp_destruct_common", Roles: Closes},
		{Name: "sk_destruct"},
		{Name: "__sk_destruct"},
	}},
	{"sockmap, sending on what its BPF program redirected", []Func{
		{Name: "sk_psock_backlog"},
	}},
	{"packet socket, as of a capture", []Func{
		{Name: "packet_rcv", Class: Neutral, Roles: FreesCopy},
		{Name: "tpacket_rcv", Class: Neutral, Roles: FreesCopy},
		{Name: "packet_rcv_spkt", Roles: FreesCopy},
		{Name: "packet_rcv_fanout", Class: Neutral, Roles: FreesCopy},
		{Name: "packet_sock_destruct"},
	}},
	{"telling a program when a packet was sent", []Func{
		{Name: "__skb_complete_tx_timestamp", Roles: FreesCopy},
		{Name: "skb_complete_tx_timestamp", Roles: FreesCopy},
		{Name: "skb_complete_wifi_ack", Roles: FreesCopy, Inlined: "6.12 7.2"},
		{Name: "sock_recv_errqueue", Roles: FreesCopy},
	}},
	{"Unix socket", []Func{
		{Name: "unix_stream_connect"},
		{Name: "unix_dgram_sendmsg"},
		{Name: "unix_stream_sendmsg"},
		{Name: "unix_release_sock"},
		{Name: "unix_stream_read_generic"},
	}},
	{"netlink", []Func{
		{Name: "netlink_broadcast_filtered", On: "5.10 6.12 7.2"},
		{Name: "netlink_broadcast"},
		{Name: "netlink_unicast"},
		{Name: "netlink_sock_destruct"},
	}},
	{"a program reading", []Func{
		{Name: "llc_ui_recvmsg", Roles: Reads | OnlyReads, Module: "llc2"},
		{Name: "bt_sock_stream_recvmsg", Roles: Reads | OnlyReads, Module: "bluetooth"},
		{Name: "llcp_sock_recvmsg", Roles: Reads | OnlyReads, Module: "nfc"},
		{Name: "caif_stream_recvmsg", Roles: Reads | OnlyReads, Module: "caif_socket", On: "5.10 6.1 6.12"},
		{Name: "iucv_sock_recvmsg", Roles: Reads | OnlyReads, Module: "af_iucv"},
		{Name: "tsk_advance_rx_queue", Roles: Reads | OnlyReads, Module: "tipc"},
		{Name: "tipc_recvmsg", Roles: Reads | OnlyReads, Module: "tipc"},
		{Name: "tipc_recvstream", Roles: Reads | OnlyReads, Module: "tipc"},
		{Name: "espintcp_recvmsg", Roles: Reads, Module: "CONFIG_INET_ESPINTCP"},
		{Name: "pppol2tp_recvmsg", Roles: Reads, Module: "l2tp_ppp"},
		{Name: "ppp_read", Roles: Reads, Module: "ppp_generic"},
		{Name: "virtio_transport_seqpacket_do_dequeue", Roles: Reads,
			Module: "vmw_vsock_virtio_transport_common", On: "6.1 6.12 7.2", Inlined: "all"},
		{Name: "ovpn_tcp_recvmsg", Roles: Reads, Module: "ovpn", On: "7.2"},
		{Name: "qrtr_tun_read_iter", Roles: Reads, Module: "qrtr-tun"},
	}},
}
