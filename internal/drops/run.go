// Package drops is the logic of skb-drops: it finds the drops in a stream, explains
// them from what the kernel and the stream's other events say, and hands them on or counts
// them.
//
// What it knows is in files: reasons/ (what each of the kernel's drop reasons means)
// and rules/*.txt (what on a host causes a drop). What functions are for is in internal/kfunc.
package drops

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/flowrules"
	"github.com/skb-tools/skb-tools/internal/metrics"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/screen"
	"github.com/skb-tools/skb-tools/internal/tempfile"
)

// Options are skb-drops' flags and arguments.
type Options struct {
	pipe.Options
	pipe.Input
	pipe.Paging

	Summary  bool          `group:"what" help:"Print a summary of the drops, in groups, instead of the drops."`
	By       []string      `group:"what" help:"Fields to group a summary or --metrics by (default: reason, location): reason, location, function, flow, proto, saddr, daddr, sport, dport, cause, host, netns, or any path in the event (dev.name)." placeholder:"FIELD"`
	Interval time.Duration `group:"what" placeholder:"TIME" help:"Print a summary for each period of this length (1s)."`
	Live     bool          `group:"what" help:"Show a summary on the terminal that is updated while drops come in."`
	HTML     string        `group:"output" name:"html" placeholder:"FILE" help:"Print the summary, and write it to FILE as a page for a browser, with the drops over time. It needs no network."`
	Metrics  string        `group:"output" placeholder:"HOST:PORT" help:"Serve counts for Prometheus at this address, path /metrics, until the input ends. Labels: severity, and the fields of --by (default there: reason, function, dev.name)."`
	Normal   bool          `group:"packets" help:"Also count drops that are no fault in summaries."`
	Frees    bool          `group:"packets" help:"Count a free record that says dropped as a drop, if the stream has no event of that drop."`
	FailIf   *string       `group:"packets" help:"Exit with status 3 if a drop is at least this severe: normal, suspect, fault." placeholder:"SEVERITY"`
	Explain  *string       `group:"what" help:"Explain this drop reason (name or number), or all. Reads no input." placeholder:"REASON|all"`

	Files []string `arg:"" optional:"" help:"Streams to read; none or - is stdin."`
}

// SeenError is how Run ends when --fail-if's drops were seen.
type SeenError struct {
	Worst Severity
	Count uint64 // drops as bad as asked for, or worse
}

func (e *SeenError) Error() string {
	if e.Count == 1 {
		return fmt.Sprintf("--fail-if: 1 drop was seen, severity %s", e.Worst)
	}
	return fmt.Sprintf("--fail-if: %d drops were seen, the worst of severity %s", e.Count, e.Worst)
}

// ExitStatus is 3: neither success nor an error of the program or its use.
func (e *SeenError) ExitStatus() int { return 3 }

// Run reads streams and writes their drops, explained, or a summary of them.
func Run(ctx context.Context, o Options, stdin io.Reader, stdout, stderr io.Writer) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.Explain != nil {
		return explain(stdout, *o.Explain, o.Output == "json")
	}
	r, err := newRun(o, stdout, stderr)
	if err != nil {
		return err
	}
	in, err := pipe.OpenInputs(o.Files, stdin)
	if err != nil {
		return err
	}
	defer in.Close()
	if o.HTML != "" {
		err := pipe.NotInput(o.HTML, in.Files())
		if err == nil {
			err = tempfile.CanReplace(o.HTML)
		}
		if err != nil {
			return fmt.Errorf("--html %s: %w", o.HTML, err)
		}
	}
	in.Part, r.kept.Part = o.Part, o.Part
	if r.meter != nil {
		s, err := metrics.Serve("skb-drops", o.Metrics, stderr, r.meter.write)
		if err != nil {
			return err
		}
		defer s.Close()
	}
	return r.run(in)
}

// A run is one pass over the inputs.
type run struct {
	o      Options
	out    io.Writer
	stderr io.Writer
	sink   pipe.Sink // of the filter
	kept   format.Kept
	t      *tables
	meter  *meter // nil: no --metrics

	host    *host
	hosts   hosts
	offset  int64 // from the stream's times to Unix time; 0: unknown
	facts   facts
	ledgers ledgers
	earlier earlier
	flows   flowrules.Answers
	stacks  stacks
	scratch []byte
	spliced []byte

	failIf  Severity
	asked   uint64 // drops as bad as failIf or worse
	drops   uint64
	worst   Severity
	skipped uint64 // free records that say dropped and were not taken

	// While the reader waits for input, a timer may write the summary: whoever works holds
	// the lock, and the reader gives it up only in idle.
	mu      sync.Mutex
	waiting bool
	s       *summary
	by      []*field
	now     uint64 // time of the latest record, ns
	start   uint64 // of the interval
	timer   *time.Timer
	screen  *screen.Screen
	outErr  error // of the timer's writes

	page *pageOf // nil: no page was asked for
}

func newRun(o Options, stdout, stderr io.Writer) (*run, error) {
	r := &run{o: o, out: stdout, stderr: stderr, t: table(), host: &host{}, stacks: stacks{}}
	r.facts.find = format.NewFinder(paths[:]...)
	if o.FailIf != nil {
		if err := r.failIf.UnmarshalText([]byte(*o.FailIf)); err != nil {
			return nil, pipe.Usagef("--fail-if: %v", err)
		}
	}
	if o.Metrics != "" {
		var err error
		if r.meter, err = newMeter(o.By); err != nil {
			return nil, err
		}
	}
	if !r.summing() {
		var err error
		r.sink, err = pipe.NewSink(o.Options, stdout)
		return r, err
	}
	var err error
	if r.by, err = parseBy(o.By); err != nil {
		return nil, err
	}
	r.s = newSummary(r.by, o.Normal)
	if o.Live {
		r.screen = screen.New(stdout)
	}
	if o.HTML != "" {
		r.page = newPage(o.Part)
	}
	return r, nil
}

func (r *run) summing() bool { return r.o.summing() }

func (r *run) run(in *pipe.Inputs) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.screen != nil {
		r.screen.Enter()
		defer r.screen.Leave()
		if err := r.drawScreen(); err != nil {
			return err
		}
	}
	err := r.read(in)
	if r.timer != nil {
		r.timer.Stop()
	}
	if e := r.finish(err); err == nil {
		err = e
	}
	return err
}

func (r *run) read(in *pipe.Inputs) error {
	in.OnIdle, in.Finder = r.idle, r.facts.find
	for {
		raw, err := in.Next()
		if r.waiting {
			r.mu.Lock()
			r.waiting = false
		}
		if r.outErr != nil {
			return r.outErr
		}
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = in.Where(r.record(raw))
		}
		if err != nil {
			return err
		}
	}
}

// idle is called before the reader waits for input.
func (r *run) idle() error {
	if r.sink != nil {
		return r.sink.Flush()
	}
	if !r.waiting {
		r.arm()
		r.waiting = true
		r.mu.Unlock()
	}
	return nil
}

func (r *run) record(raw format.Raw) error {
	f := &r.facts
	if r.sink != nil {
		r.kept.Took(raw)
	}
	r.page.watch(raw)
	if r.meter != nil {
		r.meter.record(raw, r.host)
	}
	switch raw.Type() {
	case format.TypeEvent:
		f.set(raw, r.host)
		f.seesNetns()
		r.seen(f)
		r.earlier.forget(f)
		told := f.find.Has(findDrop)
		if told {
			f.setDrop()
		} else {
			thrown := f.setThrown(&r.earlier)
			r.earlier.remember(f)
			if !thrown {
				return nil
			}
		}
		err := r.drop()
		if told && r.s != nil {
			ts, _ := f.find.Uint(findTS)
			r.ledgers.add(f, r.t, r.host, ts, ts, f.packets())
		}
		if key, ok := f.buffer(); ok && r.o.Frees {
			r.earlier.make(key).drop = true
		}
		return err
	case format.TypeFree:
		f.set(raw, r.host)
		r.seen(f)
		r.earlier.forget(f)
		if how, _ := f.find.Str(findHow); string(how) == "dropped" {
			return r.free()
		}
		return nil
	case format.TypeHeld:
		return r.held(raw)
	case format.TypeLink, format.TypeJourney:
		r.seen(f)
		return nil
	case format.TypeStart:
		r.under(r.hosts.start(raw))
		if t, ok := raw.Get("ts").Uint(); ok && t > 0 && r.s != nil {
			r.s.seen(t + uint64(r.offset))
			r.s.bounded = true
		}
	case format.TypeResume:
		if h, ok := r.hosts.came.Resume(raw); ok {
			r.under(h)
		}
	case format.TypeChange:
		r.hosts.change(raw, r.host)
	case format.TypeNamespace:
		r.host.spaces.Found(raw)
	case format.TypeCounters:
		if r.s != nil {
			return r.ledgers.read(raw, r.host, r.o.Part)
		}
	case format.TypeFlow:
		r.flows.Keep(raw, keptRules)
	case format.TypeStack:
		r.stacks.add(raw, r.host)
	case format.TypeLoss:
		if what, ok := raw.Get("what").Str(); r.s != nil && (!ok || string(what) == "event") {
			n, _ := raw.Get("count").Uint()
			r.s.lost += n
			if l := r.ledgers.of[r.host]; l != nil {
				l.lost += n
			}
		}
	case format.TypeEnd:
		r.seen(f)
		if l := r.ledgers.of[r.host]; l != nil {
			l.ended = true
		}
	}
	if r.sink != nil {
		return r.sink.Write(r.kept.Gives(raw))
	}
	return nil
}

// under makes what follows belong to a host's start.
func (r *run) under(h *host) {
	r.host, r.offset = h, h.offset
	if r.o.Time == "mono" {
		r.offset = 0
	}
}

// seen takes a record's time into the summary, as Unix time where the start record says
// how to get it.
func (r *run) seen(f *facts) {
	if r.s == nil {
		return
	}
	if t, ok := f.find.Uint(findTS); ok {
		r.now = t + uint64(r.offset)
		r.turn(r.now)
		r.s.zone = r.zone()
		r.s.seen(r.now)
	}
}

// zone is the time zone to show times in; nil: they are of no clock on the wall.
func (r *run) zone() *time.Location {
	switch {
	case r.offset == 0:
		return nil
	case r.o.Time == "utc":
		return time.UTC
	}
	return time.Local
}

// free looks at a free record that says dropped. A stream with drop events has an event of
// the same drop: so it is taken for a drop only on demand, and not after that event.
func (r *run) free() error {
	if counted, _ := r.facts.raw.Get("counted").Bool(); counted {
		return nil // in a held record
	}
	if key, ok := r.facts.buffer(); ok {
		if m := r.earlier.find(key); m != nil && m.drop {
			return nil
		}
	}
	if !r.o.Frees {
		r.skipped++
		return nil
	}
	r.facts.setDrop()
	return r.drop()
}

// drop deals with the drop in r.facts: who dropped the packet is known.
func (r *run) drop() error {
	f := &r.facts
	if key, ok := f.identity(); ok {
		f.earlier = r.earlier.find(key)
	}
	if frames := r.stacks.of(f); frames != nil {
		f.setStack(frames)
	}
	ts, _ := f.find.Uint(findTS)
	f.host = f.host.at(ts)
	f.setRules(r.t, &r.flows, ts)
	r.t.judge(f, r.s == nil)
	r.judged(f.packets())
	if r.s != nil {
		return nil
	}
	r.scratch = f.appendWhy(r.scratch[:0])
	put := wire.Extend
	if f.find.Has(findWhy) {
		put = wire.Splice
	}
	r.spliced = put(r.spliced[:0], f.raw, "why", r.scratch)
	return r.sink.Write(r.kept.Gives(r.spliced))
}

// judged counts n drops that are as in r.facts.
func (r *run) judged(n uint64) {
	f := &r.facts
	var noise float64
	n = estimated(n, r.host.stands(f), &noise)
	r.count(f.verdict.severity, n)
	if r.page != nil {
		r.page.drop(f, r.now, n)
	}
	if r.meter != nil {
		r.meter.drop(f, n)
	}
	if r.s != nil {
		r.s.sampling.of(r.host)
		r.s.add(f, r.now, n, noise)
	}
}

// count counts n drops of a severity.
func (r *run) count(severity Severity, n uint64) {
	r.drops += n
	r.worst = max(r.worst, severity)
	if r.o.FailIf != nil && severity >= r.failIf {
		r.asked += n
	}
}

// finish writes what is due at the end.
func (r *run) finish(err error) error {
	if r.outErr != nil {
		return nil // it is err
	}
	if r.sink != nil {
		if e := r.sink.Flush(); e != nil {
			return e
		}
	} else {
		if r.screen != nil {
			r.screen.Leave()
		}
		write := r.write
		if r.every() != 0 && r.screen == nil {
			write = r.writeInterval
		}
		// Of an input that could not be read there is nothing to tell.
		unread := err != nil && r.s.total == 0 && r.now == 0
		if !unread && (r.o.Interval == 0 || r.screen != nil || r.s.total > 0) {
			if e := write(); e != nil {
				return e
			}
		}
		if e := r.writeBesides(); e != nil {
			return e
		}
		if r.page != nil {
			if e := r.writePage(err); e != nil {
				return e
			}
		}
	}
	if r.drops == 0 && r.skipped > 0 {
		fmt.Fprintf(r.stderr, "skb-drops: no event is a drop, but %d free records say dropped: --frees takes them, -p "+
			"skb:kfree_skb collects the events\n", r.skipped)
	}
	if err == nil && r.asked > 0 {
		return &SeenError{r.worst, r.asked}
	}
	return nil
}
