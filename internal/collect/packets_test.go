//go:build linux && (amd64 || arm64)

package collect

import (
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/internal/kernel"
)

// TestFirstWatch: the run ends when the packets have ended, also where the kernel's own count of their buffers stays
// too high. As long as a packet is away it waits, up to awayFor.
func TestFirstWatch(t *testing.T) {
	start := time.Now()
	for name, c := range map[string]struct {
		count    kernel.Countdown
		buffers  int // counted one by one
		from, to time.Duration
	}{
		"all ended":         {kernel.Countdown{}, 0, 0, time.Second},
		"a release missed":  {kernel.Countdown{Buffers: 1}, 0, recountEvery, recountEvery + time.Second},
		"missed and away":   {kernel.Countdown{Buffers: 1, Away: 1}, 0, recountEvery + awayFor, recountEvery + awayFor + time.Second},
		"a packet is there": {kernel.Countdown{Buffers: 1}, 1, 0, 0},
		"some may come":     {kernel.Countdown{Left: 1}, 0, 0, 0},
	} {
		recounts := 0
		w := firstWatch{recounted: start,
			count:   func() (kernel.Countdown, error) { return c.count, nil },
			recount: func() (int, error) { recounts++; return c.buffers, nil }}
		took := time.Duration(0)
		for after := firstEvery; after < 2*time.Minute && took == 0; after += firstEvery {
			done, err := w.look(start.Add(after))
			if err != nil {
				t.Fatal(err)
			}
			if done {
				took = after
			}
		}
		if took < c.from || took > c.to {
			t.Errorf("%s: ended after %v, want %v to %v", name, took, c.from, c.to)
		}
		if took == 0 && recounts > 12 {
			t.Errorf("%s: %d recounts in two minutes", name, recounts)
		}
	}
}
