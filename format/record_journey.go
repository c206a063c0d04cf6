package format

import (
	"net/netip"

	"github.com/skb-tools/skb-tools/format/wire"
)

// A Journey says how one packet's way through the kernel ended. skb-track writes it.
type Journey struct {
	Packet      uint64 // number, as in the events' `track`
	First, Last uint64 // ns, of the first and last record about it; Last is the record's ts
	Hops        uint32 // events
	Branches    uint32 // sk_buffs, at least 1
	Slowest     uint64 // ns, the longest that a hop came after the one before
	From, To    Flow   // of the innermost network header, at the first and the last event
	End         JourneyEnd
	Ends        [len(EndNames)]uint32 // branches by how they ended, in the order of EndNames
	Joined      []uint64              // packets that were merged into this one, or left off when there are too many

	By        string   // as in Track
	Uncertain []string // what was lost that could have told otherwise: event, link, free, identity, probe
	Inferred  bool
	Note      string // why it was let go of while open, or what its end does not tell
	Resent    uint32 // how often TCP sent it again
}

var journeySection = Section{"journey", []Key{
	{Name: "type", Form: FormStr, What: "`journey`"},
	{Name: "ts", Form: FormUint, Unit: UnitNS, What: "of the last record about the packet, ns"},
	{Name: "packet", Form: FormUint, What: "as in `track`"},
	{Name: "first", Form: FormUint, Unit: UnitNS, What: "`ts` of its first event"},
	{Name: "total", Form: FormUint, Unit: UnitNS,
		What: "from there to `end.ts`, or to `ts` where no record says how it ended, ns"},
	{Name: "hops", Form: FormUint, What: "events"},
	{Name: "branches", Form: FormUint, What: "of all kinds, at least 1"},
	{Name: "slowest", Form: FormUint, Unit: UnitNS, What: "the longest `since` of its events, ns"},
	{Name: "flow", Form: FormMap, Of: &flowSection,
		What: "`first` and `last`: the innermost IP header as first and as last seen, each with `src`, `dst`, " +
			"`proto` (of IP) and, where it has ports, `sport`, `dport`",
		Absent: "no event had an IP header"},
	{Name: "end", Form: FormMap, Of: &journeyEndSection, What: "how it ended, and what says so: see below"},
	{Name: "ends", Form: FormUintMap, What: "how many branches ended how", Absent: "there is one branch"},
	{Name: "joined", Form: FormUints, What: "packets that went into this one, 16 at most", Absent: "there are none"},
	{Name: "by", Form: FormStr, What: "as in `track`, of any of its events", Absent: "all are known by `skb.id`"},
	{Name: "uncertain", Form: FormStrs,
		What: "what was lost while it lived, as `what` in `loss`; " +
			"`held`: `--limit` held events of it back; `upcall`: equal packets went up to Open vSwitch's " +
			"user space, and not all were seen to come back, so it is not known which of them this is",
		Absent: "nothing"},
	{Name: "inferred", Form: FormBool, What: "as in `track`, of any of its events", Absent: "none is"},
	{Name: "note", Form: FormStr, What: "for people", Absent: "there is nothing to say"},
	{Name: "resent", Form: FormUint,
		What: "how often TCP sent the packet again, as far as buffers tell", Absent: "0"},
}}

// EndNames are how a journey, or a branch of it, ends.
var EndNames = [...]string{"delivered", "transmitted", "dropped", "consumed", "merged", "lost", "open"}

// JourneyEnd is how a journey ended, with the record that says so.
type JourneyEnd struct {
	How      string // of EndNames
	Branch   uint32
	TS       uint64 // ns, of the record that says so; 0: there is none
	Record   string // its type: free, event, link, loss, end
	Probe    string // the event that tells delivered and transmitted
	Dev      string // where it was last
	Netns    uint32 // inum; 0: not known
	Reason   string // dropped: the reason's name, on kernels that have them
	Location string // dropped: function+0xoffset
	Comm     string // delivered: the process that read it, where an event tells
	TGID     uint32
	Sock     uint64 // delivered: the socket's inode, where an event tells
	Into     uint64 // merged: into this packet
	Unclear  string // what it may have been, which the kernel does not tell: a name in docs/drops.md
}

var journeyEndSection = Section{"journey_end", []Key{
	{Name: "how", Form: FormStr,
		What: "`delivered`, `transmitted`, `dropped`, `consumed`, `merged`, `lost` or `open`, as above"},
	{Name: "branch", Form: FormUint, What: "the one that ended so", Absent: "0"},
	{Name: "ts", Form: FormUint, Unit: UnitNS,
		What: "when the record was made that says so, ns", Absent: "no record does"},
	{Name: "record", Form: FormStr, What: "the type of that record", Absent: "no record does"},
	{Name: "probe", Form: FormStr, What: "the last event before that tells where it was", Absent: "there is none"},
	{Name: "dev", Form: FormStr, What: "the device it was on last", Absent: "not known"},
	{Name: "netns", Form: FormUint, What: "`netns.inum` where it was last", Absent: "not known"},
	{Name: "reason", Form: FormStr, What: "as `drop.name`", Absent: "not dropped, or not known"},
	{Name: "location", Form: FormStr, What: "as `drop.location`", Absent: "not dropped, or not known"},
	{Name: "comm", Form: FormStr, What: "the name of the thread that read it", Absent: "no event tells"},
	{Name: "tgid", Form: FormUint, What: "the process that read it", Absent: "no event tells"},
	{Name: "sock", Form: FormUint, What: "`sock.inode`", Absent: "no event tells"},
	{Name: "into", Form: FormUint,
		What: "merged: the packet that it went into; transmitted and `inferred`: the number that the packet has " +
			"on another host, if that host saw it first",
		Absent: "not merged, or into itself"},
	{Name: "unclear", Form: FormStr,
		What: "what it may have been that the kernel does not tell: a name in docs/drops.md, \"What no drop " +
			"event shows\"",
		Absent: "nothing"},
}}

// A Flow is who sends to whom.
type Flow struct {
	Src, Dst     netip.Addr // the zero Addr: not known
	Sport, Dport uint16     // 0, 0: none
	Proto        uint8      // of IP
}

var flowSection = Section{"journey_flow", []Key{
	{Name: "first", Form: FormMap, Of: &tupleSection,
		What: "the innermost IP header as first seen", Absent: "it is not known"},
	{Name: "last", Form: FormMap, Of: &tupleSection,
		What: "the innermost IP header as last seen", Absent: "it is not known"},
}}

func (f *Flow) append(dst []byte) []byte {
	ports := f.Sport != 0 || f.Dport != 0
	n := 3
	if ports {
		n = 5
	}
	dst = wire.AppendMap(dst, n)
	dst = appendAddr(append(dst, "\xa3src"...), f.Src)
	dst = appendAddr(append(dst, "\xa3dst"...), f.Dst)
	if ports {
		dst = wire.AppendUint(append(dst, "\xa5sport"...), uint64(f.Sport))
		dst = wire.AppendUint(append(dst, "\xa5dport"...), uint64(f.Dport))
	}
	return wire.AppendUint(append(dst, "\xa5proto"...), uint64(f.Proto))
}

// appendAddr appends a as a string, in place: AppendStr would have it on the heap first.
func appendAddr(dst []byte, a netip.Addr) []byte {
	at := len(dst)
	dst = a.AppendTo(append(dst, 0))
	n := len(dst) - at - 1
	if n < 32 {
		dst[at] = 0xa0 | byte(n)
		return dst
	}
	dst = append(dst, 0)
	copy(dst[at+2:], dst[at+1:])
	dst[at], dst[at+1] = 0xd9, byte(n)
	return dst
}

func (f *Flow) decode(v wire.Value) {
	*f = Flow{}
	f.Src, f.Dst = addrOf(v.Get("src")), addrOf(v.Get("dst"))
	sport, _ := v.Get("sport").Uint()
	dport, _ := v.Get("dport").Uint()
	proto, _ := v.Get("proto").Uint()
	f.Sport, f.Dport, f.Proto = uint16(sport), uint16(dport), uint8(proto)
}

// Total is the time from the first event to what says how the journey ended, or else to
// the last record about it, in ns.
func (j *Journey) Total() uint64 {
	end := j.End.TS
	if end == 0 {
		end = j.Last
	}
	if end < j.First {
		return 0
	}
	return end - j.First
}

// AppendMsgpack appends the record.
func (j *Journey) AppendMsgpack(dst []byte) []byte {
	n := 9
	for _, has := range [...]bool{j.From.Src.IsValid(), j.Branches > 1, len(j.Joined) > 0, j.By != "",
		len(j.Uncertain) > 0, j.Inferred, j.Note != "", j.Resent != 0} {
		if has {
			n++
		}
	}
	dst = wire.AppendMap(dst, n)
	dst = wire.AppendStr(append(dst, "\xa4type"...), string(TypeJourney))
	dst = wire.AppendUint(append(dst, "\xa2ts"...), j.Last)
	dst = wire.AppendUint(append(dst, "\xa6packet"...), j.Packet)
	dst = wire.AppendUint(append(dst, "\xa5first"...), j.First)
	dst = wire.AppendUint(append(dst, "\xa5total"...), j.Total())
	dst = wire.AppendUint(append(dst, "\xa4hops"...), uint64(j.Hops))
	dst = wire.AppendUint(append(dst, "\xa8branches"...), uint64(j.Branches))
	dst = wire.AppendUint(append(dst, "\xa7slowest"...), j.Slowest)
	if j.From.Src.IsValid() {
		dst = append(dst, "\xa4flow\x82\xa5first"...)
		dst = j.From.append(dst)
		dst = j.To.append(append(dst, "\xa4last"...))
	}
	dst = j.End.append(append(dst, "\xa3end"...))
	if j.Branches > 1 {
		dst = j.appendEnds(append(dst, "\xa4ends"...))
	}
	if len(j.Joined) > 0 {
		dst = wire.AppendArray(append(dst, "\xa6joined"...), len(j.Joined))
		for _, p := range j.Joined {
			dst = wire.AppendUint(dst, p)
		}
	}
	if j.By != "" {
		dst = wire.AppendStr(append(dst, "\xa2by"...), j.By)
	}
	if len(j.Uncertain) > 0 {
		dst = wire.AppendArray(append(dst, "\xa9uncertain"...), len(j.Uncertain))
		for _, what := range j.Uncertain {
			dst = wire.AppendStr(dst, what)
		}
	}
	if j.Inferred {
		dst = wire.AppendBool(append(dst, "\xa8inferred"...), true)
	}
	if j.Note != "" {
		dst = wire.AppendStr(append(dst, "\xa4note"...), j.Note)
	}
	if j.Resent != 0 {
		dst = wire.AppendUint(append(dst, "\xa6resent"...), uint64(j.Resent))
	}
	return dst
}

func (j *Journey) appendEnds(dst []byte) []byte {
	n := 0
	for _, count := range j.Ends {
		if count > 0 {
			n++
		}
	}
	dst = wire.AppendMap(dst, n)
	for i, count := range j.Ends {
		if count > 0 {
			dst = wire.AppendUint(wire.AppendStr(dst, EndNames[i]), uint64(count))
		}
	}
	return dst
}

func (e *JourneyEnd) append(dst []byte) []byte {
	n := 1
	for _, has := range [...]bool{e.Branch != 0, e.TS != 0, e.Record != "", e.Probe != "", e.Dev != "", e.Netns != 0,
		e.Reason != "", e.Location != "", e.Comm != "", e.TGID != 0, e.Sock != 0, e.Into != 0, e.Unclear != ""} {
		if has {
			n++
		}
	}
	dst = wire.AppendMap(dst, n)
	dst = wire.AppendStr(append(dst, "\xa3how"...), e.How)
	number := func(key string, v uint64) {
		if v != 0 {
			dst = wire.AppendUint(wire.AppendStr(dst, key), v)
		}
	}
	word := func(key, v string) {
		if v != "" {
			dst = wire.AppendStr(wire.AppendStr(dst, key), v)
		}
	}
	number("branch", uint64(e.Branch))
	number("ts", e.TS)
	word("record", e.Record)
	word("probe", e.Probe)
	word("dev", e.Dev)
	number("netns", uint64(e.Netns))
	word("reason", e.Reason)
	word("location", e.Location)
	word("comm", e.Comm)
	number("tgid", uint64(e.TGID))
	number("sock", e.Sock)
	number("into", e.Into)
	word("unclear", e.Unclear)
	return dst
}

// Decode reads r, which must be a journey. Strings that stay the same are not made anew.
func (j *Journey) Decode(r Raw) error {
	if r.Type() != TypeJourney {
		return errType(r, TypeJourney)
	}
	was := *j
	*j = Journey{Joined: j.Joined[:0], Uncertain: j.Uncertain[:0]}
	return r.Each(func(key []byte, v wire.Value) bool {
		u, _ := v.Uint()
		switch string(key) {
		case "ts":
			j.Last = u
		case "packet":
			j.Packet = u
		case "first":
			j.First = u
		case "hops":
			j.Hops = uint32(u)
		case "branches":
			j.Branches = uint32(u)
		case "slowest":
			j.Slowest = u
		case "flow":
			j.From.decode(v.Get("first"))
			j.To.decode(v.Get("last"))
		case "end":
			j.End.decode(v, &was.End)
		case "ends":
			for i, name := range EndNames {
				n, _ := v.Get(name).Uint()
				j.Ends[i] = uint32(n)
			}
		case "joined":
			_ = v.Elems(func(v wire.Value) bool {
				u, _ := v.Uint()
				j.Joined = append(j.Joined, u)
				return true
			})
		case "by":
			j.By = stringOr(was.By, v)
		case "uncertain":
			_ = v.Elems(func(v wire.Value) bool {
				s, _ := v.Str()
				j.Uncertain = append(j.Uncertain, string(s))
				return true
			})
		case "inferred":
			j.Inferred, _ = v.Bool()
		case "note":
			j.Note = stringOr(was.Note, v)
		case "resent":
			j.Resent = uint32(u)
		}
		return true
	})
}

func (e *JourneyEnd) decode(v wire.Value, was *JourneyEnd) {
	_ = v.Each(func(key []byte, v wire.Value) bool {
		u, _ := v.Uint()
		switch string(key) {
		case "how":
			e.How = stringOr(was.How, v)
		case "branch":
			e.Branch = uint32(u)
		case "ts":
			e.TS = u
		case "record":
			e.Record = stringOr(was.Record, v)
		case "probe":
			e.Probe = stringOr(was.Probe, v)
		case "dev":
			e.Dev = stringOr(was.Dev, v)
		case "netns":
			e.Netns = uint32(u)
		case "reason":
			e.Reason = stringOr(was.Reason, v)
		case "location":
			e.Location = stringOr(was.Location, v)
		case "comm":
			e.Comm = stringOr(was.Comm, v)
		case "tgid":
			e.TGID = uint32(u)
		case "sock":
			e.Sock = u
		case "into":
			e.Into = u
		case "unclear":
			e.Unclear = stringOr(was.Unclear, v)
		}
		return true
	})
}

// stringOr returns the string that v is, "" when it is none; was, if it is the same.
func stringOr(was string, v wire.Value) string {
	b, _ := v.Str()
	if string(b) == was {
		return was
	}
	return string(b)
}
