package format

import "github.com/vmihailenco/msgpack/v5"

// A Wire tells how long packets took from one host to another, by what both saw of them.
// skb-track --infer writes one for each direction, at the end of its input.
type Wire struct {
	From, To string // hosts, as in `start`
	Packets  uint64 // seen at both ends
	// ns that To's clock is ahead of From's, half the difference of the least times; absent: no packets of the other
	// direction
	Offset             Opt[int64]
	Error              Opt[int64] // ns, how far Offset can be from the truth; absent as Offset
	Min, P50, P99, Max int64      // ns, Offset taken off
}

var wireSection = Section{"wire", []Key{
	{Name: "type", Form: FormStr, What: "`wire`"},
	{Name: "from", Form: FormStr, What: "`host` of the `start` they left"},
	{Name: "to", Form: FormStr, What: "`host` of their `start`"},
	{Name: "packets", Form: FormUint, What: "seen on both"},
	{Name: "offset", Form: FormInt, Unit: UnitNS,
		What: "how far `to`'s clock is taken to be ahead of `from`'s, ns: half the difference of the least times " +
			"of both directions. This assumes that both have the same least time",
		Absent: "no packets of the other direction, or the two directions contradict each other: a clock was set " +
			"meanwhile"},
	{Name: "error", Form: FormInt, Unit: UnitNS,
		What: "how far `offset` can be from the truth at most, ns: half the sum of these least times, because no " +
			"packet arrives before it was sent. This assumes that both clocks ran alike", Absent: "as `offset`"},
	{Name: "min", Form: FormInt, Unit: UnitNS, What: "the least time, ns, `offset` taken off"},
	{Name: "p50", Form: FormInt, Unit: UnitNS, What: "half took no longer"},
	{Name: "p99", Form: FormInt, Unit: UnitNS, What: "99 % took no longer"},
	{Name: "max", Form: FormInt, Unit: UnitNS, What: "the longest"},
}}

// AppendMsgpack appends the record.
func (w *Wire) AppendMsgpack(dst []byte) []byte { return appendEncoded(dst, w.encode) }

// EncodeMsgpack writes the record.
func (w *Wire) EncodeMsgpack(e *msgpack.Encoder) error { return encodeAppended(e, w) }

func (w *Wire) encode(e *msgpack.Encoder) error {
	return encodeMap(e, []entry{
		{"type", true, TypeWire}, {"from", true, w.From}, {"to", true, w.To}, {"packets", true, w.Packets},
		{"offset", w.Offset.OK, w.Offset.V}, {"error", w.Error.OK, w.Error.V},
		{"min", true, w.Min}, {"p50", true, w.P50}, {"p99", true, w.P99},
		{"max", true, w.Max},
	})
}

// Decode reads r, which must be a wire.
func (w *Wire) Decode(r Raw) error {
	if r.Type() != TypeWire {
		return errType(r, TypeWire)
	}
	*w = Wire{}
	setString(&w.From, r.Get("from"))
	setString(&w.To, r.Get("to"))
	w.Packets, _ = r.Get("packets").Uint()
	w.Offset.V, w.Offset.OK = r.Get("offset").Int()
	w.Error.V, w.Error.OK = r.Get("error").Int()
	for key, to := range map[string]*int64{"min": &w.Min, "p50": &w.P50, "p99": &w.P99, "max": &w.Max} {
		*to, _ = r.Get(key).Int()
	}
	return nil
}
