package kfunc

// Functions and tracepoints of Open vSwitch's kernel module (net/openvswitch).
var openvswitch = []group{
	// The tracepoints came with 5.14.
	{"Open vSwitch, executing an action", []Func{
		{Name: TraceOVSAction, Module: "openvswitch", On: "6.1 6.12 7.2"},
		{Name: OVSDoActions, Module: "openvswitch"},
	}},
	{"Open vSwitch, sending to user space (upcall)", []Func{
		{Name: TraceOVSUpcall, Module: "openvswitch", On: "6.1 6.12 7.2"},
		{Name: OVSUpcall, Module: "openvswitch"},
		{Name: OVSQueueToUser, Module: "openvswitch"},
	}},
	{"Open vSwitch, looking the flow up", []Func{
		{Name: OVSProcessPacket, Module: "openvswitch"},
		{Name: OVSLookupStats, Module: "openvswitch"},
	}},
	// A packet that user space sends.
	{"", []Func{
		{Name: OVSKeyOfUser, Module: "openvswitch"},
	}},
}
