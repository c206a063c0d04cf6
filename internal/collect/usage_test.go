//go:build linux && (amd64 || arm64)

package collect

import (
	"testing"
	"time"
)

// TestUsage: every ten seconds -v says what was taken since it said it last.
func TestUsage(t *testing.T) {
	const second = uint64(time.Second)
	cpu := time.Second
	u := &usage{cpu: func() time.Duration { return cpu }, began: 5 * second, last: reading{ts: 5 * second, cpu: cpu}}
	if words := u.tick(15*second-1, 1000); words != "" {
		t.Errorf("too early: %q", words)
	}
	cpu += 2 * time.Second
	for _, c := range []struct {
		now, events uint64
		want        string
	}{
		{15 * second, 50_000, "5000 events a second, 20.0 % of a CPU"},
		{16 * second, 60_000, ""},
		{35 * second, 60_000, "500 events a second, 0.0 % of a CPU"},
	} {
		if got := u.tick(c.now, c.events); got != c.want {
			t.Errorf("at %d s: %q, want %q", c.now/second, got, c.want)
		}
	}
	if got := (*usage)(nil).tick(100*second, 1); got != "" {
		t.Errorf("before anything is collected: %q", got)
	}
	if ownCPU() <= 0 {
		t.Error("a process that runs has taken no CPU")
	}
	if got := rate(1, 7, 7); got != 0 {
		t.Errorf("%d events a second within no time", got)
	}
}
