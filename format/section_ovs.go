package format

import "github.com/skb-tools/skb-tools/format/wire"

// OVS is the section `ovs`: what Open vSwitch's kernel module does with the packet.
type OVS struct {
	Type     string // action, actions, upcall, lookup; "" makes the section absent
	Datapath string
	RecircID uint32
	InPort   uint32

	Action  string // action: its name; actions: all of them, as ovs-dpctl writes them
	Args    string // action: what is in parentheses behind the name; "": nothing
	OutPort uint32 // with OutDev
	OutDev  string // output: the device of the port; "": there is no such port, or the action is another

	Cmd    string // upcall: miss, action
	Reason string // upcall by an action: what user space asked for it for; "": not known
	PortID uint32 // upcall: of the Netlink socket; 0: none
	MRU    uint16 // upcall: the longest fragment of a packet that was put together, bytes; 0: it was not

	Hit       bool   // lookup
	NoActions bool   // lookup: the flow has none: it drops the packet; false also if that is not known
	UFID      string // lookup: of the flow; "": it has none
	MaskHit   uint32 // lookup
	CacheHit  uint32 // lookup
}

var ovsSection = Section{"ovs", []Key{
	{Name: "type", Form: FormStr,
		What: "`lookup` (of the flow), `upcall` (the packet goes to user space), `action` (one is about to be executed), " +
			"`actions` (a list of them, on kernels without the tracepoint)"},
	{Name: "dp", Form: FormStr, What: "name of the datapath", Absent: "it could not be read"},
	{Name: "recirc_id", Form: FormUint, What: "recirculation id of the packet: 0 before the first `recirc`"},
	{Name: "in_port", Form: FormUint, What: "number of the datapath's port that the packet came in by"},
	{Name: "action", Form: FormStr,
		What: "the action's name as ovs-dpctl(8) writes it: `output`, `ct`, `recirc`, `set_masked`; of `actions` all of " +
			"them, with their arguments",
		Absent: "another type"},
	{Name: "args", Form: FormStr,
		What:   "its arguments, as ovs-dpctl writes them between the parentheses: `commit,zone=5,nat(src=10.0.0.9)`",
		Absent: "it has none"},
	{Name: "out_port", Form: FormUint, What: "`output`: number of the port", Absent: "another action"},
	{Name: "out_dev", Form: FormStr,
		What: "`output`: the device of that port", Absent: "another action, or the datapath has no such port"},
	{Name: "cmd", Form: FormStr,
		What: "why it goes up: `miss` (no flow), `action` (a flow's action)", Absent: "another type"},
	{Name: "reason", Form: FormStr,
		What:   "what the action wants of user space: `slow_path`, `controller`, `sflow`, `flow_sample`, `ipfix`",
		Absent: "it is a miss, or the action does not say"},
	{Name: "portid", Form: FormUint,
		What: "of the Netlink socket that it goes to; 0: there is none, so the packet is lost", Absent: "another type"},
	{Name: "mru", Form: FormUint, Unit: UnitBytes,
		What: "bytes of the longest fragment of a packet that was put together", Absent: "it was not"},
	{Name: "hit", Form: FormBool, What: "whether there is a flow", Absent: "another type"},
	{Name: "ufid", Form: FormStr,
		What: "the flow, as `ovs-dpctl dump-flows -m` shows it", Absent: "there is none, or it has no such number"},
	{Name: "no_actions", Form: FormBool,
		What: "`true`: the flow has no actions, which is how Open vSwitch says drop",
		Absent: "it has some, or the kernel has drop reasons of Open vSwitch (6.6 and newer), or types of modules are not " +
			"known (5.10), or another type"},
	{Name: "mask_hit", Form: FormUint, What: "masks that were tried (the kernel's `n_mask_hit`)", Absent: "another type"},
	{Name: "cache_hit", Form: FormUint,
		What: "1: the cache had the mask (the kernel's `n_cache_hit`)", Absent: "another type"},
}}

// Present reports whether the section is.
func (o *OVS) Present() bool { return o.Type != "" }

func (o *OVS) reset() { *o = OVS{} }

func (o *OVS) append(dst []byte) []byte {
	head, n := len(dst), 0
	dst = append(dst, 0x80)
	str := func(key, s string) {
		if s != "" {
			n++
			dst = wire.AppendStr(wire.AppendStr(dst, key), s)
		}
	}
	number := func(key string, v uint64) {
		n++
		dst = wire.AppendUint(wire.AppendStr(dst, key), v)
	}
	str("type", o.Type)
	str("dp", o.Datapath)
	number("recirc_id", uint64(o.RecircID))
	number("in_port", uint64(o.InPort))
	switch o.Type {
	case "action", "actions":
		str("action", o.Action)
		str("args", o.Args)
		if o.Action == "output" {
			number("out_port", uint64(o.OutPort))
			str("out_dev", o.OutDev)
		}
	case "upcall":
		str("cmd", o.Cmd)
		str("reason", o.Reason)
		number("portid", uint64(o.PortID))
		if o.MRU != 0 {
			number("mru", uint64(o.MRU))
		}
	case "lookup":
		n++
		dst = wire.AppendBool(wire.AppendStr(dst, "hit"), o.Hit)
		str("ufid", o.UFID)
		if o.NoActions {
			n++
			dst = wire.AppendBool(wire.AppendStr(dst, "no_actions"), true)
		}
		number("mask_hit", uint64(o.MaskHit))
		number("cache_hit", uint64(o.CacheHit))
	}
	dst[head] |= byte(n) // at most 10
	return dst
}

func (o *OVS) decode(key []byte, v wire.Value) {
	u, _ := v.Uint()
	switch string(key) {
	case "type":
		setString(&o.Type, v)
	case "dp":
		setString(&o.Datapath, v)
	case "recirc_id":
		o.RecircID = uint32(u)
	case "in_port":
		o.InPort = uint32(u)
	case "action":
		setString(&o.Action, v)
	case "args":
		setString(&o.Args, v)
	case "out_port":
		o.OutPort = uint32(u)
	case "out_dev":
		setString(&o.OutDev, v)
	case "cmd":
		setString(&o.Cmd, v)
	case "reason":
		setString(&o.Reason, v)
	case "portid":
		o.PortID = uint32(u)
	case "mru":
		o.MRU = uint16(u)
	case "hit":
		o.Hit, _ = v.Bool()
	case "no_actions":
		o.NoActions, _ = v.Bool()
	case "ufid":
		setString(&o.UFID, v)
	case "mask_hit":
		o.MaskHit = uint32(u)
	case "cache_hit":
		o.CacheHit = uint32(u)
	}
}
