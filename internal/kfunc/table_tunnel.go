package kfunc

// Functions of tunnels, IPsec, WireGuard and Open vSwitch (net/ipv4/ip_tunnel*.c, drivers/net, net/xfrm,
// net/openvswitch).
var tunnels = []group{
	{"VXLAN device", []Func{
		{Name: "vxlan_rcv", Module: "vxlan"},
		{Name: "vxlan_xmit", Module: "vxlan"},
		{Name: "vxlan_xmit_one", Module: "vxlan"},
	}},
	// A VXLAN device answers for others.
	{"", []Func{
		{Name: "arp_reduce", Module: "vxlan", Inlined: "all"},
		{Name: "neigh_reduce", Module: "vxlan", Inlined: "all"},
	}},
	// Geneve, and others over UDP.
	{"", []Func{
		{Name: "geneve_xmit", Module: "geneve"},
		{Name: "bareudp_xmit", Module: "bareudp"},
		{Name: "gtp_dev_xmit", Module: "gtp"},
		{Name: "amt_dev_xmit", Module: "amt", On: "6.1 6.12 7.2"},
		{Name: "udp_tunnel_xmit_skb", Module: "udp_tunnel"},
		{Name: "udp_tunnel6_xmit_skb", Module: "ip6_udp_tunnel"},
	}},
	{"IP tunnel", []Func{
		{Name: "ip_tunnel_rcv", Module: "ip_tunnel"},
		{Name: "ip_tunnel_xmit", Module: "ip_tunnel"},
		{Name: "gre_rcv", Module: "ip_gre"},
		{Name: "__ipgre_rcv", Module: "ip_gre"},
		{Name: "ipip_rcv", Module: "ipip"},
		{Name: "tunnel4_rcv", Module: "tunnel4"},
		{Name: "tunnel6_rcv", Module: "tunnel6"},
		{Name: "ipip6_rcv", Module: "sit"},
	}},
	// More of IP tunnels.
	{"", []Func{
		{Name: "iptunnel_xmit"},
		{Name: "iptunnel_pull_header", Inlined: "all"},
		{Name: "__iptunnel_pull_header"},
		{Name: "ipip6_tunnel_xmit", Module: "sit", Inlined: "all"},
		{Name: "ip4ip6_err", Roles: FreesCopy, Module: "ip6_tunnel"},
		{Name: "ip6ip6_err", Roles: FreesCopy, Module: "ip6_tunnel"},
	}},
	{"IPsec", []Func{
		{Name: "xfrm_input"},
		{Name: "xfrm_output_resume"},
		{Name: "xfrm_lookup_with_ifid"},
		{Name: "xfrm4_rcv_encap"},
		{Name: "xfrm_trans_reinject"},
	}},
	// IPsec, sending.
	{"", []Func{
		{Name: "xfrm_output"},
	}},
	// WireGuard.
	{"", []Func{
		{Name: "wg_packet_receive", Module: "wireguard"},
		{Name: "wg_packet_handshake_receive_worker", Module: "wireguard"},
		{Name: "wg_packet_consume_data", Module: "wireguard", Inlined: "all"},
		{Name: "wg_packet_rx_poll", Module: "wireguard"},
		{Name: "wg_packet_consume_data_done", Module: "wireguard", Inlined: "all"},
		{Name: "wg_xmit", Module: "wireguard"},
		{Name: "wg_socket_send_skb_to_peer", Module: "wireguard"},
	}},
	{"Open vSwitch", []Func{
		{Name: "ovs_execute_actions", Module: "openvswitch"},
		{Name: "do_execute_actions", Module: "openvswitch"},
		{Name: "ovs_dp_process_packet", Module: "openvswitch"},
		{Name: "ovs_vport_receive", Module: "openvswitch"},
	}},
}
