package kfunc

// Functions and tracepoints of Open vSwitch's kernel module (net/openvswitch). The tracepoints came with
// 5.14.
var openvswitch = []group{
	{"Open vSwitch", []Func{
		{Name: "ovs_vport_receive", Module: "openvswitch"},
		{Name: OVSProcessPacket, Module: "openvswitch"},
		{Name: "ovs_execute_actions", Module: "openvswitch"},
		{Name: OVSDoActions, Module: "openvswitch"},
		{Name: TraceOVSAction, Module: "openvswitch", On: "6.1 6.12 7.2"},
	}},
	{"Open vSwitch, looking the flow up", []Func{
		{Name: OVSLookupStats, Module: "openvswitch"},
	}},
	{"Open vSwitch, meters", []Func{
		{Name: OVSMeter, Module: "openvswitch"},
	}},
	{"Open vSwitch, sending the packet to user space", []Func{
		{Name: TraceOVSUpcall, Module: "openvswitch", On: "6.1 6.12 7.2"},
		{Name: OVSUpcall, Module: "openvswitch"},
		{Name: OVSQueueToUser, Module: "openvswitch"},
	}},
	{"Open vSwitch, taking a packet of user space", []Func{
		{Name: OVSKeyOfUser, Module: "openvswitch"},
	}},
}
