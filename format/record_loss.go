package format

import "github.com/vmihailenco/msgpack/v5"

// Loss says that something is missing from the stream.
type Loss struct {
	TS    uint64 // when the last of it was lost, or when the loss was noticed
	Since uint64 // nothing of it was lost before
	Count uint64 // at least
	What  string // of LossKinds
	Cause string
	CPU   Opt[uint32]
}

// LossKinds are what What can be.
var LossKinds = [...]string{"event", "link", "free", "identity", "probe"}

var lossSection = Section{"loss", []Key{
	{Name: "type", Form: FormStr, What: "`loss`"},
	{Name: "ts", Form: FormUint, Unit: UnitNS,
		What: "when the last of it was lost, or else when this was noticed, ns"},
	{Name: "cpu", Form: FormUint, What: "where it was lost", Absent: "not known"},
	{Name: "since", Form: FormUint, Unit: UnitNS, What: "before this time none of it was lost, ns"},
	{Name: "count", Form: FormUint, What: "how much, at least"},
	{Name: "what", Form: FormStr,
		What: "`event`, `link`, `free`, `identity` (an event without `skb.id`); in older streams `probe` (any of " +
			"the first three)"},
	{Name: "cause", Form: FormStr, What: "why, for people. In older streams the key is `why`"},
}}

// AppendMsgpack appends the record.
func (l *Loss) AppendMsgpack(dst []byte) []byte { return appendEncoded(dst, l.encode) }

// EncodeMsgpack writes the record.
func (l *Loss) EncodeMsgpack(e *msgpack.Encoder) error { return encodeAppended(e, l) }

func (l *Loss) encode(e *msgpack.Encoder) error {
	return encodeMap(e, []entry{
		{"type", true, TypeLoss}, {"ts", true, l.TS}, {"cpu", l.CPU.OK, l.CPU.V}, {"since", true, l.Since},
		{"count", true, l.Count}, {"what", true, l.What}, {"cause", true, l.Cause},
	})
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
