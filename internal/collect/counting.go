//go:build linux && (amd64 || arm64)

package collect

import (
	"reflect"
	"sync"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/collect/counters"
	"github.com/skb-tools/skb-tools/internal/kfunc"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// A counting reads the kernel's own counters, and keeps each record until the events of before are written. Its methods
// do nothing where it is nil.
type counting struct {
	every time.Duration // 0: at the start and the end
	held  *held
	whole bool // each drop is an event, or a loss

	mu      sync.Mutex
	reader  *counters.Reader
	next    time.Time
	waiting []*format.Counters // that are not written yet
	ended   bool               // the last reading was made
}

// countersEvery reads --counters. none: they are not to be read.
func (o *Options) countersEvery() (every time.Duration, none bool, err error) {
	switch o.Counters {
	case "":
		return 0, false, nil
	case "none", "0":
		return 0, true, nil
	}
	every, err = time.ParseDuration(o.Counters)
	if err != nil || every < 100*time.Millisecond {
		return 0, false, pipe.Usagef("--counters %s: give a time of 100ms or more (1s, 5m), or none", o.Counters)
	}
	return every, false, nil
}

// startCounting reads the counters for the first time, where that is asked for: drops are probed, or by --counters.
func (c *collector) startCounting() error {
	every, none, err := c.options.countersEvery()
	drops := c.selection.traces(kfunc.TraceKfreeSkb)
	if err != nil || none || every == 0 && !drops {
		return err
	}
	namespaces, err := c.options.Packets.Namespaces()
	if err != nil {
		c.say("the counters of a network namespace can't be read: %v", err)
	}
	n := &counting{every: every, held: c.held, next: time.Now().Add(every),
		whole:  drops && c.options.First == 0 && !c.options.samples() && reflect.ValueOf(c.options.Packets).IsZero(),
		reader: counters.Open(namespaces, c.kernel.HasModule("tcp_diag", "tcp_diag_dump"))}
	c.counting = n
	n.read()
	return c.writeFirst(c.write)
}

// writeFirst writes the first reading, before any event and before the drops that were counted meanwhile: a reader
// takes what stands in front of it for drops that the counters may have counted before.
func (c *collector) writeFirst(write func(format.Appender) error) error {
	if err := c.counting.flush(write, false); err != nil {
		return err
	}
	return c.flushHeld(write)
}

// read takes a reading. It holds mu, or is alone.
func (n *counting) read() *format.Counters {
	n.held.take() // drops that are counted are told apart by whether they came before, after, or meanwhile
	r := n.reader.Read()
	n.held.take()
	r.Drops = n.whole
	n.waiting = append(n.waiting, r)
	return r
}

// tick reads the counters when it is time.
func (n *counting) tick() {
	if n == nil || n.every == 0 {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if n.ended || len(n.waiting) > 0 || now.Before(n.next) {
		return
	}
	n.next = now.Add(n.every)
	n.read()
}

// write writes the readings. It is to be called when the ring buffer is empty: what came before them is written. The
// last one is written by last, when all is.
func (n *counting) write(write func(format.Appender) error) error {
	if n == nil {
		return nil
	}
	return n.flush(write, false)
}

// flush writes the readings, the last one too if that is asked for. A write can be stuck: who takes a reading meanwhile
// must not wait for it.
func (n *counting) flush(write func(format.Appender) error, last bool) error {
	for {
		n.mu.Lock()
		if len(n.waiting) == 0 || n.ended && !last {
			n.mu.Unlock()
			return nil
		}
		r := n.waiting[0]
		n.waiting = n.waiting[1:]
		n.mu.Unlock()
		if err := write(r); err != nil {
			return err
		}
	}
}

// end takes the last reading.
func (n *counting) end() {
	if n == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ended = true
	n.read()
}

// last writes the readings when all events are written. Where the stream ended by a count of events, the last reading
// is made here, and drops of before it are not in the stream.
func (n *counting) last(write func(format.Appender) error) error {
	if n == nil {
		return nil
	}
	n.mu.Lock()
	if !n.ended {
		n.ended = true
		n.read().Drops = false
	}
	n.mu.Unlock()
	return n.flush(write, true)
}

func (n *counting) close() {
	if n != nil {
		n.reader.Close()
	}
}
