package format

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of FORMAT.md, and schema.json")

// isSection reports whether a map is a section of an event, which FORMAT.md describes under a title of its own.
func isSection(k *Key) bool {
	if k.Form != FormMap && k.Form != FormArgs {
		return false
	}
	for i := range eventSection.Keys {
		if e := &eventSection.Keys[i]; e.Form == k.Form && e.Of == k.Of {
			return true
		}
	}
	return false
}

// table returns the rows that FORMAT.md has of a section's keys.
func (s *Section) table() string {
	var b strings.Builder
	for i := range s.Keys {
		k := &s.Keys[i]
		typ, absent := k.Form.String(), k.Absent
		if isSection(k) {
			typ = "section"
		}
		if absent == "" {
			absent = "never"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.Name, typ, k.What, absent)
	}
	return b.String()
}

// sentences are the sections that FORMAT.md has in sentences, not in tables.
var sentences = map[string]bool{"tuple": true, "from": true, "buffer": true, "journey_flow": true}

// TestFormatMD: the tables of FORMAT.md are those of schema, each once. -update writes their rows; the marks
// around them and the heads of the tables are written by hand.
func TestFormatMD(t *testing.T) {
	const file = "FORMAT.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	marks := regexp.MustCompile("<!-- keys of (\\w+) -->\n(\\|.*\n\\|---.*\n)((?:\\|.*\n)*)<!-- end of keys -->\n")
	seen := map[string]int{}
	want := marks.ReplaceAllStringFunc(string(text), func(table string) string {
		m := marks.FindStringSubmatch(table)
		seen[m[1]]++
		s := SectionOf(m[1])
		for _, own := range jsonSections {
			if own.Name == m[1] {
				s = own
			}
		}
		if s == nil {
			t.Errorf("%s has keys of %s, which schema does not have", file, m[1])
			return table
		}
		return strings.Replace(table, m[2]+m[3], m[2]+s.table(), 1)
	})
	for _, s := range append(jsonSections, schema...) {
		if tables := seen[s.Name]; sentences[s.Name] == (tables == 1) || tables > 1 {
			t.Errorf("%s has %d tables between marks of %s", file, tables, s.Name)
		}
	}
	if rest := marks.ReplaceAllString(string(text), ""); strings.Contains(rest, "keys of") {
		t.Error("FORMAT.md has a mark that is not in front of a table, or none behind it")
	}
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("the tables of %s are not what the Go files say: go test ./format -run TestFormatMD -update writes them", file)
	}
	if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSchema: the tables are such that what is made from them can be.
func TestSchema(t *testing.T) {
	names := map[string]bool{}
	for _, s := range append(jsonSections, schema...) {
		if names[s.Name] {
			t.Errorf("two sections are called %s", s.Name)
		}
		names[s.Name] = true
		if len(s.Keys) == 0 || len(s.Keys) > 64 { // bits of shape.must
			t.Errorf("%s has %d keys", s.Name, len(s.Keys))
		}
		keys := map[string]bool{}
		for _, k := range s.Keys {
			path := s.Name + "." + k.Name
			if keys[k.Name] {
				t.Errorf("%s stands twice", path)
			}
			keys[k.Name] = true
			maps := k.Form == FormMap || k.Form == FormMaps || k.Form == FormMapMap
			if maps == (k.Of == nil && !k.Again) || k.Of != nil && k.Again {
				t.Errorf("%s, which is %s, does not say what is in it, or what is in none", path, forms[k.Form].says)
			}
			if k.Unit != "" && k.Form != FormUint && k.Form != FormInt && k.Form != FormPairs && k.Form != FormUintMap {
				t.Errorf("%s is %s in %s", path, forms[k.Form].says, k.Unit)
			}
			for _, text := range []string{k.What, k.Absent} {
				if strings.TrimSpace(text) != text || strings.ContainsAny(text, "|\n") {
					t.Errorf("%s: %q can't be in a row of FORMAT.md", path, text)
				}
			}
			if k.What == "" || k.Absent == "never" {
				t.Errorf("%s means %q and is absent: %q", path, k.What, k.Absent)
			}
		}
	}
	// What an Event writes itself stands in its table in the order in which it does.
	var sections []string
	for _, k := range eventSection.Keys {
		if k.Form == FormMap && k.Of.Name != k.Name {
			t.Errorf("the section %s of an event has the keys of %s", k.Name, k.Of.Name)
		}
		if (k.Form == FormMap || k.Form == FormArgs) && len(sections) < len(sectionKeys) {
			sections = append(sections, k.Name)
		}
	}
	if !slices.Equal(sections, sectionKeys[:]) {
		t.Errorf("the sections of an event are %q, and its table has %q", sectionKeys, sections)
	}
}

// TestEventKey: a path leads to what is known of its key.
func TestEventKey(t *testing.T) {
	for path, want := range map[string]string{
		"ts": "integer ns", "ct.orig.sport": "integer ", "ct.status": "array of strings ", "sock.addr": "integer address", "why.alternatives.cause": "string ",
		"ct": "map ", "args.hook": "", "ct.orig.src.x": "", "weather.rain": "", "": "", "ct.": "",
	} {
		got := ""
		if k, ok := EventKey(path); ok {
			got = k.Form.String() + " " + string(k.Unit)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", path, got, want)
		}
	}
}
