package sort

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/clock"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/spell"
)

// Run sorts the inputs to stdout.
func Run(_ context.Context, o Options, stdin io.Reader, stdout, stderr io.Writer) error {
	in, err := pipe.OpenInputs(o.Files, stdin)
	if err != nil {
		return err
	}
	in.Part = o.Part
	defer in.Close()
	sink, err := pipe.NewSink(o.Options, stdout)
	if err != nil {
		return err
	}
	s := newSorter(o, sink, stderr, func() int64 { return int64(clock.Monotonic()) }, clock.BootID())
	s.stdout, s.offset = stdout, clock.Offset()
	if o.Window > 0 {
		t := time.NewTicker(max(o.Window/4, time.Millisecond))
		defer t.Stop()
		s.ticks = t.C
	}
	in.For(sink)
	if o.Part {
		s.kept = &format.Kept{Part: true}
	}
	err = s.run(in)
	if s.late > 0 {
		fmt.Fprintf(stderr, "skb-sort: %s came up to %v too late: out of order (a longer --window holds more)\n",
			spell.Count(s.late, "record"), time.Duration(s.lateBy).Round(time.Microsecond))
	}
	return err
}

// A sorter holds records until it is time to write them: at the end of all inputs or, when
// those that go on are live, when they have been held for the window.
type sorter struct {
	order     order
	undecided int // events that may still decide that it is byJourney
	window    time.Duration
	hold      int64 // of the window, ms; 0: to the end
	memory    int   // bytes
	sink      pipe.Sink
	stdout    io.Writer // behind sink
	stderr    io.Writer
	now       func() int64     // ns
	offset    int64            // of now to the wall clock, ns
	ticks     <-chan time.Time // four in a window

	starts  *starts
	ahead   *ahead // nil: nothing is known
	held    held
	disk    runs
	inputs  []input
	running int // of them
	looked  int64
	writing uint32       // the start that what is written now belongs to
	kept    *format.Kept // of a part: its ends are to count what is there
	late    uint64
	lateBy  uint64 // ns
}

// An input is what the sorter knows of one.
type input struct {
	regular bool
	live    liveness
	ended   bool
	start   uint32                // number of the last
	came    format.Starts[uint32] // of its starts
	last    uint64                // ts of the last record that had one, ns
}

func newSorter(o Options, sink pipe.Sink, stderr io.Writer, now func() int64, boot string) *sorter {
	s := &sorter{memory: int(o.Memory), sink: sink, stderr: stderr, now: now, window: o.Window, starts: newStarts(boot)}
	if o.Window > 0 {
		s.hold = max(o.Window.Milliseconds()*3/4, 1)
	}
	s.held = newHeld(0, s.starts)
	s.disk = runs{starts: s.starts, dir: o.TempDir, memory: s.memory / 2}
	switch o.By {
	case "journey":
		s.setOrder(byJourney)
	case "packet":
		s.setOrder(byPacket)
	case "auto":
		s.undecided = 1000
	}
	return s
}

// setOrder decides what is sorted by, and tells a sink that would like to know.
func (s *sorter) setOrder(o order) {
	s.order = o
	if sink, ok := s.sink.(interface{ Journeys() }); ok && o != byTime {
		sink.Journeys()
	}
}

func (s *sorter) run(in *pipe.Inputs) error {
	_, readers := in.Sources()
	records := in.Readers()
	s.held.Size = min(256<<10, max(s.memory/16/len(readers), 16<<10))
	batches, stop := make(chan *batch, 2), make(chan struct{})
	defer close(stop)
	defer s.disk.close()
	s.ahead = s.lookAhead(readers)
	var files []*source
	for i, r := range readers {
		src := &source{number: i, records: records[i], r: r, to: batches, stop: stop}
		of := input{regular: isRegular(r), live: newLiveness(s.window, s.now(), s.offset)}
		s.inputs = append(s.inputs, of)
		s.running++
		if of.regular {
			files = append(files, src)
		} else {
			go readAll([]*source{src}, s.held.Size)
		}
	}
	if len(files) > 0 {
		go readAll(files, s.held.Size)
	}
	var failed error
	for s.running > 0 {
		select {
		case b := <-batches:
			if err := s.take(b); err != nil {
				return err
			}
			if s.ahead != nil {
				if err := s.releaseOlder(b); err != nil {
					return err
				}
			}
			if b.err != nil && b.err != io.EOF {
				if failed = b.err; s.running > 0 {
					// The others go on.
					if _, said := b.err.(pipe.ExitStatus); !said {
						pipe.Say(s.stderr, "skb-sort", b.err.Error())
					}
					failed = pipe.ExitStatus(1)
				}
			}
			data := b.data
			if b.adopted {
				data = s.held.Fresh()
			}
			free := b.free
			b.again(data)
			free <- b
		case <-s.ticks:
			if pipe.Closed(s.stdout) {
				return syscall.EPIPE // on a quiet stream no write would tell
			}
		}
		if err := s.release(); err != nil {
			return err
		}
	}
	if err := s.releaseAll(); err != nil {
		return err
	}
	if err := s.sink.Flush(); err != nil {
		return err
	}
	return failed
}

// take takes the records of a batch.
func (s *sorter) take(b *batch) error {
	in, now := &s.inputs[b.input], s.now()
	e := entry{input: uint32(b.input), arrived: uint32(now / 1e6)}
	// A full batch becomes part of what is held as it is.
	b.adopted = len(b.data) >= s.held.Size/2
	if b.adopted {
		if err := s.room(cap(b.data) + len(b.ends)*entrySize); err != nil {
			return err
		}
		e.Chunk = s.held.Adopt(b.data)
	}
	at := 0
	for i, end := range b.ends {
		raw := format.Raw(b.data[at:end])
		var track wire.Value
		if n := b.track[i]; n > 0 {
			track = wire.Value(raw[n:])
		}
		e.Off, e.length = uint32(at), uint32(end-at)
		at = end
		t := raw.Type()
		ts, ok := raw.Time()
		if t == format.TypeStart {
			number, known, ok := s.starts.add(raw)
			if ok {
				in.start = number
				in.came.Set(raw, number)
				e.length |= isStart
			}
			if known {
				in.live.hear(t, ts, in.start, &s.starts.list[in.start], now)
				continue
			}
		}
		if t == format.TypeResume {
			if number, ok := in.came.Resume(raw); ok {
				in.start = number
			}
			continue
		}
		if !ok {
			ts = in.last
		}
		if !olderThanItsPlace(t) {
			in.last = ts
		}
		e.start = in.start
		of := &s.starts.list[e.start]
		if !in.regular {
			in.live.hear(t, ts, e.start, of, now)
		}
		if s.undecided > 0 {
			s.decide(t, raw, track)
		}
		e.key = s.order.keyOf(t, raw, track, ts, of.ts)
		if !b.adopted {
			if err := s.room(len(raw) + entrySize); err != nil {
				return err
			}
			e.Place = s.held.Add(raw)
		} else {
			s.held.Keep(e.Chunk)
		}
		s.held.Push(e)
	}
	if b.adopted {
		s.held.Settle(e.Chunk)
	}
	in.live.batch(b.idle, now)
	if b.err != nil {
		in.ended = true
		s.running--
	}
	return nil
}

// decide sorts by journey when the stream is tracked.
func (s *sorter) decide(t format.RecordType, r format.Raw, track wire.Value) {
	switch {
	case t == format.TypeEvent && (track != nil || r.Get("track") != nil), t == format.TypeJourney:
		s.undecided = 0
		s.setOrder(byJourney)
		for i := range s.held.Entries {
			e := &s.held.Entries[i]
			r := format.Raw(s.held.record(e))
			e.key = s.order.keyOf(r.Type(), r, nil, e.a, s.starts.list[e.start].ts)
		}
		s.held.Sorted(0)
	case t == format.TypeEvent:
		s.undecided--
	}
}

// room makes room for n bytes more.
func (s *sorter) room(n int) error {
	if len(s.held.Entries) == 0 || s.held.size()+n <= s.memory {
		return nil
	}
	if s.isLive() {
		// Waiting for the end is not for a live stream: let the older half go.
		s.held.Sort()
		return s.writeHeld((len(s.held.Entries) + 1) / 2)
	}
	s.undecided = 0 // what is on disk has its keys
	if err := s.disk.write(&s.held); err != nil {
		return err
	}
	s.held.Clear()
	return nil
}

// isLive reports whether all inputs that go on are live.
func (s *sorter) isLive() bool {
	if s.hold == 0 || s.running == 0 {
		return false
	}
	now, live := s.now(), true
	for i := range s.inputs {
		if in := &s.inputs[i]; !in.ended && (in.regular || !in.live.is(now)) {
			live = false // and go on: the others watch their clocks
		}
	}
	return live
}

// release writes, when the inputs are live, what has been held for long enough. It looks
// four times a window, and holds for three quarters, so that nothing is held longer.
func (s *sorter) release() error {
	now := s.now()
	if s.hold == 0 || now-s.looked < s.hold*1e6/3 || !s.isLive() {
		return nil
	}
	s.looked = now
	s.held.Sort()
	if len(s.disk.ends) > 0 {
		// What was saved is followed by what is live.
		if err := s.releaseDisk(); err != nil {
			return err
		}
	}
	var err error
	if s.order == byTime {
		n := len(s.held.Entries)
		for n > 0 && !s.isOld(&s.held.Entries[n-1], now) {
			n--
		}
		err = s.writeHeld(n)
	} else {
		err = s.writeJourneys(now)
	}
	if err != nil {
		return err
	}
	return s.sink.Flush()
}

func (s *sorter) isOld(e *entry, now int64) bool { return int64(uint32(now/1e6)-e.arrived) >= s.hold }

// writeHeld writes the first n of the records held.
func (s *sorter) writeHeld(n int) error {
	for i := range s.held.Entries[:n] {
		e := &s.held.Entries[i]
		if err := s.write(e, s.held.record(e)); err != nil {
			return err
		}
		s.held.Forget(e.Chunk)
	}
	s.held.Drop(n)
	return nil
}

// writeJourneys writes the journeys that ended, or of which nothing has come for long enough.
func (s *sorter) writeJourneys(now int64) error {
	entries := s.held.Entries
	left := entries[:0]
	for len(entries) > 0 {
		n := s.journey(entries)
		ready := entries[0].c == 0 && n > 1 || n == 1 && s.isOld(&entries[0], now)
		if !ready {
			ready = true
			for i := range entries[:n] {
				ready = ready && s.isOld(&entries[i], now)
			}
		}
		for i := range entries[:n] {
			e := &entries[i]
			if !ready {
				left = append(left, *e)
				continue
			}
			if err := s.write(e, s.held.record(e)); err != nil {
				return err
			}
			s.held.Forget(e.Chunk)
		}
		entries = entries[n:]
	}
	s.held.Entries = left
	s.held.Sorted(len(left))
	return nil
}

// journey returns how many of the entries at the front are of one journey.
func (s *sorter) journey(entries []entry) int {
	a, b, ok := s.order.journey(&entries[0].key)
	if !ok {
		return 1
	}
	boot := s.starts.list[entries[0].start].boot
	for i := range entries {
		if a2, b2, ok := s.order.journey(&entries[i].key); !ok || a2 != a || b2 != b ||
			s.starts.list[entries[i].start].boot != boot {
			return i
		}
	}
	return len(entries)
}

// write writes a record, in front of it the start that it belongs to, when that is not the
// one before.
func (s *sorter) write(e *entry, record []byte) error {
	of := &s.starts.list[e.start]
	if of.record != nil && (e.start != s.writing || !of.wrote) {
		if r := s.starts.merger.To(of.record); r != nil {
			if err := s.put(r); err != nil {
				return err
			}
		}
	}
	of.wrote, s.writing = true, e.start
	if e.length&isStart != 0 {
		return nil
	}
	if s.order == byTime && e.b == thenOthers {
		if b := &s.starts.boots[of.boot]; e.a >= b.written {
			b.written = e.a
		} else if !toldLater(format.Raw(record).Type()) {
			s.late++
			s.lateBy = max(s.lateBy, b.written-e.a)
		}
	}
	return s.put(record)
}

func (s *sorter) put(r format.Raw) error {
	if s.kept != nil {
		r = s.kept.Gives(r)
	}
	return s.sink.Write(r)
}

// releaseDisk writes what is on disk, and of what is held no more than belongs in between.
func (s *sorter) releaseDisk() error {
	n := 0
	err := s.disk.merge(func(e *entry, record []byte) error {
		for n < len(s.held.Entries) && s.starts.compare(&s.held.Entries[n], e) < 0 {
			if err := s.write(&s.held.Entries[n], s.held.record(&s.held.Entries[n])); err != nil {
				return err
			}
			n++
		}
		return s.write(e, record)
	})
	for i := range s.held.Entries[:n] {
		s.held.Forget(s.held.Entries[i].Chunk)
	}
	s.held.Drop(n)
	s.disk.close()
	return err
}

// releaseAll writes everything, from disk too.
func (s *sorter) releaseAll() error {
	if len(s.disk.ends) == 0 {
		s.held.Sort()
		return s.writeHeld(len(s.held.Entries))
	}
	if len(s.held.Entries) > 0 {
		if err := s.disk.write(&s.held); err != nil {
			return err
		}
	}
	s.held = newHeld(s.held.Size, s.starts)
	debug.FreeOSMemory() // merging takes memory of its own
	return s.disk.merge(s.write)
}
