package format

import (
	"fmt"
	"hash/maphash"
	"math"
	"math/bits"
	"strconv"
	"strings"

	"github.com/skb-tools/skb-tools/internal/spell"
)

// A Checker says whether a stream is whole, as FORMAT.md has it: whether it begins with a
// start, each start has its end, and the counts of the ends are those of the records.
type Checker struct {
	// Part is for a stream that something was left out of on purpose: that records or keys are
	// missing is no fault then. That there is more than the ends count is one, and an end of
	// nothing.
	Part bool

	starts tallies
	before uint64 // counted records in front of any start
	ends   uint64 // of these, the ends
	any    bool   // there was a record
	odd    uint64 // records with a KeyError
	first  error  // the first of them, a *SyntaxError
	many   bool   // starts that are not told apart any more
}

// Counts are how many events, links and frees there are, and the sum of what losses tell.
type counts [4]uint64

var countKeys = [4]string{"events", "links", "frees", "lost"}

const lostCount = 3 // of these, what losses tell

// A tally is what the records of one start and its ends count.
type tally struct {
	have, said [len(countKeys)]sum
	unsaid     [len(countKeys)]bool // an end has no such count
	open       bool                 // no end has come since the start
	captured   bool                 // the records were read from a capture
}

// A sum is one of numbers that may be any.
type sum struct{ high, low uint64 }

func (s *sum) add(n uint64) {
	var carry uint64
	s.low, carry = bits.Add64(s.low, n, 0)
	s.high += carry
}

func (s sum) less(o sum) bool { return s.high < o.high || s.high == o.high && s.low < o.low }

func (s sum) String() string {
	if s.high > 0 {
		return fmt.Sprintf("more than %d", uint64(math.MaxUint64))
	}
	return strconv.FormatUint(s.low, 10)
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
		t = &tally{}
		t.captured, _ = r.Get("capture").Bool()
		s.by[hash] = t
	}
	t.open = true
	s.current = t
	s.recent.Set(r, t)
	return true
}

// counted returns which of the counts r is of, and for how much; ok is false if for nothing.
func counted(t RecordType, r Raw) (of int, n uint64, ok bool) {
	switch t {
	case TypeEvent:
		return 0, 1, true
	case TypeLink:
		return 1, 1, true
	case TypeFree:
		return 2, 1, true
	case TypeLoss:
		n, _ = r.Get("count").Uint()
		return 3, n, true
	}
	return 0, 0, false
}

// count adds what r counts for, up to what 64 bits hold.
func (c *counts) count(t RecordType, r Raw) {
	if of, n, ok := counted(t, r); ok {
		c[of] += min(n, math.MaxUint64-c[of])
	}
}

// Take takes the next record, which is Valid. An error means that nothing behind it can be
// understood: a version that is not known, a time that is none, a resume of no start.
// offset is where the record is, for what Err says.
func (c *Checker) Take(r Raw, offset int64) error {
	t := r.Type()
	k := shapeCheck{lenient: c.lenient(t)}
	return c.take(t, r, k.record(r), offset)
}

// TakeFound is Take for the record that f has found good.
func (c *Checker) TakeFound(f *Finder, offset int64) error {
	r := Raw(f.Found())
	t := r.Type()
	return c.take(t, r, f.checkKeys(c.lenient(t)), offset)
}

// lenient reports whether keys of the next record may be missing that are never absent.
func (c *Checker) lenient(t RecordType) bool {
	return c.Part || t == TypeEvent && c.starts.current != nil && c.starts.current.captured
}

// take is Take for a record of which the check of its keys says err.
func (c *Checker) take(t RecordType, r Raw, err error, offset int64) error {
	c.any = true
	if err != nil {
		if hard := needed(t, r); hard != nil {
			return hard
		}
		if c.odd++; c.first == nil {
			c.first = &SyntaxError{Offset: offset, Err: err}
		}
	}
	s := &c.starts
	switch t {
	case TypeStart:
		if v, _ := r.Get("version").Uint(); v != Version {
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
			return fmt.Errorf("a resume goes back by %s, and so many did not come before", spell.Count(n, "start"))
		}
		s.current = of
		return nil
	case TypeEnd:
		if s.current == nil {
			c.before++
			c.ends++
			return nil
		}
		for i, key := range countKeys {
			if n, ok := r.Get(key).Uint(); ok {
				s.current.said[i].add(n)
			} else {
				s.current.unsaid[i] = true
			}
		}
		s.current.open = false
		return nil
	}
	switch of, n, ok := counted(t, r); {
	case !ok:
	case s.current == nil:
		c.before++
	default:
		s.current.have[of].add(n)
	}
	return nil
}

// needed is an error if r, whose keys are not what they should be, lacks one without which
// nothing behind it can be understood.
func needed(t RecordType, r Raw) error {
	for i := range recordShapes[t].now.keys {
		switch m := &recordShapes[t].now.keys[i]; m.key {
		case "ts", "version", "back":
			v := r.Get(m.key)
			if _, ok := v.Uint(); !ok {
				return &KeyError{t, m.key, forms[m.form].says, v != nil}
			}
		}
	}
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

// Err is called behind the last record and says what the stream lacks; nil if it is whole,
// or a part without a fault where Part is set.
func (c *Checker) Err() error { return c.err(c.Part) }

// Whole is Err for what was read, whether or not Part is set.
func (c *Checker) Whole() error { return c.err(false) }

func (c *Checker) err(part bool) error {
	var lines []string
	switch {
	case !c.any && !part:
		return errEmpty
	case c.before > 0 && !part:
		lines = append(lines, fmt.Sprintf("%s before any start record", verb(c.before, "comes", "come")))
	case c.ends == 1:
		lines = append(lines, "an end record comes before any start record")
	case c.ends > 0:
		lines = append(lines, fmt.Sprintf("%d end records come before any start record", c.ends))
	}
	open := c.Open()
	switch {
	case part:
	case open == 1 && len(c.starts.by) == 1:
		lines = append(lines, "it has no end record, so it was cut off or its writer was killed")
	case open > 0:
		lines = append(lines, fmt.Sprintf("%d of its %d starts have no end record, so it was cut off or a writer was killed",
			open, len(c.starts.by)))
	case len(c.starts.by) == 0:
		lines = append(lines, "it has no start and no end record")
	}
	for _, t := range c.starts.by {
		if wrong := t.wrong(part); wrong != "" {
			lines = append(lines, wrong)
			break
		}
	}
	if c.many {
		lines = append(lines, fmt.Sprintf("it has more than %d starts", maxOpen))
	}
	if c.odd > 0 {
		lines = append(lines, fmt.Sprintf("%s not as FORMAT.md has it: %v", verb(c.odd, "is", "are"), c.first))
	}
	if lines == nil {
		return nil
	}
	return &WholeError{strings.Join(lines, "; ")}
}

// wrong says which count of the ends is not what there is, "" if none; in a part only one
// that is less.
func (t *tally) wrong(part bool) string {
	if t.open {
		return ""
	}
	for i, have := range t.have {
		said := t.said[i]
		if t.unsaid[i] || have == said || part && have.less(said) {
			continue
		}
		are := "are"
		if have == (sum{0, 1}) {
			are = "is"
		}
		if i == lostCount {
			return fmt.Sprintf("its end counts %v as lost, and its losses count %v", said, have)
		}
		what := countKeys[i]
		if said == (sum{0, 1}) {
			what = strings.TrimSuffix(what, "s")
		}
		return fmt.Sprintf("its end counts %v %s and there %s %v", said, what, are, have)
	}
	return ""
}

// verb says that so many records are or do something.
func verb(n uint64, one, more string) string {
	if n == 1 {
		return "1 record " + one
	}
	return fmt.Sprintf("%d records %s", n, more)
}

var errEmpty = &WholeError{"it is empty, and a stream begins with a start record"}

// A WholeError says what a stream lacks that was read to its end without an error.
type WholeError struct{ What string }

func (e *WholeError) Error() string { return "not a whole stream: " + e.What }
