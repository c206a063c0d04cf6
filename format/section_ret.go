package format

// Ret is the section `ret`, at return probes: what the function returned.
type Ret struct {
	Has   bool
	Value int64  // the register, as a signed number
	Skb   uint64 // the same where the function returns an sk_buff: its address
}

// Present reports whether the section is.
func (r *Ret) Present() bool { return r.Has }

func (r *Ret) reset() { *r = Ret{} }

func (r *Ret) append(dst []byte) []byte {
	if r.Skb != 0 {
		return AppendUint(append(dst, "\x81\xa3skb"...), r.Skb)
	}
	return AppendInt(append(dst, "\x81\xa5value"...), r.Value)
}

func (r *Ret) decode(key []byte, v Value) {
	r.Has = true
	switch string(key) {
	case "value":
		r.Value, _ = v.Int()
	case "skb":
		r.Skb, _ = v.Uint()
	}
}
