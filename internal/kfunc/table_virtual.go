package kfunc

// Functions of bridges, and of devices that have no hardware (net/bridge, drivers/net).
var virtual = []group{
	{"bridge receive", []Func{
		{Name: "br_handle_frame", Class: Receive, Way: In, Hook: "bridge prerouting", Module: "bridge"},
		{Name: "br_handle_frame_finish", Module: "bridge"},
		{Name: "br_pass_frame_up", Hook: "bridge input", Module: "bridge"},
		{Name: "br_allowed_ingress", Module: "bridge"},
	}},
	{"bridge forwarding", []Func{
		{Name: "br_forward", Module: "bridge"},
		{Name: "__br_forward", Hook: "bridge forward", Module: "bridge"},
		{Name: "br_flood", Module: "bridge"},
		{Name: "br_multicast_flood", Module: "bridge"},
		{Name: "br_dev_queue_push_xmit", Module: "bridge"},
		{Name: "br_dev_xmit", Module: "bridge"},
	}},
	// A bridge's hook behind its forwarding.
	{"", []Func{
		{Name: "br_forward_finish", Hook: "bridge postrouting", Module: "bridge"},
	}},
	{"veth device", []Func{
		{Name: "veth_xmit", Module: "veth"},
	}},
	// A veth makes a copy for its XDP program.
	{"", []Func{
		{Name: "veth_convert_skb_to_xdp_buff", Module: "veth", On: "6.1 6.12 7.2", Inlined: "all"},
	}},
	{"netkit device", []Func{
		{Name: "netkit_xmit", On: "6.12 7.2"},
	}},
	{"tun or tap device", []Func{
		{Name: "tun_net_xmit", Module: "tun"},
		{Name: "tun_do_read", Module: "tun"},
		{Name: "tun_get_user", Module: "tun"},
	}},
	{"macvlan device", []Func{
		{Name: "macvlan_broadcast_enqueue", Module: "macvlan", Inlined: "all"},
		{Name: "macvlan_process_broadcast", Module: "macvlan"},
	}},
	// A macvlan's copy, which goes on.
	{"", []Func{
		{Name: "macvlan_handle_frame", Roles: FreesCopy, Module: "macvlan"},
	}},
	// Devices that keep what they are given.
	{"", []Func{
		{Name: "dummy_xmit", Module: "dummy"},
		{Name: "nlmon_xmit", Module: "nlmon"},
		{Name: "vsockmon_xmit", Module: "vsockmon"},
		{Name: "ifb_xmit", Module: "ifb"},
	}},
}
