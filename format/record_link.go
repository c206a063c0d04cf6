package format

import "github.com/skb-tools/skb-tools/format/wire"

// A Buffer names an sk_buff and its data buffer.
type Buffer struct {
	Addr uint64 // of the sk_buff
	Head uint64 // of its data buffer; 0: not known
	ID   uint64 // identity of the data buffer; 0: it has none
}

var bufferSection = Section{"buffer", []Key{
	{Name: "addr", Form: FormUint, Unit: UnitAddress, What: "as in `skb`", Absent: "it is not known"},
	{Name: "head", Form: FormUint, Unit: UnitAddress, What: "as in `skb`", Absent: "it is not known"},
	{Name: "id", Form: FormUint, What: "as in `skb`", Absent: "it is not known"},
}}

func (b *Buffer) append(dst []byte) []byte {
	n := 0
	for _, v := range [...]uint64{b.Addr, b.Head, b.ID} {
		if v != 0 {
			n++
		}
	}
	dst = wire.AppendMap(dst, n)
	for i, v := range [...]uint64{b.Addr, b.Head, b.ID} {
		if v != 0 {
			dst = wire.AppendUint(append(dst, skbKeys[i]...), v)
		}
	}
	return dst
}

func (b *Buffer) decode(v wire.Value) {
	b.Addr, _ = v.Get("addr").Uint()
	b.Head, _ = v.Get("head").Uint()
	b.ID, _ = v.Get("id").Uint()
}

// A Link says that one buffer came from another, or went into it.
type Link struct {
	TS       uint64
	CPU      uint32
	How      string // clone, copy, pskb_copy, expand, segment, gro, fragment, reassemble, coalesce, morph, upcall, xdp
	By       string // upcall: hash, content, ambiguous; "": absent
	From, To Buffer
}

var linkSection = Section{"link", []Key{
	{Name: "type", Form: FormStr, What: "`link`"},
	{Name: "ts", Form: FormUint, Unit: UnitNS, What: "ns"},
	{Name: "cpu", Form: FormUint, What: "number of the CPU"},
	{Name: "how", Form: FormStr,
		What: "`clone`, `copy`, `pskb_copy`, `expand`, `segment`, `gro`, `fragment`, `reassemble`, `coalesce`, " +
			"`morph`, `upcall`, `xdp`"},
	{Name: "by", Form: FormStr,
		What: "`upcall`: by what the packet that came back was recognised: `hash` (the compared bytes, and the hash that " +
			"went up with them), `content` (the compared bytes), `ambiguous` (equal packets went up, and not all were " +
			"seen to come back, so it is not known which of them this is)",
		Absent: "the kernel made the link, or the packet has only gone up so far"},
	{Name: "inferred", Form: FormBool, What: "`by` is `content`: true", Absent: "it is not"},
	{Name: "from", Form: FormMap, Of: &bufferSection,
		What: "`addr`, `head` and `id` as in `skb`, each absent if not known"},
	{Name: "to", Form: FormMap, Of: &bufferSection, What: "the other buffer, as `from`"},
}}

// AppendMsgpack appends the record.
func (l *Link) AppendMsgpack(dst []byte) []byte {
	pairs := 6
	if l.By != "" {
		pairs++
	}
	if l.inferred() {
		pairs++
	}
	dst = wire.AppendStr(append(wire.AppendMap(dst, pairs), "\xa4type"...), string(TypeLink))
	dst = wire.AppendUint(append(dst, "\xa2ts"...), l.TS)
	dst = wire.AppendUint(append(dst, "\xa3cpu"...), uint64(l.CPU))
	dst = wire.AppendStr(append(dst, "\xa3how"...), l.How)
	if l.By != "" {
		dst = wire.AppendStr(append(dst, "\xa2by"...), l.By)
	}
	if l.inferred() {
		dst = wire.AppendBool(append(dst, "\xa8inferred"...), true)
	}
	dst = l.From.append(append(dst, "\xa4from"...))
	return l.To.append(append(dst, "\xa2to"...))
}

func (l *Link) inferred() bool { return l.By == "content" }

// Decode reads r, which must be a link.
func (l *Link) Decode(r Raw) error {
	if r.Type() != TypeLink {
		return errType(r, TypeLink)
	}
	l.TS, _ = r.Time()
	l.CPU = cpu(r)
	setString(&l.How, r.Get("how"))
	setString(&l.By, r.Get("by"))
	l.From.decode(r.Get("from"))
	l.To.decode(r.Get("to"))
	return nil
}
