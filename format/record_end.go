package format

// End closes what a start opened.
type End struct {
	TS                         uint64
	Events, Links, Frees, Lost uint64
	Cause                      string      // signal, count, duration, command, rotate
	Status                     Opt[int]    // of the command that was run
	Looked                     Opt[uint64] // ns, when what the start says was compared last
}

var endSection = Section{"end", []Key{
	{Name: "type", Form: FormStr, What: "`end`"},
	{Name: "ts", Form: FormUint, Unit: UnitNS, What: "ns"},
	{Name: "events", Form: FormUint, What: "how many events belong to the `start`, in this one of numbered files"},
	{Name: "links", Form: FormUint, What: "how many links belong to it, likewise"},
	{Name: "frees", Form: FormUint, What: "how many frees belong to it, likewise"},
	{Name: "lost", Form: FormUint, What: "the sum of `count` of its losses, likewise"},
	{Name: "cause", Form: FormStr,
		What: "`signal`, `count`, `duration`, `command`, `rotate`; `file` at the end of a capture that was read. " +
			"In older streams the key is `why`"},
	{Name: "status", Form: FormInt,
		What: "exit status of the command that was run", Absent: "none was run, or it still runs"},
	{Name: "looked", Form: FormUint, Unit: UnitNS,
		What: "when what `start` says was last compared with what is, ns: see `change`", Absent: "it is not known"},
}}

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
