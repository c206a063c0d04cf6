package format

import "github.com/skb-tools/skb-tools/format/wire"

// An Arg is a value by its name: an argument of a function by the one that its source has, or what --show asked for.
type Arg struct {
	Name   string
	Value  int64  // as it is declared, signed or not; one of 64 bits without sign has to be taken as uint64
	Big    bool   // it is
	Text   string // a constant of an enum, a string or an address, in the place of Value
	IsText bool
}

// Args is the section `args`, the arguments of the probed function besides the sk_buff, or `fields`, the values of
// --show.
type Args []Arg

// Present reports whether the section is.
func (a *Args) Present() bool { return len(*a) > 0 }

func (a *Args) reset() { *a = (*a)[:0] }

func (a *Args) append(dst []byte) []byte {
	dst = wire.AppendMap(dst, len(*a))
	for i := range *a {
		arg := &(*a)[i]
		dst = wire.AppendStr(dst, arg.Name)
		switch {
		case arg.IsText:
			dst = wire.AppendStr(dst, arg.Text)
		case arg.Big:
			dst = wire.AppendUint(dst, uint64(arg.Value))
		default:
			dst = wire.AppendInt(dst, arg.Value)
		}
	}
	return dst
}

func (a *Args) decode(key []byte, v wire.Value) {
	arg := Arg{Name: string(key)}
	if i, ok := v.Int(); ok {
		arg.Value = i
	} else if u, ok := v.Uint(); ok {
		arg.Value, arg.Big = int64(u), true
	} else if s, ok := v.Str(); ok {
		arg.Text, arg.IsText = string(s), true
	} else {
		return
	}
	*a = append(*a, arg)
}
