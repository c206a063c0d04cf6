package write

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/skb-tools/skb-tools/internal/compress"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// An Output is where a capture goes: a stream, or with -C a row of files, which have
// tcpdump's names: FILE, FILE1, FILE2; with -W, which begins anew after so many, FILE0,
// FILE1, with leading zeros where the last number needs more digits; with -W 1 always FILE. The numbers are in
// front of an end of FILE that says how the files are to be compressed.
type Output struct {
	io.Writer
	file   *os.File         // nil: a stream
	pack   *compress.Writer // of file; nil: it is not compressed
	name   string
	count  int // -W
	number int // of file
	inputs []os.FileInfo

	regular bool // nobody waits at its other end
}

// Create opens what o says to write, which must be none of the inputs.
func Create(o *Options, stdout io.Writer, inputs []os.FileInfo) (*Output, error) {
	out := &Output{Writer: pipe.WholeWrites(stdout, pipe.WholeBlocks), name: o.Write, count: o.FileCount, inputs: inputs}
	if o.FileSize == 0 {
		out.count = 0
	}
	if o.Write == "" || o.Write == "-" {
		return out, nil
	}
	if err := compress.CheckName(o.Write); err != nil {
		return nil, fmt.Errorf("-w: %w", err)
	}
	return out, out.open()
}

func (o *Output) open() error {
	name, suffix := compress.CutSuffix(o.name)
	if o.count > 1 {
		digits := len(strconv.Itoa(o.count - 1))
		name += fmt.Sprintf("%0*d", digits, o.number)
	} else if o.number > 0 { // never with -W 1
		name += strconv.Itoa(o.number)
	}
	name += suffix
	if err := pipe.NotInput(name, o.inputs); err != nil {
		return fmt.Errorf("-w: %w", err)
	}
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("-w %s: %w", name, errors.Unwrap(err))
	}
	o.file, o.Writer = f, pipe.WholeWrites(f, pipe.WholeBlocks)
	info, err := f.Stat()
	o.regular = err == nil && info.Mode().IsRegular()
	if o.pack, err = compress.NewWriter(name, f); o.pack != nil {
		o.Writer = o.pack
	}
	return err
}

// next closes the file and opens the one after it.
func (o *Output) next() error {
	if err := o.close(); err != nil {
		return err
	}
	o.number++
	if o.number == o.count {
		o.number = 0
	}
	return o.open()
}

// To is where a stream goes, whose records are no blocks: stdout unless it is a file.
func (o *Output) To(stdout io.Writer) io.Writer {
	switch {
	case o.pack != nil:
		return o.pack
	case o.file != nil:
		return o.file
	}
	return stdout
}

// Close closes a file.
func (o *Output) Close() error {
	if o.file == nil {
		return nil
	}
	gone := pipe.Gone(o.file, o.file.Name())
	if err := o.close(); err != nil {
		return err
	}
	return gone
}

func (o *Output) close() error {
	var err error
	if o.pack != nil {
		err = o.pack.Close()
	}
	return cmp.Or(err, o.file.Close())
}

// size returns how large the file is, in bytes, of which so many were written to it.
func (o *Output) size(written int64) int64 {
	if o.pack != nil {
		return int64(o.pack.Wrote())
	}
	return written
}
