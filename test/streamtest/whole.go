package streamtest

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"strings"
)

// Whole says what keeps a stream from being whole, nil if it is. It is a reader that was
// written from FORMAT.md, and by its tables, which are spec, and shares nothing with package
// format.
func Whole(spec *Spec, stream []byte) error { return spec.whole(stream, false) }

// Part says what is wrong with a part of a stream, in which records and keys may be missing.
func Part(spec *Spec, stream []byte) error { return spec.whole(stream, true) }

func (spec *Spec) whole(stream []byte, part bool) error {
	records, err := read(stream)
	if err != nil {
		return err
	}
	if len(records) == 0 && !part {
		return errors.New("empty")
	}
	type sums struct {
		have, said     [4]*big.Int
		open, captured bool
	}
	var recent []string // starts, the one in force first
	of := map[string]*sums{}
	for i, r := range records {
		typ, ok := r["type"].(string)
		if !ok {
			return fmt.Errorf("record %d has no type", i)
		}
		switch typ {
		case "start", "event", "link", "free", "loss", "end", "journey", "change", "counters":
			if _, ok := r["ts"].(uint64); !ok {
				return fmt.Errorf("record %d: ts is %v", i, r["ts"])
			}
		}
		var s *sums
		if len(recent) > 0 {
			s = of[recent[0]]
		}
		if err := spec.keys(typ, r, part, typ == "event" && s != nil && s.captured); err != nil {
			return fmt.Errorf("record %d, %s: %w", i, typ, err)
		}
		switch typ {
		case "start":
			if r["version"] != uint64(1) {
				return fmt.Errorf("version %v", r["version"])
			}
			key := fmt.Sprint(r) // maps are printed in order of their keys
			for j, k := range recent {
				if k == key {
					recent = append(recent[:j:j], recent[j+1:]...)
					break
				}
			}
			recent = append([]string{key}, recent...)
			if of[key] == nil {
				of[key] = &sums{captured: r["capture"] == true}
				for j := range 4 {
					of[key].have[j], of[key].said[j] = new(big.Int), new(big.Int)
				}
			}
			of[key].open = true
			continue
		case "resume":
			back, ok := r["back"].(uint64)
			if !ok || back >= uint64(len(recent)) {
				return fmt.Errorf("record %d resumes nothing", i)
			}
			k := recent[back]
			recent = append(recent[:back:back], recent[back+1:]...)
			recent = append([]string{k}, recent...)
			continue
		case "event", "link", "free", "loss", "end":
			if s == nil && (typ == "end" || !part) {
				return fmt.Errorf("record %d is before any start", i)
			}
			if s == nil {
				continue
			}
		}
		add := func(to *big.Int, n any) {
			u, _ := n.(uint64)
			to.Add(to, new(big.Int).SetUint64(u))
		}
		switch typ {
		case "event":
			add(s.have[0], uint64(1))
		case "link":
			add(s.have[1], uint64(1))
		case "free":
			add(s.have[2], uint64(1))
		case "loss":
			add(s.have[3], r["count"])
		case "end":
			for j, key := range []string{"events", "links", "frees", "lost"} {
				add(s.said[j], r[key])
			}
			s.open = false
		}
	}
	if len(of) == 0 && !part {
		return errors.New("no start")
	}
	for _, s := range of {
		for j := range s.have {
			if c := s.have[j].Cmp(s.said[j]); !s.open && (c > 0 || c < 0 && !part) {
				return fmt.Errorf("counted %v, there %v", s.said, s.have)
			}
		}
		if s.open && !part {
			return errors.New("a start has no end")
		}
	}
	return nil
}

// A Spec is what the tables of FORMAT.md say: the keys of records and sections.
//
// The rows of these tables are made from those in package format. So what is wrong in a row is wrong in both; that
// the rows are right, the recordings of kernels show, and the tests of what writes each record.
type Spec struct{ rows map[string][]specRow }

type specRow struct {
	key, typ string
	never    bool // absent
}

// ReadSpec reads FORMAT.md.
func ReadSpec(file string) (*Spec, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	s := &Spec{map[string][]specRow{}}
	section := ""
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "#### `"); ok {
			section, _, _ = strings.Cut(name, "`")
		} else if strings.HasPrefix(line, "Of each of the `devices`") {
			section = "devices"
		} else if strings.HasPrefix(line, "Of each of the `namespaces`") {
			section = "namespaces"
		} else if strings.HasPrefix(line, "| key of `end` |") {
			section = "journey.end"
		}
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 6 || !strings.HasPrefix(line, "| `") || section == "" {
			continue
		}
		types := strings.Split(strings.TrimSpace(cells[2]), ", ")
		for i, key := range strings.Split(cells[1], ",") {
			row := specRow{strings.Trim(key, " `"), types[min(i, len(types)-1)],
				strings.TrimSpace(cells[len(cells)-2]) == "never"}
			if strings.Contains(cells[2], "may be negative") {
				row.typ = "number"
			}
			s.rows[section] = append(s.rows[section], row)
		}
	}
	return s, nil
}

// keys checks those of a map. Part: any may be missing; captured: members of an event's
// sections may be, and its cpu.
func (s *Spec) keys(section string, m map[string]any, part, captured bool) error {
	for _, row := range s.rows[section] {
		key := row.key
		v, there := m[key]
		if !there && key == "cause" && (section == "end" || section == "loss") {
			key = "why" // of older streams
			v, there = m[key]
		}
		if !there {
			if row.never && !part && !(captured && (section != "event" || key == "cpu")) {
				return fmt.Errorf("no %s", key)
			}
			continue
		}
		if err := s.value(section, row, v, part, captured); err != nil {
			return err
		}
	}
	return nil
}

func (s *Spec) value(section string, row specRow, v any, part, captured bool) error {
	wrong := fmt.Errorf("%s is %T %v, not %s", row.key, v, v, row.typ)
	kind, of, _ := strings.Cut(row.typ, " of ")
	one := func(typ string, v any) (ok bool) {
		switch typ {
		case "integer", "integers":
			_, ok = v.(uint64)
		case "number":
			if _, ok = v.(uint64); !ok {
				_, ok = v.(int64)
			}
		case "string", "strings":
			_, ok = v.(string)
		case "boolean":
			_, ok = v.(bool)
		case "bytes":
			_, ok = v.([]byte)
		case "map", "maps", "section":
			_, ok = v.(map[string]any)
		case "array", "arrays":
			_, ok = v.([]any)
		case "pairs":
			p, _ := v.([]any)
			ok = len(p) == 2
			for _, x := range p {
				_, isUint := x.(uint64)
				ok = ok && isUint
			}
		}
		return ok
	}
	if !one(kind, v) {
		return wrong
	}
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			if !one(of, x) {
				return wrong
			}
		}
	case map[string]any:
		for _, x := range v {
			if of != "" && !one(of, x) {
				return wrong
			}
			if inner, isMap := x.(map[string]any); isMap && (row.key == "devices" || row.key == "namespaces") {
				if err := s.keys(row.key, inner, part, captured); err != nil {
					return err
				}
			}
		}
		switch {
		case row.typ == "section", row.key == "netns":
			return s.keys(row.key, v, part, captured)
		case section == "journey" && row.key == "end":
			return s.keys("journey.end", v, part, captured)
		}
	}
	return nil
}

// read returns the records of a stream in either form. Integers from 0 on are uint64.
func read(stream []byte) (records []map[string]any, err error) {
	if text := bytes.TrimLeft(stream, " \t\r\n"); len(text) > 0 && text[0] == '{' {
		for line := range bytes.Lines(stream) {
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			d := json.NewDecoder(bytes.NewReader(line))
			d.UseNumber()
			v, err := jsonValue(d, "")
			if err != nil {
				return nil, err
			}
			r, ok := v.(map[string]any)
			if _, more := d.Token(); !ok || more != io.EOF {
				return nil, errors.New("not one object in a line")
			}
			records = append(records, r)
		}
		return records, nil
	}
	for len(stream) > 0 {
		if len(stream) < 4 || len(stream)-4 < int(binary.BigEndian.Uint32(stream)) {
			return nil, errors.New("cut off")
		}
		n := 4 + int(binary.BigEndian.Uint32(stream))
		v, rest, err := unpack(stream[4:n])
		r, isMap := v.(map[string]any)
		if err != nil || len(rest) > 0 || !isMap {
			return nil, errors.Join(err, fmt.Errorf("no record: %T, %d bytes left", v, len(rest)))
		}
		records, stream = append(records, r), stream[n:]
	}
	return records, nil
}

var errTwice = errors.New("a key stands twice")

// jsonValue reads the next value, that of a key.
func jsonValue(d *json.Decoder, key string) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		m, list := map[string]any{}, []any{}
		for d.More() {
			k := any("")
			if t == '{' {
				if k, err = d.Token(); err != nil {
					return nil, err
				}
				if _, there := m[k.(string)]; there {
					return nil, errTwice
				}
			}
			v, err := jsonValue(d, k.(string))
			if err != nil {
				return nil, err
			}
			m[k.(string)], list = v, append(list, v)
		}
		if _, err := d.Token(); err != nil {
			return nil, err
		}
		if t == '[' {
			return list, nil
		}
		return tagged(m), nil
	case json.Number:
		if strings.ContainsAny(string(t), ".eE") {
			return float64(0), nil
		}
		if n, ok := new(big.Int).SetString(string(t), 10); ok && n.IsUint64() {
			return n.Uint64(), nil
		} else if ok && n.IsInt64() {
			return n.Int64(), nil
		}
		return float64(0), nil
	case string:
		if key == "data" {
			return base64.StdEncoding.DecodeString(t)
		}
		if n, ok := new(big.Int).SetString(t, 10); ok && n.String() == t && n.CmpAbs(big.NewInt(1<<53)) > 0 {
			if n.IsUint64() {
				return n.Uint64(), nil
			} else if n.IsInt64() {
				return n.Int64(), nil
			}
		}
		return t, nil
	}
	return t, nil
}

// tagged returns what {"$bin": ...} and its like stand for.
func tagged(m map[string]any) any {
	for k, v := range m {
		s, _ := v.(string)
		switch k {
		case "$bin":
			b, _ := base64.StdEncoding.DecodeString(s)
			return b
		case "$str", "$bytes":
			return s
		case "$float":
			return float64(0)
		case "$int":
			n, _ := new(big.Int).SetString(fmt.Sprint(v), 10)
			if n != nil && n.IsUint64() {
				return n.Uint64()
			}
			return int64(-1)
		}
	}
	return m
}

// An extension is a value of a type that FORMAT.md does not use.
type extension []byte

// unpack takes one msgpack value off the front of b.
func unpack(b []byte) (v any, rest []byte, err error) {
	cut := errors.New("a value is cut off")
	if len(b) == 0 {
		return nil, nil, cut
	}
	c := b[0]
	b = b[1:]
	take := func(n int) (p []byte) {
		if n < 0 || n > len(b) {
			err = cut
			return make([]byte, min(max(n, 0), 8))
		}
		p, b = b[:n], b[n:]
		return p
	}
	length := func(size int) int { // big-endian
		n := 0
		for _, x := range take(size) {
			n = n<<8 | int(x)
		}
		return n
	}
	pairs, elements := -1, -1
	switch {
	case c < 0x80:
		return uint64(c), b, nil
	case c >= 0xe0:
		return int64(int8(c)), b, nil
	case c < 0x90:
		pairs = int(c & 15)
	case c < 0xa0:
		elements = int(c & 15)
	case c < 0xc0:
		return string(take(int(c & 31))), b, err
	case c == 0xc0:
		return nil, b, nil
	case c == 0xc2 || c == 0xc3:
		return c == 0xc3, b, nil
	case c >= 0xc4 && c <= 0xc6:
		return take(length(1 << (c - 0xc4))), b, err
	case c == 0xca:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(take(4)))), b, err
	case c == 0xcb:
		return math.Float64frombits(binary.BigEndian.Uint64(take(8))), b, err
	case c >= 0xcc && c <= 0xcf:
		u := uint64(0)
		for _, x := range take(1 << (c - 0xcc)) {
			u = u<<8 | uint64(x)
		}
		return u, b, err
	case c >= 0xd0 && c <= 0xd3:
		p := take(1 << (c - 0xd0))
		n := int64(int8(p[0]))
		for _, x := range p[1:] {
			n = n<<8 | int64(x)
		}
		if n >= 0 {
			return uint64(n), b, err
		}
		return n, b, err
	case c >= 0xd9 && c <= 0xdb:
		return string(take(length(1 << (c - 0xd9)))), b, err
	case c == 0xdc || c == 0xdd:
		elements = length(2 << (c - 0xdc))
	case c == 0xde || c == 0xdf:
		pairs = length(2 << (c - 0xde))
	case c >= 0xd4 && c <= 0xd8: // extension types are passed on
		return extension(take(1 + 1<<(c-0xd4))), b, err
	case c >= 0xc7 && c <= 0xc9:
		return extension(take(1 + length(1<<(c-0xc7)))), b, err
	default:
		return nil, nil, errors.New("0xc1 is no msgpack")
	}
	if err != nil || max(pairs, elements) > len(b) {
		return nil, nil, cut
	}
	m, list := map[string]any{}, []any{}
	for range max(pairs, elements) {
		var key, x any
		if pairs >= 0 {
			if key, b, err = unpack(b); err != nil {
				return nil, nil, err
			}
			if _, ok := key.(string); !ok {
				return nil, nil, errors.New("a key is no string")
			}
		}
		if x, b, err = unpack(b); err != nil {
			return nil, nil, err
		}
		if pairs >= 0 {
			if _, there := m[key.(string)]; there {
				return nil, nil, errTwice
			}
			m[key.(string)] = x
		} else {
			list = append(list, x)
		}
	}
	if pairs >= 0 {
		return m, b, nil
	}
	return list, b, nil
}
