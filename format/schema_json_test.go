package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/skb-tools/skb-tools/format/wire"
)

// An object is one of JSON whose pairs keep their order.
type object []property

type property struct {
	key   string
	value any
}

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, p := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := e.Encode(p.key); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := e.Encode(p.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// def refers to a definition of the schema.
func def(name string) property { return property{"$ref", "#/$defs/" + name} }

// over is a regular expression for the decimals of as many digits as limit that are larger.
func over(limit string) string {
	var all []string
	for i := range limit {
		if limit[i] < '9' {
			all = append(all, fmt.Sprintf("%s[%c-9][0-9]{%d}", limit[:i], limit[i]+1, len(limit)-i-1))
		}
	}
	return strings.Join(all, "|")
}

// upTo is one for those that are not.
func upTo(limit string) string {
	all := []string{limit}
	for i := range limit {
		if least := min(i, 1) ^ 1; int(limit[i]-'0') > least { // no 0 in front
			all = append(all, fmt.Sprintf("%s[%d-%c][0-9]{%d}", limit[:i], least, limit[i]-1, len(limit)-i-1))
		}
	}
	return strings.Join(all, "|")
}

// What an integer beyond 2^53 is in JSON: its decimal digits.
var (
	bigUint = "(" + over(strconv.Itoa(maxExact)) + "|[1-9][0-9]{16,18}|" + upTo("18446744073709551615") + ")"
	bigInt  = "-(" + over(strconv.Itoa(maxExact)) + "|[1-9][0-9]{16,17}|" + upTo("9223372036854775808") + ")"
)

// tagged is the object that a value is which has no form of its own in JSON.
func tagged(tag string) object {
	return object{{"type", "object"}, {"required", []string{tag}}, {"properties", object{{tag, object{{"type", "string"}}}}}, {"maxProperties", 1}}
}

// basic are the definitions that those of sections are made of.
var basic = object{
	{"integer", object{{"anyOf", []object{
		{{"type", "integer"}, {"minimum", 0}},
		{{"type", "string"}, {"pattern", "^" + bigUint + "$"}}}}}},
	{"signed", object{{"anyOf", []object{
		{{"type", "integer"}},
		{{"type", "string"}, {"pattern", "^(" + bigUint + "|" + bigInt + ")$"}}}}}},
	{"string", object{{"anyOf", []object{
		{{"type", "string"}, {"not", object{{"pattern", "^(" + bigUint + "|" + bigInt + ")$"}}}},
		tagged("$str"), tagged("$bytes")}}}},
	{"boolean", object{{"type", "boolean"}}},
	{"data", object{{"type", "string"}, {"contentEncoding", "base64"}}},
	{"bytes", tagged("$bin")},
	{"map", object{{"type", "object"}, {"propertyNames", object{{"not", object{{"pattern", "^[$]([^$]|$)"}}}}}}},
	{"pair", object{{"type", "array"}, {"items", object{def("integer")}}, {"minItems", 2}, {"maxItems", 2}}},
}

// valueSchema is the schema of the value of a key in a section.
func valueSchema(s *Section, k *Key) object {
	var of property
	if k.Again {
		of = def("any_of_" + s.Name)
	} else if k.Of != nil {
		of = def(k.Of.Name)
	}
	array := func(of property) object { return object{{"type", "array"}, {"items", object{of}}} }
	mapOf := func(of ...property) object { return object{def("map"), {"additionalProperties", object(of)}} }
	switch k.Form {
	case FormUint:
		return object{def("integer")}
	case FormInt:
		return object{def("signed")}
	case FormStr:
		return object{def("string")}
	case FormBool:
		return object{def("boolean")}
	case FormBin:
		if k.Name == "data" {
			return object{def("data")}
		}
		return object{def("bytes")}
	case FormMap:
		return object{of}
	case FormStrs:
		return array(def("string"))
	case FormUints:
		return array(def("integer"))
	case FormPairs:
		return array(def("pair"))
	case FormMaps:
		return array(of)
	case FormStrMap:
		return mapOf(def("string"))
	case FormUintMap:
		return mapOf(def("integer"))
	case FormArgs:
		return mapOf(property{"anyOf", []object{{def("signed")}, {def("boolean")}, {def("string")}}})
	case FormArrMap:
		return mapOf(property{"type", "array"})
	case FormMapMap:
		return mapOf(of)
	}
	panic("no schema of a form")
}

// mapSchema is the schema of a section.
func mapSchema(s *Section, partial bool) object {
	required, properties := []string{}, object{}
	older := (s == &lossSection || s == &endSection) && !partial
	for i := range s.Keys {
		k := &s.Keys[i]
		var about []string
		if k.Unit != "" {
			about = append(about, "unit: "+string(k.Unit))
		}
		if k.Absent == "" && !(older && k.Name == "cause") {
			required = append(required, k.Name)
		}
		if k.Absent != "" {
			about = append(about, "absent: "+k.Absent)
		}
		v := append(valueSchema(s, k), property{"description", k.What})
		if about != nil {
			v = append(v, property{"$comment", strings.Join(about, "; ")})
		}
		properties = append(properties, property{k.Name, v})
	}
	if s == &eventSection {
		properties = append(properties, property{Decoded, object{def(Decoded), {"description", "not part of the record: programs add it when they write JSON"}}})
	}
	all := object{def("map")}
	if !partial && len(required) > 0 {
		all = append(all, property{"required", required})
	}
	all = append(all, property{"properties", properties})
	if older { // see shape.go
		all = append(all, property{"if", object{{"required", []string{"cause"}}}}, property{"else", object{
			{"required", []string{"why"}}, {"properties", object{{"why", object{def("string")}}}}}})
	}
	return all
}

// jsonSchema is the text of schema.json.
func jsonSchema(t *testing.T) []byte {
	defs, cases := append(object{}, basic...), []object{}
	for _, s := range append(slices.Clone(schema), jsonSections...) {
		defs = append(defs, property{s.Name, mapSchema(s, false)})
		if slices.ContainsFunc(s.Keys, func(k Key) bool { return k.Again }) {
			defs = append(defs, property{"any_of_" + s.Name, mapSchema(s, true)})
		}
		if _, isRecord := recordShapes[RecordType(s.Name)]; isRecord {
			cases = append(cases, object{
				{"if", object{{"properties", object{{"type", object{{"const", s.Name}}}}}}}, {"then", object{def(s.Name)}}})
		}
	}
	names := map[string]bool{}
	for _, d := range defs {
		if names[d.key] {
			t.Fatalf("schema.json would define %s twice", d.key)
		}
		names[d.key] = true
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"},
		{"title", fmt.Sprintf("A record of the skb-tools' stream, version %d, in JSON", Version)},
		{"description", "What FORMAT.md says of a record's keys: which there are, of what type, and which are never absent. " +
			"Other keys and other types of records may be there. " +
			"An event behind a `start` with `capture` may lack keys that are required here. " +
			"Whether a stream is whole can't be told from its records one by one: see FORMAT.md."},
		{"$comment", "Made from the tables in this folder's Go files by: go test ./format -run TestSchemaJSON -update"},
		def("map"),
		{"required", []string{"type"}},
		{"properties", object{{"type", object{def("string")}}}},
		{"allOf", cases},
		{"$defs", defs},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestSchemaJSON: schema.json is made of schema. -update writes it.
func TestSchemaJSON(t *testing.T) {
	const file = "schema.json"
	want := jsonSchema(t)
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%s is not what the Go files say: go test ./format -run TestSchemaJSON -update writes it (%v)", file, err)
	}
}

// validator returns what schema.json says of a record.
func validator(t *testing.T) func(Raw) error {
	t.Helper()
	text, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return func(r Raw) error {
		line, err := AppendJSON(nil, r)
		if err != nil {
			t.Fatalf("%q: %v", r, err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		return s.Validate(v)
	}
}

// TestSchemaRecorded: each record of each recording of this project is as schema.json has it.
func TestSchemaRecorded(t *testing.T) {
	validate := validator(t)
	seen := map[RecordType]int{}
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".skb" || strings.Contains(path, "cases") {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		for d := NewDecoder(f); ; {
			r, err := d.Next()
			if err == io.EOF {
				return nil
			} else if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			seen[r.Type()]++
			if err := validate(r); err != nil {
				line, _ := AppendJSON(nil, r)
				return fmt.Errorf("%s: %w\n%s", path, err, line)
			}
		}
	})
	if err != nil {
		t.Error(err)
	}
	for _, want := range []RecordType{TypeStart, TypeEvent, TypeLink, TypeFree, TypeEnd} {
		if seen[want] < 4 {
			t.Errorf("only %d records of type %s: the recordings are elsewhere", seen[want], want)
		}
	}
	t.Log(seen)
}

// A sample makes records that have every key of schema; or those that are never absent, and one of any
// form.
type sample struct {
	at    string     // path of that one: "event.ct.orig.src"
	value wire.Value // nil: without it
}

// record appends the map of a section, which is at a path.
func (s *sample) record(dst []byte, section *Section, path string) []byte {
	n := 0
	var pairs []byte
	for i := range section.Keys {
		k := &section.Keys[i]
		at := path + "." + k.Name
		switch {
		case at == s.at:
			if s.value == nil {
				continue
			}
			pairs = append(wire.AppendStr(pairs, k.Name), s.value...)
		case s.at != "" && k.Absent != "" && !strings.HasPrefix(s.at, at+"."):
			continue
		case at == section.Name+".type":
			pairs = wire.AppendStr(wire.AppendStr(pairs, k.Name), section.Name)
		default:
			of := k.Of
			if k.Again {
				of = section
			}
			pairs = s.right(wire.AppendStr(pairs, k.Name), k.Form, of, at)
		}
		n++
	}
	return append(wire.AppendMap(dst, n), pairs...)
}

// right appends a value of a form, whose maps have the keys of a section.
func (s *sample) right(dst []byte, form Form, of *Section, path string) []byte {
	inner := func(dst []byte) []byte {
		if strings.Count(path, "alternatives") > 1 {
			return wire.AppendMap(dst, 0)
		}
		return s.record(dst, of, path)
	}
	switch form {
	case FormUint:
		return wire.AppendUint(dst, 1)
	case FormInt:
		return wire.AppendInt(dst, -1)
	case FormStr:
		return wire.AppendStr(dst, "s")
	case FormBool:
		return wire.AppendBool(dst, true)
	case FormBin:
		return wire.AppendBin(dst, []byte{1})
	case FormMap:
		return inner(dst)
	case FormStrs:
		return wire.AppendStr(wire.AppendArray(dst, 1), "s")
	case FormUints:
		return wire.AppendUint(wire.AppendArray(dst, 1), 1)
	case FormPairs:
		return wire.AppendUint(wire.AppendUint(wire.AppendArray(wire.AppendArray(dst, 1), 2), 1), 2)
	case FormMaps:
		return inner(wire.AppendArray(dst, 1))
	case FormStrMap:
		return wire.AppendStr(wire.AppendStr(wire.AppendMap(dst, 1), "x"), "s")
	case FormUintMap:
		return wire.AppendUint(wire.AppendStr(wire.AppendMap(dst, 1), "x"), 1)
	case FormArgs:
		return wire.AppendInt(wire.AppendStr(wire.AppendMap(dst, 1), "x"), -1)
	case FormArrMap:
		return wire.AppendArray(wire.AppendStr(wire.AppendMap(dst, 1), "x"), 0)
	case FormMapMap:
		return inner(wire.AppendStr(wire.AppendMap(dst, 1), "x"))
	}
	panic("no value of a form")
}

// paths appends a path of each key of a section and of those of the maps in it that are not in seen.
func paths(all []string, section *Section, path string, seen map[*Section]bool) []string {
	for _, k := range section.Keys {
		at := path + "." + k.Name
		all = append(all, at)
		of := k.Of
		if k.Again && strings.Count(at, k.Name) == 1 {
			of = section
		} else if of == nil || seen[of] {
			continue
		}
		seen[of] = true
		all = paths(all, of, at, seen)
	}
	return all
}

// TestSchemaRefuses: schema.json takes and refuses what CheckKeys does, of each key in each form, and of each
// that is absent.
func TestSchemaRefuses(t *testing.T) {
	validate := validator(t)
	str := func(s string) wire.Value { return wire.AppendStr(nil, s) }
	array := func(v wire.Value) wire.Value { return append(wire.AppendArray(nil, 1), v...) }
	mapOf := func(key string, v wire.Value) wire.Value {
		return append(wire.AppendStr(wire.AppendMap(nil, 1), key), v...)
	}
	one, less, yes := wire.Value{1}, wire.Value{0xff}, wire.Value{0xc3}
	none, two := wire.Value(wire.AppendArray(nil, 0)), wire.Value(wire.AppendArray(nil, 2))
	values := []wire.Value{
		nil, {0xc0}, yes, {0}, one, less, wire.AppendUint(nil, 1<<63), wire.AppendInt(nil, -1<<62), {0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0},
		wire.AppendUint(nil, maxExact), wire.AppendUint(nil, maxExact+1), wire.AppendInt(nil, -maxExact-1), wire.AppendUint(nil, 1<<64-1), wire.AppendInt(nil, -1<<63),
		str(""), str("s"), str("9007199254740992"), str("9007199254740993"), str("18446744073709551615"), str("18446744073709551616"),
		str("-9007199254740992"), str("-9223372036854775808"), str("-9223372036854775809"), str("-09007199254740993"), str("\xff"), str("AQ=="),
		wire.AppendBin(nil, []byte("x")),
		none, array(str("s")), array(one), array(less), array(yes), array(none), array(append(append(two, one...), one...)),
		array(append(append(two, one...), less...)), array(array(one)), array(wire.AppendMap(nil, 0)),
		wire.AppendMap(nil, 0), mapOf("x", one), mapOf("x", less), mapOf("x", str("s")), mapOf("x", yes), mapOf("x", none), mapOf("x", wire.AppendMap(nil, 0)),
		mapOf("$bin", str("s")), mapOf("$", str("s")), mapOf("$$x", one),
	}
	seen, refused, taken := map[*Section]bool{}, 0, 0
	for _, s := range schema {
		if _, isRecord := recordShapes[RecordType(s.Name)]; !isRecord {
			continue
		}
		whole := Raw((&sample{}).record(nil, s, s.Name))
		if err := validate(whole); err != nil || CheckKeys(whole) != nil || Valid(whole) != nil {
			t.Errorf("a whole %s: %v, %v, %v", s.Name, err, CheckKeys(whole), Valid(whole))
		}
		for _, path := range paths(nil, s, s.Name, seen) {
			if path == s.Name+".type" {
				continue
			}
			wrong := 0
			for _, v := range values {
				r := Raw((&sample{path, v}).record(nil, s, s.Name))
				want, got := CheckKeys(r), validate(r)
				if want != nil {
					wrong++
				}
				if (got == nil) != (want == nil) {
					line, _ := AppendJSON(nil, r)
					t.Errorf("%s = %x: CheckKeys says %v, schema.json %v\n%s", path, v, want, got, line)
				}
			}
			refused, taken = refused+wrong, taken+len(values)-wrong
			if wrong < 20 {
				t.Errorf("%s may be nearly anything: %d of %d values are refused", path, wrong, len(values))
			}
		}
	}
	if refused < 5000 || taken < 1000 {
		t.Errorf("%d refused, %d taken: fewer keys than there were", refused, taken)
	}
}
