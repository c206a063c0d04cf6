//go:build linux && (amd64 || arm64)

package kernel

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// ovsModule is Open vSwitch's part in the kernel.
const ovsModule = "openvswitch"

// OVS is what this kernel's Open vSwitch can be asked.
type OVS struct {
	// Actions is the function that executes a list of actions, for kernels that have no tracepoint for
	// each action (before 5.14); else nil.
	Actions *Function
	// Upcall is the function that sends a packet to user space.
	Upcall Function
	lookup []Function // what is called before and in a lookup: on_ovs_process_packet, on_ovs_lookup
	queue  Function   // each packet that Upcall sends
	// Meter is the function that says whether a meter drops a packet, for kernels that do not tell that drop; else nil.
	Meter *Function
	key   Function // each packet that user space sends back
}

// OVSLookup is the probe of the events that tell what the flow table has.
const OVSLookup = "ret:" + kfunc.OVSLookupStats

// ovsEvents are the probes whose events have the section ovs, and what those tell of. As arguments
// they all have the datapath, the sk_buff, the flow's key and the action, actions or upcall, in this order.
var ovsEvents = map[string]uint8{
	kfunc.TraceOVSAction: bpf.OVSAction,
	kfunc.TraceOVSUpcall: bpf.OVSUpcall,
	kfunc.OVSDoActions:   bpf.OVSActions,
	kfunc.OVSUpcall:      bpf.OVSUpcall,
	kfunc.OVSQueueToUser: bpf.OVSUpcall,
	OVSLookup:            bpf.OVSLookup,
}

// HasOVS tells whether the function's events can have the section ovs.
func (f Function) HasOVS() bool { return f.Module == ovsModule && ovsEvents[f.Name] != 0 }

// HasOVS tells whether the tracepoint's events can have the section ovs.
func (t Tracepoint) HasOVS() bool { return t.ovsEvent() != 0 }

// ovsEvent is what its events tell of Open vSwitch; 0: nothing.
func (t Tracepoint) ovsEvent() uint8 {
	for probe, event := range ovsEvents {
		if strings.Contains(probe, ":") && t.Is(probe) {
			return event
		}
	}
	return 0
}

// OVS finds the functions, each of which Open vSwitch has had since before 5.10.
func (k *Kernel) OVS() (*OVS, error) {
	at := map[string][]uint64{kfunc.OVSProcessPacket: nil, kfunc.OVSLookupStats: nil, kfunc.OVSQueueToUser: nil,
		kfunc.OVSKeyOfUser: nil, kfunc.OVSUpcall: nil, kfunc.OVSDoActions: nil,
		kfunc.OVSMeter: nil}
	if err := k.symbols.addresses(at); err != nil {
		return nil, err
	}
	if len(at[kfunc.OVSUpcall]) == 0 {
		return nil, errors.New("the module openvswitch is not loaded: there is no switch")
	}
	layout, err := k.ovsLayout()
	if err != nil {
		return nil, err
	}
	var missing error
	function := func(name string, arg int) Function {
		if len(at[name]) != 1 {
			missing = fmt.Errorf("this kernel's openvswitch has no function %s that can be probed", name)
			return Function{}
		}
		return Function{Name: name, Module: ovsModule, Arg: arg, Addr: at[name][0]}
	}
	o := &OVS{
		Upcall: function(kfunc.OVSUpcall, 2),
		lookup: []Function{function(kfunc.OVSProcessPacket, 1), function(kfunc.OVSLookupStats, 0)},
		queue:  function(kfunc.OVSQueueToUser, 2),
		key:    function(kfunc.OVSKeyOfUser, 3),
	}
	o.Upcall.proto = &btf.FuncProto{Return: &btf.Int{Name: "int", Size: 4, Encoding: btf.Signed}}
	if !k.HasTracepoint(kfunc.TraceOVSAction) && !slices.Contains(k.types.selected, ovsModule) {
		f := function(kfunc.OVSDoActions, 2)
		f.Sections = bpf.SectionOVS
		o.Actions = &f
	}
	if layout.FlowActs != 0 || o.Actions != nil {
		f := function(kfunc.OVSMeter, 2)
		f.proto = &btf.FuncProto{Return: &btf.Int{Name: "bool", Size: 1, Encoding: btf.Bool}}
		o.Meter = &f
	}
	return o, missing
}

// OVSLookups attaches what tells of each lookup; its events carry number as their probe.
func (a *Attachment) OVSLookups(backend string, o *OVS, number uint64, more bpf.Sections) error {
	vars := a.loader.sections(bpf.SectionOVS|more&anywhere, a.loader.settings.ShowBare)
	vars["ovs_event"], vars["probe_number"] = ovsEvents[OVSLookup], number
	return a.ovs(backend, []ovsProbe{
		{target{"on_ovs_lookup_return", true, vars}, o.lookup[1]},
		{target{"on_ovs_lookup", false, a.loader.ovsVariables()}, o.lookup[1]},
		{target{"on_ovs_process_packet", false, nil}, o.lookup[0]},
	})
}

// OVSUpcalls attaches what joins a packet that comes back from user space with the one that went up.
func (a *Attachment) OVSUpcalls(backend string, o *OVS) error {
	return a.ovs(backend, []ovsProbe{
		{target{"on_ovs_execute_return", true, nil}, o.key},
		{target{"on_ovs_execute", false, nil}, o.key},
		{target{"on_ovs_queue_return", true, map[string]any{"probe_number": o.queue.Addr}}, o.queue},
		{target{"on_ovs_queue", false, a.loader.ovsVariables()}, o.queue},
	})
}

type ovsProbe struct {
	target
	function Function
}

func (a *Attachment) ovs(backend string, probes []ovsProbe) error {
	for _, p := range probes {
		if err := a.function(backend, p.target, p.function); err != nil {
			return err
		}
	}
	return nil
}

// ovsVariables are the settings of a program that looks into openvswitch.
func (l *Loader) ovsVariables() map[string]any {
	layout, _ := l.k.ovsLayout() // whether it can be had was tried before
	return map[string]any{"ovs": layout}
}

// ovsLayout finds by BTF what the BPF side needs to know of openvswitch.
func (k *Kernel) ovsLayout() (bpf.OVSLayout, error) {
	if k.ovs != nil {
		return *k.ovs, nil
	}
	l, err := k.findOVSLayout()
	if err == nil {
		k.ovs = &l
	}
	return l, err
}

func (k *Kernel) findOVSLayout() (bpf.OVSLayout, error) {
	module, err := k.moduleOrBuiltIn(ovsModule)
	if err != nil {
		return bpf.OVSLayout{}, err
	}
	var key *btf.Struct
	if module.TypeByName("sw_flow_key", &key) != nil {
		return k.ovsLayoutWithoutBTF()
	}
	find := memberFinder{types: module, whose: "Open vSwitch"}
	offset := find.offset
	l := bpf.OVSLayout{
		DpTable: offset("datapath", "table"), DpPorts: offset("datapath", "ports"),
		VportDev: offset("vport", "dev"), VportPort: offset("vport", "port_no"), VportNode: offset("vport", "dp_hash_node"),
		KeyRecircId: offset("sw_flow_key", "recirc_id"), KeyInPort: offset("sw_flow_key", "phy.in_port"),
		InfoUserdata: offset("dp_upcall_info", "userdata"), InfoPortid: offset("dp_upcall_info", "portid"),
		InfoCmd: offset("dp_upcall_info", "cmd"), InfoMru: offset("dp_upcall_info", "mru"),
		FlowUfidLen: offset("sw_flow", "id.ufid_len"), FlowUfid: offset("sw_flow", "id.ufid"),
	}
	if !k.hasOVSReasons(module) {
		l.FlowActs, l.ActsLen = offset("sw_flow", "sf_acts"), offset("sw_flow_actions", "actions_len")
	}
	return l, find.missing
}

// hasOVSReasons tells whether the kernel gives reasons for what Open vSwitch drops (net/openvswitch/drop.h, since
// 6.6).
func (k *Kernel) hasOVSReasons(module *btf.Spec) bool {
	types, err := module.AnyTypesByName("ovs_drop_reason")
	return err == nil && len(types) > 0
}

// ovsLayoutWithoutBTF is the layout of kernels that have no BTF of modules, as net/openvswitch of Linux
// 5.10 declares it on 64-bit machines. With another module no read would fail: what it has there would be told as if it
// were a port or a flow.
func (k *Kernel) ovsLayoutWithoutBTF() (bpf.OVSLayout, error) {
	if len(k.types.selected) > 0 {
		return bpf.OVSLayout{}, errors.New("the types of module openvswitch are not known: --modules leaves it out, or " +
			"this kernel has none for it")
	}
	taint, err := os.ReadFile("/sys/module/" + ovsModule + "/taint")
	if err != nil {
		return bpf.OVSLayout{}, fmt.Errorf("whether module openvswitch is the kernel's own can't be read: %w", err)
	}
	if err := hasLayoutOf510(k.Release, string(taint)); err != nil {
		return bpf.OVSLayout{}, err
	}
	return bpf.OVSLayout{
		DpTable: 32, DpPorts: 80,
		VportDev: 0, VportPort: 24, VportNode: 48,
		KeyInPort: 320, KeyRecircId: 328,
		InfoUserdata: 8, InfoPortid: 28, InfoCmd: 32, InfoMru: 34,
		FlowUfidLen: 568, FlowUfid: 576,
	}, nil
}

// hasLayoutOf510 returns an error, which is one line for the user, unless a module openvswitch without BTF is that of
// Linux 5.10. taint is what /sys/module/openvswitch/taint has (Documentation/admin-guide/tainted-kernels.rst): O is a
// module that was built outside of the kernel's source, as by DKMS. Kernels since 5.11 have BTF of modules, if it is
// configured.
func hasLayoutOf510(release, taint string) error {
	if strings.Contains(taint, "O") {
		return errors.New("module openvswitch has no BTF and was built outside of the kernel's source: what Open vSwitch " +
			"does can't be read")
	}
	if !strings.HasPrefix(release, "5.10.") {
		return fmt.Errorf("module openvswitch of kernel %s has no BTF (CONFIG_DEBUG_INFO_BTF_MODULES): what Open vSwitch "+
			"does can't be read", release)
	}
	return nil
}
