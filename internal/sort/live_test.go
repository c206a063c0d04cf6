package sort

import (
	"bytes"
	"encoding/binary"
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
	_ = e.Flush()
	b.Write(events(times...))
	if end {
		_ = e.Write(&format.End{TS: uint64(times[len(times)-1]), Events: 1 << 32})
	}
	_ = e.Flush()
	return b.Bytes()
}

// events are more of them.
func events(times ...int64) []byte {
	var b bytes.Buffer
	e := format.NewEncoder(&b)
	for _, ts := range times {
		_ = e.Write(&format.Event{TS: uint64(ts), Probe: "p"})
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

// sorterOf is a sorter of this boot at whose clock the test turns.
func sorterOf(o Options, clock *atomic.Int64, out io.Writer, boot string) (*sorter, chan time.Time) {
	if o.Memory == 0 {
		o.Memory = 64e6
	}
	if o.Window == 0 {
		o.Window = time.Second
	}
	o.Output = "stream"
	ticks := make(chan time.Time)
	sink, _ := pipe.NewSink(o.Options, out)
	s := newSorter(o, sink, io.Discard, clock.Load, boot)
	s.ticks, s.offset = ticks, 1e18
	return s, ticks
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
	for boot, ago := range map[string]int64{"boot": 0, "another": 0, "one of an hour ago": 3600 * sec} {
		a := recording("boot", true, every(now-ago-8*sec, 40*ms, 60)...)
		b := recording("boot", true, every(now-ago-3*sec, 40*ms, 60)...)
		for _, took := range []int64{0, 20 * ms, 40 * ms, 300 * ms, 5 * sec} {
			t.Run(fmt.Sprintf("from %s boot, %v a read", boot, time.Duration(took)), func(t *testing.T) {
				pieces := [][]byte{b, a}
				if took < 300*ms && boot != "another" {
					// As slowly as they were made.
					pieces = slices.Collect(slices.Chunk(slices.Concat(b, a), 60))
				}
				var clock atomic.Int64
				clock.Store(now)
				var out bytes.Buffer
				s, ticks := sorterOf(Options{}, &clock, &out, boot)
				defer tick(ticks, &clock, 0)()
				if err := s.run(partsOf([]string{"stdin"}, []io.Reader{&slowCat{pieces, &clock, took}})); err != nil {
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
	const now = 1000 * sec
	type heard struct {
		at   int64
		t    format.RecordType
		ts   int64
		idle bool
	}
	const (
		starts = format.TypeStart
		event  = format.TypeEvent
		ends   = format.TypeEnd
		flow   = format.TypeFlow
	)
	begin := heard{now, starts, now - sec, false}
	for _, c := range []struct {
		name  string
		far   bool // another host
		heard []heard
		at    int64
		live  bool
	}{
		{"nothing came yet", false, nil, now + 700*ms, false},
		{"nothing came for long", false, nil, now + sec, true},
		{"the first came late", false, []heard{{now + 10*sec, starts, now, false}}, now + 11*sec, false},
		{"a record from before", false, []heard{begin}, now + 10*sec, false},
		{"a record made after the first arrived", false, []heard{begin, {now + sec, event, now + 1, false}}, now + sec, true},
		{"recorded while others were read", false, []heard{begin, {now + sec, event, now, false}}, now + sec, false},
		{"a pause amid the stream", false, []heard{{now, starts, now, true}}, now + 750*ms, true},
		{"a short pause", false, []heard{{now, starts, now, true}}, now + 700*ms, false},
		{"a pause behind an end", false, []heard{begin, {now, ends, now, true}}, now + 100*sec, false},
		{"a pause where streams were joined", false, []heard{begin, {now, event, now - sec*5/2, true}}, now + 100*sec, false},
		{"a flow that was told late, in a live stream", false, []heard{begin, {now, event, now, false}, {now, flow, now - 20*sec, false}, {now + sec, event, now + 1, false}}, now + sec, true},
		{"a flow alone makes no stream live", false, []heard{begin, {now + sec, flow, now + 1, false}}, now + sec, false},
		{"another host, its clock as fast as ours", true, []heard{begin, {now + 750*ms, event, now - 300*ms, false}}, now + 750*ms, true},
		{"another host, its clock faster", true, []heard{begin, {now + 750*ms, event, now + sec, false}}, now + 750*ms, false},
		{"another host, its clock slower", true, []heard{begin, {now + 750*ms, event, now - 700*ms, false}}, now + 750*ms, false},
		{"another host, but an hour ago", true, []heard{{now, starts, now - 3600*sec, false}, {now + 750*ms, event, now - 3600*sec + 700*ms, false}}, now + 750*ms, false},
		{"another host, an hour behind", true, []heard{{now, starts, now - 3600*sec, false}, {now + 7500*ms, event, now - 3593*sec, false}}, now + 7500*ms, true},
		{"another host, an hour ago, and not as fast", true, []heard{{now, starts, now - 3600*sec, false}, {now + 7500*ms, event, now - 3594*sec, false}}, now + 7500*ms, false},
		{"a pause amid what is an hour old", true, []heard{{now, event, now - 3600*sec, true}}, now + sec, false},
		{"a long pause amid what is an hour old", true, []heard{{now, event, now - 3600*sec, true}}, now + 7500*ms, true},
		{"saved here, read as fast as it was made", false, []heard{begin, {now + 750*ms, event, now - 300*ms, false}}, now + 750*ms, false},
		{"live, and over", false, []heard{begin, {now + sec, event, now + 1, false}, {now + sec, ends, now + 2, false}}, now + 2*sec, true},
		{"live, over, and another begins", false, []heard{begin, {now + sec, event, now + 1, false}, {now + sec, ends, now + 2, false},
			{now + sec, starts, now - 5*sec, false}}, now + 2*sec, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLiveness(time.Second, now, 1e18)
			for i, h := range c.heard {
				l.hear(h.t, uint64(h.ts), uint32(i+1), &start{own: !c.far, offset: 1e18}, h.at)
				if h.t == ends {
					l.open, l.over = nil, true
				}
				l.batch(h.idle, h.at)
				l.is(h.at)
			}
			if got := l.is(c.at); got != c.live {
				t.Errorf("live: %v, want %v", got, c.live)
			}
		})
	}
	if l := newLiveness(0, now, 0); l.is(now + 100*sec) {
		t.Error("live with no window")
	}
}

// A line is an end of the pipe that a sorter writes to, with what it has to say.
type line struct {
	t    *testing.T
	out  *format.Decoder
	done chan error
}

// sortLive sorts what comes from the writers that it returns, while the clock goes on.
func sortLive(t *testing.T, o Options, inputs int) (*line, []*io.PipeWriter) {
	var clock atomic.Int64
	clock.Store(1000 * sec)
	outr, outw := io.Pipe()
	s, ticks := sorterOf(o, &clock, outw, "boot")
	var names []string
	var readers []io.Reader
	var writers []*io.PipeWriter
	for i := range inputs {
		r, w := io.Pipe()
		names, readers, writers = append(names, fmt.Sprint(i)), append(readers, r), append(writers, w)
	}
	l := &line{t, format.NewDecoder(outr), make(chan error, 1)}
	stop := tick(ticks, &clock, 50*ms)
	t.Cleanup(stop)
	go func() {
		err := s.run(partsOf(names, readers))
		outw.Close()
		l.done <- err
	}()
	return l, writers
}

// next are the next n records: type and ts.
func (l *line) next(n int) (records []string) {
	l.t.Helper()
	for range n {
		r, err := l.out.Next()
		if err != nil {
			l.t.Fatalf("%v, after %v", err, records)
		}
		ts, _ := r.Time()
		host, _ := r.Get("host").Str()
		records = append(records, fmt.Sprintf("%s%s %d", r.Type(), host, ts))
	}
	return records
}

func (l *line) want(want ...string) {
	l.t.Helper()
	if got := l.next(len(want)); !slices.Equal(got, want) {
		l.t.Errorf("got %q\nwant %q", got, want)
	}
}

// end is how the sorter ended, behind the last record.
func (l *line) end() error {
	l.t.Helper()
	if r, err := l.out.Next(); err != io.EOF {
		l.t.Errorf("more came: %s %v", r.Type(), err)
	}
	return <-l.done
}

// TestLiveStream: what a live stream holds comes out while it is silent, in order.
func TestLiveStream(t *testing.T) {
	l, in := sortLive(t, Options{}, 1)
	_, _ = in[0].Write(recording("boot", false, 5, 7, 6))
	l.want("starth 5", "event 5", "event 6", "event 7")
	_, _ = in[0].Write(events(9, 8))
	l.want("event 8", "event 9")
	in[0].Close()
	if err := l.end(); err != nil {
		t.Error(err)
	}
}

// TestLiveFlow: a stream in which a flow of Open vSwitch is told long after the lookup stays live, and what has no time
// does not get the flow's.
func TestLiveFlow(t *testing.T) {
	l, in := sortLive(t, Options{}, 1)
	const from = 1000 * sec
	var b bytes.Buffer
	e := format.NewEncoder(&b)
	_ = e.Write(&format.OVSFlow{TS: uint64(from + sec), Seen: uint64(from + 20*sec), UFID: "u"})
	timeless, err := format.FromJSON(nil, []byte(`{"type":"new"}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = e.WriteRaw(timeless)
	_ = e.Flush()
	// In one write: a silence between two would have the last event come out before the flow.
	_, _ = in[0].Write(append(recording("boot", false, from, from+20*sec), b.Bytes()...))
	l.want(fmt.Sprint("starth ", from), fmt.Sprint("event ", from), fmt.Sprint("flow ", from+sec), fmt.Sprint("event ", from+20*sec), "new 0")
	_, _ = in[0].Write(events(from + 22*sec))
	l.want(fmt.Sprint("event ", from+22*sec)) // without an end
	in[0].Close()
	if err := l.end(); err != nil {
		t.Error(err)
	}
}

// TestLiveInputs: of several live inputs each is read while the others are silent, and
// records of one time are in the order of the inputs.
func TestLiveInputs(t *testing.T) {
	l, in := sortLive(t, Options{}, 3)
	_, _ = in[2].Write(recording("boot", false, 5, 7))
	l.want("starth 5", "event 5", "event 7") // though nothing comes from the others
	_, _ = in[1].Write(events(8, 9))
	_, _ = in[0].Write(events(8))
	got := l.next(3)
	slices.Sort(got)
	if !slices.Equal(got, []string{"event 8", "event 8", "event 9"}) {
		t.Errorf("got %q", got)
	}
	_, _ = in[1].Write([]byte("damage"))
	_, _ = in[0].Write(events(10))
	l.want("event 10") // the others go on
	in[0].Close()
	in[2].Close()
	if err := l.end(); err == nil {
		t.Error("no error of the input that was damaged")
	}
}

// TestLiveBehindSaved: what was saved comes first, joined to what is live.
func TestLiveBehindSaved(t *testing.T) {
	l, in := sortLive(t, Options{}, 1)
	_, _ = in[0].Write(recording("boot", true, 50, 60))
	_, _ = in[0].Write(recording("boot", true, 30, 40))
	_, _ = in[0].Write(recording("boot", false, 70, 80))
	l.want("starth 30", "event 30", "event 40", "end 40", "starth 50", "event 50", "event 60", "end 60",
		"starth 70", "event 70", "event 80")
	in[0].Close()
	if err := l.end(); err != nil {
		t.Error(err)
	}
}

// takeFrom makes the sorter take records from an input that pauses behind them.
func takeFrom(t *testing.T, s *sorter, input int, records []byte) {
	t.Helper()
	b := &batch{input: input, idle: true}
	for len(records) > 0 {
		n := 4 + int(binary.BigEndian.Uint32(records))
		b.data = append(b.data, records[4:n]...)
		b.ends, b.track = append(b.ends, len(b.data)), append(b.track, 0)
		records = records[n:]
	}
	if err := s.take(b); err != nil {
		t.Fatal(err)
	}
}

// TestInputsInOrder: records of one time are in the order of their inputs, whichever came
// first.
func TestInputsInOrder(t *testing.T) {
	var clock atomic.Int64
	var out bytes.Buffer
	s, _ := sorterOf(Options{By: "time"}, &clock, &out, "")
	s.held.Size = 64 << 10
	s.inputs, s.running = make([]input, 3), 3
	for _, i := range []int{2, 0, 1, 0} {
		takeFrom(t, s, i, events(5, 5))
	}
	s.held.Sort()
	var inputs []uint32
	for _, e := range s.held.Entries {
		inputs = append(inputs, e.input)
	}
	if !slices.IsSorted(inputs) || len(inputs) < 8 {
		t.Errorf("inputs %v", inputs)
	}
}

// TestLiveFromDisk: when what is on disk can go, what has just come is held still.
func TestLiveFromDisk(t *testing.T) {
	var clock atomic.Int64
	var out bytes.Buffer
	clock.Store(1000 * sec)
	s, _ := sorterOf(Options{By: "time", Memory: minMemory}, &clock, &out, "boot")
	s.held.Size = 16 << 10
	s.inputs, s.running = []input{{live: newLiveness(time.Second, 0, 0)}}, 1
	take := func(records []byte) { takeFrom(t, s, 0, records) }
	const began = 999*sec + 900*ms
	take(recording("boot", false, began))
	for i := range int64(24) {
		take(events(every(began+10+i*5000, 10, 500)...))
	}
	if len(s.disk.ends) == 0 {
		t.Fatal("nothing is on disk")
	}
	clock.Add(800 * ms)
	take(events(1000*sec+1, began+100, 1000*sec+9))
	if err := s.release(); err != nil {
		t.Fatal(err)
	}
	if n := len(eventTimes(t, out.Bytes())); n != 12002 {
		t.Errorf("%d events", n)
	}
	take(events(1000*sec + 5))
	clock.Add(800 * ms)
	if err := s.release(); err != nil {
		t.Fatal(err)
	}
	if times := eventTimes(t, out.Bytes()); len(times) != 12005 || !slices.IsSorted(times) || s.late != 0 {
		t.Errorf("%d events, %d late, the last %v", len(times), s.late, times[len(times)-4:])
	}
}

// partsOf are inputs without an end.
func partsOf(names []string, readers []io.Reader) *pipe.Inputs {
	in := pipe.InputsOf(names, readers)
	in.Part = true
	return in
}
