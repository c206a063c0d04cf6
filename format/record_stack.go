package format

import (
	"github.com/vmihailenco/msgpack/v5"

	"github.com/skb-tools/skb-tools/format/wire"
)

// A Stack is a chain of calls that events refer to by its number. It stands in front of
// the first of them.
type Stack struct {
	ID     uint64   // used once within a start
	Frames []string // function+0xoffset, the innermost first
}

var stackSection = Section{"stack", []Key{
	{Name: "type", Form: FormStr, What: "`stack`"},
	{Name: "id", Form: FormUint, What: "its number, within a `start`"},
	{Name: "frames", Form: FormStrs, What: "function, `+`, offset, the innermost first"},
}}

// AppendMsgpack appends the record.
func (s *Stack) AppendMsgpack(dst []byte) []byte { return appendEncoded(dst, s.encode) }

// EncodeMsgpack writes the record.
func (s *Stack) EncodeMsgpack(e *msgpack.Encoder) error { return encodeAppended(e, s) }

func (s *Stack) encode(e *msgpack.Encoder) error {
	return encodeMap(e, []entry{{"type", true, TypeStack}, {"id", true, s.ID}, {"frames", true, s.Frames}})
}

// Decode reads r, which must be a stack.
func (s *Stack) Decode(r Raw) error {
	if r.Type() != TypeStack {
		return errType(r, TypeStack)
	}
	s.ID, _ = r.Get("id").Uint()
	s.Frames = s.Frames[:0]
	_ = r.Get("frames").Elems(func(v wire.Value) bool {
		f, _ := v.Str()
		s.Frames = append(s.Frames, string(f))
		return true
	})
	return nil
}
