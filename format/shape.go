package format

import (
	"fmt"

	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/escape"
)

// A shape is what FORMAT.md's table says of a map: its keys, the form of each, and which are
// never absent. Keys that are not in it are nobody's business.
type shape struct {
	keys []member
	must uint64 // bits of the keys that are never absent
}

// A member is a key of a shape.
type member struct {
	key  string
	form Form
	of   *shape // of a map, of an array's maps, or of a map's maps
}

// shapes are those of the Sections, by name. An event has `cpu` and its sections their members unless
// it was read from a capture: see Checker. What is `cause` in loss and end was `why` in older
// streams.
var shapes = func() map[string]*shape {
	all := map[string]*shape{}
	of := func(section *Section) *shape {
		if section == nil {
			return nil
		}
		if all[section.Name] == nil {
			all[section.Name] = &shape{}
		}
		return all[section.Name]
	}
	for _, section := range schema {
		s, again := of(section), &shape{}
		for i := range section.Keys {
			k := &section.Keys[i]
			if k.Absent == "" {
				s.must |= 1 << i
			}
			m := member{k.Name, k.Form, of(k.Of)}
			if k.Again {
				m.of = again
			}
			s.keys = append(s.keys, m)
		}
		again.keys = s.keys
	}
	return all
}()

// A shapeError says which key is not as the shape has it; has is whether it is there.
type shapeError struct {
	path string
	form Form
	has  bool
}

// under is the error of the map that has e's under key; nil of none.
func (e *shapeError) under(key string) *shapeError {
	if e != nil {
		e.path = key + "." + e.path
	}
	return e
}

// A shapeCheck is what checking a record has found besides errors.
type shapeCheck struct {
	lenient bool // keys may be missing
	missing bool // and some are
	signed  bool // an integer of 0 or more has a head that negative ones share
}

// check walks through the map that c is at.
func (k *shapeCheck) check(c *wire.Cursor, s *shape) *shapeError {
	have, at := uint64(0), 0
	for n := c.Map(); n > 0; n-- {
		i := s.index(c.Key(), at)
		if i < 0 {
			c.Skip()
			continue
		}
		have |= 1 << i
		at = i + 1
		if err := k.value(c, &s.keys[i]); err != nil {
			return err
		}
	}
	if lacks := s.must &^ have; lacks != 0 {
		for i := range s.keys {
			m := &s.keys[i]
			if lacks>>i&1 == 0 {
				continue
			}
			if k.lenient && !(m.key == "ts" || m.key == "version" || m.key == "back") {
				k.missing = true
				continue
			}
			return &shapeError{m.key, m.form, false}
		}
	}
	return nil
}

// index returns the place of a key, which is most likely at or behind `at`.
func (s *shape) index(key []byte, at int) int {
	for i := at; i < len(s.keys); i++ {
		if s.keys[i].key == string(key) {
			return i
		}
	}
	for i := 0; i < at; i++ {
		if s.keys[i].key == string(key) {
			return i
		}
	}
	return -1
}

// value checks the value that c is at, of the key m.
func (k *shapeCheck) value(c *wire.Cursor, m *member) *shapeError {
	v := c.Rest()
	kind, ok := v.Kind(), false
	switch m.form {
	case FormMap:
		if kind == wire.Map && m.of != nil {
			return k.check(c, m.of).under(m.key)
		}
		ok = kind == wire.Map
	case FormStrs, FormUints, FormPairs, FormMaps:
		if kind == wire.Array {
			return k.elements(c, m)
		}
	case FormStrMap, FormUintMap, FormArgs, FormArrMap, FormMapMap:
		if ok = kind == wire.Map; ok {
			return k.values(c, m)
		}
	default:
		ok = k.scalar(v, m.form)
	}
	if !ok {
		return &shapeError{m.key, m.form, true}
	}
	c.Skip()
	return nil
}

// scalar checks a value that is neither map nor array.
func (k *shapeCheck) scalar(v wire.Value, f Form) bool {
	switch f {
	case FormUint:
		_, negative, ok := v.Integer()
		if ok && v[0] >= 0xd0 && v[0] <= 0xd3 {
			k.signed = true
		}
		return ok && !negative
	case FormInt:
		return v.Kind() == wire.Int
	case FormStr:
		return v.Kind() == wire.Str
	case FormBin:
		return v.Kind() == wire.Bin
	case FormBool:
		return v.Kind() == wire.Bool
	}
	return false
}

// elements checks those of the array that c is at.
func (k *shapeCheck) elements(c *wire.Cursor, m *member) *shapeError {
	for n := c.Array(); n > 0; n-- {
		v := c.Rest()
		ok := false
		switch m.form {
		case FormMaps:
			if ok = v.Kind() == wire.Map; ok {
				if err := k.check(c, m.of); err != nil {
					return err.under(m.key)
				}
				continue
			}
		case FormPairs:
			if ok = v.Kind() == wire.Array && v.Len() == 2; ok {
				for range c.Array() {
					ok = ok && k.scalar(c.Rest(), FormUint)
					c.Skip()
				}
				if ok {
					continue
				}
			}
		case FormUints:
			ok = k.scalar(v, FormUint)
		default:
			ok = k.scalar(v, FormStr)
		}
		if !ok {
			return &shapeError{m.key, m.form, true}
		}
		c.Skip()
	}
	return nil
}

// values checks those of the map that c is at, whose keys may be any.
func (k *shapeCheck) values(c *wire.Cursor, m *member) *shapeError {
	for n := c.Map(); n > 0; n-- {
		key := c.Key()
		v := c.Rest()
		ok := false
		switch m.form {
		case FormMapMap:
			if ok = v.Kind() == wire.Map; ok {
				if err := k.check(c, m.of); err != nil {
					return err.under(escape.String(string(key))).under(m.key)
				}
				continue
			}
		case FormArrMap:
			ok = v.Kind() == wire.Array
		case FormUintMap:
			ok = k.scalar(v, FormUint)
		case FormArgs:
			ok = v.Kind() == wire.Int || v.Kind() == wire.Bool || v.Kind() == wire.Str
		default:
			ok = k.scalar(v, FormStr)
		}
		if !ok {
			return &shapeError{m.key, m.form, true}
		}
		c.Skip()
	}
	return nil
}

// older is a shape whose `cause` is called `why`.
func (s *shape) older() *shape {
	o := &shape{keys: append([]member(nil), s.keys...), must: s.must}
	for i := range o.keys {
		if o.keys[i].key == "cause" {
			o.keys[i].key = "why"
		}
	}
	return o
}

// A recordShape is the shape of records of a type, and that of older ones.
type recordShape struct{ now, before *shape }

// recordShapes are those of the records that FORMAT.md has.
var recordShapes = func() map[RecordType]recordShape {
	all := map[RecordType]recordShape{}
	for _, section := range recordSections {
		t := RecordType(section.Name)
		s := recordShape{now: shapes[section.Name]}
		if t == TypeLoss || t == TypeEnd {
			s.before = s.now.older()
		}
		all[t] = s
	}
	return all
}()

// A KeyError is a record that lacks a key which FORMAT.md calls never absent, or has a key
// in another form than it says there.
type KeyError struct {
	Type RecordType
	Key  string // with those of the maps that it is in before it: "packet.len"
	Want string // the form, as "an integer"
	Has  bool   // it is there, in another form
}

func (e *KeyError) Error() string {
	if e.Has {
		return fmt.Sprintf("`%s` of %s is not %s", e.Key, article(e.Type), e.Want)
	}
	return fmt.Sprintf("%s has no `%s`", article(e.Type), e.Key)
}

func article(t RecordType) string {
	if t == TypeEvent || t == TypeEnd {
		return "an " + string(t)
	}
	return "a " + string(t)
}

// CheckKeys looks whether r, which is Valid, has the keys that FORMAT.md calls never
// absent, and each that it names in the form that it gives, also those of the maps in r. An
// error is a *KeyError.
func CheckKeys(r Raw) error {
	var k shapeCheck
	return k.record(r)
}

// record checks r, a record of any type.
func (k *shapeCheck) record(r Raw) error {
	t := r.Type()
	of, known := recordShapes[t]
	if !known {
		return nil
	}
	s := of.now
	if of.before != nil && r.Get("cause") == nil && r.Get("why") != nil {
		s = of.before
	}
	c := r.Cursor()
	if err := k.check(&c, s); err != nil {
		return &KeyError{t, err.path, forms[err.form].says, err.has}
	}
	return nil
}
