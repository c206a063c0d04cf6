package compress

import (
	"bufio"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/therootcompany/xz"
)

// What a file may ask for to be read, in bytes: of zstd the window, as much as `zstd -d` grants
// unless it is told otherwise, and of xz the dictionary, as much as `xz -9` makes. So no file
// makes a program grow beyond that, whatever it claims or holds.
const (
	maxWindow     = 128 << 20
	maxDictionary = 64 << 20
)

// An opener returns what reads the uncompressed bytes of r. Each of its reads returns what there is, and
// waits for more only if there is nothing: a live stream has to be seen at once.
type opener func(r *bufio.Reader) (io.Reader, error)

// A Reader reads a file, compressed or not: the first bytes tell. If it is not compressed, each
// Read is one of the file.
type Reader struct {
	file  source
	kind  *kind // nil: not compressed, or not known yet
	out   io.Reader
	known bool
	head  []byte // of a file that is not compressed, read to be looked at
	size  int64  // of what was uncompressed, bytes
	cut   bool
}

// A source counts what is read of a file, and keeps how that ended.
type source struct {
	io.Reader
	read int64 // bytes
	err  error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	s.read += int64(n)
	if err != nil {
		s.err = err
	}
	return n, err
}

// NewReader returns a Reader of r. Nothing is read yet.
func NewReader(r io.Reader) *Reader { return &Reader{file: source{Reader: r}} }

// Read reads uncompressed bytes. An error that is not one of reading the file is an *Error. At the end of
// a file that was cut off, Read returns io.EOF, and Cut tells.
func (r *Reader) Read(p []byte) (int, error) {
	switch {
	case r.out != nil:
		return r.unpack(p)
	case r.known && len(r.head) == 0:
		return r.file.Reader.Read(p)
	case r.known:
		n := copy(p, r.head)
		r.head = r.head[n:]
		return n, nil
	}
	n, err := r.file.Reader.Read(p)
	if n == 0 {
		return n, err
	}
	k, more := kindOf(p[:n])
	if k == nil && !more {
		r.known = true
		return n, err
	}
	return r.start(p, bytes.Clone(p[:n]), err)
}

// start finds out what a file is that may be a compressed one, and begins to read it.
func (r *Reader) start(p, head []byte, err error) (int, error) {
	k, more := kindOf(head)
	for more && err == nil {
		var b [16]byte
		var n int
		n, err = r.file.Reader.Read(b[:])
		head = append(head, b[:n]...)
		k, more = kindOf(head)
	}
	r.known = true
	if k == nil {
		r.head = head
		return r.Read(p)
	}
	r.kind = k
	if k.read == nil {
		err := fmt.Errorf("is not read here: %s FILE | ... makes a stream of it", k.instead)
		return 0, &Error{Kind: k.name, Err: err}
	}
	r.file.read = int64(len(head))
	var rest io.Reader = &r.file
	if err != nil { // which the file may not tell twice
		r.file.err = err
		rest = failing{err}
	}
	if r.out, err = k.read(bufio.NewReaderSize(io.MultiReader(bytes.NewReader(head), rest), 64<<10)); err != nil {
		return 0, r.ended(err)
	}
	return r.unpack(p)
}

// A failing reader returns an error, always the same.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func (r *Reader) unpack(p []byte) (int, error) {
	n, err := r.out.Read(p)
	r.size += int64(n)
	if err != nil {
		err = r.ended(err)
	}
	return n, err
}

// ended tells what an error of uncompressing means.
func (r *Reader) ended(err error) error {
	switch {
	case r.file.err != nil && r.file.err != io.EOF:
		return r.file.err // of the file, in whatever the package that met it has packed it
	case err == io.EOF && r.out != nil:
		return io.EOF
	case r.file.err == io.EOF && (errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF || err == xz.ErrBuf):
		r.cut = true
		return io.EOF
	}
	return &Error{Kind: r.kind.name, Size: r.size, Err: explain(err)}
}

// explain says in other words what asks for a reaction.
func explain(err error) error {
	var damage flate.CorruptInputError
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fmt.Errorf("needs more than %d MB of memory to be read, as after zstd --long: "+
			"zstd -dc --long=31 FILE | ... reads it", maxWindow>>20)
	case errors.Is(err, xz.ErrMemlimit):
		return fmt.Errorf("needs more than %d MB of memory to be read: xz -dc FILE | ... reads it", maxDictionary>>20)
	case errors.Is(err, zstd.ErrUnknownDictionary):
		return errors.New("was made with a dictionary: zstd -dc -D DICTIONARY FILE | ... reads it")
	case errors.As(err, &damage), errors.Is(err, xz.ErrData):
		return errors.New("is damaged")
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, zstd.ErrMagicMismatch), errors.Is(err, lz4.ErrInvalidFrame),
		errors.Is(err, xz.ErrFormat):
		return errors.New("is damaged, or followed by what is not compressed in the same way")
	}
	return fmt.Errorf("is damaged (%w)", err)
}

// An Error is that of a file that can't be uncompressed, or not to its end.
type Error struct {
	Kind string // gzip, zstd, ...
	Size int64  // of what was uncompressed before, bytes
	Err  error
}

func (e *Error) Error() string {
	if e.Size == 0 {
		return fmt.Sprintf("is compressed with %s, and %v", e.Kind, e.Err)
	}
	return fmt.Sprintf("is compressed with %s, and behind %d bytes uncompressed it %v", e.Kind, e.Size, e.Err)
}

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// Kind returns how the file is compressed: gzip, zstd, xz or lz4; "" if it is not, or if nothing was read yet.
func (r *Reader) Kind() string {
	if r.kind == nil {
		return ""
	}
	return r.kind.name
}

// Cut reports whether a compressed file was cut off. It is known at the end.
func (r *Reader) Cut() bool { return r.cut }

// Packed returns how many bytes of a compressed file have been read.
func (r *Reader) Packed() int64 { return r.file.read }

func readGzip(r *bufio.Reader) (io.Reader, error) { return gzip.NewReader(r) }

func readZstd(r *bufio.Reader) (io.Reader, error) {
	// Without goroutines of its own, it reads no further than it has to.
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return unchecked{z}, nil
}

// An unchecked reader hands on the last block of a file that was cut off in the checksum behind it. The package has
// that block then, and returns it if it is asked once more.
type unchecked struct{ io.Reader }

func (u unchecked) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if n == 0 && err == io.ErrUnexpectedEOF && len(p) > 0 {
		return u.Reader.Read(p)
	}
	return n, err
}

// xzRead is the most that is read at once, bytes: the package reads on until that much is there.
const xzRead = 64 << 10

// A short reader reads a little at once.
type short struct{ io.Reader }

func (s short) Read(p []byte) (int, error) { return s.Reader.Read(p[:min(len(p), xzRead)]) }

func readXZ(r *bufio.Reader) (io.Reader, error) {
	z, err := xz.NewReader(r, maxDictionary)
	if err != nil {
		return nil, err
	}
	return short{z}, nil
}

// readLZ4 reads block by block, since the package's Read waits until p is full.
func readLZ4(r *bufio.Reader) (io.Reader, error) {
	b := &blocks{}
	b.next, _ = iter.Pull2(func(yield func([]byte, error) bool) {
		_, err := lz4.NewReader(r).WriteTo(writer(func(p []byte) error {
			if !yield(p, nil) {
				return io.ErrClosedPipe
			}
			return nil
		}))
		if err == nil {
			err = io.EOF
		}
		yield(nil, err)
	})
	return b, nil
}

// A writer is a function to write with.
type writer func([]byte) error

func (w writer) Write(p []byte) (int, error) { return len(p), w(p) }

// Blocks reads what next returns, which is valid until it is called again.
type blocks struct {
	next func() ([]byte, error, bool)
	have []byte
	err  error
}

func (b *blocks) Read(p []byte) (int, error) {
	for len(b.have) == 0 {
		if b.err != nil {
			return 0, b.err
		}
		var more bool
		if b.have, b.err, more = b.next(); !more {
			b.err = io.EOF
		}
	}
	n := copy(p, b.have)
	b.have = b.have[n:]
	return n, nil
}
