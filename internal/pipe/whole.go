package pipe

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// Gone says that a regular file, which has been written, can't be found under its name any
// more: it was removed or replaced meanwhile, and what was written is lost.
func Gone(f *os.File, name string) error {
	is, err := f.Stat()
	if err != nil || !is.Mode().IsRegular() {
		return nil
	}
	if named, err := os.Stat(name); err == nil && os.SameFile(is, named) {
		return nil
	}
	return fmt.Errorf("%s was removed or replaced while it was written: what it was to hold is lost", name)
}

// A wholeFile is a regular file of which a write that fails, because the disk is full,
// leaves no torn record: what was written of it is taken back.
type wholeFile struct {
	*os.File
	whole func([]byte) int
}

// WholeWrites makes writes to w, if it is a regular file, leave only what whole says of
// the bytes that got there: how many at their front are whole records.
func WholeWrites(w io.Writer, whole func([]byte) int) io.Writer {
	f, ok := w.(*os.File)
	if !ok {
		return w
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return w
	}
	return &wholeFile{f, whole}
}

func (f *wholeFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	if err == nil || n == 0 {
		return n, err
	}
	keep := f.whole(p[:n])
	if at, serr := f.Seek(0, io.SeekCurrent); serr == nil && f.Truncate(at-int64(n-keep)) == nil {
		_, _ = f.Seek(at-int64(n-keep), io.SeekStart)
		n = keep
	}
	return n, err
}

// WholeFrames is for WholeWrites, of frames of a stream.
func WholeFrames(p []byte) int {
	return wholeParts(p, 4, func(head []byte) int { return 4 + int(binary.BigEndian.Uint32(head)) })
}

// WholeBlocks is for WholeWrites, of blocks of pcapng in little-endian order.
func WholeBlocks(p []byte) int {
	return wholeParts(p, 8, func(head []byte) int { return max(int(binary.LittleEndian.Uint32(head[4:])), 12) })
}

// WholeLines is for WholeWrites, of lines.
func WholeLines(p []byte) int { return bytes.LastIndexByte(p, '\n') + 1 }

func wholeParts(p []byte, head int, size func([]byte) int) int {
	at := 0
	for len(p)-at >= head {
		n := size(p[at:])
		if n > len(p)-at {
			break
		}
		at += n
	}
	return at
}
