package format

import "github.com/skb-tools/skb-tools/format/wire"

// Free says that an sk_buff which was reported let go of its data.
type Free struct {
	TS   uint64
	CPU  uint32
	How  string // consumed, dropped, merged
	Skb  Buffer
	Last bool // nobody else holds the data buffer: its identity ends
	Drop Drop // when dropped

	Held    uint32 // as in Event
	Counted bool   // the event of this drop was held back
}

var freeSection = Section{"free", []Key{
	{Name: "type", Form: FormStr, What: "`free`"},
	{Name: "ts", Form: FormUint, Unit: UnitNS, What: "ns"},
	{Name: "cpu", Form: FormUint, What: "number of the CPU"},
	{Name: "how", Form: FormStr, What: "`consumed`, `dropped`, `merged`"},
	{Name: "skb", Form: FormMap, Of: &bufferSection,
		What: "`addr`, `head` and `id` as in `skb`, each absent if not known"},
	{Name: "last", Form: FormBool, What: "nobody else holds the data buffer: its identity ends"},
	{Name: "drop", Form: FormMap, Of: &dropSection, What: "as in an event", Absent: "not dropped"},
	{Name: "held", Form: FormUint, What: "as in an event", Absent: "as in an event"},
	{Name: "counted", Form: FormBool, What: "the event of this drop was held back, and is counted in a `held`",
		Absent: "it was not, or not dropped"},
}}

// AppendMsgpack appends the record.
func (f *Free) AppendMsgpack(dst []byte) []byte {
	n := 6
	for _, has := range [...]bool{f.Drop.Present(), f.Held != 0, f.Counted} {
		if has {
			n++
		}
	}
	dst = wire.AppendMap(dst, n)
	dst = wire.AppendStr(append(dst, "\xa4type"...), string(TypeFree))
	dst = wire.AppendUint(append(dst, "\xa2ts"...), f.TS)
	dst = wire.AppendUint(append(dst, "\xa3cpu"...), uint64(f.CPU))
	dst = wire.AppendStr(append(dst, "\xa3how"...), f.How)
	dst = f.Skb.append(append(dst, "\xa3skb"...))
	dst = wire.AppendBool(append(dst, "\xa4last"...), f.Last)
	if f.Drop.Present() {
		dst = f.Drop.append(append(dst, "\xa4drop"...))
	}
	dst = appendNonzero(dst, "held", uint64(f.Held))
	if f.Counted {
		dst = wire.AppendBool(append(dst, "\xa7counted"...), true)
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
		_ = d.Each(func(key []byte, v wire.Value) bool {
			f.Drop.decode(key, v)
			return true
		})
	}
	held, _ := r.Get("held").Uint()
	f.Held = uint32(held)
	f.Counted, _ = r.Get("counted").Bool()
	return nil
}
