package track

// An unclear is an index of silents: what an end may have been that a branch's end does not
// tell. 0 is none.
type unclear uint8

const (
	plainEnd unclear = iota
	unclearSYN
	unclearTCP
	unclearMPTCP
	unclearSCTP
	unclearWireGuard
	unclearInside
	unclearSend
	unclearRead
	unclearICMP6
	unclearSockmap
)

// A silent is a way for a packet to end of which no drop event tells: the kernel frees it as
// it frees what it is done with, by consume_skb, or there is no sk_buff. docs/drops.md has
// them in a table; skb-track names the one that an end may have been.
type silent struct {
	name    string
	where   string // functions, and on which of the kernels 5.10, 6.1, 6.12, 7.2 where not on all
	what    string // a sentence
	counter string // what tells, in the network namespace of the packet
	note    string // for the journey record: why its end is not told; "" where skb-track never names it
}

// silents were found by reading every consume_skb, dev_kfree_skb and __kfree_skb of net/ and
// of the virtual devices in drivers/net/ in linux-5.10, 6.1, 6.12 and 7.2.
var silents = []silent{
	plainEnd: {},
	unclearSYN: {"tcp-syn", "`tcp_conn_request`, `tcp_v4_conn_request`, `tcp_v6_conn_request`",
		"A SYN to a listening socket that is ignored: the accept queue or the SYN queue is full, there is no route or no " +
			"memory, or the address is a broadcast address. A SYN that is answered ends in the same way.",
		"`nstat -asz TcpExtListenOverflows TcpExtListenDrops TcpExtTCPReqQFullDrop TcpExtTCPReqQFullDoCookies`, `ss -ltn` " +
			"(Recv-Q above Send-Q)",
		"a SYN that is answered ends as one that a full queue ignores: TcpExtListenOverflows, TcpExtListenDrops and " +
			"TcpExtTCPReqQFullDrop tell"},
	unclearTCP: {"tcp-segment", "`tcp_drop` (5.10)",
		"Everything that TCP drops of a connection: duplicates, segments outside of the window, bad acknowledgements, data " +
			"for which there is no room. Later kernels give reasons for these.",
		"`nstat -asz 'TcpExt*'`, `ss -tmi` (`d` in skmem)",
		"this kernel's TCP drops without a word: whether it took the segment is not known without a probe that tells, as " +
			"tcp_queue_rcv"},
	unclearMPTCP: {"mptcp", "`mptcp_drop`",
		"MPTCP data that came twice, on two subflows, or for which there was no room.",
		"`nstat -asz MPTcpExtDuplicateData MPTcpExtOFOQueue MPTcpExtRcvPruned`",
		"MPTCP discards what came twice without a word: MPTcpExtDuplicateData tells"},
	unclearSCTP: {"sctp", "`sctp_chunk_destroy`, by way of `sctp_rcv`",
		"SCTP chunks that are not used: duplicates, chunks that do not fit the state, data for which there is no room. " +
			"Chunks that are used end in the same way; their data goes on in a clone.",
		"`grep -E 'Discards|OutOfBlues|Abort' /proc/net/sctp/snmp`",
		"SCTP frees what it used and what it discarded alike: SctpInPktDiscards and SctpInDataChunkDiscards tell"},
	unclearWireGuard: {"wireguard-receive", "`wg_packet_receive`, `wg_packet_handshake_receive_worker`, " +
		"`wg_packet_consume_data`, `wg_packet_rx_poll`, `wg_packet_consume_data_done`",
		"Everything that WireGuard does not accept: what is not a WireGuard message, a key that it does not know, a packet " +
			"that can't be decrypted or came before, a source that is not among the peer's allowed IPs. Its handshakes end in " +
			"the same way.",
		"`ip -s link show dev wg0` (rx errors, frame: not an allowed IP), `wg show` (latest handshake); only `echo module " +
			"wireguard +p > /sys/kernel/debug/dynamic_debug/control` tells why",
		"WireGuard frees what it used and what it discarded alike: rx errors of its device, wg show and the module's " +
			"dynamic debug tell"},
	unclearInside: {"tunnel-receive", "`udp_queue_rcv_one_skb`, `udpv6_queue_rcv_one_skb`",
		"Nothing is discarded here. The content of a tunnel's datagram (VXLAN, Geneve, ESP, L2TP) went on in the same " +
			"sk_buff, and ended where there was no probe.",
		"more probes: `-p net:netif_receive_skb,icmp_rcv,arp_process,tcp_v4_rcv,udp_rcv`",
		"what the tunnel carried went on, and ended where no probe was"},
	unclearSend: {"tunnel-send", "`vxlan_xmit_one` (5.10, 6.1, 6.12), `geneve_xmit`, `bareudp_xmit`, `gtp_dev_xmit`, " +
		"`amt_dev_xmit`, `ipip6_tunnel_xmit`, `teql_master_xmit`, `wg_xmit`, `wg_socket_send_skb_to_peer`",
		"A packet that a tunnel's device can't send: it has no route, no peer or no memory for it, or the packet is too " +
			"large. For WireGuard also the oldest of more than 128 packets that wait for a handshake. A packet that goes on " +
			"is seen at the device below.",
		"`ip -s -s link show dev DEVICE` (tx errors, dropped, carrier, collsns)",
		"it was given to a tunnel's device and not seen to go on: the device's tx counters tell what it discards without a " +
			"word"},
	unclearRead: {"read-as-drop", "`sctp_recvmsg`, `tsk_advance_rx_queue`, `espintcp_recvmsg`, `pppol2tp_recvmsg`, " +
		"`ppp_read`, `virtio_transport_seqpacket_do_dequeue`, `ovpn_tcp_recvmsg` (7.2), `qrtr_tun_read_iter`",
		"The opposite: data that a program has read is freed as a drop. The same line frees data that could not be written " +
			"to the program's memory (EFAULT).",
		"the reader: its call fails with EFAULT",
		"what was read ends as what could not be written to the reader's memory: its call fails with EFAULT then"},
	unclearICMP6: {"icmp6-as-drop", "`icmpv6_rcv`",
		"The opposite: every ICMPv6 message to this host is freed as a drop, those that it used (an echo request that it " +
			"answered, neighbour discovery) and those that it refused. On 6.12 and 7.2 this is so only for some of neighbour " +
			"discovery: a check for duplicate addresses that was answered, a router advertisement without a link-layer address.",
		"`nstat -asz Icmp6InMsgs Icmp6InErrors Icmp6InEchos Icmp6OutEchoReplies`",
		"this kernel frees ICMPv6 that it used as it frees what it refused: Icmp6InErrors tells"},
	unclearSockmap: {"sockmap-send", "`sk_psock_backlog` (5.10)",
		"The opposite: data that a sockmap's BPF program sent on to another socket is freed as a drop. The same function " +
			"frees data that this socket did not take.",
		"`bpftool map show`; whether the other socket is open",
		"this kernel frees what a sockmap's BPF program sent on as it frees what the other socket did not take"},

	{"vxlan-reduce", "`arp_reduce`, `neigh_reduce`",
		"ARP and NDP that a VXLAN device with `proxy` answers itself, or can't answer.",
		"`bridge fdb show dev DEVICE`, `ip neigh show dev DEVICE`", ""},
	{"sink-device", "`dummy_xmit`, `nlmon_xmit`, `vsockmon_xmit`, `ifb_xmit`",
		"What is sent by a dummy device is gone, by design. So is what is sent by an ifb device, unless a tc action " +
			"redirected it there.",
		"`ip -s link show dev DEVICE`", ""},
	{"arp", "`arp_rcv`, `arp_process`",
		"ARP that is for another host, comes on a device without ARP, or must not be answered (arp_ignore, arp_filter). " +
			"ARP that is answered ends in the same way.",
		"`sysctl -a --pattern 'arp_(ignore|filter|accept|announce)'`, `tcpdump -ni DEVICE arp`", ""},
	{"icmp", "`icmp_rcv`, `icmpv6_rcv`",
		"Echo requests that must not be answered (icmp_echo_ignore_all, icmp_echo_ignore_broadcasts), or whose answer the " +
			"rate limit forbids. On 5.10 and 6.1 also neighbour discovery that is not valid (`ndisc_rcv`). Messages that are " +
			"answered end in the same way.",
		"`nstat -asz IcmpInMsgs IcmpInErrors IcmpOutMsgs IcmpOutRateLimitGlobal IcmpOutRateLimitHost Icmp6InErrors`, " +
			"`sysctl net.ipv4.icmp_echo_ignore_all`", ""},
	{"igmp", "`igmp_rcv`, `__mld_query_work`, `__mld_report_work`",
		"All IGMP and MLD: used, not used, or with a wrong checksum.",
		"`cat /proc/net/igmp /proc/net/mcfilter`", ""},
	{"packet-socket", "`packet_rcv`, `tpacket_rcv`",
		"The copy for a packet socket, such as tcpdump's, if the socket's filter does not want it. If the socket's buffer " +
			"is full, there is a drop event of the copy alone, with the reason PACKET_SOCK_ERROR.",
		"the program: tcpdump says `dropped by kernel`; `ss -0 -em` (`d` in skmem)", ""},
	{"cake-acks", "`cake_enqueue`",
		"Acknowledgements that cake's ack-filter removes from the queue.",
		"`tc -s qdisc show dev DEVICE` (ack_drop)", ""},
	{"tc-stolen", "`sch_handle_ingress`, `sch_handle_egress`, `tcx_run`",
		"A packet that a tc action took: a redirect by mirred, TC_ACT_STOLEN from a BPF program.",
		"`tc -s filter show dev DEVICE ingress`, `tc -s actions`", ""},
	{"openvswitch", "`do_execute_actions` (5.10, 6.1), `ovs_dp_process_packet`",
		"A packet whose flow has no output: this is how Open vSwitch drops before it has drop reasons (6.6); with " +
			"`--with ovs`, skb-drops finds these. Also a packet that is handed to ovs-vswitchd.",
		"`ovs-appctl dpctl/dump-flows`, `ovs-dpctl show` (lookups: lost)", ""},
	{"synproxy", "`nft_synproxy_eval_v4`, `nft_synproxy_eval_v6`, `synproxy_tg4`, `synproxy_tg6`",
		"SYNs and ACKs that SYNPROXY answers itself or finds wrong.",
		"`cat /proc/net/stat/synproxy`", ""},
	{"rxrpc", "`rxrpc_free_skb`, `rxrpc_input_packet`",
		"All packets of AF_RXRPC, used or not.",
		"`cat /proc/net/rxrpc/stats` (6.1 and later)", ""},
	{"dccp", "`dccp_rcv_state_process`, `dccp_recvmsg` (5.10, 6.1, 6.12)",
		"DCCP packets that a connection has no use for.",
		"`cat /proc/net/snmp`", ""},
	{"unix-send", "`unix_dgram_sendmsg`, `unix_stream_sendmsg` (7.2)",
		"A message that could not be sent. The program is told.",
		"the program: its call fails", ""},
	{"veth-xdp", "`veth_convert_skb_to_xdp_buff` (6.1, 6.12, 7.2)",
		"A packet that a veth must copy for its XDP program in native mode, if it is too large for that or memory is short.",
		"`ethtool -S DEVICE` (rx_queue_0_drops), `ip -s link show dev DEVICE` (dropped)", ""},
	{"xdp", "the driver, before there is an sk_buff",
		"What an XDP program drops, redirects or sends back in native mode, unless the program is probed " +
			"(`-p 'xdp:*'`). In generic mode there is a drop event: without a reason if the program drops the packet, with " +
			"the reason XDP if the packet can't be redirected. If an XDP program on a veth passes a packet, the driver may " +
			"copy it. The first sk_buff then ends without a drop event.",
		"`ethtool -S DEVICE` (xdp), `ip -s link show dev DEVICE`, the program's maps, `xdp:xdp_exception`", ""},
	{"hardware", "the device",
		"Frames that the device discards: a bad frame checksum, no buffer, a filter.",
		"`ethtool -S DEVICE`, `ip -s -s link show dev DEVICE` (errors, missed, over, fifo)", ""},
}
