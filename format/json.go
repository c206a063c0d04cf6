package format

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"
)

// maxExact is the largest integer that a reader of JSON which computes with doubles keeps.
const maxExact = 1 << 53

// AppendJSON appends r as one JSON object, without a newline. FORMAT.md, "JSON", has the
// rules; FromJSON turns it back.
func AppendJSON(dst []byte, r Raw) ([]byte, error) {
	j := jsonWriter{dst: dst}
	if err := j.value(Value(r), MaxDepth, ""); err != nil {
		return dst, err
	}
	return j.dst, nil
}

type jsonWriter struct{ dst []byte }

// value writes v, which stands under key.
func (j *jsonWriter) value(v Value, depth int, key string) error {
	if depth < 0 {
		return fmt.Errorf("nested more than %d deep", MaxDepth)
	}
	switch v.Kind() {
	case Nil:
		j.dst = append(j.dst, "null"...)
	case Bool:
		b, _ := v.Bool()
		j.dst = strconv.AppendBool(j.dst, b)
	case Int:
		j.integer(v)
	case Float:
		// As a string, since jq writes 2.0 as 2, and JSON has no NaN.
		f, _ := v.Float()
		j.dst = append(j.dst, `{"$float":"`...)
		j.dst = append(strconv.AppendFloat(j.dst, f, 'g', -1, 64), `"}`...)
	case Str:
		s, _ := v.Str()
		j.text(s)
	case Bin:
		b, ok := v.Bin()
		if !ok {
			return errors.New("cut off")
		}
		if key == "data" {
			j.base64(b)
			return nil
		}
		j.dst = append(j.dst, `{"$bin":`...)
		j.base64(b)
		j.dst = append(j.dst, '}')
	case Array:
		j.dst = append(j.dst, '[')
		first, err := true, error(nil)
		werr := v.Elems(func(v Value) bool {
			if !first {
				j.dst = append(j.dst, ',')
			}
			first = false
			err = j.value(v, depth-1, "")
			return err == nil
		})
		j.dst = append(j.dst, ']')
		return errors.Join(err, werr)
	case Map:
		return j.object(v, depth)
	default:
		return fmt.Errorf("%q has a msgpack type that JSON has no form for", key)
	}
	return nil
}

func (j *jsonWriter) object(v Value, depth int) error {
	j.dst = append(j.dst, '{')
	first, err := true, error(nil)
	werr := v.Each(func(key []byte, v Value) bool {
		if !utf8.Valid(key) {
			err = fmt.Errorf("a key is not text: %q", key)
			return false
		}
		if !first {
			j.dst = append(j.dst, ',')
		}
		first = false
		j.dst = append(appendQuoted(j.dst, key), ':')
		err = j.value(v, depth-1, string(key))
		return err == nil
	})
	j.dst = append(j.dst, '}')
	return errors.Join(err, werr)
}

func (j *jsonWriter) integer(v Value) {
	if u, ok := v.Uint(); ok {
		if u > maxExact {
			j.dst = append(strconv.AppendUint(append(j.dst, '"'), u, 10), '"')
			return
		}
		j.dst = strconv.AppendUint(j.dst, u, 10)
		return
	}
	i, _ := v.Int()
	if i < -maxExact {
		j.dst = append(strconv.AppendInt(append(j.dst, '"'), i, 10), '"')
		return
	}
	j.dst = strconv.AppendInt(j.dst, i, 10)
}

// text writes a string; one that would be taken for an integer, or that is no UTF-8, in a
// form of its own.
func (j *jsonWriter) text(s []byte) {
	switch {
	case !utf8.Valid(s):
		j.dst = append(j.dst, `{"$bytes":`...)
		j.base64(s)
		j.dst = append(j.dst, '}')
	case isBigInteger(s):
		j.dst = append(appendQuoted(append(j.dst, `{"$str":`...), s), '}')
	default:
		j.dst = appendQuoted(j.dst, s)
	}
}

func (j *jsonWriter) base64(b []byte) {
	j.dst = base64.StdEncoding.AppendEncode(append(j.dst, '"'), b)
	j.dst = append(j.dst, '"')
}

// isBigInteger reports whether s is how an integer beyond maxExact is written.
func isBigInteger(s []byte) bool {
	if len(s) < 16 || len(s) > 20 || s[0] != '-' && (s[0] < '1' || s[0] > '9') {
		return false
	}
	if u, err := strconv.ParseUint(string(s), 10, 64); err == nil {
		return u > maxExact
	}
	i, err := strconv.ParseInt(string(s), 10, 64)
	return err == nil && i < -maxExact && s[1] != '0'
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends s, which is UTF-8, as a JSON string.
func appendQuoted(dst, s []byte) []byte {
	dst = append(dst, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c < 0x20 || c == 0x7f:
			dst = append(dst, `\u00`...)
			dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// FromJSON appends to dst the record that line, a JSON object, stands for. An error is a
// *SyntaxError with the offset within line where that is known.
func FromJSON(dst, line []byte) (Raw, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	fail := func(err error) (Raw, error) {
		offset := d.InputOffset()
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			offset = syntax.Offset
		}
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			offset, err = int64(len(line)), errors.New("the JSON line is cut off")
		}
		return nil, &SyntaxError{offset, err}
	}
	t, err := d.Token()
	if err != nil {
		return fail(err)
	}
	if t != json.Delim('{') {
		return fail(errors.New("a record is a JSON object, this is none"))
	}
	r := jsonReader{d: d}
	out, err := r.object(dst, MaxDepth)
	if err != nil {
		return fail(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fail(errors.New("more than one JSON value on the line"))
	}
	raw := Raw(out[len(dst):])
	if err := Valid(raw); err != nil {
		return nil, &SyntaxError{0, err}
	}
	return raw, nil
}

type jsonReader struct{ d *json.Decoder }

// object reads an object behind its brace.
func (r *jsonReader) object(dst []byte, depth int) ([]byte, error) {
	if depth == 0 {
		return nil, fmt.Errorf("nested more than %d deep", MaxDepth)
	}
	var body []byte
	n := 0
	for r.d.More() {
		t, err := r.d.Token()
		if err != nil {
			return nil, err
		}
		key := t.(string)
		if key == "$bin" || key == "$bytes" || key == "$str" || key == "$float" {
			return r.tagged(dst, key)
		}
		body = AppendStr(body, key)
		if body, err = r.value(body, key, depth-1); err != nil {
			return nil, err
		}
		n++
	}
	if _, err := r.d.Token(); err != nil {
		return nil, err
	}
	return append(AppendMap(dst, n), body...), nil
}

// tagged reads the rest of {"$bin": "base64"} and its like.
func (r *jsonReader) tagged(dst []byte, key string) ([]byte, error) {
	t, err := r.d.Token()
	if err != nil {
		return nil, err
	}
	s, ok := t.(string)
	if !ok {
		return nil, fmt.Errorf("%s wants a string", key)
	}
	if end, err := r.d.Token(); err != nil || end != json.Delim('}') {
		return nil, fmt.Errorf("%s must stand alone in its object", key)
	}
	switch key {
	case "$str":
		return AppendStr(dst, s), nil
	case "$float":
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, fmt.Errorf("$float: %q is no number", s)
		}
		return appendFloat(dst, f), nil
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if key == "$bytes" {
		return AppendStr(dst, b), nil
	}
	return AppendBin(dst, b), nil
}

func (r *jsonReader) value(dst []byte, key string, depth int) ([]byte, error) {
	t, err := r.d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case nil:
		return append(dst, 0xc0), nil
	case bool:
		return AppendBool(dst, t), nil
	case json.Number:
		return appendNumber(dst, string(t))
	case string:
		if key == "data" {
			b, err := base64.StdEncoding.DecodeString(t)
			if err != nil {
				return nil, fmt.Errorf("data is not base64: %w", err)
			}
			return AppendBin(dst, b), nil
		}
		if isBigInteger([]byte(t)) {
			return appendNumber(dst, t)
		}
		return AppendStr(dst, t), nil
	case json.Delim:
		if t == '{' {
			return r.object(dst, depth)
		}
		return r.array(dst, depth)
	}
	return nil, fmt.Errorf("unexpected JSON value %v", t)
}

func (r *jsonReader) array(dst []byte, depth int) ([]byte, error) {
	if depth == 0 {
		return nil, fmt.Errorf("nested more than %d deep", MaxDepth)
	}
	var body []byte
	n := 0
	for r.d.More() {
		var err error
		if body, err = r.value(body, "", depth-1); err != nil {
			return nil, err
		}
		n++
	}
	if _, err := r.d.Token(); err != nil {
		return nil, err
	}
	return append(AppendArray(dst, n), body...), nil
}

// appendNumber appends an integer as one, anything else as a float64.
func appendNumber(dst []byte, s string) ([]byte, error) {
	if u, err := strconv.ParseUint(s, 10, 64); err == nil {
		return AppendUint(dst, u), nil
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return AppendInt(dst, i), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, fmt.Errorf("%s is no number that fits 64 bits", s)
	}
	return appendFloat(dst, f), nil
}

func appendFloat(dst []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(dst, 0xcb), math.Float64bits(f))
}
