package sort

import (
	"io"
	"os"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// A batch is what a source has got when its input paused, or when it has enough.
type batch struct {
	input  int // number
	data   []byte
	ends   []int // of its records, in data
	track  []int // where in a record the value of its last key is, if that is `track`; else 0
	offset int64 // in the input, behind it
	idle   bool  // the input paused behind it
	err    error // how the input ended, io.EOF included

	free    chan<- *batch // where it goes to be filled again
	adopted bool          // data belongs to the sorter now
}

// A source reads an input ahead, so that the sorter can look at the clock, and at other
// inputs, while it pauses.
type source struct {
	number  int
	r       io.Reader
	records *pipe.Reader // of r
	to      chan<- *batch
	free    chan *batch
	stop    <-chan struct{}
	current *batch
}

// readAll reads sources one after the other.
func readAll(sources []*source, batchSize int) {
	free := make(chan *batch, 3)
	for range cap(free) {
		free <- &batch{data: make([]byte, 0, batchSize), free: free}
	}
	for _, s := range sources {
		s.free = free
		s.read()
	}
}

// read reads the input to its end.
func (s *source) read() {
	select {
	case s.current = <-s.free:
	case <-s.stop:
		return
	}
	d := s.records
	d.OnIdle = func() error {
		if len(s.current.ends) > 0 || !s.current.idle {
			s.current.idle = true
			return s.send()
		}
		return nil
	}
	d.Finder = format.NewFinder("track")
	for {
		raw, err := d.Next()
		if err != nil {
			if c, ok := s.r.(io.Closer); ok {
				c.Close()
			}
			s.current.err = err
			_ = s.send()
			return
		}
		track := 0
		if v := d.Finder.Value(0); len(v) > 0 && &v[len(v)-1] == &raw[len(raw)-1] {
			track = len(raw) - len(v)
		}
		b := s.current
		if len(b.data)+len(raw) > cap(b.data) && len(b.ends) > 0 {
			if s.send() != nil {
				return
			}
			b = s.current
		}
		b.data = append(b.data, raw...)
		b.ends = append(b.ends, len(b.data))
		b.track = append(b.track, track)
		b.offset = d.Offset()
	}
}

// send hands the batch on. It fails when nobody takes it any more.
func (s *source) send() error {
	s.current.input = s.number
	last := s.current.err != nil
	select {
	case s.to <- s.current:
	case <-s.stop:
		return io.ErrClosedPipe
	}
	if last {
		return nil
	}
	select {
	case s.current = <-s.free:
		return nil
	case <-s.stop:
		return io.ErrClosedPipe
	}
}

// again makes b empty, to be filled again in the memory of data.
func (b *batch) again(data []byte) {
	*b = batch{data: data[:0], ends: b.ends[:0], track: b.track[:0], free: b.free}
}

// isRegular reports whether all of an input is there already.
func isRegular(r io.Reader) bool {
	f, ok := r.(*os.File)
	if !ok {
		return false
	}
	i, err := f.Stat()
	return err == nil && i.Mode().IsRegular()
}
