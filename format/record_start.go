package format

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/skb-tools/skb-tools/format/wire"
)

// Start opens a stream and says where it is from. What follows belongs to it, up to the
// next.
type Start struct {
	TS          uint64 // ns, CLOCK_MONOTONIC
	ClockOffset int64  // ns to add to every ts for the wall clock (Unix time)
	Host        string
	Kernel      string // release
	Arch        string
	Tool        string
	Cmdline     []string
	BootID      string
	CPUs        uint32
	Snaplen     uint32 // bytes
	Probes      uint32
	Sample      uint32            // one packet of so many is reported; 0: all
	SampleBy    string            // packet, flow
	DropReasons map[uint32]string // that kernel's names
	Sysctl      map[string]string // the settings that decide over packets, at the start
	Netns       Netns             // of the tool: that which Sysctl, Qdisc and Speed are of
	Speed       map[string]uint64 // of devices, Mbit/s, at the start; nil: not known
	Qdisc       map[string]string // kinds of the queueing disciplines by device, at the start; nil: not known

	// More of the same namespace at the start; nil: not known.
	Devices       map[string]Device // by name
	Filters       map[string]string // where a device has tc filters: ingress, egress, kinds of its queueing disciplines
	FilterActions map[string]string // what those filters do, as ingress:drop, by device
	Rules         map[string]uint64 // number of `ip rule`s beside the kernel's own: inet, inet6
	Xfrm          map[string]uint64 // number of IPsec states and policies
	SPIs          map[string]string // of IPsec's states, as 0x00000100, and the address that they are for
	Firewall      map[string]string // chains and tables of rules, and the hook that they are at; "": several
	BPF           map[string]uint64 // number of BPF programs that can refuse packets, by type, of the whole machine

	// What other network namespaces are called, by their inode numbers; nil: not known.
	Namespaces map[uint32]Namespace

	Capture bool // what follows was read from a capture
}

var startSection = Section{"start", []Key{
	{Name: "type", Form: FormStr, What: "`start`"},
	{Name: "ts", Form: FormUint, Unit: UnitNS, What: "when the stream began, ns"},
	{Name: "version", Form: FormUint, What: "of this format: 1"},
	{Name: "clock_offset", Form: FormInt, Unit: UnitNS, What: "add it to a `ts` for the time since 1970, UTC, ns"},
	{Name: "host", Form: FormStr, What: "name of the host, empty if unknown"},
	{Name: "kernel", Form: FormStr, What: "its kernel's release, as `uname -r`"},
	{Name: "arch", Form: FormStr, What: "its architecture, as Go names it: `amd64`, `arm64`"},
	{Name: "tool", Form: FormStr, What: "what wrote the stream, and its version"},
	{Name: "boot_id", Form: FormStr, What: "of the host, `/proc/sys/kernel/random/boot_id`; empty if unknown"},
	{Name: "cmdline", Form: FormStrs, What: "the command and its arguments"},
	{Name: "cpus", Form: FormUint, What: "number of CPUs"},
	{Name: "snaplen", Form: FormUint, Unit: UnitBytes, What: "how much of a packet is kept at most, bytes"},
	{Name: "probes", Form: FormUint, What: "number of probes"},
	{Name: "drop_reasons", Form: FormStrMap,
		What: "the names of that kernel's drop reasons, by their number in decimal. Empty where the kernel has none"},
	{Name: "sysctl", Form: FormStrMap,
		What: "settings that decide over packets, by their name as sysctl(8) has it, in the network namespace of " +
			"the tool at the start"},
	{Name: "netns", Form: FormMap, Of: &netnsSection,
		What: "the network namespace of the tool, as in an event", Absent: "if it is not known"},
	{Name: "qdisc", Form: FormStrMap,
		What: "the kinds of queueing discipline, as tc(8) names them, of each device of that namespace at the " +
			"start, the root's first. Devices without one are left out",
		Absent: "if they are not known"},
	{Name: "speed", Form: FormUintMap, Unit: UnitMbit,
		What: "the speed of each device of that namespace at the start, Mbit/s, as `/sys/class/net/*/speed` has " +
			"it. Devices that do not tell are left out",
		Absent: "no device tells"},
	{Name: "devices", Form: FormMapMap, Of: &deviceSection,
		What: "the devices of that namespace at the start, by name: see below", Absent: "if they are not known"},
	{Name: "tc_filters", Form: FormStrMap,
		What: "where each device of that namespace had tc filters at the start, separated by spaces: `ingress`, " +
			"`egress`, and the kinds of queueing discipline that have them. Devices without any are left out",
		Absent: "if they are not known"},
	{Name: "tc_actions", Form: FormStrMap,
		What: "the actions of those filters by device, separated by spaces, each behind its place: " +
			"`ingress:drop`, `htb:police`. An action has the name of its kind, as tc(8) has it: `police`, " +
			"`mirred`, `ct`. Actions of the kind gact have the name of their verdict instead: `pass`, `drop`, " +
			"`continue`, `pipe`, `reclassify`, `trap`, `goto`. If an action of another kind has the verdict to " +
			"drop, `drop` stands beside it. `bpf` is a BPF program that gives verdicts. `unknown` is a filter of " +
			"a kind that is not known. A filter that only chooses a class has no action",
		Absent: "if they are not known"},
	{Name: "xfrm_spis", Form: FormStrMap,
		What:   "the SPIs of IPsec's states there, in hexadecimal (`0x00000100`), and the address that each is for",
		Absent: "there were more than 4,096, or they are not known"},
	{Name: "firewall", Form: FormStrMap,
		What: "what could refuse packets at netfilter's hooks in that namespace at the start: `nft inet filter " +
			"input` (family, table, chain; only base chains), `iptables filter` and `ip6tables filter` (tables " +
			"of the older iptables). The value is the hook, empty if there are several",
		Absent: "if it is not known"},
	{Name: "ip_rules", Form: FormUintMap,
		What:   "number of rules of ip-rule(8) beside the kernel's own: `inet`, `inet6`",
		Absent: "if they are not known"},
	{Name: "xfrm", Form: FormUintMap,
		What:   "number of IPsec's `states` and `policies` in that namespace at the start",
		Absent: "if they are not known"},
	{Name: "bpf_programs", Form: FormUintMap,
		What: "number of the BPF programs on the whole machine at the start that can refuse packets, by their " +
			"type as bpftool names it: `cgroup_skb`, `socket_filter`, `sched_cls`, `sched_act`, `xdp`, " +
			"`netfilter`, `sk_skb`, `sk_reuseport`, `lsm`. A type of which there is none has 0",
		Absent: "if they are not known"},
	{Name: "namespaces", Form: FormMapMap, Of: &namedSection,
		What: "what the other network namespaces of the host were called at the start, by their `inum` in decimal: see " +
			"below. Only those that have a name in /run/netns, or a process that the tool may look at",
		Absent: "there are none, or they are not known"},
	{Name: "sample", Form: FormUint,
		What: "one packet of so many was chosen, where it was seen first, and is in the stream with all its records " +
			"and with all that came from it; nothing is told of the others. So a count of events, drops or journeys " +
			"times this number is about how many there were. A reader that does not know this counts too few",
		Absent: "all packets are in the stream"},
	{Name: "sample_by", Form: FormStr,
		What: "how packets were chosen: `packet`, each by chance; `flow`, by a hash of addresses, ports and " +
			"protocol, which is the same in both directions and on each host. Packets that are not of IP are always " +
			"chosen by chance",
		Absent: "as `sample`"},
	{Name: "capture", Form: FormBool,
		What: "what follows was read from a capture, which knows less: events may lack `cpu`, and their sections " +
			"what they else always have",
		Absent: "it was not"},
}}

// AppendMsgpack appends the record. The maps are in order of their keys.
func (s *Start) AppendMsgpack(dst []byte) []byte { return appendEncoded(dst, s.encode) }

// EncodeMsgpack writes the record.
func (s *Start) EncodeMsgpack(e *msgpack.Encoder) error { return encodeAppended(e, s) }

func (s *Start) encode(e *msgpack.Encoder) error {
	var netns, devices, namespaces wire.Value
	if s.Netns.Present() {
		netns = s.Netns.append(nil)
	}
	if s.Devices != nil {
		devices = appendDevices(nil, s.Devices)
	}
	if len(s.Namespaces) > 0 {
		namespaces = appendNamespaces(nil, s.Namespaces)
	}
	return encodeMap(e, []entry{
		{"type", true, TypeStart}, {"ts", true, s.TS}, {"version", true, Version}, {"clock_offset", true, s.ClockOffset},
		{"host", true, s.Host}, {"kernel", true, s.Kernel}, {"arch", true, s.Arch}, {"tool", true, s.Tool},
		{"boot_id", true, s.BootID}, {"cmdline", true, s.Cmdline},
		{"cpus", true, s.CPUs}, {"snaplen", true, s.Snaplen}, {"probes", true, s.Probes},
		{"drop_reasons", true, s.reasons()}, {"sysctl", true, s.Sysctl}, {"netns", netns != nil, netns},
		{"qdisc", s.Qdisc != nil, s.Qdisc}, {"speed", s.Speed != nil, s.Speed}, {"devices", devices != nil, devices},
		{"tc_filters", s.Filters != nil, s.Filters}, {"tc_actions", s.FilterActions != nil, s.FilterActions},
		{"xfrm_spis", s.SPIs != nil, s.SPIs}, {"firewall", s.Firewall != nil, s.Firewall},
		{"ip_rules", s.Rules != nil, s.Rules}, {"xfrm", s.Xfrm != nil, s.Xfrm}, {"bpf_programs", s.BPF != nil, s.BPF},
		{"namespaces", namespaces != nil, namespaces}, {"sample", s.Sample != 0, s.Sample},
		{"sample_by", s.Sample != 0, s.SampleBy}, {"capture", s.Capture, true},
	})
}

// reasons appends the names of drop reasons in order of their numbers.
func (s *Start) reasons() wire.Value {
	dst := wire.AppendMap(nil, len(s.DropReasons))
	for _, n := range sorted(s.DropReasons) {
		dst = wire.AppendStr(wire.AppendStr(dst, strconv.FormatUint(uint64(n), 10)), s.DropReasons[n])
	}
	return dst
}

func decodeStrings(v wire.Value) map[string]string {
	m := map[string]string{}
	_ = v.Each(func(key []byte, v wire.Value) bool {
		if value, ok := v.Str(); ok {
			m[string(key)] = string(value)
		}
		return true
	})
	return m
}

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// Decode reads r, which must be a start.
func (s *Start) Decode(r Raw) error {
	if r.Type() != TypeStart {
		return errType(r, TypeStart)
	}
	*s = Start{DropReasons: map[uint32]string{}, Sysctl: decodeStrings(r.Get("sysctl"))}
	s.TS, _ = r.Time()
	s.ClockOffset, _ = r.Get("clock_offset").Int()
	setString(&s.Host, r.Get("host"))
	setString(&s.Kernel, r.Get("kernel"))
	setString(&s.Arch, r.Get("arch"))
	setString(&s.Tool, r.Get("tool"))
	setString(&s.BootID, r.Get("boot_id"))
	_ = r.Get("cmdline").Elems(func(v wire.Value) bool {
		a, _ := v.Str()
		s.Cmdline = append(s.Cmdline, string(a))
		return true
	})
	for key, to := range map[string]*uint32{"cpus": &s.CPUs, "snaplen": &s.Snaplen, "probes": &s.Probes,
		"sample": &s.Sample} {
		u, _ := r.Get(key).Uint()
		*to = uint32(u)
	}
	_ = r.Get("drop_reasons").Each(func(key []byte, v wire.Value) bool {
		n, err := strconv.ParseUint(string(key), 10, 32)
		if name, ok := v.Str(); ok && err == nil {
			s.DropReasons[uint32(n)] = string(name)
		}
		return true
	})
	_ = r.Get("netns").Each(func(key []byte, v wire.Value) bool {
		s.Netns.decode(key, v)
		return true
	})
	for key, to := range map[string]*map[string]string{"qdisc": &s.Qdisc, "tc_filters": &s.Filters,
		"tc_actions": &s.FilterActions, "xfrm_spis": &s.SPIs, "firewall": &s.Firewall} {
		if v := r.Get(key); v != nil {
			*to = decodeStrings(v)
		}
	}
	setString(&s.SampleBy, r.Get("sample_by"))
	s.Capture, _ = r.Get("capture").Bool()
	s.Namespaces = r.Namespaces()
	s.Devices, s.Speed = r.Devices(), decodeNumbers(r.Get("speed"))
	s.Rules, s.Xfrm, s.BPF = decodeNumbers(r.Get("ip_rules")), decodeNumbers(r.Get("xfrm")),
		decodeNumbers(r.Get("bpf_programs"))
	return nil
}
