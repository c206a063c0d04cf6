package track

import (
	"os"

	"golang.org/x/sys/unix"
)

// A log holds records until it is known whether they are wanted: the newest in memory,
// older ones in a file without a name. What is no longer wanted at its beginning is given
// back, in memory and on disk.
type log struct {
	limit int // bytes in memory
	mem   []byte
	from  int64 // where mem begins
	file  *os.File
	freed int64 // nothing before is needed
	buf   []byte
}

// add appends a record and returns where it is.
func (l *log) add(record []byte) (at int64, err error) {
	if len(l.mem)+len(record) > l.limit && len(l.mem) > 0 {
		if err := l.spill(); err != nil {
			return 0, err
		}
	}
	at = l.from + int64(len(l.mem))
	l.mem = append(l.mem, record...)
	return at, nil
}

// spill makes room: the older half goes, to disk unless nobody needs it.
func (l *log) spill() error {
	n := (len(l.mem) + 1) / 2
	if l.freed < l.from+int64(n) {
		if l.file == nil {
			f, err := os.CreateTemp("", "skb-track-")
			if err != nil {
				return err
			}
			os.Remove(f.Name())
			l.file = f
		}
		if _, err := l.file.WriteAt(l.mem[:n], l.from); err != nil {
			return err
		}
	}
	l.mem = l.mem[:copy(l.mem, l.mem[n:])]
	l.from += int64(n)
	return nil
}

// get returns the n bytes at a place, valid until the next call.
func (l *log) get(at int64, n int) ([]byte, error) {
	if at >= l.from {
		i := int(at - l.from)
		return l.mem[i : i+n], nil
	}
	if cap(l.buf) < n {
		l.buf = make([]byte, n)
	}
	l.buf = l.buf[:n]
	inFile := min(int64(n), l.from-at) // a record may lie across
	if _, err := l.file.ReadAt(l.buf[:inFile], at); err != nil {
		return nil, err
	}
	copy(l.buf[inFile:], l.mem)
	return l.buf, nil
}

// forget gives back what lies before a place.
func (l *log) forget(before int64) {
	const worth = 16 << 20 // bytes for which it is worth a system call
	if end := min(before, l.from); l.file != nil && end-l.freed >= worth {
		// Where the file system has no holes, the file stays as large as it is.
		_ = unix.Fallocate(int(l.file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, l.freed, end-l.freed)
		l.freed = end
	}
	if before >= l.from {
		l.freed = before
	}
}

func (l *log) close() {
	if l.file != nil {
		l.file.Close()
	}
}
