package skbsort

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

const (
	ms  = int64(time.Millisecond)
	sec = int64(time.Second)
)

// A recording is what skb-collect writes: events at these times, which are ns since boot.
func recording(boot string, end bool, times ...int64) []byte {
	var b bytes.Buffer
	e := format.NewEncoder(&b)
	_ = e.Write(&format.Start{TS: uint64(times[0]), Host: "h", BootID: boot, ClockOffset: 1e18})
	for _, ts := range times {
		_ = e.Write(&format.Event{TS: uint64(ts), Probe: "p"})
	}
	if end {
		_ = e.Write(&format.End{TS: uint64(times[len(times)-1])})
	}
	_ = e.Flush()
	return b.Bytes()
}

// every returns n times from start on.
func every(start, step int64, n int) []int64 {
	t := make([]int64, n)
	for i := range t {
		t[i] = start + int64(i)*step
	}
	return t
}

// eventTimes are the ts of a stream's events.
func eventTimes(t *testing.T, stream []byte) []int64 {
	t.Helper()
	var times []int64
	for d := format.NewDecoder(bytes.NewReader(stream)); ; {
		r, err := d.Next()
		if err == io.EOF {
			return times
		}
		if err != nil {
			t.Fatal(err)
		}
		if ts, _ := r.Time(); r.Type() == format.TypeEvent {
			times = append(times, int64(ts))
		}
	}
}

// A slowCat hands on one piece at a read, and the clock goes on by so much before each.
type slowCat struct {
	pieces [][]byte
	clock  *atomic.Int64
	took   int64
}

func (c *slowCat) Read(p []byte) (int, error) {
	c.clock.Add(c.took)
	if len(c.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.pieces[0])
	if c.pieces[0] = c.pieces[0][n:]; len(c.pieces[0]) == 0 {
		c.pieces = c.pieces[1:]
	}
	return n, nil
}

// sorterOf is a sorter at whose clock the test turns.
func sorterOf(window time.Duration, clock *atomic.Int64, out io.Writer) (*sorter, chan time.Time) {
	ticks := make(chan time.Time)
	sink, _ := pipe.NewSink(pipe.Options{Output: "stream"}, out)
	return &sorter{window: window, memory: 64 << 20, sink: sink, now: clock.Load, live: newLiveness(window),
		ticks: ticks}, ticks
}

// tick ticks until the function that it returns is called, each time so much later.
func tick(ticks chan<- time.Time, clock *atomic.Int64, later int64) (stop func()) {
	done := make(chan struct{})
	go func() {
		for {
			select {
			case ticks <- time.Time{}:
				clock.Add(later)
			case <-done:
				return
			}
		}
	}()
	return sync.OnceFunc(func() { close(done) })
}

// TestJoinedStreams: `cat b a | skb-sort`, both recorded on this machine until just now,
// and cat so slow that it takes as long as the recording did, is sorted as a whole.
func TestJoinedStreams(t *testing.T) {
	const now = 1000 * sec
	a := recording("boot", true, every(now-8*sec, 40*ms, 60)...)
	b := recording("boot", true, every(now-3*sec, 40*ms, 60)...)
	for _, boot := range []string{"boot", "another"} {
		for _, took := range []int64{0, 20 * ms, 40 * ms, 300 * ms, 5 * sec} {
			t.Run(fmt.Sprintf("from %s boot, %v a read", boot, time.Duration(took)), func(t *testing.T) {
				pieces := [][]byte{b, a}
				if took < 300*ms && boot == "boot" {
					// As slowly as they were made.
					pieces = slices.Collect(slices.Chunk(slices.Concat(b, a), 60))
				}
				var clock atomic.Int64
				clock.Store(now)
				var out bytes.Buffer
				s, ticks := sorterOf(time.Second, &clock, &out)
				in, _ := pipe.OpenInputs(nil, &slowCat{pieces, &clock, took})
				defer tick(ticks, &clock, 0)()
				if err := s.run(newReader(in, time.Second, boot)); err != nil {
					t.Fatal(err)
				}
				times := eventTimes(t, out.Bytes())
				if len(times) != 120 || !slices.IsSorted(times) || s.late > 0 {
					t.Errorf("%d events, %d late: %v", len(times), s.late, times)
				}
			})
		}
	}
}

// TestLiveness: what tells a live stream from a saved one.
func TestLiveness(t *testing.T) {
	type heard struct {
		at int64
		news
	}
	first := heard{1000 * sec, news{newest: 5 * sec, own: uint64(999 * sec)}}
	far := heard{1000 * sec, news{newest: 5 * sec}}
	for _, c := range []struct {
		name  string
		heard []heard
		at    int64
		live  bool
	}{
		{"nothing came yet", nil, 2000 * sec, false},
		{"a record from before", []heard{first}, 1010 * sec, false},
		{"a record made after the first arrived", []heard{first, {1001 * sec, news{own: uint64(1000*sec + 1)}}}, 1001 * sec, true},
		{"recorded while others were read", []heard{first, {1001 * sec, news{own: uint64(1000 * sec)}}}, 1001 * sec, false},
		{"a pause amid the stream", []heard{{1000 * sec, news{newest: 1, idle: true}}}, 1000*sec + 750*ms, true},
		{"a short pause", []heard{{1000 * sec, news{newest: 1, idle: true}}}, 1000*sec + 700*ms, false},
		{"a pause behind an end", []heard{{1000 * sec, news{newest: 1, idle: true, over: true}}}, 1100 * sec, false},
		{"a pause where streams were joined", []heard{{1000 * sec, news{newest: 1, idle: true, joined: true}}}, 1100 * sec, false},
		{"another host, its clock as fast as ours", []heard{far, {1000*sec + 750*ms, news{newest: 5*sec + 700*ms}}}, 1000*sec + 750*ms, true},
		{"another host, its clock faster", []heard{far, {1000*sec + 750*ms, news{newest: 7 * sec}}}, 1000*sec + 750*ms, false},
		{"another host, its clock slower", []heard{far, {1000*sec + 750*ms, news{newest: 5*sec + 300*ms}}}, 1000*sec + 750*ms, false},
		{"saved here, read as fast as it was made", []heard{first, {1000*sec + 750*ms, news{newest: 5*sec + 700*ms, own: uint64(999*sec + 700*ms)}}}, 1000*sec + 750*ms, false},
		{"live, and over", []heard{first, {1001 * sec, news{own: uint64(1001 * sec)}}, {1002 * sec, news{over: true}}}, 1002 * sec, true},
		{"live, over, and another begins", []heard{first, {1001 * sec, news{own: uint64(1001 * sec)}}, {1002 * sec, news{reopened: true}}}, 1002 * sec, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLiveness(time.Second)
			for _, h := range c.heard {
				l.hear(h.news, h.at)
				l.is(h.at)
			}
			if got := l.is(c.at); got != c.live {
				t.Errorf("live: %v, want %v", got, c.live)
			}
		})
	}
	if l := newLiveness(0); l.is(sec) {
		t.Error("live with no window")
	}
}

// TestLiveStream: what a live stream holds comes out within the window.
func TestLiveStream(t *testing.T) {
	var clock atomic.Int64
	clock.Store(1000 * sec)
	r, w := io.Pipe()
	outr, outw := io.Pipe()
	s, ticks := sorterOf(time.Second, &clock, outw)
	in, _ := pipe.OpenInputs(nil, r)
	done := make(chan error)
	go func() { done <- s.run(newReader(in, time.Second, "boot")) }()
	out := format.NewDecoder(outr)
	next := func(want int64) {
		t.Helper()
		r, err := out.Next()
		if ts, _ := r.Time(); err != nil || int64(ts) != want {
			t.Fatalf("%v %d, want %d", err, ts, want)
		}
	}
	// Two events in the wrong order, and then silence.
	_, _ = w.Write(recording("boot", false, 999*sec+2, 999*sec+1))
	defer tick(ticks, &clock, 250*ms)()
	for _, ts := range []int64{999*sec + 1, 999*sec + 2, 999*sec + 2} {
		next(ts)
	}
	w.Close()
	outw.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
