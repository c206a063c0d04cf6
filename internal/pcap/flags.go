package pcap

import (
	"bytes"

	"github.com/skb-tools/skb-tools/internal/pcapng"
)

// direction is what a probe says of a packet's, seen from the host: what comes in from a
// device is inbound. 0 where packets of both pass. A function's return is where its entry is.
func direction(probe []byte) uint32 {
	switch string(bytes.TrimPrefix(probe, ret)) {
	case "net:netif_receive_skb", "net:netif_receive_skb_entry", "net:netif_receive_skb_list_entry",
		"net:netif_rx", "net:netif_rx_entry", "net:napi_gro_receive_entry", "net:napi_gro_frags_entry",
		"net:netif_receive_skb_exit", "net:netif_receive_skb_list_exit", "net:netif_rx_exit",
		"net:napi_gro_receive_exit", "net:napi_gro_frags_exit",
		"napi_gro_receive", "gro_receive_skb", "dev_gro_receive", "napi_gro_frags", "napi_gro_complete", "inet_gro_receive", "ipv6_gro_receive",
		"netif_rx", "netif_rx_internal", "__netif_rx", "enqueue_to_backlog",
		"netif_receive_skb", "netif_receive_skb_internal", "netif_receive_skb_core", "netif_receive_skb_list", "netif_receive_skb_list_internal",
		"__netif_receive_skb", "__netif_receive_skb_one_core", "__netif_receive_skb_core", "__netif_receive_skb_list_core",
		"do_xdp_generic", "netif_receive_generic_xdp", "eth_type_trans", "br_handle_frame", "vlan_do_receive",
		"ip_list_rcv", "ip_sublist_rcv", "ip_rcv_finish_core", "ip_protocol_deliver_rcu",
		"ipv6_list_rcv", "ip6_sublist_rcv", "ip6_rcv_finish_core", "ip6_protocol_deliver_rcu", "ipv6_rcv_finish",
		"tcp_v4_do_rcv", "tcp_v6_do_rcv", "tcp_v4_early_demux", "tcp_v6_early_demux", "tcp_rcv_established", "tcp_rcv_state_process", "tcp_data_queue",
		"udp_queue_rcv_skb", "udp_queue_rcv_one_skb", "udpv6_queue_rcv_skb", "udpv6_queue_rcv_one_skb", "__udp4_lib_rcv", "__udp6_lib_rcv",
		"udp_unicast_rcv_skb", "udp6_unicast_rcv_skb", "udp_v4_early_demux", "raw_rcv", "raw_local_deliver", "sctp_rcv",
		"ip_rcv", "ip_rcv_core", "ip_rcv_finish", "ip_local_deliver", "ip_local_deliver_finish",
		"ipv6_rcv", "ip6_rcv_core", "ip6_rcv_finish", "ip6_input", "ip6_input_finish", "arp_rcv",
		"tcp_v4_rcv", "tcp_v6_rcv", "udp_rcv", "udpv6_rcv", "icmp_rcv", "icmpv6_rcv":
		return pcapng.Inbound
	case "net:net_dev_queue", "net:net_dev_start_xmit", "net:net_dev_xmit",
		"dev_queue_xmit", "__dev_queue_xmit", "__dev_direct_xmit", "validate_xmit_skb", "validate_xmit_skb_list", "netdev_start_xmit", "dev_hard_start_xmit", "sch_direct_xmit",
		"ip_output", "ip_finish_output", "ip_finish_output2", "ip_local_out", "__ip_local_out", "ip_mc_output",
		"ip_queue_xmit", "__ip_queue_xmit", "ip_send_skb", "ip_finish_output_gso", "__ip_finish_output", "ip_build_and_send_pkt",
		"ip6_xmit", "ip6_send_skb", "__ip6_finish_output", "inet6_csk_xmit", "neigh_resolve_output", "neigh_connected_output", "neigh_direct_output",
		"ip6_output", "ip6_finish_output", "ip6_finish_output2", "ip6_local_out", "__ip6_local_out",
		"__tcp_transmit_skb", "tcp_transmit_skb", "__tcp_v4_send_check", "tcp_v4_send_check", "udp_send_skb", "udp_v6_send_skb", "arp_xmit":
		return pcapng.Outbound
	}
	return 0
}

var ret = []byte("ret:")

// epbFlags are direction and kind of reception, from the probe and from skb->pkt_type,
// whose 0 (to this host) is also what a packet has that was made here: it counts where a
// packet comes in.
func (e *event) epbFlags() uint32 {
	if e.flags.ok {
		return uint32(e.flags.v)
	}
	flags := direction(e.probe)
	if !e.skb.pktType.ok {
		return flags
	}
	switch e.skb.pktType.v {
	case 0:
		if flags == pcapng.Inbound {
			flags |= pcapng.Unicast
		}
	case 1:
		flags |= pcapng.Broadcast
	case 2:
		flags |= pcapng.Multicast
	case 3:
		flags |= pcapng.Promiscuous
	case packetOutgoing:
		flags = pcapng.Outbound
	}
	return flags
}
