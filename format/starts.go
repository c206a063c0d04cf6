package format

import (
	"hash/maphash"
	"slices"

	"github.com/skb-tools/skb-tools/format/wire"
)

// MaxStarts is how many starts of a stream a resume can go back to, MaxStartBytes how many
// bytes their records have together; the one in force counts, and can be larger.
const (
	MaxStarts     = 4096
	MaxStartBytes = 16 << 20
)

// Resume says that what follows belongs again to a start that came before.
type Resume struct {
	Back uint64 // 1: the start that was in force before this one; 2: the one before that
}

var resumeSection = Section{"resume", []Key{
	{Name: "type", Form: FormStr, What: "`resume`"},
	{Name: "back", Form: FormUint, What: "1: the start that was in force before this one; 2: the one before that"},
}}

// AppendMsgpack appends the record. It is written by hand: a merge of two hosts' streams can need one for each event,
// and this takes 6 ns, where msgpack/v5 takes 400 ns and 3 allocations.
func (s *Resume) AppendMsgpack(dst []byte) []byte {
	dst = wire.AppendStr(append(dst, "\x82\xa4type"...), string(TypeResume))
	return wire.AppendUint(append(dst, "\xa4back"...), s.Back)
}

// Decode reads r, which must be a resume.
func (s *Resume) Decode(r Raw) error {
	if r.Type() != TypeResume {
		return errType(r, TypeResume)
	}
	s.Back, _ = r.Get("back").Uint()
	return nil
}

// startSeed is that of the hashes by which starts are known.
var startSeed = maphash.MakeSeed()

// Starts are the starts of a stream with what a reader keeps of each, to be found again
// at a resume record. The zero Starts has none.
type Starts[T any] struct {
	recent []startAnd[T] // the one in force first
	bytes  int           // of their records
}

type startAnd[T any] struct {
	hash uint64
	size int // of the record, bytes
	of   T
}

// keptStarts is how many of n starts, the latest first, a resume can go back to, and the bytes that
// they have together.
func keptStarts(n, bytes int, size func(i int) int) (int, int) {
	for ; n > MaxStarts || n > 1 && bytes > MaxStartBytes; n-- {
		bytes -= size(n - 1)
	}
	return n, bytes
}

// Set puts the start record r in force, with what is kept of it.
func (s *Starts[T]) Set(r Raw, of T) {
	hash := maphash.Bytes(startSeed, r)
	i := slices.IndexFunc(s.recent, func(x startAnd[T]) bool { return x.hash == hash })
	if i < 0 {
		s.recent = slices.Insert(s.recent, 0, startAnd[T]{hash, len(r), of})
		var n int
		n, s.bytes = keptStarts(len(s.recent), s.bytes+len(r), func(i int) int { return s.recent[i].size })
		clear(s.recent[n:]) // what is kept of them goes
		s.recent = s.recent[:n]
		return
	}
	s.front(i)
	s.recent[0].of = of
}

// Resume puts the start that a resume record names in force, and returns what was kept of
// it; false if there is none.
func (s *Starts[T]) Resume(r Raw) (of T, ok bool) {
	back, ok := r.Get("back").Uint()
	if !ok || back >= uint64(len(s.recent)) {
		return of, false
	}
	s.front(int(back))
	return s.recent[0].of, true
}

func (s *Starts[T]) front(i int) {
	x := s.recent[i]
	copy(s.recent[1:i+1], s.recent[:i])
	s.recent[0] = x
}

// A Merger says what has to stand between records of several starts, so that each belongs
// to its own: the start itself the first time, a resume afterwards.
type Merger struct {
	recent []uint64 // hashes, the one in force first
	sizes  []int    // of their records
	bytes  int      // of all of them
	buf    []byte
}

// To returns the record after which what is written belongs to start, nil when it does so
// already. It is valid until the next.
func (m *Merger) To(start Raw) Raw {
	hash := maphash.Bytes(startSeed, start)
	switch i := slices.Index(m.recent, hash); i {
	case 0:
		return nil
	case -1:
		m.recent, m.sizes = slices.Insert(m.recent, 0, hash), slices.Insert(m.sizes, 0, len(start))
		var n int
		n, m.bytes = keptStarts(len(m.recent), m.bytes+len(start), func(i int) int { return m.sizes[i] })
		m.recent, m.sizes = m.recent[:n], m.sizes[:n]
		return start
	default:
		size := m.sizes[i]
		copy(m.recent[1:i+1], m.recent[:i])
		copy(m.sizes[1:i+1], m.sizes[:i])
		m.recent[0], m.sizes[0] = hash, size
		m.buf = (&Resume{uint64(i)}).AppendMsgpack(m.buf[:0])
		return m.buf
	}
}
