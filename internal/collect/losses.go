//go:build linux && (amd64 || arm64)

package collect

import (
	"fmt"
	"io"

	"github.com/cilium/ebpf"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/clock"
	"github.com/skb-tools/skb-tools/internal/kernel"
)

// lossWords say what was lost and why, in the words of `loss` records.
var lossWords = [bpf.LossKinds]struct{ what, why string }{
	bpf.LossEvent:      {"event", "ring buffer full"},
	bpf.LossLink:       {"link", "ring buffer full"},
	bpf.LossFree:       {"free", "ring buffer full"},
	bpf.LossIdentity:   {"identity", "buffer map full"},
	bpf.LossUnreadable: {"event", "the argument was no readable sk_buff"},
	bpf.LossReturn:     {"event", "a return that the kernel missed, or too many calls under way"},
	bpf.LossPending:    {"link", "too many packets expanded or reassembled at once"},
	bpf.LossSegments:   {"link", "a packet of more than 128 segments"},
}

// losses turns the growth of the kernel's loss counters into records.
type losses struct {
	counters *ebpf.Map
	missed   func() map[string]uint64
	seen     [bpf.LossKinds][]uint64 // by cpu
	missSeen map[string]uint64
	since    uint64 // ns, when they were read last
	total    map[string]uint64
	stderr   io.Writer
}

func newLosses(l *kernel.Loader, stderr io.Writer) *losses {
	return &losses{counters: l.Map("losses"), missed: l.Missed, since: clock.Monotonic(),
		total: map[string]uint64{}, stderr: stderr}
}

// poll reads the counters and hands what was lost since the last time to write.
func (l *losses) poll(write func(format.Appender) error) error {
	now := clock.Monotonic()
	for what := range lossWords {
		var cpus []bpf.Lost
		if err := l.counters.Lookup(uint32(what), &cpus); err != nil {
			return fmt.Errorf("reading the loss counters: %w", err)
		}
		if l.seen[what] == nil {
			l.seen[what] = make([]uint64, len(cpus))
		}
		for cpu, c := range cpus {
			n := c.Count - l.seen[what][cpu]
			if n == 0 {
				continue
			}
			l.seen[what][cpu] = c.Count
			w := lossWords[what]
			l.total[w.why] += n
			err := write(&format.Loss{TS: c.Last, Since: l.since, Count: n, What: w.what, Cause: w.why,
				CPU: format.Some(uint32(cpu))})
			if err != nil {
				return err
			}
		}
	}
	missed := l.missed()
	for _, what := range [...]string{"event", "link", "free"} {
		n := missed[what] - l.missSeen[what]
		if n == 0 {
			continue
		}
		const why = "a probe fired within a probe"
		l.total[why] += n
		if err := write(&format.Loss{TS: now, Since: l.since, Count: n, What: what, Cause: why}); err != nil {
			return err
		}
	}
	l.missSeen = missed
	l.since = now
	return nil
}

// sum is everything that was lost.
func (l *losses) sum() uint64 {
	var n uint64
	for _, c := range l.total {
		n += c
	}
	return n
}
