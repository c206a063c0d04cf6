package format

import "github.com/skb-tools/skb-tools/format/wire"

// An Event is one packet at one probe. Its sections are written when they are present,
// in the order of this struct. To be reused, Reset it.
type Event struct {
	TS    uint64 // ns, CLOCK_MONOTONIC
	CPU   uint32
	Probe string // as after -p: net:netif_receive_skb, ip_rcv, ret:ip_rcv

	Process Process
	Skb     Skb
	Dev     Dev
	Netns   Netns
	Packet  Packet
	Drop    Drop
	GSO     GSO
	Csum    Csum
	Ret     Ret
	Sock    Sock
	Ct      Ct
	NFT     NFT
	OVS     OVS
	Args    Args
	Fields  Args
	BPF     BPF

	Caller string // who called the probed function: function+0xoffset; "" makes it absent
	Stack  uint64 // number of a `stack` record; 0 makes it absent
	Held   uint32 // events of the packet that were held back before this one; 0 makes it absent
}

var eventSection = Section{"event", []Key{
	{Name: "type", Form: FormStr, What: "`event`"},
	{Name: "ts", Form: FormUint, Unit: UnitNS, What: "ns"},
	{Name: "cpu", Form: FormUint, What: "number of the CPU"},
	{Name: "probe", Form: FormStr,
		What: "a tracepoint `net:netif_receive_skb`, a function at its entry `ip_rcv`, at its return `ret:ip_rcv`, " +
			"a BPF program at its entry `xdp:lb`, at its exit `ret:xdp:lb`"},
	{Name: "process", Form: FormMap, Of: &processSection, What: "what ran on the CPU", Absent: "the kernel gave no name"},
	{Name: "skb", Form: FormMap, Of: &skbSection, What: "the sk_buff", Absent: "nothing of it is known"},
	{Name: "dev", Form: FormMap, Of: &devSection, What: "the device", Absent: "the packet is on none"},
	{Name: "netns", Form: FormMap, Of: &netnsSection,
		What: "the network namespace", Absent: "neither a device nor a socket says it"},
	{Name: "packet", Form: FormMap, Of: &packetSection, What: "the packet's bytes", Absent: "they could not be read"},
	{Name: "drop", Form: FormMap, Of: &dropSection, What: "why and where it was dropped", Absent: "it was not"},
	{Name: "gso", Form: FormMap, Of: &gsoSection, What: "how it will be segmented", Absent: "it will not"},
	{Name: "csum", Form: FormMap, Of: &csumSection, What: "the state of its checksum", Absent: "not asked for"},
	{Name: "ret", Form: FormMap, Of: &retSection,
		What:   "what the function returned; at `net:net_dev_xmit` the driver (`rc`)",
		Absent: "the probe is no return, or the function returns nothing"},
	{Name: "sock", Form: FormMap, Of: &sockSection,
		What: "the socket that the packet belongs to", Absent: "not asked for, or it belongs to none"},
	{Name: "ct", Form: FormMap, Of: &ctSection,
		What: "what connection tracking knows of it", Absent: "not asked for, or the packet was not tracked yet"},
	{Name: "nft", Form: FormMap, Of: &nftSection,
		What: "a step through nftables", Absent: "the probe is not `nft_trace_notify`"},
	{Name: "ovs", Form: FormMap, Of: &ovsSection,
		What: "what Open vSwitch does with it", Absent: "not asked for, or the probe is not one of Open vSwitch"},
	{Name: "args", Form: FormArgs,
		What: "the function's arguments", Absent: "not asked for, there are none, or the probe is not at an entry"},
	{Name: "fields", Form: FormArgs,
		What: "the values of --show, by the expression", Absent: "not asked for, or there is none there"},
	{Name: "bpf", Form: FormMap, Of: &bpfSection,
		What: "the BPF program, and what it returned", Absent: "the probe is not at a BPF program"},
	{Name: "caller", Form: FormStr,
		What:   "who called the function: function, `+`, offset in hexadecimal",
		Absent: "not asked for, or the probe is not at an entry"},
	{Name: "stack", Form: FormUint,
		What:   "the calls that led here: `id` of a `stack` record that came before, in the same file",
		Absent: "not asked for"},
	{Name: "held", Form: FormUint,
		What:   "so many events of this packet came since its last one, at least, and were held back: see `held`",
		Absent: "none were, or the packet has no `skb.id`"},
	{Name: "track", Form: FormMap, Of: &trackSection,
		What:   "written by skb-track: of which packet this is, and where on its way",
		Absent: "it was not asked, or the event names no buffer"},
	{Name: "why", Form: FormMap, Of: &whySection,
		What: "written by skb-drops: the reason explained", Absent: "it was not asked"},
	{Name: "pcapng", Form: FormMap, Of: &pcapngSection,
		What:   "written by skb-pcap --read: what a capture said besides",
		Absent: "it is from no capture, or that said no more"},
}}

// A section is a part of an event that can be absent.
type section interface {
	Present() bool
	reset()
	append(dst []byte) []byte
	decode(key []byte, v wire.Value)
}

// sectionKeys name the sections, in the order of sections.
var sectionKeys = [...]string{"process", "skb", "dev", "netns", "packet", "drop", "gso", "csum", "ret",
	"sock", "ct", "nft", "ovs", "args", "fields", "bpf"}

func (e *Event) sections() [len(sectionKeys)]section {
	return [...]section{&e.Process, &e.Skb, &e.Dev, &e.Netns, &e.Packet, &e.Drop, &e.GSO, &e.Csum, &e.Ret,
		&e.Sock, &e.Ct, &e.NFT, &e.OVS, &e.Args, &e.Fields, &e.BPF}
}

// Reset makes e an event without sections.
func (e *Event) Reset() {
	e.TS, e.CPU, e.Probe, e.Caller, e.Stack, e.Held = 0, 0, "", "", 0, 0
	for _, s := range e.sections() {
		s.reset()
	}
}

// AppendMsgpack appends the event.
func (e *Event) AppendMsgpack(dst []byte) []byte {
	sections := e.sections()
	n := 4
	for _, s := range sections {
		if s.Present() {
			n++
		}
	}
	if e.Caller != "" {
		n++
	}
	if e.Stack != 0 {
		n++
	}
	if e.Held != 0 {
		n++
	}
	dst = wire.AppendMap(dst, n)
	dst = append(dst, eventFront...)
	dst = wire.AppendUint(append(dst, "\xa2ts"...), e.TS)
	dst = wire.AppendUint(append(dst, "\xa3cpu"...), uint64(e.CPU))
	dst = wire.AppendStr(append(dst, "\xa5probe"...), e.Probe)
	for i, s := range sections {
		if s.Present() {
			dst = wire.AppendStr(dst, sectionKeys[i])
			dst = s.append(dst)
		}
	}
	if e.Caller != "" {
		dst = wire.AppendStr(append(dst, "\xa6caller"...), e.Caller)
	}
	dst = appendNonzero(dst, "stack", e.Stack)
	return appendNonzero(dst, "held", uint64(e.Held))
}

// Decode reads r, which must be an event, into e. What this package does not know stays
// in r only; packet bytes alias r.
func (e *Event) Decode(r Raw) error {
	if r.Type() != TypeEvent {
		return errType(r, TypeEvent)
	}
	e.Reset()
	sections := e.sections()
	return r.Each(func(key []byte, v wire.Value) bool {
		switch string(key) {
		case "ts":
			e.TS, _ = v.Uint()
			return true
		case "cpu":
			cpu, _ := v.Uint()
			e.CPU = uint32(cpu)
			return true
		case "probe":
			setString(&e.Probe, v)
			return true
		case "caller":
			setString(&e.Caller, v)
			return true
		case "stack":
			e.Stack, _ = v.Uint()
			return true
		case "held":
			held, _ := v.Uint()
			e.Held = uint32(held)
			return true
		}
		for i, name := range sectionKeys {
			if name == string(key) {
				_ = v.Each(func(key []byte, v wire.Value) bool {
					sections[i].decode(key, v)
					return true
				})
				break
			}
		}
		return true
	})
}

// setString sets *s without a new string when it is the same as before.
func setString(s *string, v wire.Value) {
	if b, ok := v.Str(); ok && *s != string(b) {
		*s = string(b)
	}
}
