package skbsort

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Run sorts the inputs to stdout.
func Run(_ context.Context, o Options, stdin io.Reader, stdout, stderr io.Writer) error {
	in, err := pipe.OpenInputs(o.Files, stdin)
	if err != nil {
		return err
	}
	defer in.Close()
	sink, err := pipe.NewSink(o.Options, stdout)
	if err != nil {
		return err
	}
	s := &sorter{window: o.Window, memory: int(o.Memory), sink: sink, disk: runs{dir: o.TempDir}, now: monotonic}
	if _, readers := in.Sources(); !allRegular(readers) && o.Window > 0 {
		s.live = newLiveness(o.Window)
		t := time.NewTicker(max(o.Window/4, time.Millisecond))
		defer t.Stop()
		s.ticks = t.C
	}
	defer s.disk.close()
	err = s.run(newReader(in, o.Window, bootID()))
	if s.late > 0 {
		fmt.Fprintf(stderr, "skb-sort: %d records came up to %v too late for their place: they are out of order (a longer --window holds more)\n",
			s.late, time.Duration(s.lateBy).Round(time.Microsecond))
	}
	return err
}

// A sorter holds records until it is time to write them: at the end of the input, or, on
// a live stream, when they have been held for the window.
type sorter struct {
	window time.Duration
	memory int // bytes
	sink   pipe.Sink
	held   held
	disk   runs
	now    func() int64     // ns
	ticks  <-chan time.Time // four in a window

	live    *liveness // nil: files
	newest  key       // of all records
	wrote   bool
	written key // of the last record written
	late    uint64
	lateBy  uint64 // ns
	looked  int64  // when, for what is old, ns
}

// allRegular reports whether all of an input is there already.
func allRegular(readers []io.Reader) bool {
	for _, r := range readers {
		f, ok := r.(*os.File)
		if !ok {
			return false
		}
		if i, err := f.Stat(); err != nil || !i.Mode().IsRegular() {
			return false
		}
	}
	return true
}

func (s *sorter) run(r *reader) error {
	go r.run()
	for {
		select {
		case b := <-r.batches:
			at := 0
			if s.live != nil {
				s.live.hear(b.news, s.now())
			}
			for _, p := range b.records {
				if err := s.add(p.key, b.data[at:at+p.len]); err != nil {
					return err
				}
				at += p.len
			}
			err := b.err
			r.free <- b
			if err != nil {
				return s.end(err)
			}
		case <-s.ticks:
		}
		if s.isLive() {
			if err := s.releaseOld(); err != nil {
				return err
			}
		}
	}
}

// end writes everything, after the input ended with err.
func (s *sorter) end(err error) error {
	werr := s.releaseAll()
	if werr == nil {
		werr = s.sink.Flush()
	}
	if ended(err) {
		return werr
	}
	if werr != nil {
		return werr
	}
	return err
}

func (s *sorter) add(k key, record []byte) error {
	if s.held.size() >= s.memory && len(s.held.entries) > 0 && s.isLive() {
		// Waiting for the end is not for a live stream: let the older half go.
		if err := s.release((len(s.held.entries) + 1) / 2); err != nil {
			return err
		}
	} else if s.held.size() >= s.memory && len(s.held.entries) > 0 {
		if err := s.disk.write(&s.held); err != nil {
			return err
		}
		s.held.clear()
	}
	s.held.add(k, record)
	if k.compare(s.newest) > 0 {
		s.newest = k
	}
	return nil
}

func (s *sorter) isLive() bool {
	return s.live != nil && len(s.disk.ends) == 0 && s.live.is(s.now())
}

// releaseOld writes, on a live stream, what is older than the window, and all when the
// stream pauses. It looks four times a window, and holds for three quarters, so that
// nothing is held longer.
func (s *sorter) releaseOld() error {
	now := s.now()
	if now-s.looked < int64(s.window/4) {
		return nil
	}
	s.looked = now
	if s.live.idle && now-s.live.heard >= s.live.period {
		return s.release(len(s.held.entries))
	}
	hold := uint64(s.window) * 3 / 4
	if s.newest.ts < hold {
		return nil
	}
	limit := key{s.newest.group, s.newest.ts - hold}
	s.held.sort()
	n := 0
	for n < len(s.held.entries) && s.held.entries[n].compare(limit) <= 0 {
		n++
	}
	return s.release(n)
}

// release writes the first n of the records held.
func (s *sorter) release(n int) error {
	if len(s.disk.ends) > 0 {
		return nil // the rest is on disk: all of it waits for the end
	}
	s.held.sort()
	for i := range n {
		e := &s.held.entries[i]
		if s.wrote && e.compare(s.written) < 0 {
			s.late++
			if e.group == s.written.group {
				s.lateBy = max(s.lateBy, s.written.ts-e.ts)
			}
		} else {
			s.wrote, s.written = true, e.key
		}
		if err := s.sink.Write(s.held.record(e)); err != nil {
			return err
		}
	}
	if n == len(s.held.entries) {
		s.held.clear()
	} else if n > 0 {
		s.held.drop(n)
	}
	return s.sink.Flush()
}

// releaseAll writes everything, from disk too.
func (s *sorter) releaseAll() error {
	if len(s.disk.ends) == 0 {
		return s.release(len(s.held.entries))
	}
	if len(s.held.entries) > 0 {
		if err := s.disk.write(&s.held); err != nil {
			return err
		}
	}
	s.held = held{}
	return s.disk.merge(s.memory/2, s.sink.Write)
}
