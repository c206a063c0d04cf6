package skbsort

import (
	"context"
	"fmt"
	"io"
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
	s := &sorter{window: o.Window, memory: int(o.Memory), sink: sink, disk: runs{dir: o.TempDir}, now: time.Now, after: time.After}
	defer s.disk.close()
	err = s.run(newReader(in))
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
	now    func() time.Time
	after  func(time.Duration) <-chan time.Time

	first    moment // of the first record of something that happened
	newest   key    // of all records
	offset   int64  // of the newest to the wall clock, ns
	wrote    bool
	written  key // of the last record written
	late     uint64
	lateBy   uint64 // ns
	lastLive time.Time
}

func (s *sorter) run(r *reader) error {
	go r.run()
	var timer <-chan time.Time
	for {
		select {
		case b := <-r.batches:
			at := 0
			if s.first.arrived == 0 && b.first != 0 {
				s.first = moment{s.now().UnixNano(), b.first}
			}
			for _, p := range b.records {
				if err := s.add(p.key, b.data[at:at+p.len]); err != nil {
					return err
				}
				at += p.len
			}
			s.offset = b.offset
			idle, err := b.idle, b.err
			r.free <- b
			if err != nil {
				return s.end(err)
			}
			if s.isLive() {
				if err := s.releaseOld(); err != nil {
					return err
				}
			}
			timer = nil
			if idle {
				timer = s.after(s.window)
			}
		case <-timer:
			// The input has paused for the window: whatever is held had its chance.
			timer = nil
			if err := s.release(len(s.held.entries)); err != nil {
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

// A moment is when a record arrived, and its own time, both by the wall clock in ns.
type moment struct{ arrived, wall int64 }

// liveAge is how old the first record of a live stream may be when it arrives.
const liveAge = 2 * time.Second

// isLive tells a stream that is being made now from a saved one, which is sorted as a
// whole however it arrives: the first record of a live one is new, and its clock runs no
// faster than ours.
func (s *sorter) isLive() bool {
	if s.window == 0 || len(s.disk.ends) > 0 || s.first.arrived == 0 {
		return false
	}
	if s.first.arrived-s.first.wall > int64(liveAge) {
		return false
	}
	took := s.now().UnixNano() - s.first.arrived
	return int64(s.newest.ts)+s.offset-s.first.wall <= took+int64(s.window/2)
}

// releaseOld writes, on a live stream that does not pause, what is older than the window.
// It looks four times a window, and holds for three quarters, so that nothing is held
// longer.
func (s *sorter) releaseOld() error {
	now := s.now()
	if now.Sub(s.lastLive) < s.window/4 {
		return nil
	}
	s.lastLive = now
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
