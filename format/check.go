package format

import (
	"fmt"
	"hash/maphash"
	"strings"
)

// A KeyError is a record that lacks a key which FORMAT.md calls never absent, or has a key
// in another form than it says there.
type KeyError struct {
	Type RecordType
	Key  string
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

// A need is a key and the form of its value.
type need struct {
	key  string
	form byte // see forms
}

// forms are those that need.form may be. An integer is not negative, a number may be.
var forms = map[byte]string{'u': "an integer of 0 or more", 'i': "an integer", 's': "a string", 'm': "a map", 'a': "an array", 'b': "a boolean"}

func needs(list string) (all []need) {
	for f := range strings.FieldsSeq(list) {
		key, form, _ := strings.Cut(f, ":")
		all = append(all, need{key, form[0]})
	}
	return all
}

// never are the keys of each type that FORMAT.md calls never absent. An event that was read
// from a capture may lack `cpu`. What is `cause` in `loss` and `end` was `why` in older streams.
var never = map[RecordType][]need{
	TypeStart: needs("ts:u version:u clock_offset:i host:s kernel:s arch:s tool:s boot_id:s cmdline:a cpus:u snaplen:u probes:u " +
		"drop_reasons:m sysctl:m"),
	TypeEvent:   needs("ts:u probe:s"),
	TypeLink:    needs("ts:u cpu:u how:s from:m to:m"),
	TypeFree:    needs("ts:u cpu:u how:s skb:m last:b"),
	TypeStack:   needs("id:u frames:a"),
	TypeLoss:    needs("ts:u since:u count:u what:s cause:s"),
	TypeEnd:     needs("ts:u events:u links:u frees:u lost:u cause:s"),
	TypeJourney: needs("ts:u packet:u first:u total:u hops:u branches:u slowest:u end:m"),
	TypeWire:    needs("from:s to:s packets:u min:i p50:i p99:i max:i"),
	TypeResume:  needs("back:u"),
}

// forced returns the form of an event's key where it is there. It is asked of each key of
// each event: a switch, as a map takes several times as long.
func forced(key []byte) (form byte, ok bool) {
	switch string(key) {
	case "cpu", "stack":
		return 'u', true
	case "caller":
		return 's', true
	case "process", "skb", "dev", "netns", "packet", "drop", "gso", "csum", "ret", "sock", "ct", "nft", "args", "why", "pcapng", "track":
		return 'm', true
	}
	return 0, false
}

func (v Value) has(form byte) bool {
	switch form {
	case 'u':
		_, ok := v.Uint()
		return ok
	case 'i':
		_, ok := v.Int()
		if !ok {
			_, ok = v.Uint()
		}
		return ok
	case 's':
		return v.Kind() == Str
	case 'm':
		return v.Kind() == Map
	case 'a':
		return v.Kind() == Array
	}
	return v.Kind() == Bool
}

// CheckKeys looks whether r, which is Valid, has the keys that FORMAT.md calls never
// absent, each in the form that it gives. An error is a *KeyError.
func CheckKeys(r Raw) error {
	t := r.Type()
	if t == TypeEvent {
		return checkEvent(r)
	}
	for _, n := range never[t] {
		v := r.Get(n.key)
		if v == nil && n.key == "cause" {
			v = r.Get("why")
		}
		if v == nil || !v.has(n.form) {
			return &KeyError{t, n.key, forms[n.form], v != nil}
		}
	}
	return nil
}

// checkEvent is CheckKeys for an event, of which a stream has most: in one walk.
func checkEvent(r Raw) error {
	c := r.Cursor()
	var ts, probe bool
	for n := c.Map(); n > 0; n-- {
		key := c.Key()
		switch string(key) {
		case "type":
			c.Skip()
		case "ts":
			if _, ok := c.Uint(); !ok {
				return &KeyError{TypeEvent, "ts", forms['u'], true}
			}
			ts = true
		case "probe":
			if _, ok := c.Str(); !ok {
				return &KeyError{TypeEvent, "probe", forms['s'], true}
			}
			probe = true
		default:
			v := c.Value()
			if form, ok := forced(key); ok && !v.has(form) {
				return &KeyError{TypeEvent, string(key), forms[form], true}
			}
		}
	}
	switch {
	case !ts:
		return &KeyError{TypeEvent, "ts", forms['u'], false}
	case !probe:
		return &KeyError{TypeEvent, "probe", forms['s'], false}
	}
	return nil
}

// A Checker says whether a stream is whole, as FORMAT.md has it: whether it begins with a
// start, each start has its end, and the counts of the ends are those of the records.
type Checker struct {
	// Part is for a stream that something was left out of on purpose: that records or keys are
	// missing is no fault then.
	Part bool

	starts tallies
	before uint64 // counted records in front of any start
	any    bool   // there was a record
	odd    uint64 // records with a KeyError
	first  error  // the first of them, a *SyntaxError
	many   bool   // starts that are not told apart any more
}

// Counts are how many events, links and frees there are, and the sum of what losses tell.
type counts [4]uint64

var countKeys = [4]string{"events", "links", "frees", "lost"}

// A tally is what the records of one start and its ends count.
type tally struct {
	have, said counts
	open       bool // no end has come since the start
	host       string
}

// tallies are those of a stream's starts.
type tallies struct {
	by      map[uint64]*tally // by hash of the start
	recent  Starts[*tally]
	current *tally // nil: no start has come
}

// maxOpen bounds the starts that are told apart.
const maxOpen = 1 << 16

// start makes what follows belong to a start record. It returns false if there are too many.
func (s *tallies) start(r Raw) bool {
	if s.by == nil {
		s.by = map[uint64]*tally{}
	}
	hash := maphash.Bytes(startSeed, r)
	t := s.by[hash]
	if t == nil {
		if len(s.by) >= maxOpen {
			return false
		}
		host, _ := r.Get("host").Str()
		t = &tally{host: string(host)}
		s.by[hash] = t
	}
	t.open = true
	s.current = t
	s.recent.Set(r, t)
	return true
}

// count adds what r counts for, and reports whether it does.
func (c *counts) count(t RecordType, r Raw) bool {
	switch t {
	case TypeEvent:
		c[0]++
	case TypeLink:
		c[1]++
	case TypeFree:
		c[2]++
	case TypeLoss:
		n, _ := r.Get("count").Uint()
		c[3] += n
	default:
		return false
	}
	return true
}

// Take takes the next record, which is Valid. An error means that nothing behind it can be
// understood: a version that is not known, a time that is none, a resume of no start.
// offset is where the record is, for what Err says.
func (c *Checker) Take(r Raw, offset int64) error { return c.take(r, CheckKeys(r), offset) }

// TakeFound is Take for the record that f has found good.
func (c *Checker) TakeFound(f *Finder, offset int64) error { return c.take(f.r, f.CheckKeys(), offset) }

// take is Take for a record of which CheckKeys says err.
func (c *Checker) take(r Raw, err error, offset int64) error {
	c.any = true
	t := r.Type()
	if err != nil {
		if e := err.(*KeyError); e.Key == "ts" || e.Key == "version" && (e.Has || !c.Part) || t == TypeResume {
			return err
		}
		if e := err.(*KeyError); e.Has || !c.Part {
			if c.odd++; c.first == nil {
				c.first = &SyntaxError{offset, err}
			}
		}
	}
	s := &c.starts
	switch t {
	case TypeStart:
		if v, ok := r.Get("version").Uint(); v != Version && (ok || !c.Part) {
			return fmt.Errorf("the stream is of version %d, which is not known here: this program reads version %d", v, Version)
		}
		if !s.start(r) {
			c.many = true
		}
		return nil
	case TypeResume:
		of, ok := s.recent.Resume(r)
		if !ok {
			n, _ := r.Get("back").Uint()
			return fmt.Errorf("a resume goes back by %d starts, and so many did not come before", n)
		}
		s.current = of
		return nil
	case TypeEnd:
		if s.current == nil {
			c.before++
			return nil
		}
		for i, key := range countKeys {
			n, _ := r.Get(key).Uint()
			s.current.said[i] += n
		}
		s.current.open = false
		return nil
	}
	if s.current == nil {
		var n counts
		if n.count(t, r) {
			c.before++
		}
		return nil
	}
	s.current.have.count(t, r)
	return nil
}

// Open returns how many starts have no end yet.
func (c *Checker) Open() (n int) {
	for _, t := range c.starts.by {
		if t.open {
			n++
		}
	}
	return n
}

// Err is called behind the last record and says what the stream lacks; nil if it is whole.
func (c *Checker) Err() error {
	var lines []string
	switch {
	case !c.any && !c.Part:
		return errEmpty
	case c.before > 0 && !c.Part:
		lines = append(lines, fmt.Sprintf("%s before any start record", several(c.before, "comes", "come")))
	}
	open, wrong := c.Open(), ""
	for _, t := range c.starts.by {
		if t.open || c.Part {
			continue
		}
		for i := range t.have {
			have, said := t.have[i], t.said[i]
			if have == said {
				continue
			}
			what := countKeys[i]
			if i == 3 {
				what = "lost events, by its losses,"
			}
			wrong = fmt.Sprintf("its end counts %d %s and there are %d", said, what, have)
			break
		}
	}
	switch {
	case c.Part:
	case open == 1 && len(c.starts.by) == 1:
		lines = append(lines, "it has no end record, so it was cut off or its writer was killed")
	case open > 0:
		lines = append(lines, fmt.Sprintf("%d of its %d starts have no end record, so it was cut off or a writer was killed", open, len(c.starts.by)))
	case len(c.starts.by) == 0:
		lines = append(lines, "it has no start and no end record")
	}
	if wrong != "" {
		lines = append(lines, wrong)
	}
	if c.many {
		lines = append(lines, fmt.Sprintf("it has more than %d starts", maxOpen))
	}
	if c.odd > 0 {
		lines = append(lines, fmt.Sprintf("%s not as FORMAT.md has it: %v", several(c.odd, "is", "are"), c.first))
	}
	if lines == nil {
		return nil
	}
	return &WholeError{strings.Join(lines, "; ")}
}

func several(n uint64, is, are string) string {
	if n == 1 {
		return "1 record " + is
	}
	return fmt.Sprintf("%d records %s", n, are)
}

var errEmpty = &WholeError{"it is empty, and a stream begins with a start record"}

// A WholeError says what a stream lacks that was read to its end without an error.
type WholeError struct{ What string }

func (e *WholeError) Error() string { return "not a whole stream: " + e.What }
