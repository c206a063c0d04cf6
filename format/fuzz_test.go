package format

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/skb-tools/skb-tools/format/wire"
)

// The seeds are in testdata/fuzz: real records, and inputs that once were wrong.

// What a Decoder hands on is well-formed, and is what stands in the stream; an error is
// within the input.
func FuzzDecoder(f *testing.F) {
	f.Fuzz(func(t *testing.T, in []byte) {
		d := NewDecoder(piecemeal{bytes.NewReader(in)})
		var again bytes.Buffer
		e := NewEncoder(&again)
		for {
			before := d.Offset()
			r, err := d.Next()
			if err != nil {
				var syntax *SyntaxError
				if err != io.EOF && (!errors.As(err, &syntax) || syntax.Offset < before || syntax.Offset > int64(len(in))) {
					t.Fatalf("after %d of %d bytes: %v", before, len(in), err)
				}
				break
			}
			if err := Valid(r); err != nil {
				t.Fatalf("%q: %v", r, err)
			}
			if err := e.WriteRaw(r); err != nil {
				t.Fatal(err)
			}
		}
		e.Flush()
		if !d.JSON() && !bytes.HasPrefix(bytes.TrimLeft(in, " \t\r\n"), again.Bytes()) {
			t.Fatalf("%q came out as %q", in, again.Bytes())
		}
	})
}

// FromJSON takes what encoding/json takes, except text that is not what it seems, and
// reads the same.
func FuzzFromJSON(f *testing.F) {
	f.Add([]byte(`{"type":"event","decoded":{"a":[1e999,{"$x":"\u00e9"}]},"ts":1}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := FromJSON([]byte("before"), line)
		valid := json.Valid(line)
		if err == nil {
			if !valid {
				t.Fatalf("took %q", line)
			}
			if err := Valid(r); err != nil {
				t.Fatalf("%q made %q: %v", line, r, err)
			}
			want, err := libraryJSON(line)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			if !bytes.Equal(r, want) {
				t.Fatalf("%q made\n%q, want\n%q", line, r, want)
			}
			return
		}
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Offset < 0 || syntax.Offset > int64(len(line)) {
			t.Fatalf("%q: %v", line, err)
		}
		if !valid {
			return
		}
		if _, other := libraryJSON(line); other == nil {
			t.Fatalf("refused %q: %v", line, err)
		}
	})
}

// libraryJSON is FromJSON by the tokens of encoding/json.
func libraryJSON(line []byte) (Raw, error) {
	if !utf8.Valid(line) || bytes.IndexByte(bytes.TrimLeft(line, " \t\r\n"), '{') != 0 {
		return nil, errors.New("no object in UTF-8")
	}
	// A lone surrogate becomes U+FFFD there, which is written in full only by who means it.
	for _, s := range strings.Split(strings.ToLower(string(line)), `\u`)[1:] {
		if len(s) >= 2 && s[0] == 'd' && s[1] >= '8' {
			if replaced(line) {
				return nil, errors.New("half of a surrogate pair")
			}
		}
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	out, err := libraryValue(nil, d, wire.MaxDepth, false)
	if err != nil {
		return nil, err
	}
	return out, Valid(out)
}

// replaced reports whether encoding/json put U+FFFD where line has none.
func replaced(line []byte) bool {
	var v any
	if json.Unmarshal(line, &v) != nil {
		return false
	}
	return countReplaced(string(line)) < countReplaced(strings.Join(texts(v), ""))
}

func countReplaced(s string) int {
	return strings.Count(s, "\ufffd") + strings.Count(strings.ToLower(s), `\ufffd`)
}

func texts(v any) (all []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, x := range v {
			all = append(all, texts(x)...)
		}
	case map[string]any:
		for k, x := range v {
			all = append(append(all, k), texts(x)...)
		}
	}
	return all
}

var errForm = errors.New("a wrong form")

func libraryValue(dst []byte, d *json.Decoder, depth int, isData bool) ([]byte, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case nil:
		return append(dst, 0xc0), nil
	case bool:
		return wire.AppendBool(dst, t), nil
	case json.Number:
		return libraryNumber(dst, string(t))
	case string:
		if isData {
			return libraryBytes(dst, wire.AppendBin, t)
		}
		u, uerr := strconv.ParseUint(t, 10, 64)
		i, ierr := strconv.ParseInt(t, 10, 64)
		if uerr == nil && u > 1<<53 && t[0] != '0' || ierr == nil && i < -1<<53 && t[1] != '0' {
			return libraryNumber(dst, t)
		}
		return wire.AppendStr(dst, t), nil
	}
	if !d.More() {
		_, err := d.Token()
		if t == json.Delim('{') {
			return wire.AppendMap(dst, 0), err
		}
		return wire.AppendArray(dst, 0), err
	}
	if depth == 0 {
		return nil, errors.New("too deep")
	}
	var body []byte
	n := 0
	for d.More() {
		isData := false
		if t == json.Delim('{') {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			key := k.(string)
			if strings.HasPrefix(key, "$") && !strings.HasPrefix(key, "$$") {
				if n > 0 {
					return nil, errForm
				}
				return libraryForm(dst, d, key)
			}
			key = strings.TrimPrefix(key, "$")
			if strings.HasPrefix(k.(string), "$$") {
				key = k.(string)[1:]
			}
			if depth == wire.MaxDepth && k == Decoded {
				if err := libraryIgnore(d, depth-1); err != nil {
					return nil, err
				}
				continue
			}
			isData = key == "data"
			body = wire.AppendStr(body, key)
		}
		if body, err = libraryValue(body, d, depth-1, isData); err != nil {
			return nil, err
		}
		n++
	}
	if t == json.Delim('{') {
		dst = wire.AppendMap(dst, n)
	} else {
		dst = wire.AppendArray(dst, n)
	}
	_, err = d.Token()
	return append(dst, body...), err
}

// libraryIgnore goes behind a value.
func libraryIgnore(d *json.Decoder, depth int) error {
	for level := 0; ; {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			if level++; level > depth && d.More() {
				return errors.New("too deep")
			}
		case json.Delim('}'), json.Delim(']'):
			level--
		}
		if level == 0 {
			return nil
		}
	}
}

func libraryNumber(dst []byte, s string) ([]byte, error) {
	if u, err := strconv.ParseUint(s, 10, 64); err == nil {
		return wire.AppendUint(dst, u), nil
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return wire.AppendInt(dst, i), nil
	}
	x, err := strconv.ParseFloat(s, 64)
	return appendFloat(dst, x), err
}

func libraryBytes(dst []byte, add func(dst, b []byte) []byte, s string) ([]byte, error) {
	var b []byte
	quoted, _ := json.Marshal(s)
	if strings.ContainsAny(s, "\r\n") {
		return nil, errForm
	}
	err := json.Unmarshal(quoted, &b) // base64, for a []byte
	return add(dst, b), err
}

func libraryForm(dst []byte, d *json.Decoder, tag string) ([]byte, error) {
	t, err := d.Token()
	s, ok := t.(string)
	if err != nil || !ok {
		return nil, errForm
	}
	if end, err := d.Token(); err != nil || end != json.Delim('}') {
		return nil, errForm
	}
	switch tag {
	case "$str":
		return wire.AppendStr(dst, s), nil
	case "$bin":
		return libraryBytes(dst, wire.AppendBin, s)
	case "$bytes":
		return libraryBytes(dst, wire.AppendStr[[]byte], s)
	case "$int":
		if strings.Trim(s, "-0123456789") != "" {
			return nil, errForm
		}
		if u, err := strconv.ParseUint(s, 10, 64); err == nil {
			return wire.AppendUint(dst, u), nil
		}
		i, err := strconv.ParseInt(s, 10, 64)
		return wire.AppendInt(dst, i), err
	case "$float":
		x, err := strconv.ParseFloat(s, 64)
		return appendFloat(dst, x), err
	}
	return nil, errForm
}

// A record through JSON is the same, its values in their shortest forms.
func FuzzJSONRoundTrip(f *testing.F) {
	f.Fuzz(func(t *testing.T, in []byte) {
		line, err := AppendJSON([]byte("before"), in)
		if Valid(in) != nil {
			return // no panic is all that is asked
		}
		if err != nil {
			if hasForm(in) && Raw(in).Get(Decoded) == nil {
				t.Fatalf("%q has a form in JSON: %v", in, err)
			}
			return
		}
		line = bytes.TrimPrefix(line, []byte("before"))
		if !json.Valid(line) || bytes.IndexByte(line, '\n') >= 0 {
			t.Fatalf("%q became %q, which is no line of JSON", in, line)
		}
		back, err := FromJSON(nil, line)
		if err != nil {
			t.Fatalf("%q became %q: %v", in, line, err)
		}
		if want := shortest(t, in); !bytes.Equal(back, want) {
			t.Fatalf("%q became\n%q, want\n%q", in, back, want)
		}
	})
}

// hasForm reports whether no key below v is other than text and no value an extension.
func hasForm(v wire.Value) bool {
	ok := v.Kind() != wire.Other
	_ = v.Each(func(key []byte, v wire.Value) bool {
		ok = ok && utf8.Valid(key) && hasForm(v)
		return ok
	})
	_ = v.Elems(func(v wire.Value) bool {
		ok = ok && hasForm(v)
		return ok
	})
	return ok
}

// shortest is r as msgpack/v5 writes it, floating-point numbers in 64 bits.
func shortest(t *testing.T, r []byte) []byte {
	var out bytes.Buffer
	e := msgpack.NewEncoder(&out)
	e.UseCompactInts(true)
	if err := copyValue(msgpack.NewDecoder(bytes.NewReader(r)), e); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// The walker goes where msgpack/v5 goes, and reads the same there.
func FuzzWalk(f *testing.F) {
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		err := msgpack.NewDecoder(r).Skip()
		n := wire.Size(in)
		if (err == nil) != (n > 0) || err == nil && n != len(in)-r.Len() {
			t.Fatalf("%q: skipped %d bytes, the library %d: %v", in, n, len(in)-r.Len(), err)
		}
		if n == 0 {
			return
		}
		err = wire.Valid(append([]byte("\x81\xa1k"), in[:n]...))
		if err != nil && !strings.Contains(err.Error(), "key") && !strings.Contains(err.Error(), "twice") && !strings.Contains(err.Error(), "nested") {
			t.Fatalf("%q: %v", in, err)
		}
		sameValue(t, in[:n], msgpack.NewDecoder(bytes.NewReader(in)))
	})
}

func sameValue(t *testing.T, v wire.Value, d *msgpack.Decoder) {
	got := any(nil)
	switch v.Kind() {
	case wire.Map, wire.Array:
		length := d.DecodeArrayLen
		if v.Kind() == wire.Map {
			length = d.DecodeMapLen
		}
		n, err := length()
		if err != nil || n != v.Len() {
			t.Fatalf("%q: length %d, the library's %d: %v", v, v.Len(), n, err)
		}
		_ = v.Elems(func(v wire.Value) bool {
			sameValue(t, v, d)
			return true
		})
		_ = v.Each(func(key []byte, v wire.Value) bool {
			if raw, err := d.DecodeRaw(); err != nil || !bytes.HasSuffix(raw, key) {
				t.Fatalf("key %q, the library's %q, %v", key, raw, err)
			}
			sameValue(t, v, d)
			return true
		})
		return
	case wire.Other:
		_ = d.Skip()
		return
	}
	want, err := d.DecodeInterface()
	if err != nil {
		t.Fatalf("%q: %v", v, err)
	}
	switch x := reflect.ValueOf(want); {
	case want == nil:
		if v.Kind() != wire.Nil {
			got = v
		}
	case x.CanInt():
		i, ok := v.Int()
		u, nonNegative := v.Uint()
		if ok && (i < 0) != nonNegative && (i < 0 || u == uint64(i)) {
			got = i
		}
		want = x.Int()
	case x.CanUint():
		got, _ = v.Uint()
		want = x.Uint()
	case x.CanFloat():
		float, _ := v.Float()
		got, want = math.Float64bits(float), math.Float64bits(x.Float())
	case x.Kind() == reflect.String:
		s, _ := v.Str()
		got = string(s)
	case x.Kind() == reflect.Bool:
		got, _ = v.Bool()
	default:
		got, _ = v.Bin()
		if len(x.Bytes()) == 0 {
			got, want = v.Kind(), wire.Bin
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: %v, the library reads %v", []byte(v), got, want)
	}
}

// Setting a key sets it and moves nothing else; removing it undoes that.
func FuzzSplice(f *testing.F) {
	f.Fuzz(func(t *testing.T, in []byte, key string, value []byte) {
		spliced := wire.Splice(nil, in, key, value)
		removed := wire.Remove(nil, in, key)
		if Valid(in) != nil || wire.Size(value) != len(value) || len(value) == 0 {
			return // no panic is all that is asked
		}
		keys, values := pairs(in)
		at := len(keys)
		for i := range keys {
			if keys[i] == key {
				at = i
				break
			}
		}
		if at < len(keys) {
			values[at] = string(value)
			samePairs(t, spliced, keys, values)
			samePairs(t, removed, append(keys[:at:at], keys[at+1:]...), append(values[:at:at], values[at+1:]...))
			return
		}
		samePairs(t, spliced, append(keys, key), append(values, string(value)))
		if !bytes.Equal(removed, in) {
			t.Fatalf("removing %q, which is not there, made %q of %q", key, removed, in)
		}
	})
}

func pairs(r Raw) (keys, values []string) {
	_ = r.Each(func(key []byte, v wire.Value) bool {
		keys, values = append(keys, string(key)), append(values, string(v))
		return true
	})
	return keys, values
}

func samePairs(t *testing.T, r Raw, keys, values []string) {
	t.Helper()
	gotKeys, gotValues := pairs(r)
	if strings.Join(gotKeys, ",") != strings.Join(keys, ",") || strings.Join(gotValues, ",") != strings.Join(values, ",") || wire.Size(r) != len(r) {
		t.Fatalf("%q has\n%q %q, want\n%q %q", r, gotKeys, gotValues, keys, values)
	}
}

// A typed record decodes from anything of its type, and what it then writes it reads back.
func FuzzDecodeRecords(f *testing.F) {
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, rec := range records() {
			decode := func(r Raw) (Appender, error) {
				v := reflect.New(reflect.TypeOf(rec).Elem()).Interface().(interface {
					Appender
					Decode(Raw) error
				})
				return v, v.Decode(r)
			}
			one, err := decode(in)
			if wrong := Raw(in).Type() != Raw(rec.AppendMsgpack(nil)).Type(); wrong && err == nil {
				t.Fatalf("%T took %q", rec, in)
			}
			if err != nil {
				continue
			}
			written := one.AppendMsgpack(nil)
			if err := Valid(written); err != nil {
				t.Fatalf("%q became %q: %v", in, written, err)
			}
			two, err := decode(written)
			if err != nil || !bytes.Equal(two.AppendMsgpack(nil), written) {
				t.Fatalf("%q became %q and then %q, %v", in, written, two.AppendMsgpack(nil), err)
			}
		}
	})
}
