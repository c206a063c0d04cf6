package skbpcap

import "github.com/skb-tools/skb-tools/internal/pcapng"

// direction is what a probe says of a packet's, seen from the host: what comes in from a
// device is inbound. 0 where packets of both pass.
func direction(probe []byte) uint32 {
	switch string(probe) {
	case "net:netif_receive_skb", "net:netif_receive_skb_entry", "net:netif_receive_skb_list_entry",
		"net:netif_rx", "net:netif_rx_entry", "net:napi_gro_receive_entry", "net:napi_gro_frags_entry",
		"napi_gro_receive", "netif_receive_skb", "__netif_receive_skb_core", "eth_type_trans",
		"ip_rcv", "ip_rcv_core", "ip_rcv_finish", "ip_local_deliver", "ip_local_deliver_finish",
		"ipv6_rcv", "ip6_rcv_core", "ip6_rcv_finish", "ip6_input", "ip6_input_finish", "arp_rcv",
		"tcp_v4_rcv", "tcp_v6_rcv", "udp_rcv", "udpv6_rcv", "icmp_rcv", "icmpv6_rcv":
		return pcapng.Inbound
	case "net:net_dev_queue", "net:net_dev_start_xmit", "net:net_dev_xmit",
		"dev_queue_xmit", "__dev_queue_xmit", "dev_hard_start_xmit", "sch_direct_xmit",
		"ip_output", "ip_finish_output", "ip_finish_output2", "ip_local_out", "__ip_local_out", "ip_mc_output",
		"ip6_output", "ip6_finish_output", "ip6_finish_output2", "ip6_local_out", "__ip6_local_out",
		"__tcp_transmit_skb", "tcp_transmit_skb", "udp_send_skb", "udp_v6_send_skb", "arp_xmit":
		return pcapng.Outbound
	}
	return 0
}

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
