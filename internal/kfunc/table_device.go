package kfunc

// Functions and tracepoints of devices: how packets come in and go out (net/core/dev.c, net/core/gro.c,
// net/ethernet, net/8021q, include/trace/events/net.h).
var devices = []group{
	{"device receive", []Func{
		{Name: "net:netif_receive_skb", Class: Receive, Way: In},
		{Name: "net:netif_receive_skb_entry", Class: Receive, Way: In},
		{Name: "net:netif_receive_skb_exit", Way: In},
		{Name: "net:netif_receive_skb_list_entry", Class: Receive, Way: In},
		{Name: "net:netif_receive_skb_list_exit", Way: In},
		{Name: "net:netif_rx", Class: Receive, Way: In},
		{Name: "net:netif_rx_entry", Class: Receive, Way: In, Was: "net:netif_rx_ni_entry"},
		{Name: "net:netif_rx_exit", Way: In},
		{Name: "net:netif_rx_ni_entry", Class: Receive, Way: In, On: "5.10"},
		{Name: "net:napi_gro_receive_entry", Class: Receive, Way: In},
		{Name: "net:napi_gro_receive_exit", Way: In},
		{Name: "net:napi_gro_frags_entry", Class: Receive, Way: In},
		{Name: "net:napi_gro_frags_exit", Way: In},
		{Name: "eth_type_trans", Class: Receive, Way: In},
		{Name: "gro_cells_receive", Way: In},
		{Name: "netif_receive_skb", Class: Receive, Way: In},
		{Name: "netif_receive_skb_internal", Class: Receive, Way: In, Inlined: "all"},
		{Name: "netif_receive_skb_core", Class: Receive, Way: In},
		{Name: "netif_receive_skb_list", Way: In},
		{Name: "netif_receive_skb_list_internal", Way: In},
		{Name: "__netif_receive_skb", Class: Receive, Way: In},
		{Name: "__netif_receive_skb_list_core", Way: In},
		{Name: "netif_rx", Class: Receive, Way: In},
		{Name: "__netif_rx", Class: Receive, Way: In, On: "6.1 6.12 7.2"},
		{Name: "__dev_forward_skb"},
	}},
	{"device receive, joining packets (GRO)", []Func{
		{Name: "napi_gro_receive", Class: Receive, Way: In, Inlined: "7.2"},
		{Name: "gro_receive_skb", Class: Receive, Way: In, Was: "napi_gro_receive", On: "7.2"},
		{Name: "napi_gro_frags", Way: In},
		{Name: "dev_gro_receive", Class: Receive, Way: In},
		{Name: "inet_gro_receive", Way: In},
		{Name: "ipv6_gro_receive", Way: In},
		{Name: "napi_gro_complete", Way: In, On: "5.10 6.1 6.12"},
		{Name: "gro_complete", Way: In, Was: "napi_gro_complete", On: "7.2"},
	}},
	{"device receive, a CPU's backlog", []Func{
		{Name: "enqueue_to_backlog", Class: Receive, Way: In},
		{Name: "netif_rx_internal", Class: Receive, Way: In},
		{Name: "process_backlog"},
		{Name: "flush_backlog"},
	}},
	{"device receive, finding who takes the protocol", []Func{
		{Name: "__netif_receive_skb_core", Way: In},
		{Name: "__netif_receive_skb_one_core", Class: Receive, Way: In},
	}},
	{"VLAN receive", []Func{
		{Name: "vlan_do_receive", Way: In},
	}},
	{"XDP", []Func{
		{Name: "do_xdp_generic", Way: In},
		{Name: "netif_receive_generic_xdp", Way: In, Inlined: "6.1 6.12 7.2"},
		{Name: "generic_xdp_tx", Way: Out},
		{Name: "veth_xdp_rcv_skb", Way: In, Module: "veth", Inlined: "5.10"},
	}},
	{"tc filters, ingress", []Func{
		{Name: "sch_handle_ingress", Way: In, Inlined: "all"},
		{Name: "tc_run", On: "6.12 7.2"},
	}},
	{"tc filters, egress", []Func{
		{Name: "sch_handle_egress", Way: Out, Inlined: "all"},
	}},
	{"tc BPF programs", []Func{
		{Name: "tcx_run", On: "6.12 7.2", Inlined: "all"},
	}},
	{"tc filters", []Func{
		{Name: "tcf_action_exec"},
		{Name: "tcf_classify", Was: "tcf_classify_ingress"},
		{Name: "tcf_classify_ingress", Way: In, On: "5.10"},
	}},
	{"device send", []Func{
		{Name: "net:net_dev_queue", Class: Transmit, Way: Out},
		{Name: "net:net_dev_start_xmit", Class: Transmit, Way: Out},
		{Name: "net:net_dev_xmit", Class: Transmit, Way: Out, Before: "net:net_dev_start_xmit", Roles: HandsOver},
		{Name: "dev_queue_xmit", Class: Transmit, Way: Out, Inlined: "6.12 7.2"},
		{Name: "netdev_start_xmit", Way: Out, Inlined: "all"},
		{Name: "skb_tx_timestamp", Class: Transmit, Way: Out, Inlined: "all"},
		{Name: "skb_clone_tx_timestamp", Class: Transmit, Way: Out, Inlined: "5.10"},
		{Name: "__skb_tstamp_tx", Class: Transmit, Way: Out, Roles: FreesCopy},
	}},
	{"device send, into the queueing discipline", []Func{
		{Name: "__dev_queue_xmit", Class: Transmit, Way: Out},
		{Name: "__dev_xmit_skb", Way: Out, Inlined: "all"},
	}},
	{"device send, segmentation and checksums", []Func{
		{Name: "validate_xmit_skb", Class: Transmit, Way: Out},
		{Name: "validate_xmit_skb_list", Way: Out},
	}},
	{"device send, handing over to the driver", []Func{
		{Name: "sch_direct_xmit", Class: Transmit, Way: Out},
		{Name: "dev_hard_start_xmit", Class: Transmit, Way: Out},
		{Name: "__dev_direct_xmit", Class: Transmit, Way: Out},
	}},
	{"device send, freeing what was sent", []Func{
		{Name: "net_tx_action"},
	}},
	{"a change of devices or queueing disciplines, freeing what it emptied", []Func{
		{Name: "__rtnl_unlock"},
	}},
}
