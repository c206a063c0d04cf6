package format

import (
	"github.com/vmihailenco/msgpack/v5"

	"github.com/skb-tools/skb-tools/format/wire"
)

// A NamespaceFound says what people call a network namespace of which the start does not tell: it is newer, or its
// number was another's then.
type NamespaceFound struct {
	TS   uint64 // ns, of the event that made the tool look
	Inum uint32
	Namespace
}

var namespaceSection = Section{"namespace", []Key{
	{Name: "type", Form: FormStr, What: "`namespace`"},
	{Name: "ts", Form: FormUint, Unit: UnitNS, What: "time of the event that made the tool look, ns"},
	{Name: "inum", Form: FormUint, What: "its number, as `netns.inum` of events"},
	{Name: "named", Form: FormMap, Of: &namedSection, What: "what it is called, as in `namespaces` of the `start`"},
}}

// AppendMsgpack appends the record.
func (n *NamespaceFound) AppendMsgpack(dst []byte) []byte {
	dst = wire.AppendStr(append(dst, "\x84\xa4type"...), string(TypeNamespace))
	dst = wire.AppendUint(append(dst, "\xa2ts"...), n.TS)
	dst = wire.AppendUint(append(dst, "\xa4inum"...), uint64(n.Inum))
	return n.append(append(dst, "\xa5named"...))
}

// EncodeMsgpack writes the record.
func (n *NamespaceFound) EncodeMsgpack(e *msgpack.Encoder) error { return encodeAppended(e, n) }

// Decode reads r, which must be a namespace.
func (n *NamespaceFound) Decode(r Raw) error {
	if r.Type() != TypeNamespace {
		return errType(r, TypeNamespace)
	}
	*n = NamespaceFound{}
	n.TS, _ = r.Time()
	u, _ := r.Get("inum").Uint()
	n.Inum = uint32(u)
	return r.Get("named").Each(func(key []byte, v wire.Value) bool {
		n.decode(key, v)
		return true
	})
}
