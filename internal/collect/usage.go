//go:build linux && (amd64 || arm64)

package collect

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/internal/clock"
)

// usageEvery is how often -v says what skb-collect itself takes.
const usageEvery = 10 * time.Second

// A usage is what skb-collect itself takes of the host. What its BPF programs take is not in it: the kernel adds that
// to the task that a packet comes in. Its methods do nothing where it is nil.
type usage struct {
	cpu   func() time.Duration // of this process so far
	began uint64               // ns, when all probes were attached
	last  reading              // when -v said it last
}

type reading struct {
	ts     uint64 // ns
	cpu    time.Duration
	events uint64
}

func newUsage() *usage {
	now := clock.Monotonic()
	return &usage{cpu: ownCPU, began: now, last: reading{ts: now, cpu: ownCPU()}}
}

// ownCPU is the CPU time of this process, in user and in kernel mode (getrusage(2)).
func ownCPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rate is how many of events there were a second from since until now.
func rate(events, since, now uint64) uint64 {
	if now <= since {
		return 0
	}
	return uint64(float64(events)/(float64(now-since)/1e9) + 0.5)
}

// tick returns what -v has to say; "": it is not time yet.
func (u *usage) tick(now, events uint64) string {
	if u == nil || now < u.last.ts+uint64(usageEvery) {
		return ""
	}
	was := u.last
	u.last = reading{ts: now, cpu: u.cpu(), events: events}
	share := float64(u.last.cpu-was.cpu) / float64(now-was.ts)
	return fmt.Sprintf("%d events a second, %.1f %% of a CPU", rate(events-was.events, was.ts, now), 100*share)
}
