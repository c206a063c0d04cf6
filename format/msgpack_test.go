package format

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/skb-tools/skb-tools/format/wire"
)

// TestMsgpack: msgpack/v5 writes and reads each record as this package does, alone and in a struct of somebody
// else.
func TestMsgpack(t *testing.T) {
	type theirs struct {
		Before int
		Record any
		Raw    Raw
		After  string
	}
	for _, rec := range records() {
		want := rec.AppendMsgpack(nil)
		got, err := msgpack.Marshal(rec)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%T: %v\n%x, want\n%x", rec, err, got, want)
		}
		var out bytes.Buffer
		interning := msgpack.NewEncoder(&out)
		interning.UseInternedStrings(true)
		if err := interning.Encode(rec); err != nil || !bytes.Equal(out.Bytes(), want) {
			t.Fatalf("%T, with an Encoder that interns strings: %v\n%x, want\n%x", rec, err, out.Bytes(), want)
		}
		b, err := msgpack.Marshal(theirs{1, rec, want, "x"})
		if err != nil {
			t.Fatal(err)
		}
		back := theirs{Record: reflect.New(reflect.TypeOf(rec).Elem()).Interface()}
		if err := msgpack.Unmarshal(b, &back); err != nil {
			t.Fatalf("%T: %v", rec, err)
		}
		if again := back.Record.(Appender).AppendMsgpack(nil); !bytes.Equal(again, want) || !bytes.Equal(back.Raw, want) || back.After != "x" {
			t.Errorf("%T comes back as\n%x, want\n%x", rec, again, want)
		}
		var wrong Resume
		if err := msgpack.Unmarshal(b, &wrong); err == nil {
			t.Error("a record of another kind is taken for a resume")
		}
	}
	var r Raw
	for _, bad := range []string{"", "\x01", "\x80", "\x81\xa4type", "\x82\xa4type\xa1x\xa4type\xa1x"} {
		if err := msgpack.Unmarshal([]byte(bad), &r); err == nil {
			t.Errorf("%q is taken for a record", bad)
		}
	}
}

// TestEmptyRaw: what is no record does not damage the record that it is put in.
func TestEmptyRaw(t *testing.T) {
	if b, err := msgpack.Marshal(map[string]Raw{"record": {}}); err == nil {
		t.Errorf("an empty Raw is written as %x", b)
	}
}

// TestAny: what Any returns is what is in the record.
func TestAny(t *testing.T) {
	for _, rec := range append(records(), example()) {
		r := Raw(rec.AppendMsgpack(nil))
		m, err := r.Any()
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(m, plainValue(t, wire.Value(r))) {
			t.Errorf("%T is %v", rec, m)
		}
	}
	if m, err := Raw("\x82\xa4type\xa1x\xa1e\xd4\x01\x02").Any(); err == nil {
		t.Errorf("an extension is %v", m)
	}
}

// plainValue reads a value by this package alone.
func plainValue(t *testing.T, v wire.Value) any {
	switch v.Kind() {
	case wire.Nil:
		return nil
	case wire.Bool:
		b, _ := v.Bool()
		return b
	case wire.Int:
		if v[0] >= 0xcc && v[0] <= 0xcf { // an unsigned form
			u, _ := v.Uint()
			return u
		}
		i, _ := v.Int()
		return i
	case wire.Str:
		s, _ := v.Str()
		return string(s)
	case wire.Bin:
		b, _ := v.Bin()
		return b
	case wire.Array:
		all := []any{}
		v.Elems(func(v wire.Value) bool {
			all = append(all, plainValue(t, v))
			return true
		})
		return all
	case wire.Map:
		m := map[string]any{}
		v.Each(func(key []byte, v wire.Value) bool {
			m[string(key)] = plainValue(t, v)
			return true
		})
		return m
	}
	t.Fatalf("a value of kind %v", v.Kind())
	return nil
}
