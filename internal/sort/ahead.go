package sort

import (
	"encoding/binary"
	"io"
	"math"
	"os"

	"github.com/skb-tools/skb-tools/format"
)

// ahead is what a first look through files tells of what is still to come while they are
// read in turn: what is older than that need not wait for the end. So a file that is nearly in
// order, as collectors write them, goes through without the disk.
type ahead struct {
	least [][]uint64 // by file, and block of it, of what begins there or behind, in ns
	later []uint64   // in the files behind each
	block int64      // bytes
	step  int        // bytes to be read before it is worth to look what can be written
	seen  int        // bytes read since that was done
}

// lookAhead looks through the inputs, when all are files which the memory does not hold, to be
// sorted by time, of one boot. Else, and where a file is damaged or no stream of frames, it
// returns nil, or what it knows up to there.
func (s *sorter) lookAhead(readers []io.Reader) *ahead {
	size := int64(0)
	for _, r := range readers {
		if !isRegular(r) {
			return nil
		}
		i, err := r.(*os.File).Stat()
		if err != nil {
			return nil
		}
		size += i.Size()
	}
	if size < int64(s.memory)/2 || s.order != byTime {
		return nil
	}
	a := &ahead{block: max(64<<10, size>>16), step: min(s.memory/8, 2<<20)}
	l := &look{block: a.block, starts: newStarts(""), undecided: s.undecided, boot: -1}
	for _, r := range readers {
		if !l.file(r.(*os.File)) {
			return nil
		}
		a.least = append(a.least, l.least)
	}
	least := uint64(math.MaxUint64)
	a.later = make([]uint64, len(a.least))
	for i := len(a.least) - 1; i >= 0; i-- {
		a.later[i] = least
		if f := a.least[i]; len(f) > 0 {
			least = min(least, f[0])
		}
	}
	return a
}

// leastBehind is the least ts that can come when a file has been read up to offset.
func (a *ahead) leastBehind(file int, offset int64) uint64 {
	f := a.least[file]
	if i := int(offset / a.block); i < len(f) {
		return min(f[i], a.later[file])
	}
	return a.later[file]
}

// A look goes through files frame by frame.
type look struct {
	starts    *starts
	undecided int // events that may tell that the stream is tracked
	block     int64
	buf       []byte
	least     []uint64
	boot      int    // of all records, -1: not known yet
	start     uint32 // number of the last
	came      format.Starts[uint32]
	last      uint64 // ts of the last record that had one, ns
}

// file looks through f from where it stands, which it does not change. It returns false when
// that is of no use.
func (l *look) file(f *os.File) bool {
	base, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return false
	}
	if l.buf == nil {
		l.buf = make([]byte, 1<<20)
	}
	l.least, l.start, l.last, l.came = nil, 0, 0, format.Starts[uint32]{}
	have, offset := []byte(nil), int64(0) // have is at offset
	need := func(n int) bool {
		if len(have) >= n {
			return true
		}
		if n > len(l.buf) {
			l.buf = make([]byte, n)
		}
		m, _ := f.ReadAt(l.buf, base+offset)
		have = l.buf[:m]
		return m >= n
	}
	for need(4) {
		n := int(min(binary.BigEndian.Uint32(have), math.MaxInt32))
		if n > format.MaxFrame || !need(4+n) {
			break // the reader will say what is wrong there
		}
		if !l.record(format.Raw(have[4:4+n]), offset) {
			return false
		}
		have, offset = have[4+n:], offset+4+int64(n)
	}
	for i := len(l.least) - 2; i >= 0; i-- {
		l.least[i] = min(l.least[i], l.least[i+1])
	}
	return len(l.least) > 0
}

func (l *look) record(r format.Raw, offset int64) bool {
	ts, ok := r.Time()
	switch r.Type() {
	case format.TypeEvent:
		if l.undecided > 0 {
			l.undecided--
			if r.Get("track") != nil {
				return false
			}
		}
	case format.TypeJourney:
		if l.undecided > 0 {
			return false
		}
	case format.TypeStack:
		ts, ok = l.starts.list[l.start].ts, true
	case format.TypeStart:
		number, known, fits := l.starts.add(r)
		if !fits {
			return false
		}
		l.start = number
		l.came.Set(r, number)
		if known {
			return true
		}
	case format.TypeResume:
		l.start, _ = l.came.Resume(r)
		return true
	}
	if boot := int(l.starts.list[l.start].boot); l.boot < 0 {
		l.boot = boot
	} else if l.boot != boot {
		return false
	}
	if !ok {
		ts = l.last
	}
	if !olderThanItsPlace(r.Type()) {
		l.last = ts
	}
	for int64(len(l.least)) <= offset/l.block {
		l.least = append(l.least, math.MaxUint64)
	}
	b := &l.least[len(l.least)-1]
	*b = min(*b, ts)
	return true
}

// releaseOlder writes what is older than all that will come.
func (s *sorter) releaseOlder(b *batch) error {
	a := s.ahead
	if a.seen += len(b.data); a.seen < a.step || len(s.disk.ends) > 0 {
		return nil
	}
	a.seen = 0
	least := a.leastBehind(b.input, b.offset)
	s.held.Sort()
	n := 0
	for n < len(s.held.Entries) && s.held.Entries[n].a < least {
		n++
	}
	return s.writeHeld(n)
}
