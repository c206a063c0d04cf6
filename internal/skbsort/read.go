package skbsort

import (
	"io"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// A batch is what the reader has got when the input paused, or when it has enough.
type batch struct {
	data    []byte
	records []placed
	news
	err error // how the input ended, io.EOF included
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

	window uint64            // ns
	boot   string            // the one of this host
	boots  map[string]uint32 // groups by boot id
	group  uint32
	last   [8]uint64 // ts of the last record that had one, by group modulo 8

	// Since the last start:
	offset int64 // to the wall clock, ns
	own    bool  // it is of this boot
	newest uint64
	open   bool // its end is still to come
}

func newReader(in *pipe.Inputs, window time.Duration, boot string) *reader {
	r := &reader{in: in, window: uint64(window), boot: boot, open: true,
		batches: make(chan *batch, 2), free: make(chan *batch, 4), boots: map[string]uint32{}}
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
		r.news(&b.news, raw, k.ts)
		b.records = append(b.records, placed{k, len(raw)})
		b.data = append(b.data, raw...)
		if len(b.data) >= batchSize {
			r.send()
		}
	}
}

func (r *reader) send() {
	r.current.over = !r.open
	r.batches <- r.current
	b := <-r.free
	*b = batch{data: b.data[:0], records: b.records[:0]}
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
		r.own = r.boot != "" && string(boot) == r.boot
	}
	ts, ok := raw.Time()
	last := &r.last[r.group%uint32(len(r.last))]
	if !ok {
		ts = *last
	}
	*last = ts
	return key{r.group, ts}
}

// news adds what the record says about how its input comes about.
func (r *reader) news(n *news, raw format.Raw, ts uint64) {
	switch raw.Type() {
	case format.TypeStart:
		n.reopened = n.reopened || !r.open
		r.newest, r.open = ts, true
	case format.TypeEnd:
		r.open = false
	case format.TypeJourney:
		return // it comes long after the time that it bears
	}
	if ts+r.window < r.newest {
		n.joined = true
	}
	if ts > r.newest {
		r.newest = ts
	}
	n.newest = max(n.newest, int64(ts)+r.offset)
	if r.own {
		n.own = max(n.own, ts)
	}
}

// ended reports whether err is how a good input ends.
func ended(err error) bool { return err == io.EOF }
