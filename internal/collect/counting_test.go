//go:build linux && (amd64 || arm64)

package collect

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/collect/counters"
	"github.com/skb-tools/skb-tools/internal/kernel"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// TestCountingWhileStuck: the last reading is taken also while a write of one before does not come back.
func TestCountingWhileStuck(t *testing.T) {
	n := &counting{reader: counters.Open(nil, false)}
	defer n.close()
	n.read()
	stuck, free := make(chan bool), make(chan bool)
	written := make(chan error)
	var all []*format.Counters
	go func() {
		written <- n.write(func(r format.Appender) error {
			close(stuck)
			<-free
			all = append(all, r.(*format.Counters))
			return nil
		})
	}()
	<-stuck
	ended := make(chan bool)
	go func() { n.end(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("the last reading waits for a write that is stuck")
	}
	close(free)
	if err := <-written; err != nil || len(all) != 1 {
		t.Fatal(err, all)
	}
	err := n.last(func(r format.Appender) error { all = append(all, r.(*format.Counters)); return nil })
	if err != nil || len(all) != 2 || all[0].Since.OK || all[1].Since.V != all[0].TS {
		t.Errorf("%v, readings %+v", err, all)
	}
}

// TestFirstReading: the first reading stands before the drops that were counted while it was made.
func TestFirstReading(t *testing.T) {
	h := &held{cause: "count-drops", events: map[uint64]uint64{}, drops: map[bpf.DropKey]uint64{}}
	n := uint64(0)
	h.read = func() (kernel.Held, error) {
		n++ // one more each time
		return kernel.Held{Events: map[uint64]uint64{7: n}}, nil
	}
	c := &collector{held: h, counting: &counting{held: h, reader: counters.Open(nil, false)}, decoder: &decoder{probes: map[uint64]string{7: kfunc.TraceKfreeSkb}}}
	defer c.counting.close()
	c.counting.read()
	var all []string
	err := c.writeFirst(func(r format.Appender) error { all = append(all, fmt.Sprintf("%T", r)); return nil })
	if want := []string{"*format.Counters", "*format.HeldBack", "*format.HeldBack"}; err != nil || !slices.Equal(all, want) {
		t.Errorf("%v %v, want %v", err, all, want)
	}
}

// TestCountersEvery: what --counters takes.
func TestCountersEvery(t *testing.T) {
	for arg, want := range map[string]struct {
		every time.Duration
		none  bool
		wrong bool
	}{"": {}, "none": {none: true}, "0": {none: true}, "1s": {every: time.Second}, "100ms": {every: 100 * time.Millisecond},
		"10ms": {wrong: true}, "-1s": {wrong: true}, "often": {wrong: true}} {
		every, none, err := (&Options{Counters: arg}).countersEvery()
		var status interface{ ExitStatus() int }
		if every != want.every || none != want.none || (err != nil) != want.wrong {
			t.Errorf("--counters %q: %v %v %v", arg, every, none, err)
		} else if err != nil && (!errors.As(err, &status) || status.ExitStatus() != 2) {
			t.Errorf("--counters %q is no wrong usage: %v", arg, err)
		}
	}
}
