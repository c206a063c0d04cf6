//go:build linux && (amd64 || arm64)

package collect

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/internal/kernel"
)

// TestLimit: what --limit takes.
func TestLimit(t *testing.T) {
	for arg, want := range map[string]struct {
		n     uint64
		wrong bool
	}{"": {}, "0": {}, "0/s": {}, "5000/s": {n: 5000}, "7": {n: 7}, "5k/s": {wrong: true}, "-1": {wrong: true}, "/s": {wrong: true},
		"1/s/s": {wrong: true}, "5/m": {wrong: true}, "2000000000": {wrong: true}} {
		n, err := (&Options{Limit: arg}).limit()
		var status interface{ ExitStatus() int }
		if n != want.n || (err != nil) != want.wrong {
			t.Errorf("--limit %q: %d %v", arg, n, err)
		} else if err != nil && (!errors.As(err, &status) || status.ExitStatus() != 2) {
			t.Errorf("--limit %q is no wrong usage: %v", arg, err)
		}
	}
}

// TestCountDrops: --count-drops takes no option that is about events.
func TestCountDrops(t *testing.T) {
	for name, o := range map[string]Options{"": {}, "-p": {Probes: []string{"ip_rcv"}}, "--profile": {Profile: []string{"drop"}, Probes: []string{"x"}},
		"--probe-stack": {ProbeStack: true, Probes: []string{"x"}}, "--limit": {Limit: "5"}, "--with": {With: []string{"sock"}}, "-c": {Count: 1}, "--packets": {First: 1}, "--ovs-flows": {OVSFlows: true}} {
		o.CountDrops = true
		err := o.countDrops()
		if name == "" {
			if err != nil || len(o.Probes) != 1 || !o.NoFollow {
				t.Errorf("%v %q", err, o.Probes)
			}
			continue
		}
		var status interface{ ExitStatus() int }
		if err == nil || !strings.HasSuffix(err.Error(), "leave out "+name) || !errors.As(err, &status) || status.ExitStatus() != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHeldOften: what was held back is told before skb-track forgets the journeys of then (250 ms), and before a summary
// of each second has passed over one. Reading it takes no more than a tenth of the time.
func TestHeldOften(t *testing.T) {
	h := &held{read: func() (kernel.Held, error) { return kernel.Held{}, nil }}
	h.take()
	if wait := time.Until(h.next); wait+pollInterval > 250*time.Millisecond {
		t.Errorf("the next reading is due after %v, and looked for every %v", wait, pollInterval)
	}
	if wait := afterReading(100 * time.Millisecond); wait != time.Second {
		t.Errorf("after a reading of 100ms comes one in %v", wait)
	}
}
