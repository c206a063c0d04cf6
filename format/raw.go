package format

import (
	"bytes"
	"fmt"
)

// A Raw is one record: the msgpack map of a frame, without the length. It is not a copy;
// the one that a Decoder returned is valid until the next.
type Raw []byte

// A RecordType is what a record's first key, `type`, says.
type RecordType string

// The types of records. A reader passes on those that it does not know.
const (
	TypeStart   RecordType = "start"
	TypeEvent   RecordType = "event"
	TypeLink    RecordType = "link"
	TypeFree    RecordType = "free"
	TypeStack   RecordType = "stack"
	TypeLoss    RecordType = "loss"
	TypeEnd     RecordType = "end"
	TypeJourney RecordType = "journey"
	TypeWire    RecordType = "wire"
	TypeResume  RecordType = "resume"
	TypeChange  RecordType = "change"
)

// eventFront is how every event begins after the head of its map.
var eventFront = []byte("\xa4type\xa5event")

// Type returns the record's type, "" when its first key is not `type` with a string.
func (r Raw) Type() RecordType {
	n, _, values := head(r)
	if values < 2 || Value(r).Kind() != Map {
		return ""
	}
	b := r[n:]
	if bytes.HasPrefix(b, eventFront) {
		return TypeEvent
	}
	if !bytes.HasPrefix(b, eventFront[:5]) {
		return ""
	}
	vlen := skip(b[5:])
	s, ok := Value(b[5 : 5+vlen]).Str()
	if !ok {
		return ""
	}
	for _, t := range [...]RecordType{TypeStart, TypeLink, TypeFree, TypeStack, TypeLoss, TypeEnd, TypeJourney, TypeWire,
		TypeResume, TypeChange} {
		if string(t) == string(s) {
			return t
		}
	}
	return RecordType(s)
}

// Time returns the record's `ts`: ns of CLOCK_MONOTONIC on the host of its `start`.
func (r Raw) Time() (ns uint64, ok bool) { return r.Get("ts").Uint() }

// Get returns the value under path in nested maps, nil when there is none.
func (r Raw) Get(path ...string) Value { return Value(r).Get(path...) }

// Each calls f for the record's pairs in their order, until it returns false.
func (r Raw) Each(f func(key []byte, v Value) bool) error { return Value(r).Each(f) }

// MaxDepth is how deep the maps and arrays of a record may be nested.
const MaxDepth = 32

// Valid checks that r is one whole, well-formed map that begins with `type`, that all
// keys in it are strings, and that none stands twice in a map. An error is a *SyntaxError
// with the offset within r.
func Valid(r Raw) error {
	if Value(r).Kind() != Map {
		return syntaxError(0, "a record is a map, this is none")
	}
	n, err := check(r, 0, MaxDepth)
	if err != nil {
		return err
	}
	if n != len(r) {
		return syntaxError(n, "%d bytes too many behind the record", len(r)-n)
	}
	if r.Type() == "" {
		return syntaxError(0, "the record does not begin with its type")
	}
	return nil
}

func syntaxError(offset int, format string, args ...any) error {
	return &SyntaxError{int64(offset), fmt.Errorf(format, args...)}
}

// check walks the value at r[at:] and returns where it ends.
func check(r []byte, at, depth int) (int, error) {
	n, content, values := head(r[at:])
	switch {
	case n == 0 && at < len(r) && r[at] == 0xc1:
		return 0, syntaxError(at, "0xc1 is no msgpack")
	case n == 0 || content > len(r)-at-n || values > len(r)-at-n:
		return 0, syntaxError(at, "a value is cut off")
	case values > 0 && depth == 0:
		return 0, syntaxError(at, "nested more than %d deep", MaxDepth)
	case values == 0:
		return at + n + content, nil
	case Value(r[at:]).Kind() == Map:
		return checkMap(r, at, n, values/2, depth)
	}
	at += n
	for range values {
		// Most values tell their length by their first byte; this step more than halves BenchmarkValid.
		if at < len(r) {
			if size := int(fixed[r[at]]); size != 0 && size <= len(r)-at {
				at += size
				continue
			}
		}
		var err error
		if at, err = check(r, at, depth-1); err != nil {
			return 0, err
		}
	}
	return at, nil
}

// checkMap is check for a map, whose head has n bytes.
func checkMap(r []byte, from, n, pairs, depth int) (int, error) {
	var keys keySet
	at := from + n
	for range pairs {
		key := at
		size := 0
		if at < len(r) {
			if Value(r[at:]).Kind() != Str {
				return 0, syntaxError(at, "a key is not a string")
			}
			size = int(fixed[r[at]])
		}
		if size != 0 && size <= len(r)-at {
			at += size
		} else {
			var err error
			if at, err = check(r, at, depth-1); err != nil {
				return 0, err
			}
		}
		if pairs <= fewKeys && keys.add(r, key) {
			return 0, errTwice(key, r, key)
		}
		if at < len(r) {
			if size := int(fixed[r[at]]); size != 0 && size <= len(r)-at {
				at += size
				continue
			}
		}
		var err error
		if at, err = check(r, at, depth-1); err != nil {
			return 0, err
		}
	}
	if pairs > fewKeys {
		if key := twice(r, from); key >= 0 {
			return 0, errTwice(key, r, key)
		}
	}
	return at, nil
}

// Splice appends r to dst with key set to value, a msgpack value: in place of the value
// that is there, else at the end. Nothing else is encoded anew.
func Splice(dst []byte, r Raw, key string, value []byte) []byte {
	p := find(r, key)
	if p.key < 0 {
		dst = AppendMap(dst, p.pairs+1)
		dst = append(dst, r[p.head:]...)
		dst = AppendStr(dst, key)
		return append(dst, value...)
	}
	dst = append(dst, r[:p.value]...)
	dst = append(dst, value...)
	return append(dst, r[p.end:]...)
}

// Extend is Splice for a key that r is known not to have: it need not look for it.
func Extend(dst []byte, r Raw, key string, value []byte) []byte {
	n, _, values := head(r)
	dst = AppendMap(dst, values/2+1)
	dst = append(dst, r[n:]...)
	dst = AppendStr(dst, key)
	return append(dst, value...)
}

// Remove appends r to dst without key.
func Remove(dst []byte, r Raw, key string) []byte {
	p := find(r, key)
	if p.key < 0 {
		return append(dst, r...)
	}
	dst = AppendMap(dst, p.pairs-1)
	dst = append(dst, r[p.head:p.key]...)
	return append(dst, r[p.end:]...)
}

// A place is where a pair stands in a record, in bytes; key is -1 when it does not.
type place struct {
	head            int // length of the record's head
	pairs           int // in the record
	key, value, end int
}

func find(r Raw, key string) place {
	n, _, values := head(r)
	at := n
	for i := values; i > 0; i -= 2 {
		klen := skip(r[at:])
		if klen == 0 {
			break
		}
		vlen := skip(r[at+klen:])
		if vlen == 0 {
			break
		}
		if k, ok := Value(r[at : at+klen]).Str(); ok && string(k) == key {
			return place{n, values / 2, at, at + klen, at + klen + vlen}
		}
		at += klen + vlen
	}
	return place{head: n, pairs: values / 2, key: -1}
}
