package format

import "github.com/skb-tools/skb-tools/format/wire"

// Ret is the section `ret`, at return probes: what the function returned.
type Ret struct {
	Has   bool
	Value int64  // the register, as a signed number
	Skb   uint64 // the same where the function returns an sk_buff: its address
}

var retSection = Section{"ret", []Key{
	{Name: "value", Form: FormInt,
		What: "the value as its type has it, signed or not; of a function without types the register, as a " +
			"signed number of 64 bits",
		Absent: "it is the address of an sk_buff"},
	{Name: "skb", Form: FormUint, Unit: UnitAddress,
		What:   "address of the sk_buff returned",
		Absent: "it returns something else, or none (NULL, or an error as a negative number)"},
}}

// Present reports whether the section is.
func (r *Ret) Present() bool { return r.Has }

func (r *Ret) reset() { *r = Ret{} }

func (r *Ret) append(dst []byte) []byte {
	if r.Skb != 0 {
		return wire.AppendUint(append(dst, "\x81\xa3skb"...), r.Skb)
	}
	return wire.AppendInt(append(dst, "\x81\xa5value"...), r.Value)
}

func (r *Ret) decode(key []byte, v wire.Value) {
	r.Has = true
	switch string(key) {
	case "value":
		r.Value, _ = v.Int()
	case "skb":
		r.Skb, _ = v.Uint()
	}
}
