package format

import (
	"iter"
	"slices"
	"strings"
)

// A Section says which keys a map of the stream has: a record, a section of an event, or a map within these. What
// FORMAT.md and schema.json say of keys is made from the Sections, and CheckKeys goes by them.
//
// Each stands beside the type that it is of. Schema finds them all, as each is a record's, or of a map in another.
type Section struct {
	Name string // the record's type, the section's key, or what a map is
	Keys []Key  // in the order in which they are written
}

// A Key is what is known of a key.
type Key struct {
	Name   string
	Form   Form
	Of     *Section // what a map has, or the maps of an array or of a map; nil: any keys
	Again  bool     // these maps have the keys of the Section that this Key is in, any of which may be absent
	Unit   Unit
	What   string // its meaning in one line, as in FORMAT.md, with its Markdown
	Absent string // when it is absent; "": never
}

// A Form is what a value may be.
type Form uint8

// The forms of values.
const (
	FormUint    Form = iota // an integer of 0 or more
	FormInt                 // an integer
	FormStr                 // a string
	FormBool                // a boolean
	FormBin                 // bytes
	FormMap                 // a map
	FormStrs                // an array of strings
	FormUints               // an array of integers of 0 or more
	FormPairs               // an array of arrays of two integers of 0 or more
	FormMaps                // an array of maps
	FormStrMap              // a map of strings
	FormUintMap             // a map of integers of 0 or more
	FormArgs                // a map of integers, booleans and strings
	FormArrMap              // a map of arrays
	FormMapMap              // a map of maps
)

// forms are the words for each in FORMAT.md, and those in errors.
var forms = [...]struct{ word, says string }{
	FormUint:    {"integer", "an integer of 0 or more"},
	FormInt:     {"integer, may be negative", "an integer"},
	FormStr:     {"string", "a string"},
	FormBool:    {"boolean", "a boolean"},
	FormBin:     {"bytes", "bytes"},
	FormMap:     {"map", "a map"},
	FormStrs:    {"array of strings", "an array of strings"},
	FormUints:   {"array of integers", "an array of integers of 0 or more"},
	FormPairs:   {"array of pairs", "an array of pairs of integers of 0 or more"},
	FormMaps:    {"array of maps", "an array of maps"},
	FormStrMap:  {"map of strings", "a map of strings"},
	FormUintMap: {"map of integers", "a map of integers of 0 or more"},
	FormArgs:    {"map of integers and strings", "a map of integers and strings"},
	FormArrMap:  {"map of arrays", "a map of arrays"},
	FormMapMap:  {"map of maps", "a map of maps"},
}

// String is what FORMAT.md calls the form.
func (f Form) String() string { return forms[f].word }

// Scalar reports whether a value of the form is one number, string or boolean.
func (f Form) Scalar() bool { return f <= FormBool }

// A Unit is what a number, or each of several, counts or is.
type Unit string

// The units of numbers. Others are counts, indices, and numbers that something has.
const (
	UnitNS      Unit = "ns"      // a time or a duration
	UnitBytes   Unit = "bytes"   // a length or an offset
	UnitMbit    Unit = "Mbit/s"  // a speed
	UnitAddress Unit = "address" // of the kernel's memory: people know it in hexadecimal
	UnitMark    Unit = "mark"    // bits that a user sets: people know them in hexadecimal
)

// Hex reports whether people know such numbers in hexadecimal.
func (u Unit) Hex() bool { return u == UnitAddress || u == UnitMark }

// recordSections are those of the records.
var recordSections = [...]*Section{
	&startSection, &changeSection, &resumeSection, &eventSection, &linkSection, &freeSection, &stackSection,
	&namespaceSection, &ovsFlowSection, &lossSection, &heldSection, &countersSection, &endSection, &journeySection,
	&wireSection,
}

// schema has each record followed by the maps in it that were not in one before.
var schema = func() (all []*Section) {
	var add func(s *Section)
	add = func(s *Section) {
		if s == nil || slices.Contains(all, s) {
			return
		}
		all = append(all, s)
		for i := range s.Keys {
			add(s.Keys[i].Of)
		}
	}
	for _, s := range recordSections {
		add(s)
	}
	return all
}()

// Schema returns what is known of every record, section and map. It is not to be changed.
func Schema() []*Section { return schema }

// SectionOf returns what is known of the keys of a record, a section or a map; nil if it is not in Schema.
func SectionOf(name string) *Section {
	for _, s := range schema {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// EventPaths yields each path into an event, as "ct.orig.src", with what is known of its key; maps come before what
// is in them.
func EventPaths() iter.Seq2[string, *Key] {
	return func(yield func(string, *Key) bool) { eventSection.each("", yield) }
}

// each yields the keys of s, which is at a path with a dot behind it, and those of the maps in it.
func (s *Section) each(at string, yield func(string, *Key) bool) bool {
	for i := range s.Keys {
		k := &s.Keys[i]
		if !yield(at+k.Name, k) {
			return false
		}
		if k.Form == FormMap && !k.Of.each(at+k.Name+".", yield) {
			return false
		}
	}
	return true
}

// EventKey returns what is known of the key at a path into an event: "ct.orig.src". It is false of others.
func EventKey(path string) (Key, bool) {
	for s := &eventSection; s != nil; {
		name, rest, deeper := strings.Cut(path, ".")
		k := s.key(name)
		switch {
		case k == nil:
			return Key{}, false
		case !deeper:
			return *k, true
		}
		if !k.Again {
			s = k.Of
		}
		path = rest
	}
	return Key{}, false
}

func (s *Section) key(name string) *Key {
	for i := range s.Keys {
		if s.Keys[i].Name == name {
			return &s.Keys[i]
		}
	}
	return nil
}
