package skbsort

import (
	"io"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// A batch is what the reader has got when the input paused, or when it has enough.
type batch struct {
	data    []byte
	records []placed
	offset  int64 // to the wall clock, of the last record's start, ns
	first   int64 // wall-clock time of its first record that is no start, ns
	idle    bool  // the input paused behind it
	err     error // how the input ended, io.EOF included
}

type placed struct {
	key
	len int
}

// batchSize is when a batch is handed on at the latest, in bytes.
const batchSize = 256 << 10

// A reader reads records ahead, so that the sorter can look at the clock while the input
// pauses.
type reader struct {
	in      *pipe.Inputs
	batches chan *batch
	free    chan *batch
	current *batch

	boots  map[string]uint32 // groups by boot id
	group  uint32
	last   [8]uint64 // ts of the last record that had one, by group modulo 8
	offset int64
}

func newReader(in *pipe.Inputs) *reader {
	r := &reader{in: in, batches: make(chan *batch, 2), free: make(chan *batch, 4), boots: map[string]uint32{}}
	for range cap(r.free) {
		r.free <- &batch{data: make([]byte, 0, batchSize+batchSize/4)}
	}
	return r
}

// run reads to the end of the input.
func (r *reader) run() {
	r.current = <-r.free
	r.in.OnIdle = func() error {
		if len(r.current.records) > 0 || !r.current.idle {
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
		k := r.key(raw)
		b := r.current
		if b.first == 0 && k.ts != 0 && raw.Type() != format.TypeStart {
			b.first = int64(k.ts) + r.offset
		}
		b.records = append(b.records, placed{k, len(raw)})
		b.data = append(b.data, raw...)
		if len(b.data) >= batchSize {
			r.send()
		}
	}
}

func (r *reader) send() {
	r.current.offset = r.offset
	r.batches <- r.current
	b := <-r.free
	b.data, b.records, b.first, b.idle, b.err = b.data[:0], b.records[:0], 0, false, nil
	r.current = b
}

// key is where a record goes. One without a time stays behind the one before it.
func (r *reader) key(raw format.Raw) key {
	if raw.Type() == format.TypeStart {
		boot, _ := raw.Get("boot_id").Str()
		host, _ := raw.Get("host").Str()
		id := string(host) + "\x00" + string(boot)
		g, known := r.boots[id]
		if !known {
			g = uint32(len(r.boots)) + 1
			r.boots[id] = g
		}
		r.group = g
		r.offset, _ = raw.Get("clock_offset").Int()
	}
	ts, ok := raw.Time()
	last := &r.last[r.group%uint32(len(r.last))]
	if !ok {
		ts = *last
	}
	*last = ts
	return key{r.group, ts}
}

// ended reports whether err is how a good input ends.
func ended(err error) bool { return err == io.EOF }
