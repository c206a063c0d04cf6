package format

import (
	"bytes"
	"fmt"

	"github.com/skb-tools/skb-tools/format/wire"
)

// A Raw is one record: the msgpack map of a frame, without the length. It is not a copy;
// the one that a Decoder returned is valid until the next.
type Raw []byte

// A RecordType is what a record's first key, `type`, says.
type RecordType string

// The types of records. A reader passes on those that it does not know.
const (
	TypeStart     RecordType = "start"
	TypeEvent     RecordType = "event"
	TypeLink      RecordType = "link"
	TypeFree      RecordType = "free"
	TypeStack     RecordType = "stack"
	TypeFlow      RecordType = "flow"
	TypeNamespace RecordType = "namespace"
	TypeLoss      RecordType = "loss"
	TypeEnd       RecordType = "end"
	TypeJourney   RecordType = "journey"
	TypeWire      RecordType = "wire"
	TypeResume    RecordType = "resume"
	TypeChange    RecordType = "change"

	TypeCounters RecordType = "counters"
	TypeHeld     RecordType = "held"
)

// eventFront is how every event begins after the head of its map.
var eventFront = []byte("\xa4type\xa5event")

// Type returns the record's type, "" when its first key is not `type` with a string.
func (r Raw) Type() RecordType {
	n, _, values := wire.Head(r)
	if values < 2 || wire.Value(r).Kind() != wire.Map {
		return ""
	}
	b := r[n:]
	if bytes.HasPrefix(b, eventFront) {
		return TypeEvent
	}
	if !bytes.HasPrefix(b, eventFront[:5]) {
		return ""
	}
	vlen := wire.Size(b[5:])
	s, ok := wire.Value(b[5 : 5+vlen]).Str()
	if !ok {
		return ""
	}
	for _, known := range &recordSections {
		if known.Name == string(s) {
			return RecordType(known.Name) // which is not allocated
		}
	}
	return RecordType(s)
}

// Time returns the record's `ts`: ns of CLOCK_MONOTONIC on the host of its `start`.
func (r Raw) Time() (ns uint64, ok bool) { return r.Get("ts").Uint() }

// Get returns the value under path in nested maps, nil when there is none.
func (r Raw) Get(path ...string) wire.Value { return wire.Value(r).Get(path...) }

// Each calls f for the record's pairs in their order, until it returns false.
func (r Raw) Each(f func(key []byte, v wire.Value) bool) error { return wire.Value(r).Each(f) }

// Cursor returns a Cursor at the record's map.
func (r Raw) Cursor() wire.Cursor { return wire.At(r) }

// Valid checks that r is one whole, well-formed map that begins with `type`, that all
// keys in it are strings, and that none stands twice in a map. An error is a *SyntaxError
// with the offset within r.
func Valid(r Raw) error {
	if err := wire.Valid(r); err != nil {
		return err
	}
	return typed(r)
}

// typed checks that r, which is a whole map, begins with its type.
func typed(r []byte) error {
	if Raw(r).Type() == "" {
		return syntaxError(0, "the record does not begin with its type")
	}
	return nil
}

func syntaxError(offset int, format string, args ...any) error {
	return &SyntaxError{Offset: int64(offset), Err: fmt.Errorf(format, args...)}
}
