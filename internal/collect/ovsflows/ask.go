//go:build linux && (amd64 || arm64)

// Package ovsflows asks a running ovs-vswitchd what the flows of its datapath are, for --ovs-flows.
package ovsflows

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/unixctl"
)

const (
	// again is how long an answer is taken for true.
	again = time.Minute
	// every is the least time between two flows that are asked for. A flow is up to three commands, which
	// ovs-vswitchd carries out between its other work.
	every = 20 * time.Millisecond
	// wait is how long a command may take: ovs-vswitchd can be stopped, or busy.
	wait = 5 * time.Second
	// maxWaiting is how many flows wait to be asked for, and answers to be written.
	maxWaiting = 1024
	// maxKnown is how many UFIDs are known to have been asked for.
	maxKnown = 1 << 16
)

// A wanted is a flow to ask for.
type wanted struct {
	ufid string
	ts   uint64 // of the event
}

// An Asker asks beside the reading of packets: no packet waits for it.
type Asker struct {
	clock func() uint64
	say   func(format string, args ...any)
	dial  func() (*unixctl.Client, error)

	known   map[string]uint64 // UFID: ts of the event for which it was asked last, ns
	wanted  chan wanted
	answers chan *format.OVSFlow
	stop    chan struct{}
	ended   sync.WaitGroup
	waiting atomic.Uint64 // flows that were asked for and not answered
	skipped uint64        // flows that were not asked for, because too many waited
}

// Start connects to ovs-vswitchd, which takes the permission to, and begins. Without one that can be asked, it returns
// an error that is one line for the user. clock is CLOCK_MONOTONIC, in ns; say is called for what the user should know.
func Start(clock func() uint64, say func(format string, args ...any)) (*Asker, error) {
	dial := func() (*unixctl.Client, error) {
		socket, err := unixctl.Socket("", "ovs-vswitchd")
		if err != nil {
			return nil, err
		}
		return unixctl.Dial(socket, wait)
	}
	return start(clock, say, dial)
}

func start(clock func() uint64, say func(string, ...any), dial func() (*unixctl.Client, error)) (*Asker, error) {
	c, err := dial()
	if err != nil {
		return nil, err
	}
	a := &Asker{clock: clock, say: say, dial: dial, known: map[string]uint64{},
		wanted: make(chan wanted, maxWaiting), answers: make(chan *format.OVSFlow, maxWaiting), stop: make(chan struct{})}
	a.ended.Go(func() { a.run(c) })
	return a, nil
}

// Saw is told of each event at which a flow was found, at ts, ns. It never waits.
func (a *Asker) Saw(ufid string, ts uint64) {
	if asked, ok := a.known[ufid]; ok && ts < asked+uint64(again) {
		return
	}
	if len(a.known) >= maxKnown {
		for old, asked := range a.known {
			if ts >= asked+uint64(again) {
				delete(a.known, old)
			}
		}
		if len(a.known) >= maxKnown {
			a.skipped++
			return
		}
	}
	ufid = strings.Clone(ufid)
	select {
	case a.wanted <- wanted{ufid, ts}:
		a.waiting.Add(1)
		a.known[ufid] = ts
	default:
		a.skipped++
	}
}

// Answers writes what has been answered since it was called last. A nil Asker has nothing.
func (a *Asker) Answers(write func(format.Appender) error) error {
	if a == nil {
		return nil
	}
	for {
		select {
		case f := <-a.answers:
			if err := write(f); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// Close ends the asking, also of a nil Asker. A command that ovs-vswitchd does not answer is not waited for.
func (a *Asker) Close() {
	if a != nil {
		close(a.stop)
	}
}

// Finish waits until all is answered, at most so long, and writes it. It returns how many flows were not told of.
func (a *Asker) Finish(limit time.Duration, write func(format.Appender) error) (unasked uint64, err error) {
	deadline := time.After(limit)
	close(a.wanted)
	done := make(chan struct{})
	go func() {
		a.ended.Wait()
		close(done)
	}()
	for {
		select {
		case f := <-a.answers:
			if err := write(f); err != nil {
				return 0, err
			}
			continue
		case <-done:
		case <-deadline:
		}
		err = a.Answers(write)
		return a.skipped + a.waiting.Load(), err
	}
}

// run asks for what is wanted, until a.wanted is closed or a.stop is.
func (a *Asker) run(c *unixctl.Client) {
	defer func() { c.Close() }()
	q := &questions{client: c}
	told := false
	for {
		select {
		case <-a.stop:
			return
		case w, ok := <-a.wanted:
			if !ok {
				return
			}
			f, err := q.flow(w.ufid)
			if err != nil {
				// The daemon was restarted, or it hangs: with the next flow it is tried anew.
				if !told {
					a.say("--ovs-flows: %v; trying again at the next flow", err)
					told = true
				}
				f = &format.OVSFlow{UFID: w.ufid, Error: err.Error()}
				q.client.Close()
				if next, err := a.dial(); err == nil {
					q.client = next
				}
			} else {
				told = false
			}
			f.TS, f.Seen = w.ts, a.clock()
			select {
			case a.answers <- f:
				a.waiting.Add(^uint64(0))
			case <-a.stop:
				return
			}
		}
		select {
		case <-a.stop:
			return
		case <-time.After(every):
		}
	}
}

// questions are those about one flow.
type questions struct {
	client    *unixctl.Client
	noDetrace bool // this ovs-vswitchd does not know the command
}

// flow asks for all that is told of a flow. An error is one of the connection.
func (q *questions) flow(ufid string) (*format.OVSFlow, error) {
	f := &format.OVSFlow{UFID: ufid}
	name := "ufid:" + ufid
	text, err := q.call(f, "dpctl/get-flow", name)
	if err != nil || text == "" {
		return f, err
	}
	f.Match, f.Actions = splitFlow(text)
	if !q.noDetrace {
		var none format.OVSFlow
		rules, err := q.call(&none, "ofproto/detrace", name)
		if err != nil {
			return f, err
		}
		q.noDetrace = strings.Contains(none.Error, "is not a valid command")
		if f.Rules = detraced(rules); len(f.Rules) > 0 {
			f.By = "detrace"
			return f, nil
		}
	}
	trace, err := q.call(f, "ofproto/trace", "ovs-system", f.Match)
	if err != nil {
		return f, err
	}
	if f.Rules = traced(trace); len(f.Rules) > 0 {
		f.By = "trace"
	}
	return f, nil
}

// call has a command carried out. What ovs-vswitchd says instead of doing so is f's Error, and no error.
func (q *questions) call(f *format.OVSFlow, command string, args ...string) (string, error) {
	text, err := q.client.Call(wait, command, args...)
	var refused unixctl.Refusal
	switch {
	case errors.As(err, &refused):
		f.Error = fmt.Sprintf("%s: %s", command, refused)
		return "", nil
	case err != nil:
		return "", fmt.Errorf("ovs-vswitchd: %w", err)
	}
	return text, nil
}
