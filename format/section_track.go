package format

import "github.com/skb-tools/skb-tools/format/wire"

// Track is the section `track`, which skb-track adds to an event: the packet that it is
// of, and where on its way.
type Track struct {
	Packet uint64 // number of the packet, from 1; 0 makes the section absent
	Branch uint32 // which of the packet's sk_buffs, from 0; clones, segments and fragments are branches
	Hop    uint32 // from 0; on a branch it goes on from where the branch left
	Since  uint64 // ns since the hop before, on this branch or the one that it comes from
	Wire   bool   // Since is the time from another host, though this is hop 0
	Total  uint64 // ns since the packet's first hop

	From    From       // at the first hop behind a link
	Changed wire.Value // a map: what differs from the hop before, name to [before, after]; nil: nothing
	// "": by identity; "addr": by the sk_buff's address, as it has none; "content": by the packet's bytes, as it has
	// neither
	By        string
	Uncertain bool   // records were lost where they could have told otherwise
	Inferred  bool   // not from a link record, but from what the packets hold
	Resent    uint32 // how often TCP had sent the same before
}

var trackSection = Section{"track", []Key{
	{Name: "packet", Form: FormUint, What: "number of the packet, from 1. The same input gets the same numbers"},
	{Name: "branch", Form: FormUint, What: "number of the branch", Absent: "0"},
	{Name: "hop", Form: FormUint, What: "events before this one, on this branch and those that it comes from"},
	{Name: "since", Form: FormUint, Unit: UnitNS,
		What: "time since the last of them, ns. At hop 0, if `from.how` is `wire`: the time on the wire, " +
			"corrected by the offset of the clocks as far as it is known by then",
		Absent: "hop 0, and not from a `wire`"},
	{Name: "total", Form: FormUint, Unit: UnitNS, What: "time since the packet's first event, ns"},
	{Name: "from", Form: FormMap, Of: &fromSection,
		What: "at the first event in another buffer. `how` is as in `link`, or `shared`: another sk_buff of the " +
			"same data, of which no link tells. If `inferred`, `how` is `content` (the same packet came in again " +
			"on this host), `proxy` (a process read and sent the same payload) or `wire` (the same packet left " +
			"another host). `branch` is the one that it comes from, `packet` that branch's packet if it is " +
			"another",
		Absent: "the buffer is that of the hop before"},
	{Name: "changed", Form: FormArrMap,
		What: "what differs from the hop before: name, and an array of its value there and here, nil where it " +
			"had none",
		Absent: "nothing differs"},
	{Name: "by", Form: FormStr,
		What: "`addr`: known by the address of the sk_buff, as the event has no `skb.id`; `content`: by the " +
			"packet's bytes, as it has no address either",
		Absent: "known by `skb.id`"},
	{Name: "uncertain", Form: FormBool,
		What: "records were lost or held back that could have told something else, or equal packets went up to Open " +
			"vSwitch's user space, and not all were seen to come back",
		Absent: "neither is known"},
	{Name: "inferred", Form: FormBool,
		What: "that this is the packet was concluded from its bytes alone", Absent: "the kernel's addresses say so"},
	{Name: "resent", Form: FormUint,
		What: "how often TCP had sent the same data before: the event is of a retransmission", Absent: "0"},
}}

// From says which buffer a hop's buffer comes from.
type From struct {
	How    string // as in `link`; "" makes it absent
	Branch uint32
	Packet uint64 // when it is another one; else 0
}

var fromSection = Section{"from", []Key{
	{Name: "how", Form: FormStr,
		What: "as `how` in `link`, or `shared`, `content`, `proxy`, `wire`", Absent: "it is not known"},
	{Name: "branch", Form: FormUint, What: "the branch that it comes from", Absent: "it is not known"},
	{Name: "packet", Form: FormUint, What: "the packet of that branch", Absent: "it is the same packet"},
}}

// Present reports whether the section is.
func (t *Track) Present() bool { return t.Packet != 0 }

// AppendMsgpack appends the section.
func (t *Track) AppendMsgpack(dst []byte) []byte {
	n := 3
	for _, has := range [...]bool{t.Branch != 0, t.Hop != 0 || t.Wire, t.From.How != "", t.Changed != nil, t.By != "",
		t.Uncertain, t.Inferred, t.Resent != 0} {
		if has {
			n++
		}
	}
	dst = wire.AppendMap(dst, n)
	dst = wire.AppendUint(append(dst, "\xa6packet"...), t.Packet)
	if t.Branch != 0 {
		dst = wire.AppendUint(append(dst, "\xa6branch"...), uint64(t.Branch))
	}
	dst = wire.AppendUint(append(dst, "\xa3hop"...), uint64(t.Hop))
	if t.Hop != 0 || t.Wire {
		dst = wire.AppendUint(append(dst, "\xa5since"...), t.Since)
	}
	dst = wire.AppendUint(append(dst, "\xa5total"...), t.Total)
	if t.From.How != "" {
		dst = t.From.append(append(dst, "\xa4from"...))
	}
	if t.Changed != nil {
		dst = append(append(dst, "\xa7changed"...), t.Changed...)
	}
	if t.By != "" {
		dst = wire.AppendStr(append(dst, "\xa2by"...), t.By)
	}
	if t.Uncertain {
		dst = wire.AppendBool(append(dst, "\xa9uncertain"...), true)
	}
	if t.Inferred {
		dst = wire.AppendBool(append(dst, "\xa8inferred"...), true)
	}
	if t.Resent != 0 {
		dst = wire.AppendUint(append(dst, "\xa6resent"...), uint64(t.Resent))
	}
	return dst
}

func (f *From) append(dst []byte) []byte {
	n := 2
	if f.Packet != 0 {
		n++
	}
	dst = wire.AppendMap(dst, n)
	dst = wire.AppendStr(append(dst, "\xa3how"...), f.How)
	dst = wire.AppendUint(append(dst, "\xa6branch"...), uint64(f.Branch))
	if f.Packet != 0 {
		dst = wire.AppendUint(append(dst, "\xa6packet"...), f.Packet)
	}
	return dst
}

// Decode reads the value of an event's `track`. Changed aliases v.
func (t *Track) Decode(v wire.Value) {
	*t = Track{By: t.By, From: From{How: t.From.How}}
	by, how := false, false
	_ = v.Each(func(key []byte, v wire.Value) bool {
		u, _ := v.Uint()
		switch string(key) {
		case "packet":
			t.Packet = u
		case "branch":
			t.Branch = uint32(u)
		case "hop":
			t.Hop = uint32(u)
		case "since":
			t.Since = u
			t.Wire = true
		case "total":
			t.Total = u
		case "from":
			setString(&t.From.How, v.Get("how"))
			how = true
			u, _ = v.Get("branch").Uint()
			t.From.Branch = uint32(u)
			t.From.Packet, _ = v.Get("packet").Uint()
		case "changed":
			t.Changed = v
		case "by":
			setString(&t.By, v)
			by = true
		case "uncertain":
			t.Uncertain, _ = v.Bool()
		case "inferred":
			t.Inferred, _ = v.Bool()
		case "resent":
			t.Resent = uint32(u)
		}
		return true
	})
	t.Wire = t.Wire && t.Hop == 0
	if !by {
		t.By = ""
	}
	if !how {
		t.From.How = ""
	}
}
