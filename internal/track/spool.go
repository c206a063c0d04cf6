package track

import (
	"os"

	"github.com/skb-tools/skb-tools/internal/tempfile"
)

// A spool holds records until it is known whether they are wanted: the newest in memory,
// older ones in a file without a name. What is no longer wanted at its beginning is given
// back, in memory and on disk.
type spool struct {
	limit int // bytes in memory
	mem   []byte
	from  int64 // where mem begins
	file  *os.File
	freed int64 // nothing before is needed
	buf   []byte
}

// add appends a record and returns where it is.
func (s *spool) add(record []byte) (at int64, err error) {
	if len(s.mem)+len(record) > s.limit && len(s.mem) > 0 {
		if err := s.spill(); err != nil {
			return 0, err
		}
	}
	at = s.from + int64(len(s.mem))
	s.mem = append(s.mem, record...)
	return at, nil
}

// spill makes room: the older half goes, to disk unless nobody needs it.
func (s *spool) spill() error {
	n := (len(s.mem) + 1) / 2
	if s.freed < s.from+int64(n) {
		if s.file == nil {
			f, err := tempfile.File(tempfile.Dir(), "skb-track")
			if err != nil {
				return err
			}
			s.file = f
		}
		if _, err := s.file.WriteAt(s.mem[:n], s.from); err != nil {
			return err
		}
	}
	s.mem = s.mem[:copy(s.mem, s.mem[n:])]
	s.from += int64(n)
	return nil
}

// get returns the n bytes at a place, valid until the next call.
func (s *spool) get(at int64, n int) ([]byte, error) {
	if at >= s.from {
		i := int(at - s.from)
		return s.mem[i : i+n], nil
	}
	if cap(s.buf) < n {
		s.buf = make([]byte, n)
	}
	s.buf = s.buf[:n]
	inFile := min(int64(n), s.from-at) // a record may lie across
	if _, err := s.file.ReadAt(s.buf[:inFile], at); err != nil {
		return nil, err
	}
	copy(s.buf[inFile:], s.mem)
	return s.buf, nil
}

// forget gives back what lies before a place.
func (s *spool) forget(before int64) {
	const worth = 16 << 20 // bytes for which it is worth a system call
	if end := min(before, s.from); s.file != nil && end-s.freed >= worth {
		tempfile.Free(s.file, s.freed, end-s.freed)
		s.freed = end
	}
	if before >= s.from {
		s.freed = before
	}
}

func (s *spool) close() {
	if s.file != nil {
		s.file.Close()
	}
}
