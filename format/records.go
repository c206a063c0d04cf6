package format

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Version is the version of the stream that this package writes.
const Version = 1

func errType(r Raw, want RecordType) error {
	return fmt.Errorf("record of type %q where one of type %q was expected", r.Type(), want)
}

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

	Capture bool // what follows was read from a capture
}

// AppendMsgpack appends the record. The maps are in order of their keys.
func (s *Start) AppendMsgpack(dst []byte) []byte {
	pairs := 15
	if s.Netns.Present() {
		pairs++
	}
	if s.Qdisc != nil {
		pairs++
	}
	if s.Speed != nil {
		pairs++
	}
	for _, has := range [...]bool{s.Devices != nil, s.Filters != nil, s.FilterActions != nil, s.Rules != nil, s.Xfrm != nil, s.SPIs != nil, s.Firewall != nil, s.BPF != nil, s.Capture} {
		if has {
			pairs++
		}
	}
	dst = AppendMap(dst, pairs)
	dst = AppendStr(append(dst, "\xa4type"...), string(TypeStart))
	dst = AppendUint(append(dst, "\xa2ts"...), s.TS)
	dst = AppendUint(append(dst, "\xa7version"...), Version)
	dst = AppendInt(append(dst, "\xacclock_offset"...), s.ClockOffset)
	for _, f := range [...]struct{ key, value string }{
		{"host", s.Host}, {"kernel", s.Kernel}, {"arch", s.Arch}, {"tool", s.Tool}, {"boot_id", s.BootID},
	} {
		dst = AppendStr(AppendStr(dst, f.key), f.value)
	}
	dst = AppendArray(append(dst, "\xa7cmdline"...), len(s.Cmdline))
	for _, a := range s.Cmdline {
		dst = AppendStr(dst, a)
	}
	dst = AppendUint(append(dst, "\xa4cpus"...), uint64(s.CPUs))
	dst = AppendUint(append(dst, "\xa7snaplen"...), uint64(s.Snaplen))
	dst = AppendUint(append(dst, "\xa6probes"...), uint64(s.Probes))
	dst = AppendMap(append(dst, "\xacdrop_reasons"...), len(s.DropReasons))
	for _, n := range sorted(s.DropReasons) {
		dst = AppendStr(AppendStr(dst, strconv.FormatUint(uint64(n), 10)), s.DropReasons[n])
	}
	dst = appendStrings(append(dst, "\xa6sysctl"...), s.Sysctl)
	if s.Netns.Present() {
		dst = s.Netns.append(append(dst, "\xa5netns"...))
	}
	if s.Qdisc != nil {
		dst = appendStrings(append(dst, "\xa5qdisc"...), s.Qdisc)
	}
	if s.Speed != nil {
		dst = appendNumbers(append(dst, "\xa5speed"...), s.Speed)
	}
	if s.Devices != nil {
		dst = appendDevices(AppendStr(dst, "devices"), s.Devices)
	}
	if s.Filters != nil {
		dst = appendStrings(AppendStr(dst, "tc_filters"), s.Filters)
	}
	if s.FilterActions != nil {
		dst = appendStrings(AppendStr(dst, "tc_actions"), s.FilterActions)
	}
	if s.SPIs != nil {
		dst = appendStrings(AppendStr(dst, "xfrm_spis"), s.SPIs)
	}
	if s.Firewall != nil {
		dst = appendStrings(AppendStr(dst, "firewall"), s.Firewall)
	}
	for _, m := range [...]struct {
		key   string
		value map[string]uint64
	}{{"ip_rules", s.Rules}, {"xfrm", s.Xfrm}, {"bpf_programs", s.BPF}} {
		if m.value != nil {
			dst = appendNumbers(AppendStr(dst, m.key), m.value)
		}
	}
	if s.Capture {
		dst = AppendBool(AppendStr(dst, "capture"), true)
	}
	return dst
}

func appendStrings(dst []byte, m map[string]string) []byte {
	dst = AppendMap(dst, len(m))
	for _, k := range sorted(m) {
		dst = AppendStr(AppendStr(dst, k), m[k])
	}
	return dst
}

func decodeStrings(v Value) map[string]string {
	m := map[string]string{}
	_ = v.Each(func(key []byte, v Value) bool {
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
	_ = r.Get("cmdline").Elems(func(v Value) bool {
		a, _ := v.Str()
		s.Cmdline = append(s.Cmdline, string(a))
		return true
	})
	for key, to := range map[string]*uint32{"cpus": &s.CPUs, "snaplen": &s.Snaplen, "probes": &s.Probes} {
		u, _ := r.Get(key).Uint()
		*to = uint32(u)
	}
	_ = r.Get("drop_reasons").Each(func(key []byte, v Value) bool {
		n, err := strconv.ParseUint(string(key), 10, 32)
		if name, ok := v.Str(); ok && err == nil {
			s.DropReasons[uint32(n)] = string(name)
		}
		return true
	})
	_ = r.Get("netns").Each(func(key []byte, v Value) bool {
		s.Netns.decode(key, v)
		return true
	})
	for key, to := range map[string]*map[string]string{"qdisc": &s.Qdisc, "tc_filters": &s.Filters, "tc_actions": &s.FilterActions, "xfrm_spis": &s.SPIs, "firewall": &s.Firewall} {
		if v := r.Get(key); v != nil {
			*to = decodeStrings(v)
		}
	}
	s.Capture, _ = r.Get("capture").Bool()
	s.Devices, s.Speed = r.Devices(), decodeNumbers(r.Get("speed"))
	s.Rules, s.Xfrm, s.BPF = decodeNumbers(r.Get("ip_rules")), decodeNumbers(r.Get("xfrm")), decodeNumbers(r.Get("bpf_programs"))
	return nil
}

// A Buffer names an sk_buff and its data buffer.
type Buffer struct {
	Addr uint64 // of the sk_buff
	Head uint64 // of its data buffer; 0: not known
	ID   uint64 // identity of the data buffer; 0: it has none
}

func (b *Buffer) append(dst []byte) []byte {
	n := 0
	for _, v := range [...]uint64{b.Addr, b.Head, b.ID} {
		if v != 0 {
			n++
		}
	}
	dst = AppendMap(dst, n)
	for i, v := range [...]uint64{b.Addr, b.Head, b.ID} {
		if v != 0 {
			dst = AppendUint(append(dst, skbKeys[i]...), v)
		}
	}
	return dst
}

func (b *Buffer) decode(v Value) {
	b.Addr, _ = v.Get("addr").Uint()
	b.Head, _ = v.Get("head").Uint()
	b.ID, _ = v.Get("id").Uint()
}

// A Link says that one buffer came from another, or went into it.
type Link struct {
	TS       uint64
	CPU      uint32
	How      string // clone, copy, pskb_copy, expand, segment, gro, fragment, reassemble, coalesce, morph
	From, To Buffer
}

// AppendMsgpack appends the record.
func (l *Link) AppendMsgpack(dst []byte) []byte {
	dst = AppendStr(append(dst, "\x86\xa4type"...), string(TypeLink))
	dst = AppendUint(append(dst, "\xa2ts"...), l.TS)
	dst = AppendUint(append(dst, "\xa3cpu"...), uint64(l.CPU))
	dst = AppendStr(append(dst, "\xa3how"...), l.How)
	dst = l.From.append(append(dst, "\xa4from"...))
	return l.To.append(append(dst, "\xa2to"...))
}

// Decode reads r, which must be a link.
func (l *Link) Decode(r Raw) error {
	if r.Type() != TypeLink {
		return errType(r, TypeLink)
	}
	l.TS, _ = r.Time()
	l.CPU = cpu(r)
	setString(&l.How, r.Get("how"))
	l.From.decode(r.Get("from"))
	l.To.decode(r.Get("to"))
	return nil
}

func cpu(r Raw) uint32 {
	u, _ := r.Get("cpu").Uint()
	return uint32(u)
}

// Free says that an sk_buff which was reported let go of its data.
type Free struct {
	TS   uint64
	CPU  uint32
	How  string // consumed, dropped, merged
	Skb  Buffer
	Last bool // nobody else holds the data buffer: its identity ends
	Drop Drop // when dropped
}

// AppendMsgpack appends the record.
func (f *Free) AppendMsgpack(dst []byte) []byte {
	n := 6
	if f.Drop.Present() {
		n++
	}
	dst = AppendMap(dst, n)
	dst = AppendStr(append(dst, "\xa4type"...), string(TypeFree))
	dst = AppendUint(append(dst, "\xa2ts"...), f.TS)
	dst = AppendUint(append(dst, "\xa3cpu"...), uint64(f.CPU))
	dst = AppendStr(append(dst, "\xa3how"...), f.How)
	dst = f.Skb.append(append(dst, "\xa3skb"...))
	dst = AppendBool(append(dst, "\xa4last"...), f.Last)
	if f.Drop.Present() {
		dst = f.Drop.append(append(dst, "\xa4drop"...))
	}
	return dst
}

// Decode reads r, which must be a free.
func (f *Free) Decode(r Raw) error {
	if r.Type() != TypeFree {
		return errType(r, TypeFree)
	}
	f.TS, _ = r.Time()
	f.CPU = cpu(r)
	setString(&f.How, r.Get("how"))
	f.Skb.decode(r.Get("skb"))
	f.Last, _ = r.Get("last").Bool()
	f.Drop.reset()
	if d := r.Get("drop"); d != nil {
		_ = d.Each(func(key []byte, v Value) bool {
			f.Drop.decode(key, v)
			return true
		})
	}
	return nil
}

// A Stack is a chain of calls that events refer to by its number. It stands in front of
// the first of them.
type Stack struct {
	ID     uint64   // used once within a start
	Frames []string // function+0xoffset, the innermost first
}

// AppendMsgpack appends the record.
func (s *Stack) AppendMsgpack(dst []byte) []byte {
	dst = AppendStr(append(dst, "\x83\xa4type"...), string(TypeStack))
	dst = AppendUint(append(dst, "\xa2id"...), s.ID)
	dst = AppendArray(append(dst, "\xa6frames"...), len(s.Frames))
	for _, f := range s.Frames {
		dst = AppendStr(dst, f)
	}
	return dst
}

// Decode reads r, which must be a stack.
func (s *Stack) Decode(r Raw) error {
	if r.Type() != TypeStack {
		return errType(r, TypeStack)
	}
	s.ID, _ = r.Get("id").Uint()
	s.Frames = s.Frames[:0]
	_ = r.Get("frames").Elems(func(v Value) bool {
		f, _ := v.Str()
		s.Frames = append(s.Frames, string(f))
		return true
	})
	return nil
}

// Loss says that something is missing from the stream.
type Loss struct {
	TS    uint64 // when the last of it was lost, or when the loss was noticed
	Since uint64 // nothing of it was lost before
	Count uint64 // at least
	What  string // event, link, free, identity, probe
	Cause string
	CPU   Opt[uint32]
}

// AppendMsgpack appends the record.
func (l *Loss) AppendMsgpack(dst []byte) []byte {
	n := 6
	if l.CPU.OK {
		n++
	}
	dst = AppendMap(dst, n)
	dst = AppendStr(append(dst, "\xa4type"...), string(TypeLoss))
	dst = AppendUint(append(dst, "\xa2ts"...), l.TS)
	if l.CPU.OK {
		dst = AppendUint(append(dst, "\xa3cpu"...), uint64(l.CPU.V))
	}
	dst = AppendUint(append(dst, "\xa5since"...), l.Since)
	dst = AppendUint(append(dst, "\xa5count"...), l.Count)
	dst = AppendStr(append(dst, "\xa4what"...), l.What)
	return AppendStr(append(dst, "\xa5cause"...), l.Cause)
}

// Decode reads r, which must be a loss.
func (l *Loss) Decode(r Raw) error {
	if r.Type() != TypeLoss {
		return errType(r, TypeLoss)
	}
	l.TS, _ = r.Time()
	l.Since, _ = r.Get("since").Uint()
	l.Count, _ = r.Get("count").Uint()
	setString(&l.What, r.Get("what"))
	setString(&l.Cause, r.Cause())
	u, ok := r.Get("cpu").Uint()
	l.CPU = Opt[uint32]{uint32(u), ok}
	return nil
}

// Cause returns why something was lost or ended: `cause` of a loss or an end, which older
// streams call `why`.
func (r Raw) Cause() Value {
	if v := r.Get("cause"); v != nil {
		return v
	}
	return r.Get("why")
}

// End closes what a start opened.
type End struct {
	TS                         uint64
	Events, Links, Frees, Lost uint64
	Cause                      string      // signal, count, duration, command, rotate
	Status                     Opt[int]    // of the command that was run
	Looked                     Opt[uint64] // ns, when what the start says was compared last
}

// AppendMsgpack appends the record.
func (e *End) AppendMsgpack(dst []byte) []byte {
	n := 7
	for _, has := range [...]bool{e.Status.OK, e.Looked.OK} {
		if has {
			n++
		}
	}
	dst = AppendMap(dst, n)
	dst = AppendStr(append(dst, "\xa4type"...), string(TypeEnd))
	dst = AppendUint(append(dst, "\xa2ts"...), e.TS)
	dst = AppendUint(append(dst, "\xa6events"...), e.Events)
	dst = AppendUint(append(dst, "\xa5links"...), e.Links)
	dst = AppendUint(append(dst, "\xa5frees"...), e.Frees)
	dst = AppendUint(append(dst, "\xa4lost"...), e.Lost)
	dst = AppendStr(append(dst, "\xa5cause"...), e.Cause)
	if e.Status.OK {
		dst = AppendInt(append(dst, "\xa6status"...), int64(e.Status.V))
	}
	if e.Looked.OK {
		dst = AppendUint(append(dst, "\xa6looked"...), e.Looked.V)
	}
	return dst
}

// Decode reads r, which must be an end.
func (e *End) Decode(r Raw) error {
	if r.Type() != TypeEnd {
		return errType(r, TypeEnd)
	}
	e.TS, _ = r.Time()
	e.Events, _ = r.Get("events").Uint()
	e.Links, _ = r.Get("links").Uint()
	e.Frees, _ = r.Get("frees").Uint()
	e.Lost, _ = r.Get("lost").Uint()
	setString(&e.Cause, r.Cause())
	status, ok := r.Get("status").Int()
	e.Status = Opt[int]{int(status), ok}
	e.Looked.V, e.Looked.OK = r.Get("looked").Uint()
	return nil
}
