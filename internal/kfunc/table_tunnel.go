package kfunc

// Functions of tunnels, IPsec, WireGuard and Open vSwitch (net/ipv4/ip_tunnel*.c, drivers/net, net/xfrm,
// net/openvswitch).
var tunnels = []group{
	{"VXLAN device", []Func{
		{Name: "vxlan_rcv", Way: In, Module: "vxlan"},
		{Name: "vxlan_xmit", Way: Out, Module: "vxlan"},
		{Name: "vxlan_xmit_one", Way: Out, Module: "vxlan"},
	}},
	{"VXLAN device, answering ARP or NDP for others", []Func{
		{Name: "arp_reduce", Way: Out, Module: "vxlan", Inlined: "all"},
		{Name: "neigh_reduce", Way: Out, Module: "vxlan", Inlined: "all"},
	}},
	{"tunnel over UDP, send", []Func{
		{Name: "geneve_xmit", Way: Out, Module: "geneve"},
		{Name: "bareudp_xmit", Way: Out, Module: "bareudp"},
		{Name: "gtp_dev_xmit", Way: Out, Module: "gtp"},
		{Name: "amt_dev_xmit", Way: Out, Module: "amt", On: "6.1 6.12 7.2"},
		{Name: "udp_tunnel_xmit_skb", Way: Out, Module: "udp_tunnel"},
		{Name: "udp_tunnel6_xmit_skb", Way: Out, Module: "ip6_udp_tunnel"},
	}},
	{"IP tunnel", []Func{
		{Name: "ip_tunnel_rcv", Way: In, Module: "ip_tunnel"},
		{Name: "ip_tunnel_xmit", Way: Out, Module: "ip_tunnel"},
		{Name: "gre_rcv", Way: In, Module: "ip_gre"},
		{Name: "__ipgre_rcv", Way: In, Module: "ip_gre"},
		{Name: "ipip_rcv", Way: In, Module: "ipip"},
		{Name: "tunnel4_rcv", Way: In, Module: "tunnel4"},
		{Name: "tunnel6_rcv", Way: In, Module: "tunnel6"},
		{Name: "ipip6_rcv", Way: In, Module: "sit"},
	}},
	{"IP tunnel", []Func{
		{Name: "iptunnel_xmit", Way: Out},
		{Name: "iptunnel_pull_header", Way: In, Inlined: "all"},
		{Name: "__iptunnel_pull_header", Way: In},
		{Name: "ipip6_tunnel_xmit", Way: Out, Module: "sit", Inlined: "all"},
		{Name: "ip4ip6_err", Way: In, Roles: FreesCopy, Module: "ip6_tunnel"},
		{Name: "ip6ip6_err", Way: In, Roles: FreesCopy, Module: "ip6_tunnel"},
	}},
	{"IPsec", []Func{
		{Name: "xfrm_input", Way: In},
		{Name: "xfrm_output_resume", Way: Out},
		{Name: "xfrm_lookup_with_ifid"},
		{Name: "xfrm4_rcv_encap", Way: In},
		{Name: "xfrm_trans_reinject"},
	}},
	{"IPsec send", []Func{
		{Name: "xfrm_output", Way: Out},
	}},
	{"WireGuard", []Func{
		{Name: "wg_packet_receive", Way: In, Module: "wireguard"},
		{Name: "wg_packet_handshake_receive_worker", Module: "wireguard"},
		{Name: "wg_packet_consume_data", Way: In, Module: "wireguard", Inlined: "all"},
		{Name: "wg_packet_rx_poll", Module: "wireguard"},
		{Name: "wg_packet_consume_data_done", Way: In, Module: "wireguard", Inlined: "all"},
		{Name: "wg_xmit", Way: Out, Module: "wireguard"},
		{Name: "wg_socket_send_skb_to_peer", Way: Out, Module: "wireguard"},
	}},
}
