package format

import "github.com/vmihailenco/msgpack/v5"

// End closes what a start opened.
type End struct {
	TS                         uint64
	Events, Links, Frees, Lost uint64
	Cause                      string      // signal, count, duration, command, rotate
	Status                     Opt[int]    // of the command that was run
	Looked                     Opt[uint64] // ns, when what the start says was compared last
	CPUTime                    Opt[uint64] // ns, that the tool itself took
	Rate                       Opt[uint64] // events a second
}

var endSection = Section{"end", []Key{
	{Name: "type", Form: FormStr, What: "`end`"},
	{Name: "ts", Form: FormUint, Unit: UnitNS, What: "ns"},
	{Name: "events", Form: FormUint, What: "how many events belong to the `start`, in this one of numbered files"},
	{Name: "links", Form: FormUint, What: "how many links belong to it, likewise"},
	{Name: "frees", Form: FormUint, What: "how many frees belong to it, likewise"},
	{Name: "lost", Form: FormUint, What: "the sum of `count` of its losses, likewise"},
	{Name: "cause", Form: FormStr,
		What: "`signal`, `count`, `duration`, `command`, `packets`, `rotate`; `file` at the end of a capture that was " +
			"read. In older streams the key is `why`"},
	{Name: "status", Form: FormInt,
		What: "exit status of the command that was run", Absent: "none was run, or it still runs"},
	{Name: "looked", Form: FormUint, Unit: UnitNS,
		What: "when what `start` says was last compared with what is, ns: see `change`", Absent: "it is not known"},
	{Name: "cpu_time", Form: FormUint, Unit: UnitNS,
		What: "CPU time that the tool itself took since it was started, in user and in kernel mode, ns. What its " +
			"BPF programs take is not in it: the kernel counts that for the task that a packet comes in",
		Absent: "it is not known"},
	{Name: "rate", Form: FormUint,
		What: "how many events a second it wrote, on the average from when all probes were attached to `ts`. " +
			"In numbered files, too, this is of all of them so far",
		Absent: "it is not known"},
}}

// AppendMsgpack appends the record.
func (e *End) AppendMsgpack(dst []byte) []byte { return appendEncoded(dst, e.encode) }

// EncodeMsgpack writes the record.
func (e *End) EncodeMsgpack(enc *msgpack.Encoder) error { return encodeAppended(enc, e) }

func (e *End) encode(enc *msgpack.Encoder) error {
	return encodeMap(enc, []entry{
		{"type", true, TypeEnd}, {"ts", true, e.TS}, {"events", true, e.Events}, {"links", true, e.Links},
		{"frees", true, e.Frees}, {"lost", true, e.Lost}, {"cause", true, e.Cause},
		{"status", e.Status.OK, e.Status.V}, {"looked", e.Looked.OK, e.Looked.V},
		{"cpu_time", e.CPUTime.OK, e.CPUTime.V}, {"rate", e.Rate.OK, e.Rate.V},
	})
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
	e.CPUTime.V, e.CPUTime.OK = r.Get("cpu_time").Uint()
	e.Rate.V, e.Rate.OK = r.Get("rate").Uint()
	return nil
}
