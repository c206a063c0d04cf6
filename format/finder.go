package format

import (
	"encoding/binary"
	"slices"
	"strings"
)

// A Finder checks records as Valid does and finds the values under some paths in them.
//
// The events of a stream are laid out alike: the same keys in the same order, most values
// of the same size. A Finder keeps the layouts that it has seen as a mask and what is to be
// behind it: keys, and the first bytes of values, which tell their sizes. A record that
// agrees is well-formed because the one was that the layout is from, and where its values
// stand is known. To check an event of 60 keys and find 20 takes 70 ns so, to walk through
// it 250 ns.
//
// It is not safe for concurrent use. Its memory is bounded: some 2 MB.
type Finder struct {
	names *name   // of the paths to find
	at    []int32 // of the record's values, 0: absent
	r     Raw

	first  []*segment
	kept   int // segments
	tries  int // layouts that were learned, of which some may be forgotten
	agreed int // records that had a known layout

	learner learner
}

// A name is a key on the way to values that are wanted.
type name struct {
	key   string
	index int // of its value in Finder.at, -1: it is not wanted itself
	below []*name
}

// A segment is the part of a layout up to a string or bytes, whose length is any, or to
// the end. What may follow it is a list: layouts are a tree.
type segment struct {
	words []word
	found []found
	size  int // bytes up to the head of the string or bytes, or to the end
	ends  ending
	next  []*segment
}

// A word is 8 bytes of a record: those of the mask have to be the ones wanted.
type word struct {
	mask, want uint64
	off        int // from the segment's beginning; may be negative
}

type found struct{ index, off int32 }

// An ending says what comes behind a segment.
type ending uint8

const (
	endRecord ending = iota
	endFixstr        // a string whose head holds the length
	endSized         // a string or bytes whose length follows the head
)

const (
	maxLayouts   = 12   // that may follow a segment
	maxSegments  = 2048 // in all; then all are forgotten
	maxStrings   = 48   // in a record whose layout is kept
	maxStructure = 4096 // bytes of such a record, without its strings
	// freeTries is how many layouts are learned at once; from then on one for so many records
	// that had a known one, since to learn one takes as long as to walk through a few records.
	freeTries     = 4096
	recordsPerTry = 4
)

// NewFinder returns a Finder of the values under the paths, whose keys are separated by
// dots: "skb.len". Where a key is there twice, the first counts.
func NewFinder(paths ...string) *Finder {
	f := &Finder{names: &name{index: -1}, at: make([]int32, len(paths))}
	for i, path := range paths {
		n := f.names
		for key := range strings.SplitSeq(path, ".") {
			n = n.make(key)
		}
		n.index = i
	}
	return f
}

func (n *name) make(key string) *name {
	if m := n.find([]byte(key)); m != nil {
		return m
	}
	m := &name{key: key, index: -1}
	n.below = append(n.below, m)
	return m
}

func (n *name) find(key []byte) *name {
	if n != nil {
		for _, m := range n.below {
			if m.key == string(key) {
				return m
			}
		}
	}
	return nil
}

// Find checks r and finds its values, which alias it. Errors are those of Valid.
func (f *Finder) Find(r Raw) error {
	f.r = r
	clear(f.at)
	base := 0
	for list := &f.first; ; {
		var s *segment
		for i, c := range *list {
			if c.fits(r, base) {
				s = c
				if i > 0 { // what is frequent comes to the front by and by
					(*list)[i-1], (*list)[i] = c, (*list)[i-1]
				}
				break
			}
		}
		if s == nil {
			return f.walk(r)
		}
		for _, v := range s.found {
			f.at[v.index] = int32(base) + v.off
		}
		base += s.size
		switch s.ends {
		case endRecord:
			if base != len(r) {
				return f.walk(r)
			}
			f.agreed++
			return nil
		case endFixstr:
			base += 1 + int(r[base]&0x1f)
		default:
			n, content, _ := head(r[base:])
			if n == 0 || content > len(r)-base-n {
				return f.walk(r)
			}
			base += n + content
		}
		list = &s.next
	}
}

// fits reports whether r goes on at base as the segment says. What ends it is within r.
func (s *segment) fits(r []byte, base int) bool {
	end := base + s.size
	if s.ends != endRecord {
		end++
	}
	if end > len(r) {
		return false
	}
	for i := range s.words {
		w := &s.words[i]
		if (binary.LittleEndian.Uint64(r[base+w.off:])^w.want)&w.mask != 0 {
			return false
		}
	}
	return true
}

// walk is Find for a record whose layout is not known.
func (f *Finder) walk(r Raw) error {
	clear(f.at)
	if err := Valid(r); err != nil {
		f.r = nil
		return err
	}
	l := &f.learner
	l.begin(r, f.at, f.tries < freeTries+f.agreed/recordsPerTry)
	l.end(l.value(0, f.names), endRecord, len(r))
	if l.learning {
		f.tries++
		f.keep(l)
	}
	return nil
}

// keep adds a layout to those that are known.
func (f *Finder) keep(l *learner) {
	if f.kept+len(l.segments) > maxSegments {
		f.first, f.kept = nil, 0
	}
	list := &f.first
	for i := range l.segments {
		part := &l.segments[i]
		var s *segment
		for _, c := range *list {
			if c.size == part.to-part.from && c.ends == part.ends && c.fits(l.r, part.from) {
				s = c
				break
			}
		}
		if s == nil {
			next := &l.open
			if i+1 < len(l.segments) {
				next = &l.segments[i+1]
			}
			s = l.segment(part, next)
			if len(*list) == maxLayouts {
				*list = (*list)[:maxLayouts-1]
			}
			*list = append(*list, s)
			f.kept++
		}
		list = &s.next
	}
}

// A learner walks through a good record and notes its layout.
type learner struct {
	learning bool
	r        Raw
	at       []int32 // of the Finder
	mask     []byte  // the bits of each byte that belong to the layout, segment by segment
	found    []found
	segments []part

	structure int  // bytes that belong to the layout
	open      part // the segment that is not ended yet
}

// A part is a segment's place in a record, and where in the learner's mask and found its own begin.
type part struct {
	from, to    int
	ends        ending
	mask, found int
}

func (l *learner) begin(r Raw, at []int32, learning bool) {
	l.r, l.at, l.learning = r, at, learning
	l.found, l.segments = l.found[:0], l.segments[:0]
	l.structure, l.open, l.mask = 0, part{}, l.mask[:0]
}

// note says which bits of the next bytes belong to the layout.
func (l *learner) note(at, n int, mask byte) {
	if !l.learning {
		return
	}
	if l.structure += n; l.structure > maxStructure {
		l.learning = false
		return
	}
	for len(l.mask)-l.open.mask < at-l.open.from { // a number, of which nothing is asked
		l.mask = append(l.mask, 0)
	}
	for range n {
		l.mask = append(l.mask, mask)
	}
}

// end ends a segment at a string or bytes, behind which the next begins, or at the end of
// the record.
func (l *learner) end(at int, ends ending, next int) {
	if !l.learning {
		return
	}
	if l.open.from == 0 && at < 8 || len(l.segments) == maxStrings {
		l.learning = false
		return
	}
	l.open.to, l.open.ends = at, ends
	l.segments = append(l.segments, l.open)
	l.open = part{from: next, mask: len(l.mask), found: len(l.found)}
}

// value walks through the value at `at` and returns where it ends. n is what is wanted of
// it; nil: nothing.
func (l *learner) value(at int, n *name) int {
	if n != nil && n.index >= 0 && l.at[n.index] == 0 {
		l.at[n.index] = int32(at)
		l.found = append(l.found, found{int32(n.index), int32(at - l.open.from)})
	}
	if !l.learning && (n == nil || len(n.below) == 0) {
		return at + skip(l.r[at:])
	}
	size, content, values := head(l.r[at:])
	c := l.r[at]
	switch kind := Value(l.r[at:]).Kind(); {
	case kind == Map:
		l.note(at, size, 0xff)
		at += size
		for ; values > 0; values -= 2 {
			at = l.pair(at, n)
		}
		return at
	case kind == Array:
		l.note(at, size, 0xff)
		at += size
		for range values {
			at = l.value(at, nil)
		}
		return at
	case c&0xe0 == 0xa0:
		l.note(at, 1, 0xe0)
		l.end(at, endFixstr, at+size+content)
	case kind == Str || kind == Bin:
		l.note(at, 1, 0xff)
		l.end(at, endSized, at+size+content)
	case c < 0x80:
		l.note(at, 1, 0x80)
	case c >= 0xe0:
		l.note(at, 1, 0xe0)
	case kind == Bool:
		l.note(at, 1, 0xfe)
	case kind == Other:
		l.learning = false // no program of ours writes them
	default:
		l.note(at, 1, 0xff)
	}
	return at + size + content
}

// pair walks through a pair of a map of which n is wanted.
func (l *learner) pair(at int, n *name) int {
	size, content, _ := head(l.r[at:])
	key := l.r[at+size : at+size+content]
	first := at <= maxHead && string(key) == "type"
	l.note(at, size+content, 0xff)
	at += size + content
	if first { // of the record: it says what the others mean
		size, content, _ = head(l.r[at:])
		l.note(at, size+content, 0xff)
		return at + size + content
	}
	return l.value(at, n.find(key))
}

// maxHead is the longest head of a map, in bytes.
const maxHead = 5

// segment makes the segment of a part, whose mask and found are before those of next.
func (l *learner) segment(p, next *part) *segment {
	s := &segment{size: p.to - p.from, ends: p.ends, found: slices.Clone(l.found[p.found:next.found])}
	mask := l.mask[p.mask:next.mask]
	for at := 0; at < len(mask); {
		if mask[at] == 0 {
			at++
			continue
		}
		w := word{off: min(at, len(mask)-8)}
		var m, want [8]byte
		for i := range m {
			if b := w.off + i; b >= 0 {
				m[i], want[i] = mask[b], l.r[p.from+b]
			}
		}
		w.mask, w.want = binary.LittleEndian.Uint64(m[:]), binary.LittleEndian.Uint64(want[:])
		s.words = append(s.words, w)
		at = w.off + 8
	}
	return s
}

// Value returns the value under path i of NewFinder, nil when there is none.
func (f *Finder) Value(i int) Value {
	at := int(f.at[i])
	if at == 0 {
		return nil
	}
	return Value(f.r[at : at+skip(f.r[at:])])
}

// Has reports whether there is a value under path i.
func (f *Finder) Has(i int) bool { return f.at[i] != 0 }

// Uint returns the value under path i if it is an integer that is not negative.
func (f *Finder) Uint(i int) (uint64, bool) {
	at := int(f.at[i])
	if at == 0 {
		return 0, false
	}
	c := Cursor{b: f.r, at: at}
	return c.Uint()
}

// Str returns the value under path i if it is a string; it aliases the record.
func (f *Finder) Str(i int) ([]byte, bool) {
	at := int(f.at[i])
	if at == 0 {
		return nil, false
	}
	return Value(f.r[at:]).Str()
}

// Bin returns the value under path i if it is bytes; they alias the record.
func (f *Finder) Bin(i int) ([]byte, bool) {
	at := int(f.at[i])
	if at == 0 {
		return nil, false
	}
	return Value(f.r[at:]).Bin()
}
