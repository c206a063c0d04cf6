package kfunc

// Functions of bridges, and of devices that have no hardware (net/bridge, drivers/net).
var virtual = []group{
	{"bridge receive", []Func{
		{Name: "br_handle_frame", Class: Receive, Way: In, Hook: "bridge prerouting", Module: "bridge"},
		{Name: "br_handle_frame_finish", Way: In, Module: "bridge"},
		{Name: "br_pass_frame_up", Way: In, Hook: "bridge input", Module: "bridge"},
		{Name: "br_allowed_ingress", Module: "bridge"},
	}},
	{"bridge forwarding", []Func{
		{Name: "br_forward", Module: "bridge"},
		{Name: "__br_forward", Hook: "bridge forward", Module: "bridge"},
		{Name: "br_flood", Module: "bridge"},
		{Name: "br_multicast_flood", Module: "bridge"},
		{Name: "br_dev_queue_push_xmit", Way: Out, Module: "bridge"},
		{Name: "br_dev_xmit", Way: Out, Module: "bridge"},
	}},
	{"bridge forwarding", []Func{
		{Name: "br_forward_finish", Way: Out, Hook: "bridge postrouting", Module: "bridge"},
	}},
	{"veth device", []Func{
		{Name: "veth_xmit", Way: Out, Module: "veth"},
	}},
	{"veth device, a copy for its XDP program", []Func{
		{Name: "veth_convert_skb_to_xdp_buff", Way: In, Module: "veth", On: "6.1 6.12 7.2", Inlined: "all"},
	}},
	{"netkit device", []Func{
		{Name: "netkit_xmit", Way: Out, On: "6.12 7.2"},
	}},
	{"tun or tap device", []Func{
		{Name: "tun_net_xmit", Way: Out, Module: "tun"},
		{Name: "tun_do_read", Module: "tun"},
		{Name: "tun_get_user", Module: "tun"},
	}},
	{"macvlan device", []Func{
		{Name: "macvlan_broadcast_enqueue", Way: In, Module: "macvlan", Inlined: "all"},
		{Name: "macvlan_process_broadcast", Module: "macvlan"},
	}},
	{"macvlan device", []Func{
		{Name: "macvlan_handle_frame", Way: In, Roles: FreesCopy, Module: "macvlan"},
	}},
	{"device that keeps what it is given", []Func{
		{Name: "dummy_xmit", Way: Out, Module: "dummy"},
		{Name: "nlmon_xmit", Way: Out, Module: "nlmon"},
		{Name: "vsockmon_xmit", Way: Out, Module: "vsockmon"},
		{Name: "ifb_xmit", Way: Out, Module: "ifb"},
	}},
}
