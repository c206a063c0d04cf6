package track

import (
	"encoding/binary"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// A batch is what the reader has got when the input paused, or when it has enough: records
// with their lengths in front.
type batch struct {
	data []byte
	idle bool  // the input paused behind it
	err  error // how the input ended, io.EOF included
}

// batchSize is when a batch is handed on at the latest, in bytes.
const batchSize = 256 << 10

// A reader reads records ahead, so that the tracker can look at the clock while the input
// pauses.
type reader struct {
	in      *pipe.Inputs
	batches chan *batch
	free    chan *batch
	current *batch
}

func newReader(in *pipe.Inputs) *reader {
	r := &reader{in: in, batches: make(chan *batch, 2), free: make(chan *batch, 4)}
	for range cap(r.free) {
		r.free <- &batch{data: make([]byte, 0, batchSize+batchSize/4)}
	}
	return r
}

// run reads to the end of the input.
func (r *reader) run() {
	r.current = <-r.free
	r.in.OnIdle = func() error {
		if len(r.current.data) > 0 || !r.current.idle {
			r.current.idle = true
			r.send()
		}
		return nil
	}
	for {
		raw, err := r.in.Next()
		if err != nil {
			r.current.err = err
			r.send()
			return
		}
		b := r.current
		b.data = binary.BigEndian.AppendUint32(b.data, uint32(len(raw)))
		b.data = append(b.data, raw...)
		b.idle = false
		if len(b.data) >= batchSize {
			r.send()
		}
	}
}

func (r *reader) send() {
	r.batches <- r.current
	b := <-r.free
	if cap(b.data) > 4*batchSize { // a record of megabytes is no reason to keep them
		b.data = make([]byte, 0, batchSize+batchSize/4)
	}
	b.data, b.idle, b.err = b.data[:0], false, nil
	r.current = b
}

// each calls f for the batch's records.
func (b *batch) each(f func(format.Raw) error) error {
	for at := 0; at < len(b.data); {
		n := int(binary.BigEndian.Uint32(b.data[at:]))
		at += 4
		if err := f(format.Raw(b.data[at : at+n])); err != nil {
			return err
		}
		at += n
	}
	return nil
}
