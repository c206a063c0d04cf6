package format

import "github.com/skb-tools/skb-tools/format/wire"

// BPF is the section `bpf`: the BPF program that a probe `KIND:NAME` is at, or of which a tracepoint of group xdp
// tells.
type BPF struct {
	Kind    string // "" makes the section absent
	ID      uint32
	Name    string
	Tag     string
	Verdict string      // what it returned, by name; "" makes it absent
	Code    Opt[int64]  // the number that it returned
	RxQueue Opt[uint64] // the receive queue, at an XDP program
	Ifindex uint32      // the device that it redirected to; 0: not known
	Map     uint32      // the id of the map through which it redirected; 0: none
	Key     Opt[uint64] // in that map
	Errno   string      // why the kernel could not do it; "" makes it absent
	Sent    uint64      // packets that the event tells of and were sent; 0 makes it absent
	Dropped uint64      // and that were dropped; 0 makes it absent
}

var bpfSection = Section{"bpf", []Key{
	{Name: "kind", Form: FormStr, What: "the kind of program, as after `-p`: `xdp`, `tc`, `cgroup_skb`, `sk_skb`, " +
		"`socket_filter`, `lwt`, `netfilter`"},
	{Name: "id", Form: FormUint, What: "the number that the kernel gave the program",
		Absent: "the tracepoint does not tell the program"},
	{Name: "name", Form: FormStr, What: "its name: of its main function, whole", Absent: "it has none"},
	{Name: "tag", Form: FormStr, What: "the kernel's hash of its instructions, 16 hexadecimal digits",
		Absent: "the kernel gave none"},
	{Name: "verdict", Form: FormStr, What: "what it returned, by the kernel's name: `XDP_DROP`, `TC_ACT_SHOT`; of a " +
		"socket filter and a cgroup's program `SK_DROP` or `SK_PASS`; a number that has no name as `0x` and " +
		"hexadecimal digits",
		Absent: "the probe is at the program's entry"},
	{Name: "code", Form: FormInt, What: "the same, the number itself; of a socket filter how many bytes it keeps",
		Absent: "the probe is at the program's entry"},
	{Name: "rx_queue", Form: FormUint, What: "the device's receive queue, from 0", Absent: "the program is not `xdp`"},
	{Name: "ifindex", Form: FormUint, What: "number of the device to which it redirects the packet",
		Absent: "it does not, or not to a device by its number, or this kernel does not show it"},
	{Name: "map", Form: FormUint, What: "the id of the map through which it redirects the packet",
		Absent: "it does not, or without a map, or this kernel does not show it"},
	{Name: "key", Form: FormUint, What: "the key in that map", Absent: "there is no `map`"},
	{Name: "errno", Form: FormStr, What: "why the kernel could not do what the program wanted: `ENETDOWN`",
		Absent: "it could, or the probe is not a tracepoint of group `xdp`"},
	{Name: "sent", Form: FormUint, What: "packets that the event tells of, and that were sent or handed on",
		Absent: "none, or the probe is not a tracepoint of group `xdp`"},
	{Name: "dropped", Form: FormUint, What: "packets that were dropped here, and of which no other event tells",
		Absent: "none, or the probe is not a tracepoint of group `xdp`"},
}}

// Present reports whether the section is.
func (b *BPF) Present() bool { return b.Kind != "" }

func (b *BPF) reset() { *b = BPF{} }

func (b *BPF) append(dst []byte) []byte {
	n := 1
	for _, there := range [...]bool{b.ID != 0, b.Name != "", b.Tag != "", b.Verdict != "", b.Code.OK, b.RxQueue.OK,
		b.Ifindex != 0, b.Map != 0, b.Key.OK, b.Errno != "", b.Sent != 0, b.Dropped != 0} {
		if there {
			n++
		}
	}
	dst = wire.AppendMap(dst, n)
	dst = wire.AppendStr(append(dst, "\xa4kind"...), b.Kind)
	dst = appendNonzero(dst, "id", uint64(b.ID))
	if b.Name != "" {
		dst = wire.AppendStr(append(dst, "\xa4name"...), b.Name)
	}
	if b.Tag != "" {
		dst = wire.AppendStr(append(dst, "\xa3tag"...), b.Tag)
	}
	if b.Verdict != "" {
		dst = wire.AppendStr(append(dst, "\xa7verdict"...), b.Verdict)
	}
	if b.Code.OK {
		dst = wire.AppendInt(append(dst, "\xa4code"...), b.Code.V)
	}
	if b.RxQueue.OK {
		dst = wire.AppendUint(append(dst, "\xa8rx_queue"...), b.RxQueue.V)
	}
	dst = appendNonzero(dst, "ifindex", uint64(b.Ifindex))
	dst = appendNonzero(dst, "map", uint64(b.Map))
	if b.Key.OK {
		dst = wire.AppendUint(append(dst, "\xa3key"...), b.Key.V)
	}
	if b.Errno != "" {
		dst = wire.AppendStr(append(dst, "\xa5errno"...), b.Errno)
	}
	dst = appendNonzero(dst, "sent", b.Sent)
	return appendNonzero(dst, "dropped", b.Dropped)
}

func (b *BPF) decode(key []byte, v wire.Value) {
	u, _ := v.Uint()
	switch string(key) {
	case "kind":
		setString(&b.Kind, v)
	case "id":
		b.ID = uint32(u)
	case "name":
		setString(&b.Name, v)
	case "tag":
		setString(&b.Tag, v)
	case "verdict":
		setString(&b.Verdict, v)
	case "code":
		i, _ := v.Int()
		b.Code = Some(i)
	case "rx_queue":
		b.RxQueue = Some(u)
	case "ifindex":
		b.Ifindex = uint32(u)
	case "map":
		b.Map = uint32(u)
	case "key":
		b.Key = Some(u)
	case "errno":
		setString(&b.Errno, v)
	case "sent":
		b.Sent = u
	case "dropped":
		b.Dropped = u
	}
}
