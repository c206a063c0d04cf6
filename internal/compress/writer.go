package compress

import (
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// A packer compresses what is written to it. What was written before a Flush can be read when that has
// returned.
type packer interface {
	io.WriteCloser
	Flush() error
}

// A wrapper returns what writes to w, compressed.
type wrapper func(w io.Writer) (packer, error)

// A Writer writes a compressed file. What a Write was given can be read from the file when it has returned,
// so whoever writes little at a time, and gets little compression, does it because somebody waits.
type Writer struct {
	packer
	to counter
}

// A counter counts what is written.
type counter struct {
	io.Writer
	wrote uint64 // bytes
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.wrote += uint64(n)
	return n, err
}

// NewWriter returns what writes to w as a file of this name is to be compressed; nil if it is not to be.
func NewWriter(name string, w io.Writer) (*Writer, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	k := byName(name)
	if k == nil {
		return nil, nil
	}
	c := &Writer{to: counter{Writer: w}}
	var err error
	if c.packer, err = k.write(&c.to); err != nil {
		return nil, err
	}
	return c, nil
}

func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.packer.Write(p)
	if err == nil {
		err = w.Flush()
	}
	return n, err
}

// Wrote returns of how many bytes the file is up to now.
func (w *Writer) Wrote() uint64 { return w.to.wrote }

// The levels are the fastest: a collector that compresses must not lose events for it, and the streams
// are so full of repetition that the others gain little.

func writeGzip(w io.Writer) (packer, error) { return gzip.NewWriterLevel(w, gzip.BestSpeed) }

func writeZstd(w io.Writer) (packer, error) {
	// One goroutine: it compresses while it is written to, and holds nothing back behind a Flush.
	return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(1<<20))
}

func writeLZ4(w io.Writer) (packer, error) {
	z := lz4.NewWriter(w)
	return z, z.Apply(lz4.ConcurrencyOption(1), lz4.BlockSizeOption(lz4.Block256Kb))
}
