package format

import (
	"encoding/binary"
	"fmt"
	"io"
)

// An Encoder writes frames. It gathers them and writes whole ones only, so that what a
// reader has got is a good stream at any time.
type Encoder struct {
	w   io.Writer
	buf []byte
}

// writeSize is when an Encoder writes, in bytes: what a pipe holds unless told otherwise.
const writeSize = 64 << 10

// NewEncoder returns an Encoder that writes to w.
func NewEncoder(w io.Writer) *Encoder { return &Encoder{w: w, buf: make([]byte, 0, 2*writeSize)} }

// WriteRaw writes one record.
func (e *Encoder) WriteRaw(r Raw) error {
	if len(r) > MaxFrame {
		return fmt.Errorf("record of %d bytes is over the limit of %d", len(r), MaxFrame)
	}
	e.buf = binary.BigEndian.AppendUint32(e.buf, uint32(len(r)))
	e.buf = append(e.buf, r...)
	return e.full()
}

// Write writes one record.
func (e *Encoder) Write(a Appender) error {
	start := len(e.buf)
	e.buf = a.AppendMsgpack(append(e.buf, 0, 0, 0, 0))
	n := len(e.buf) - start - 4
	if n > MaxFrame {
		e.buf = e.buf[:start]
		return fmt.Errorf("record of %d bytes is over the limit of %d", n, MaxFrame)
	}
	binary.BigEndian.PutUint32(e.buf[start:], uint32(n))
	return e.full()
}

func (e *Encoder) full() error {
	if len(e.buf) >= writeSize {
		return e.Flush()
	}
	return nil
}

// Flush writes what has been gathered.
func (e *Encoder) Flush() error {
	if len(e.buf) == 0 {
		return nil
	}
	_, err := e.w.Write(e.buf)
	e.buf = e.buf[:0]
	return err
}

// Appender is a record, or a part of one, that can append itself as msgpack.
type Appender interface {
	AppendMsgpack(dst []byte) []byte
}
