package wire

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
// stand is known. To check an event of 60 keys and find 20 takes 90 ns so, the check by a walk
// alone 230 ns.
//
// It is not safe for concurrent use. Its memory is bounded: some 2 MB.
type Finder struct {
	names *name // of the paths to find
	check func([]byte) error
	r     []byte
	there uint64 // a bit for each path: r has a value
	known uint64 // the value is an integer that is not negative, and in number
	strs  uint64 // the value is a string whose place is in text
	bins  uint64 // the same of bytes
	at    [MaxPaths]int32
	// These are read when a layout is compared: it tells their sizes.
	number [MaxPaths]uint64
	text   [MaxPaths + 1]struct{ from, to int32 }

	collects bool // others
	others   []other
	many     bool // there are more than can be kept

	first  []*segment
	kept   int // segments
	tries  int // layouts that were learned, of which some may be forgotten
	agreed int // records that had a known layout

	end *segment // of the layout of the record that was found last; nil: it is not kept

	learner learner
}

// A name is a key on the way to values that are wanted.
type name struct {
	key   string
	path  string
	index int // of its value in Finder.at, -1: it is not wanted itself
	below []*name
}

// An other is a pair that no path leads to: where its key is, in the record or from a
// segment's beginning, and the map that it is in.
type other struct {
	at int32
	in *name
}

// A segment is the part of a layout up to a string or bytes, whose length is any, or to
// the end. What may follow it is a list: layouts are a tree.
type segment struct {
	words []word
	size  int // bytes up to the head of the string or bytes, or to the end
	reach int // up to behind that head's first byte
	back  int // where the words begin, bytes before the segment
	ends  ending
	found []found
	text  int // the path of the string or bytes; MaxPaths: it is not wanted
	next  []*segment

	others []other

	there, known, strs, bins uint64 // as in a Finder

	marks uint8 // of a segment that ends a record: see Marks
}

// A word is 8 bytes of a record: the bits of the mask have to be the ones wanted. Words
// follow each other from the segment's beginning; the last ends where the segment does,
// the head of its string included, and may overlap what is before it.
type word struct{ mask, want uint64 }

// A found is a value that is wanted.
type found struct {
	index int32
	off   int32 // from the segment's beginning
	from  int32 // of 8 bytes that begin with an integer's
	shift uint8 // to get it from them, or one of those below
}

const (
	signed   = 64 // an integer that may be negative
	noNumber = 65
)

// An ending says what comes behind a segment.
type ending uint8

const (
	endRecord ending = iota
	endFixstr        // a string whose head holds the length
	endSized         // a string or bytes whose length follows the head
)

// MaxPaths is how many paths a Finder can have, and MaxOthers how many others it keeps of a map.
const (
	MaxPaths  = 64
	MaxOthers = 64
)

const (
	// that may follow a segment: of nine probes with all sections 12 were too few for one in three events
	maxLayouts   = 48
	maxSegments  = 2048 // in all; then all are forgotten
	maxStrings   = 48   // in a record whose layout is kept
	maxStructure = 4096 // bytes of such a record, without its strings
	// freeTries is how many layouts are learned at once; from then on one for so many records
	// that had a known one, since to learn one takes as long as to walk through a few records.
	freeTries     = 4096
	recordsPerTry = 4
)

// NewFinder returns a Finder of the values under the paths, MaxPaths at most, whose keys
// are separated by dots: "skb.len".
func NewFinder(paths ...string) *Finder {
	f := &Finder{}
	InitFinder(f, nil, paths...)
	return f
}

// InitFinder makes f what NewFinder returns. check, unless it is nil, is asked of each map of which Find has not seen
// the like whether it is good besides; it must go by what a layout fixes: the keys, and the values at the front
// that are strings.
func InitFinder(f *Finder, check func([]byte) error, paths ...string) {
	*f = Finder{names: &name{index: -1}, check: check}
	if len(paths) > MaxPaths {
		panic("wire.NewFinder: too many paths")
	}
	for i, path := range paths {
		f.names.at(path).index = i
	}
}

// CollectOthers makes Find collect, for Others, the pairs that none of the Finder's paths
// leads to, and none in known. It is to be called before Find.
func (f *Finder) CollectOthers(known ...string) {
	f.collects = true
	for _, path := range known {
		f.names.at(path)
	}
}

// at returns the name at the end of path, which it makes if there is none.
func (n *name) at(path string) *name {
	for key := range strings.SplitSeq(path, ".") {
		n = n.make(key)
	}
	return n
}

func (n *name) make(key string) *name {
	if m := n.find([]byte(key)); m != nil {
		return m
	}
	m := &name{key: key, path: key, index: -1}
	if n.path != "" {
		m.path = n.path + "." + key
	}
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

// Find checks r and finds its values, which alias it. Errors are those of Valid, and of what InitFinder was given.
func (f *Finder) Find(r []byte) error {
	f.r, f.end = r, nil
	f.there, f.known, f.strs, f.bins = 0, 0, 0, 0
	f.others, f.many = f.others[:0], false
	base := 0
	for list := &f.first; ; {
		var s *segment
		for i, c := range *list {
			if base+c.reach <= len(r) && agree(r[base-c.back:base+c.reach], c.words) {
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
		f.there |= s.there
		f.known |= s.known
		f.take(s, base)
		for _, o := range s.others {
			f.others = append(f.others, other{int32(base) + o.at, o.in})
		}
		base += s.size
		from, to := base, base
		switch s.ends {
		case endRecord:
			if base != len(r) {
				return f.walk(r)
			}
			f.agreed++
			f.end = s
			return nil
		case endFixstr:
			from++
			to += 1 + int(r[base]&0x1f)
		default:
			n, content, _ := Head(r[base:])
			if n == 0 {
				return f.walk(r)
			}
			from += n
			to += n + content
		}
		if to > len(r) {
			return f.walk(r)
		}
		f.strs |= s.strs
		f.bins |= s.bins
		t := &f.text[s.text]
		t.from, t.to = int32(from), int32(to)
		base, list = to, &s.next
	}
}

// take reads the values of a segment.
func (f *Finder) take(s *segment, base int) {
	r := f.r
	whole := base+s.reach+8 <= len(r)
	for i := range s.found {
		v := &s.found[i]
		f.at[v.index&(MaxPaths-1)] = int32(base) + v.off
		switch from := base + int(v.from); {
		case v.shift < signed && whole && from+8 <= len(r):
			f.number[v.index&(MaxPaths-1)] = binary.BigEndian.Uint64(r[from:]) >> (v.shift & 63)
		case v.shift != noNumber:
			f.known &^= 1 << v.index
			f.known |= f.read(int(v.index))
		}
	}
}

// agree compares b with words that begin there. It is a function of its own for the
// compiler to keep all of it in registers: it is most of the time.
//
//go:noinline
func agree(b []byte, words []word) bool {
	if len(words) == 0 {
		return true
	}
	last := &words[len(words)-1]
	if len(b) < 8 || (binary.LittleEndian.Uint64(b[len(b)-8:])^last.want)&last.mask != 0 {
		return false
	}
	words = words[:len(words)-1]
	for len(words) >= 4 && len(b) >= 32 {
		w, c := (*[4]word)(words), (*[32]byte)(b)
		if (binary.LittleEndian.Uint64(c[0:])^w[0].want)&w[0].mask|
			(binary.LittleEndian.Uint64(c[8:])^w[1].want)&w[1].mask|
			(binary.LittleEndian.Uint64(c[16:])^w[2].want)&w[2].mask|
			(binary.LittleEndian.Uint64(c[24:])^w[3].want)&w[3].mask != 0 {
			return false
		}
		words, b = words[4:], b[32:]
	}
	for i := range words {
		if len(b) < 8 || (binary.LittleEndian.Uint64(b)^words[i].want)&words[i].mask != 0 {
			return false
		}
		b = b[8:]
	}
	return true
}

// walk is Find for a record whose layout is not known.
func (f *Finder) walk(r []byte) error {
	f.there, f.known, f.strs, f.bins = 0, 0, 0, 0
	f.others, f.many = f.others[:0], false
	if err := Valid(r); err != nil {
		return err
	}
	if f.check != nil {
		if err := f.check(r); err != nil {
			return err
		}
	}
	l := &f.learner
	l.begin(f, f.tries < freeTries+f.agreed/recordsPerTry)
	l.end(l.value(0, f.names), endRecord, len(r))
	if l.learning {
		f.tries++
		f.end = f.keep(l)
	}
	return nil
}

// keep adds a layout to those that are known and returns its last segment.
func (f *Finder) keep(l *learner) (end *segment) {
	if f.kept+len(l.segments) > maxSegments {
		f.first, f.kept = nil, 0
	}
	list := &f.first
	for i := range l.segments {
		part := &l.segments[i]
		var s *segment
		for _, c := range *list {
			if end := part.from + c.reach; end <= len(l.r) && agree(l.r[part.from-c.back:end], c.words) {
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
		list, end = &s.next, s
	}
	return end
}

// A learner walks through a good record and notes its layout.
type learner struct {
	learning bool
	f        *Finder
	r        []byte
	mask     []byte // the bits of each byte that belong to the layout, segment by segment
	found    []found
	others   []other
	segments []part

	structure int  // bytes that belong to the layout
	open      part // the segment that is not ended yet
}

// A part is a segment's place in a record, and where in the learner's mask, found and others
// its own begin.
type part struct {
	from, to            int
	ends                ending
	mask, found, others int
}

func (l *learner) begin(f *Finder, learning bool) {
	l.f, l.r, l.learning = f, f.r, learning
	l.found, l.others, l.segments = l.found[:0], l.others[:0], l.segments[:0]
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
	l.open = part{from: next, mask: len(l.mask), found: len(l.found), others: len(l.others)}
}

// value walks through the value at `at` and returns where it ends. n is what is wanted of
// it; nil: nothing.
func (l *learner) value(at int, n *name) int {
	if n != nil && n.index >= 0 && !l.f.Has(n.index) {
		l.f.there |= 1 << n.index
		l.f.at[n.index] = int32(at)
		l.f.known |= l.f.read(n.index)
		l.f.readText(n.index)
		l.found = append(l.found, l.place(n.index, at))
	}
	if !l.learning && (n == nil || len(n.below) == 0) {
		return at + Size(l.r[at:])
	}
	size, content, values := Head(l.r[at:])
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

// place says where the value at `at` is in the segment that is open.
func (l *learner) place(index, at int) found {
	v := found{index: int32(index), off: int32(at - l.open.from), shift: noNumber}
	switch c := l.r[at]; {
	case c < 0x80:
		v.from, v.shift = v.off, 56
	case c >= 0xcc && c <= 0xcf:
		v.from, v.shift = v.off+1, 64-8<<(c&3)
	case c >= 0xd0 && c <= 0xd3:
		v.shift = signed
	}
	return v
}

// pair walks through a pair of a map of which n is wanted.
func (l *learner) pair(at int, n *name) int {
	size, content, _ := Head(l.r[at:])
	key := l.r[at+size : at+size+content]
	from, first := at, at <= maxHead && string(key) == "type"
	l.note(at, size+content, 0xff)
	at += size + content
	if first { // of the record: it says what the others mean
		size, content, _ = Head(l.r[at:])
		l.note(at, size+content, 0xff)
		return at + size + content
	}
	m := n.find(key)
	if l.f.collects && n != nil && len(n.below) > 0 &&
		(m == nil || m.index < 0 && len(m.below) > 0 && Value(l.r[at:]).Kind() != Map) {
		l.collect(from, n)
	}
	return l.value(at, m)
}

// collect notes the pair at from of the map n.
func (l *learner) collect(from int, n *name) {
	if len(l.f.others) == MaxOthers {
		l.f.many, l.learning = true, false
		return
	}
	l.f.others = append(l.f.others, other{int32(from), n})
	l.others = append(l.others, other{int32(from - l.open.from), n})
}

// maxHead is the longest head of a map, in bytes.
const maxHead = 5

// segment makes the segment of a part, whose mask and found are before those of next.
func (l *learner) segment(p, next *part) *segment {
	s := &segment{size: p.to - p.from, ends: p.ends, text: MaxPaths, found: slices.Clone(l.found[p.found:next.found]),
		others: slices.Clone(l.others[p.others:next.others])}
	for _, v := range s.found {
		bit := uint64(1) << v.index
		s.there |= bit
		if v.shift < signed {
			s.known |= bit
		}
		if int(v.off) == s.size { // what ends the segment
			s.text = int(v.index)
			if Value(l.r[p.to:]).Kind() == Str {
				s.strs = bit
			} else {
				s.bins = bit
			}
		}
	}
	mask, end := l.mask[p.mask:next.mask], p.to
	if p.ends != endRecord {
		end++
	}
	s.reach = end - p.from
	s.words = make([]word, (s.reach+7)/8)
	if s.reach > 0 && s.reach < 8 {
		s.back = 8 - s.reach
	}
	for i := range s.words {
		from := min(p.from+8*i, end-8)
		var m, want [8]byte
		for j := range m {
			if at := from + j; at >= p.from && at-p.from < len(mask) {
				m[j], want[j] = mask[at-p.from], l.r[at]
			}
		}
		s.words[i] = word{binary.LittleEndian.Uint64(m[:]), binary.LittleEndian.Uint64(want[:])}
	}
	return s
}

// Has reports whether there is a value under path i.
func (f *Finder) Has(i int) bool { return f.there&(1<<i) != 0 }

// Value returns the value under path i of NewFinder, nil when there is none.
func (f *Finder) Value(i int) Value {
	if !f.Has(i) {
		return nil
	}
	b := f.r[f.at[i]:]
	return Value(b[:Size(b)])
}

// Uint returns the value under path i if it is an integer that is not negative.
func (f *Finder) Uint(i int) (uint64, bool) {
	if f.known&(1<<i) == 0 {
		return 0, false
	}
	return f.number[i], true
}

// read reads the number at a place where the layout does not tell its size, or the record
// ends. It returns its bit.
func (f *Finder) read(i int) uint64 {
	c := Cursor{b: f.r, at: int(f.at[i])}
	n, ok := c.Uint()
	if !ok {
		return 0
	}
	f.number[i] = n
	return 1 << i
}

// readText notes where a string's content is, or that of bytes, if there is one.
func (f *Finder) readText(i int) {
	v := Value(f.r[f.at[i]:])
	switch n, content, _ := Head(v); v.Kind() {
	case Str:
		f.strs |= 1 << i
		fallthrough
	case Bin:
		if f.strs&(1<<i) == 0 {
			f.bins |= 1 << i
		}
		f.text[i].from = f.at[i] + int32(n)
		f.text[i].to = f.at[i] + int32(n+content)
	}
}

// Str returns the value under path i if it is a string; it aliases the record.
func (f *Finder) Str(i int) ([]byte, bool) {
	if f.strs&(1<<i) == 0 {
		return nil, false
	}
	return f.r[f.text[i].from:f.text[i].to], true
}

// Bin returns the value under path i if it is bytes; they alias the record.
func (f *Finder) Bin(i int) ([]byte, bool) {
	if f.bins&(1<<i) == 0 {
		return nil, false
	}
	return f.r[f.text[i].from:f.text[i].to], true
}

// Others returns how many pairs are there that CollectOthers asked for; -1: more than are
// kept.
func (f *Finder) Others() int {
	if f.many {
		return -1
	}
	return len(f.others)
}

// Other returns such a pair, in their order in the record: its key, its value, and the path
// of the map that it is in, "" for the record. What is no map where a path leads into one is
// among them.
func (f *Finder) Other(i int) (section string, key []byte, v Value) {
	o := f.others[i]
	c := Cursor{b: f.r, at: int(o.at)}
	key = c.Key()
	return o.in.path, key, c.Value()
}

// Cursor returns a Cursor at the value under path i; where there is none, everything reads
// as absent.
func (f *Finder) Cursor(i int) Cursor {
	if f.Has(i) {
		return Cursor{b: f.r, at: int(f.at[i])}
	}
	return Cursor{}
}

// Found returns the map that Find was given last.
func (f *Finder) Found() []byte { return f.r }

// Marks returns bits of f for the caller to set, of the layout that the map found last has: they are there
// again with each map of the same. Nil: the layout is not kept. What a layout fixes is all keys, the kind of
// every value, and how the values are nested.
func Marks(f *Finder) *uint8 {
	if f.end == nil {
		return nil
	}
	return &f.end.marks
}
