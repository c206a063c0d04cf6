// Package track is the logic of skb-track: it puts the events of a stream together to
// packets and says how each one's journey ended.
//
// Records are put in order of time (order), events and what is known of the buffers'
// lifetimes are made branches of journeys (tracker), and what comes out goes to a stage.
package track

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/metrics"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/screen"
	"github.com/skb-tools/skb-tools/internal/tempfile"
)

// Memory is what the program is to stay under, in bytes, whatever its input.
const Memory = 256 << 20

// What records take of it while they are put in order, and open journeys: all, or beside
// a stage that keeps something itself.
const (
	orderMemory        = 16 << 20
	journeyMemory      = 144 << 20
	journeyMemoryStage = 80 << 20
)

// A stage takes records that are tracked, journeys included.
type stage interface {
	Write(format.Raw) error
	Flush() error
}

// Run tracks the inputs.
func Run(_ context.Context, o Options, stdin io.Reader, stdout, stderr io.Writer) error {
	if err := o.check(); err != nil {
		return err
	}
	in, err := pipe.OpenInputs(o.Files, stdin)
	if err != nil {
		return err
	}
	in.Part = o.Part
	defer in.Close()
	if err := cmp.Or(checkFile("--svg", o.SVG, in), checkFile("--html", o.HTML, in),
		checkFile("--perfetto", o.Perfetto, in)); err != nil {
		return err
	}
	p, err := newPipeline(&o, in, stdout)
	if err != nil {
		return err
	}
	if o.Metrics != "" {
		m := newMeter(p.first)
		s, err := metrics.Serve("skb-track", o.Metrics, stderr, m.write)
		if err != nil {
			return err
		}
		defer s.Close()
		p.first = m
	}
	r := newRun(o, p)
	if p.watcher != nil {
		r.idle = redraw
		if err := p.watcher.start(); err != nil {
			return p.close(err)
		}
	}
	return p.close(r.all(in))
}

// checkFile tells at the start what would keep a file from being written at the end.
func checkFile(flag, name string, in *pipe.Inputs) error {
	if name == "" {
		return nil
	}
	if err := pipe.NotInput(name, in.Files()); err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	if err := tempfile.CanReplace(name); err != nil {
		return fmt.Errorf("%s %s: %w", flag, name, err)
	}
	return nil
}

// A pipeline is the stages that tracked records pass, one behind the other.
type pipeline struct {
	first  stage
	kept   *format.Kept // of a selection, nil: all is handed on
	closed []io.Closer  // the last of the stages first
	pager  *pager       // nil: no page was asked for

	watcher *watcher // nil: there is no screen to draw on
}

func newPipeline(o *Options, in *pipe.Inputs, stdout io.Writer) (*pipeline, error) {
	p := &pipeline{}
	if o.Summary || o.HTML != "" || o.Live {
		s := newSummary(stdout, o.Output == "json")
		p.first, p.closed = s, append(p.closed, s)
		if o.HTML != "" {
			p.pager = newPager(o, s)
			p.first, p.closed = p.pager, append(p.closed, p.pager)
		}
		if on := screen.New(stdout); o.Live && on != nil {
			p.watcher = &watcher{next: p.first, sum: s, screen: on}
			p.first, p.closed = p.watcher, append(p.closed, p.watcher)
		}
	} else {
		sink, err := pipe.NewSink(o.Options, stdout)
		if err != nil {
			return nil, err
		}
		in.For(sink)
		p.first = sink
	}
	take, err := p.pictures(o)
	if err != nil {
		return nil, err
	}
	if o.OTLP != "" {
		t, err := newSender(o)
		if err != nil {
			return nil, err
		}
		take, p.closed = append(take, t.take), append(p.closed, t)
	}
	var ends *branchEnds
	if len(take) > 0 {
		ends = newBranchEnds(nil)
		p.first = newGatherer(p.first, ends, take...)
	}
	switch {
	case o.Selection.any():
		p.kept = &format.Kept{Part: o.Part}
		s := newSelector(&o.Selection, &recount{p.first, p.kept})
		p.first, p.closed = s, append(p.closed, s)
	case o.Part:
		p.first = &recount{p.first, &format.Kept{Part: true}}
	}
	if ends != nil {
		ends.next, p.first = p.first, ends
	}
	return p, nil
}

// pictures makes what takes journeys to draw them.
func (p *pipeline) pictures(o *Options) (take []func(*gathered), err error) {
	if o.SVG != "" {
		d := &drawer{file: o.SVG, slowest: !o.Selection.any()}
		take, p.closed = append(take, d.take), append(p.closed, d)
	}
	if p.pager != nil {
		take = append(take, p.pager.take)
	}
	if o.Perfetto != "" {
		t, err := newTracer(o.Perfetto, p.first)
		if err != nil {
			return nil, err
		}
		p.first, take, p.closed = t, append(take, t.take), append(p.closed, t)
	}
	return take, nil
}

// close closes the stages, from the first to the last, after a run that ended with err.
func (p *pipeline) close(err error) error {
	if p.pager != nil && err != nil {
		p.pager.captured.Fault(err)
	}
	for _, s := range slices.Backward(p.closed) {
		if sum, ok := s.(*summary); ok && err != nil && sum.events == 0 {
			continue // of an input that could not be read there is nothing to tell
		}
		err = cmp.Or(err, s.Close())
	}
	return err
}

// A run is one pass over the inputs.
type run struct {
	again   bool
	idle    time.Duration // how long to wait at most before what comes behind is flushed
	window  time.Duration
	out     stage
	kept    *format.Kept // of a selection, nil: all is handed on
	tracker *tracker
	order   order
	mode    mode
	last    struct { // where the record before is in the order
		ts  uint64
		cpu uint32
	}
	spliced []byte
}

// A mode is whether the stream of this start has been tracked before.
type mode uint8

const (
	undecided mode = iota
	untracked
	tracked
)

func newRun(o Options, p *pipeline) *run {
	l := limits{o.MaxOpen, journeyMemory, o.Idle, lingering}
	if len(p.closed) > 0 || o.Metrics != "" { // a stage keeps something itself
		l.memory = journeyMemoryStage
	}
	if o.Infer {
		l.linger = inferTime
	}
	t := newTracker(l, p.first.Write)
	if o.Infer {
		t.infer = newInference()
	}
	return &run{again: o.Again, idle: time.Hour, window: o.Window, out: p.first, kept: p.kept, tracker: t,
		order: newOrder(uint64(o.Window), orderMemory)}
}

// all reads the inputs to their end.
func (r *run) all(in *pipe.Inputs) error {
	_, inputs := in.Sources()
	waits := slices.ContainsFunc(inputs, live)
	reader := newReader(in)
	go reader.run()
	timer := time.NewTimer(time.Hour)
	var silent time.Time // since when the input has paused
	for {
		select {
		case b := <-reader.batches:
			timer.Stop()
			err := b.each(r.record)
			if err == nil && b.err != nil {
				return r.finish(b.err)
			}
			if err == nil && b.idle && waits {
				silent = time.Now()
				timer.Reset(r.window)
				err = r.out.Flush()
			}
			reader.free <- b
			if err != nil {
				return errors.Join(err, r.out.Flush())
			}
		case <-timer.C:
			wait := time.Since(silent)
			err := r.order.release(true, r.tracker.Record)
			if err == nil {
				err = r.tracker.Tick(wait)
			}
			if err == nil {
				err = r.out.Flush()
			}
			if err != nil {
				return err
			}
			timer.Reset(min(max(lingering/2, wait/8), r.idle))
		}
	}
}

// live tells whether a read may have to wait for what is still to happen. Of a file the
// result must not depend on how busy this machine is.
func live(r io.Reader) bool {
	if f, ok := r.(*os.File); ok {
		s, err := f.Stat()
		return err != nil || !s.Mode().IsRegular()
	}
	_, inMemory := r.(interface{ Len() int })
	return !inMemory
}

// finish deals with the end of the input, which may be an error.
func (r *run) finish(end error) error {
	err := r.order.release(true, r.tracker.Record)
	if err == nil {
		err = r.tracker.Finish()
	}
	if err == nil {
		err = r.out.Flush()
	}
	if end != io.EOF && err == nil {
		err = end
	}
	return err
}

// record takes one record of the input.
func (r *run) record(raw format.Raw) error {
	if r.kept != nil {
		r.kept.Took(raw)
	}
	switch raw.Type() {
	case format.TypeStart, format.TypeResume:
		r.mode = undecided
		if err := r.order.release(true, r.tracker.Record); err != nil {
			return err
		}
		return r.tracker.Record(raw)
	case format.TypeEvent:
		if r.mode == undecided || r.mode == tracked || r.again {
			raw = r.tracked(raw)
		}
	case format.TypeJourney:
		if r.again {
			return nil
		}
		if r.mode == undecided {
			r.mode = tracked
		}
	}
	if r.mode == tracked {
		if err := r.order.releaseAsCame(r.out.Write); err != nil { // what came before this was known
			return err
		}
		return r.out.Write(raw)
	}
	switch raw.Type() {
	case format.TypeEnd:
		if err := r.order.release(true, r.tracker.Record); err != nil {
			return err
		}
		return r.tracker.Record(raw)
	case format.TypeJourney: // stays behind the record before it
	default:
		ts, cpu, ok := timeAndCPU(raw)
		if !ok {
			return r.out.Write(raw)
		}
		r.last.ts, r.last.cpu = ts, cpu
	}
	r.order.add(r.last.ts, r.last.cpu, raw)
	if r.order.ready() && (r.mode != undecided || r.order.full()) {
		return r.order.release(false, r.tracker.Record)
	}
	return nil
}

// tracked looks whether an event has been tracked before, and by --again makes it one that
// was not.
func (r *run) tracked(raw format.Raw) format.Raw {
	track := raw.Get("track")
	if track != nil && r.again {
		r.spliced = wire.Remove(r.spliced[:0], raw, "track")
		return r.spliced
	}
	if r.mode == undecided && track != nil {
		r.mode = tracked
	} else if skb := raw.Get("skb"); r.mode == undecided && (skb.Get("addr") != nil || skb.Get("id") != nil) {
		r.mode = untracked
	}
	if packet, ok := track.Get("packet").Uint(); ok {
		r.tracker.packets = max(r.tracker.packets, packet)
	}
	return raw
}

// timeAndCPU returns a record's time and, plus 1, its cpu.
func timeAndCPU(raw format.Raw) (ts uint64, cpu uint32, ok bool) {
	c := raw.Cursor()
	for n := c.Map(); n > 0; n-- {
		switch string(c.Key()) {
		case "ts":
			ts, ok = c.Uint()
			if ok && cpu != 0 {
				return ts, cpu, true
			}
		case "cpu":
			u, isCPU := c.Uint()
			if isCPU {
				cpu = uint32(min(u, 1<<32-2)) + 1
			}
			if ok {
				return ts, cpu, true
			}
		default:
			if ok {
				return ts, cpu, true // the cpu stands behind the time, or nowhere
			}
			c.Skip()
		}
	}
	return ts, cpu, ok
}
