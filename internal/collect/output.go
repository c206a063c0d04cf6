//go:build linux && (amd64 || arm64)

package collect

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/compress"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// An output takes records in their order.
type output interface {
	Write(format.Raw) error
	Flush() error
	Close() error
	// File numbers the file that is written to, from 1; Fits says whether n bytes more
	// will be in it, and Next begins the next.
	File() int
	Fits(n int) bool
	Next() error
}

// openOutput opens what -w, --rotate and -o ask for. begin makes the records that open
// each file, finish the one that closes it.
func openOutput(o *Options, stdout io.Writer, begin func() []format.Raw, finish func() format.Raw) (output, error) {
	if o.Write == "" {
		if o.Rotate != 0 {
			return nil, errors.New("--rotate needs -w FILE")
		}
		sink, err := pipe.NewSink(o.Options, stdout)
		if err != nil {
			return nil, err
		}
		for _, r := range begin() {
			if err := sink.Write(r); err != nil {
				return nil, err
			}
		}
		return &closer{Sink: sink}, nil
	}
	if err := o.OnlyText("a file with the stream"); err != nil {
		return nil, err
	}
	for _, p := range o.Probes {
		if name, isFile := strings.CutPrefix(p, "@"); isFile {
			if err := pipe.NotInput(o.Write, pipe.Identify(name)); err != nil {
				return nil, fmt.Errorf("-w: %w", err)
			}
		}
	}
	if err := compress.CheckName(o.Write); err != nil {
		return nil, fmt.Errorf("-w: %w", err)
	}
	f := &files{name: o.Write, limit: uint64(o.Rotate), begin: begin, finish: finish}
	return f, f.open()
}

type closer struct {
	pipe.Sink
	held format.Held
}

func (c *closer) Write(r format.Raw) error { return c.Sink.Write(c.held.Gives(r)) }
func (c *closer) Close() error             { return c.Flush() }
func (c *closer) File() int                { return 1 }
func (c *closer) Fits(int) bool            { return true }
func (c *closer) Next() error              { return nil }

// files writes the stream to a file, or to numbered ones, compressed if their name says so.
type files struct {
	name   string
	limit  uint64 // bytes, 0: none
	begin  func() []format.Raw
	finish func() format.Raw

	n     int
	f     *os.File
	held  format.Held // in this file
	enc   *format.Encoder
	pack  *compress.Writer // what enc writes to; nil: to f
	wrote uint64           // bytes of whole frames given to enc
	saved int64            // of these, those that are in the file
}

func (f *files) path() string {
	if f.n == 0 {
		return f.name
	}
	name, suffix := compress.CutSuffix(f.name) // which the programs that uncompress want to see
	return fmt.Sprintf("%s.%d%s", name, f.n, suffix)
}

func (f *files) open() error {
	file, err := os.Create(f.path())
	if err != nil {
		return fmt.Errorf("writing %s: %w", f.path(), errors.Unwrap(err))
	}
	f.f, f.wrote, f.saved = file, 0, 0
	if f.pack, err = compress.NewWriter(f.name, file); err != nil {
		return err
	}
	if f.pack != nil {
		f.enc = format.NewEncoder(f.pack)
	} else {
		f.enc = format.NewEncoder(file)
	}
	for _, r := range f.begin() {
		if err := f.put(r); err != nil {
			return err
		}
	}
	return nil
}

func (f *files) put(r format.Raw) error {
	r = f.held.Gives(r)
	f.wrote += 4 + uint64(len(r))
	return f.explain(f.enc.WriteRaw(r))
}

func (f *files) Write(r format.Raw) error {
	if !f.Fits(len(r)) && r.Type() != format.TypeEnd { // which is of what this file holds
		if err := f.Next(); err != nil {
			return err
		}
	}
	return f.put(r)
}

func (f *files) File() int { return f.n + 1 }

func (f *files) Fits(n int) bool {
	switch {
	case f.limit == 0:
		return true
	case f.pack != nil:
		return f.fitsPacked(uint64(n) + 4)
	}
	return f.wrote+4+uint64(n) <= f.limit
}

// measure is after how many bytes, at the most, it is worth to find out how small they got.
const measure = 256 << 10

// fitsPacked is Fits for a compressed file. How small n bytes get is known when they are in the file: until then
// they count as they are, and the hundredth that what can't be compressed grows by.
func (f *files) fitsPacked(n uint64) bool {
	fits := func() bool { return f.pack.Wrote()+(f.wrote-uint64(f.saved)+n)*65/64+64 <= f.limit }
	if fits() {
		return true
	}
	if f.wrote-uint64(f.saved) < min(measure, f.limit/16) {
		return false
	}
	return f.Flush() != nil || fits() // of an error the next write tells
}

func (f *files) Next() error {
	if err := f.end(); err != nil {
		return err
	}
	f.n++
	return f.open()
}

func (f *files) end() error {
	if err := f.put(f.finish()); err != nil {
		return err
	}
	return f.close()
}

func (f *files) Flush() error {
	if err := f.explain(f.enc.Flush()); err != nil {
		return err
	}
	f.saved = int64(f.wrote)
	return nil
}

// Close closes the file, and says if what it holds can't be found under its name any more.
func (f *files) Close() error {
	gone := pipe.Gone(f.f, f.path())
	if err := f.close(); err != nil {
		return err
	}
	return gone
}

func (f *files) close() error {
	err := f.Flush()
	if f.pack != nil {
		err = cmp.Or(err, f.explain(f.pack.Close()))
	}
	if cerr := f.f.Close(); err == nil {
		err = f.explain(cerr)
	}
	return err
}

// explain names the file. What a full disk left of the last frame is cut off, so that the
// file is a good stream as far as it goes.
func (f *files) explain(err error) error {
	if err == nil {
		return nil
	}
	if f.pack == nil && (errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)) {
		f.cut()
	}
	var p *os.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("writing %s: %w", f.path(), err)
}

// cut walks the frames that are in the file and truncates it behind the last whole one.
func (f *files) cut() {
	size, err := f.f.Seek(0, io.SeekEnd)
	if err != nil {
		return
	}
	at := f.saved
	var head [4]byte
	for {
		if _, err := f.f.ReadAt(head[:], at); err != nil {
			break
		}
		next := at + 4 + int64(uint32(head[0])<<24|uint32(head[1])<<16|uint32(head[2])<<8|uint32(head[3]))
		if next > size {
			break
		}
		at = next
	}
	_ = f.f.Truncate(at)
}
