package track

import "strings"

// A class says what a probe tells of a packet's end: where it is seen last before its
// buffer is consumed, it ended there.
type class uint8

const (
	passing  class = iota // it goes on from here
	neutral               // says nothing: functions that free, and returns
	freed                 // neutral; the sk_buff has no user left
	freeing               // neutral; frees the sk_buff if this was its last user
	receive               // a device hands it in
	transmit              // handed to a device
	handed                // handed to a socket's protocol, which takes it or not
	deliver               // a socket has it
	read                  // read from a socket, by the process at hand
)

// classes are functions and tracepoints by name; net/core/dev.c, net/sched/sch_generic.c,
// net/ipv4, net/ipv6, net/core/sock.c, net/core/datagram.c. What a packet socket gets is
// a clone for an observer: no delivery.
var classes = map[string]class{
	"net:netif_receive_skb": receive, "net:netif_receive_skb_entry": receive, "net:netif_receive_skb_list_entry": receive,
	"net:netif_rx": receive, "net:netif_rx_entry": receive, "net:netif_rx_ni_entry": receive, "net:napi_gro_receive_entry": receive,
	"net:napi_gro_frags_entry": receive, "netif_receive_skb": receive, "netif_receive_skb_internal": receive,
	"netif_receive_skb_core": receive, "__netif_receive_skb": receive, "__netif_receive_skb_one_core": receive, "netif_rx": receive,
	"__netif_rx": receive, "netif_rx_internal": receive, "napi_gro_receive": receive, "gro_receive_skb": receive,
	"dev_gro_receive": receive, "enqueue_to_backlog": receive, "ip_rcv": receive, "ip_rcv_core": receive, "ipv6_rcv": receive,
	"eth_type_trans": receive, "br_handle_frame": receive,

	"net:net_dev_queue": transmit, "net:net_dev_start_xmit": transmit, "net:net_dev_xmit": transmit,
	"dev_hard_start_xmit": transmit, "sch_direct_xmit": transmit, "__dev_queue_xmit": transmit,
	"dev_queue_xmit": transmit, "__dev_direct_xmit": transmit, "validate_xmit_skb": transmit,
	"skb_tx_timestamp": transmit, "__skb_tstamp_tx": transmit, "skb_clone_tx_timestamp": transmit,
	"qdisc:qdisc_enqueue": transmit, "qdisc:qdisc_dequeue": transmit,

	"tcp_v4_rcv": handed, "tcp_v6_rcv": handed, "tcp_v4_do_rcv": handed, "tcp_v6_do_rcv": handed,
	"tcp_v4_conn_request": handed, "tcp_v6_conn_request": handed, "tcp_conn_request": handed,
	"tcp_rcv_established": handed, "tcp_rcv_state_process": handed, "tcp_data_queue": handed,
	"tcp_ack": handed, "tcp_validate_incoming": handed,
	"tcp_add_backlog": handed, "tcp_filter": handed, "tcp_child_process": handed, "tcp_timewait_state_process": handed,
	"tcp_queue_rcv": deliver, "tcp_event_data_recv": deliver, "tcp_fastopen_add_skb": deliver, "tcp_make_synack": deliver,
	"udp_rcv": handed, "udpv6_rcv": handed, "__udp4_lib_rcv": handed, "__udp6_lib_rcv": handed,
	"udp_unicast_rcv_skb": handed, "udp_queue_rcv_skb": handed, "udpv6_queue_rcv_skb": handed,
	"udp_queue_rcv_one_skb": handed, "udpv6_queue_rcv_one_skb": handed, "__udp_enqueue_schedule_skb": deliver,
	"sock_queue_rcv_skb": deliver, "sock_queue_rcv_skb_reason": deliver, "__sock_queue_rcv_skb": deliver,
	"raw_rcv": deliver, "raw_rcv_skb": deliver, "rawv6_rcv": deliver,
	"ping_rcv": deliver, "ping_queue_rcv_skb": deliver, "sctp_rcv": handed,

	"skb:skb_copy_datagram_iovec": read, "skb_copy_datagram_iter": read, "__skb_datagram_iter": read,
	"skb_copy_and_csum_datagram_msg": read, "skb_consume_udp": read, "tcp_recv_skb": read,

	"skb:kfree_skb": freed, "skb:consume_skb": freed,

	"skb_release_data": neutral, "skb_free_head": neutral, "skb_release_head_state": neutral, "skb_release_all": neutral,
	"kfree_skbmem": neutral, "kfree_skb_partial": neutral, "skb_unref": neutral, "skb_attempt_defer_free": neutral,
	"napi_skb_free_stolen_head": neutral, "__consume_stateless_skb": neutral, "skb_orphan_partial": neutral,
	"sock_rfree": neutral, "sock_wfree": neutral, "sock_efree": neutral, "tcp_wfree": neutral, "__skb_ext_put": neutral,
	"sk_filter_trim_cap": neutral, "packet_rcv": neutral, "tpacket_rcv": neutral, "packet_rcv_fanout": neutral,
}

// isSender tells whether a probe is where TCP has the sk_buff that it keeps, about to send it.
func isSender(probe string) bool {
	switch probe {
	case "__tcp_transmit_skb", "tcp_transmit_skb", "__tcp_retransmit_skb", "tcp_retransmit_skb", "tcp:tcp_retransmit_skb":
		return true
	}
	return false
}

func classify(probe string) class {
	if strings.HasPrefix(probe, "ret:") {
		return neutral
	}
	if c, ok := classes[probe]; ok {
		return c
	}
	for _, prefix := range [...]string{"kfree_skb", "__kfree_skb", "consume_skb", "napi_consume_skb", "__napi_kfree_skb",
		"sk_skb_reason_drop", "__sk_skb_reason_drop", "dev_kfree_skb", "__dev_kfree_skb"} {
		if strings.HasPrefix(probe, prefix) {
			return freeing
		}
	}
	return passing
}
