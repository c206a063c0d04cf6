package format

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/skb-tools/skb-tools/format/wire"
)

// The types of records are custom encoders and decoders of github.com/vmihailenco/msgpack/v5: that package writes and
// reads them, also within a struct of somebody else. It writes start, end, loss, stack, change, counters, flow and wire
// records here, too, which are few. Events, links, frees, journeys and resumes are written by hand: wire/append.go says
// what that saves.

// An entry is a key of a record with its value, unless that is absent.
type entry struct {
	key   string
	has   bool
	value any // of the kinds that encodeValue knows
}

// encodeMap writes the entries that there are.
func encodeMap(e *msgpack.Encoder, entries []entry) error {
	n := 0
	for _, f := range entries {
		if f.has {
			n++
		}
	}
	if err := e.EncodeMapLen(n); err != nil {
		return err
	}
	for _, f := range entries {
		if !f.has {
			continue
		}
		if err := e.EncodeString(f.key); err != nil {
			return err
		}
		if err := encodeValue(e, f.value); err != nil {
			return err
		}
	}
	return nil
}

// encodeValue writes a value in its shortest form; what an Encoder does of its own is not that. Maps are in order of
// their keys.
func encodeValue(e *msgpack.Encoder, value any) error {
	switch v := value.(type) {
	case uint32:
		return e.EncodeUint(uint64(v))
	case uint64:
		return e.EncodeUint(v)
	case int:
		return e.EncodeInt(int64(v))
	case int64:
		return e.EncodeInt(v)
	case string:
		return e.EncodeString(v)
	case RecordType:
		return e.EncodeString(string(v))
	case bool:
		return e.EncodeBool(v)
	case []string:
		return encodeArray(e, v, func(s *string) error { return e.EncodeString(*s) })
	case []uint32:
		return encodeArray(e, v, func(u *uint32) error { return e.EncodeUint(uint64(*u)) })
	case []uint64:
		return encodeArray(e, v, func(u *uint64) error { return e.EncodeUint(*u) })
	case []Counter:
		return encodeArray(e, v, func(c *Counter) error { return c.encode(e) })
	case []OVSRule:
		return encodeArray(e, v, func(r *OVSRule) error { return r.encode(e) })
	case map[string]string:
		return encodeSorted(e, v)
	case map[string]uint64:
		return encodeSorted(e, v)
	case map[string][]string:
		return encodeSorted(e, v)
	case map[string]wire.Value:
		return encodeSorted(e, v)
	case wire.Value: // written already
		_, err := e.Writer().Write(v)
		return err
	}
	return fmt.Errorf("format: a record has a value of type %T", value)
}

func encodeArray[V any](e *msgpack.Encoder, list []V, encode func(*V) error) error {
	if err := e.EncodeArrayLen(len(list)); err != nil {
		return err
	}
	for i := range list {
		if err := encode(&list[i]); err != nil {
			return err
		}
	}
	return nil
}

func encodeSorted[V any](e *msgpack.Encoder, m map[string]V) error {
	if err := e.EncodeMapLen(len(m)); err != nil {
		return err
	}
	for _, key := range sorted(m) {
		if err := e.EncodeString(key); err != nil {
			return err
		}
		if err := encodeValue(e, m[key]); err != nil {
			return err
		}
	}
	return nil
}

// appendEncoded appends what a record's encode writes. The Encoder is its own: somebody else's may have settings,
// as interned strings, that a stream has not.
func appendEncoded(dst []byte, encode func(*msgpack.Encoder) error) []byte {
	b := bytes.NewBuffer(dst)
	if err := encode(msgpack.NewEncoder(b)); err != nil {
		panic(err) // a buffer takes all, and encodeValue knows the kinds that records have
	}
	return b.Bytes()
}

// encodeAppended writes what a record's AppendMsgpack appends.
func encodeAppended(e *msgpack.Encoder, a Appender) error {
	_, err := e.Writer().Write(a.AppendMsgpack(nil))
	return err
}

// decodeRecord reads a record by its Decode.
func decodeRecord(d *msgpack.Decoder, decode func(Raw) error) error {
	var r Raw
	if err := r.DecodeMsgpack(d); err != nil {
		return err
	}
	return decode(r)
}

// EncodeMsgpack writes the record as it is. An empty one is none, and an error.
func (r Raw) EncodeMsgpack(e *msgpack.Encoder) error {
	if len(r) == 0 {
		return errors.New("format: an empty Raw is no record")
	}
	_, err := e.Writer().Write(r)
	return err
}

// DecodeMsgpack reads a record, of which it keeps a copy. What is not Valid is an error.
func (r *Raw) DecodeMsgpack(d *msgpack.Decoder) error {
	b, err := d.DecodeRaw()
	if err != nil {
		return err
	}
	if err := Valid(Raw(b)); err != nil {
		return err
	}
	*r = Raw(b)
	return nil
}

// Any returns the record, which is Valid, as map[string]any, []any, int64, uint64, float64, string, []byte, bool and
// nil. An integer in one of msgpack's unsigned forms, of 128 or more, is a uint64. An extension type is an error, but
// for timestamps, which are time.Time.
func (r Raw) Any() (map[string]any, error) {
	m, err := msgpack.NewDecoder(bytes.NewReader(r)).DecodeMap()
	if err != nil {
		return nil, err
	}
	for key, v := range m {
		m[key] = wide(v)
	}
	return m, nil
}

// wide makes v, and what is in it, of the widest types.
func wide(v any) any {
	switch v := v.(type) {
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint8:
		return uint64(v)
	case uint16:
		return uint64(v)
	case uint32:
		return uint64(v)
	case float32:
		return float64(v)
	case []any:
		for i := range v {
			v[i] = wide(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = wide(v[key])
		}
	}
	return v
}
