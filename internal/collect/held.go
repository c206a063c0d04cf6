//go:build linux && (amd64 || arm64)

package collect

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/clock"
	"github.com/skb-tools/skb-tools/internal/kernel"
	"github.com/skb-tools/skb-tools/internal/kfunc"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/spell"
)

// heldEvery is how often what was held back is told, as far as pollInterval allows: twice as long, and what skb-track
// keeps of a journey that ended (250 ms) lives until it is told.
const heldEvery = 150 * time.Millisecond

// afterReading is when the next reading is due after one that took so long: a map of many different drops is not read
// for more than a tenth of the time.
func afterReading(took time.Duration) time.Duration { return max(heldEvery, 10*took) }

// held tells how many events --limit held back, or --count-drops counted. Its methods do nothing where it is nil.
type held struct {
	cause string // as in records
	read  func() (kernel.Held, error)

	mu      sync.Mutex
	events  map[uint64]uint64      // that were told
	drops   map[bpf.DropKey]uint64 // likewise
	since   uint64                 // ns, when the latest reading began
	next    time.Time              // when there is to be one
	waiting []heldBack             // that are not written yet
	total   uint64                 // that were written
	err     error                  // of a reading
}

// A heldBack is what was counted from one reading to the next.
type heldBack struct {
	since, ts uint64 // ns
	n         uint64
	probe     uint64
	drop      *bpf.DropKey // nil: none, or not known which
	dev       string
}

// limit reads --limit: events a second, 0 for all.
func (o *Options) limit() (uint64, error) {
	if o.Limit == "" {
		return 0, nil
	}
	number, _ := strings.CutSuffix(o.Limit, "/s")
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil || n > 1e9 {
		return 0, pipe.Usagef("--limit %s: give a number of events a second (5000/s), or 0", o.Limit)
	}
	return n, nil
}

// countDrops makes the options those of --count-drops: one probe, and no events.
func (o *Options) countDrops() error {
	if !o.CountDrops {
		return nil
	}
	for _, other := range [...]struct {
		given bool
		name  string
	}{
		// These two first: they have put probes there.
		{len(o.Profile) > 0, "--profile"}, {o.ProbeStack, "--probe-stack"},
		{len(o.Probes) > 0, "-p"}, {len(o.Try) > 0, "--try"}, {len(o.With) > 0, "--with"}, {o.NFTTrace, "--nft-trace"},
		{len(o.NFTVerdicts) > 0, "--nft-verdicts"}, {len(o.Show) > 0, "--show"},
		{o.OVSFlows, "--ovs-flows"}, {o.Limit != "", "--limit"}, {o.Count > 0, "-c"}, {o.First > 0, "--packets"},
		{o.Sample > 0, "--sample"},
		{o.List, "--list"},
	} {
		if other.given {
			return pipe.Usagef("--count-drops writes no events: leave out %s", other.name)
		}
	}
	o.Probes, o.NoFollow = []string{kfunc.TraceKfreeSkb}, true
	return nil
}

func (c *collector) newHeld() *held {
	if n, err := c.options.limit(); (err != nil || n == 0) && !c.options.CountDrops {
		return nil
	}
	cause := "limit"
	if c.options.CountDrops {
		cause = "count-drops"
	}
	return &held{cause: cause, read: c.loader.Held, events: map[uint64]uint64{}, drops: map[bpf.DropKey]uint64{},
		since: clock.Monotonic(), next: time.Now().Add(heldEvery)}
}

// tick takes a reading when it is time.
func (h *held) tick() {
	if h == nil {
		return
	}
	h.mu.Lock()
	due := !time.Now().Before(h.next)
	h.mu.Unlock()
	if due {
		h.take()
	}
}

// take takes a reading. A write can be stuck: who takes one meanwhile does not wait for it.
func (h *held) take() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	since, begun := h.since, clock.Monotonic()
	counted, err := h.read()
	if err != nil {
		h.err = err
		return
	}
	ts := clock.Monotonic()
	h.since, h.next = begun, time.Now().Add(afterReading(time.Duration(ts-begun)))
	for probe, n := range counted.Events {
		if grew := n - h.events[probe]; grew > 0 {
			h.waiting = append(h.waiting, heldBack{since: since, ts: ts, n: grew, probe: probe})
			h.events[probe] = n
		}
	}
	for key, drop := range counted.Drops {
		if grew := drop.Count - h.drops[key]; grew > 0 {
			h.waiting = append(h.waiting, heldBack{since: since, ts: ts, n: grew, drop: &key, dev: bpf.String(drop.Dev[:])})
			h.drops[key] = drop.Count
		}
	}
}

// flushHeld writes the readings.
func (c *collector) flushHeld(write func(format.Appender) error) error {
	h := c.held
	if h == nil {
		return nil
	}
	h.mu.Lock()
	waiting, err := h.waiting, h.err
	h.waiting = nil
	h.mu.Unlock()
	if err != nil {
		return err
	}
	for i := range waiting {
		if err := write(c.decoder.heldBack(&waiting[i], h.cause)); err != nil {
			return err
		}
		h.total += waiting[i].n
	}
	return nil
}

// words are what the last line on stderr says of it.
func (h *held) words() string {
	if h == nil || h.total == 0 {
		return ""
	}
	if h.cause != "limit" {
		return fmt.Sprintf(", and %s counted", spell.Count(h.total, "drop"))
	}
	return fmt.Sprintf(", and %s counted that --limit held back", spell.Count(h.total, "event"))
}

func (d *decoder) heldBack(b *heldBack, cause string) *format.HeldBack {
	r := &format.HeldBack{TS: b.ts, Since: b.since, Count: b.n, Cause: cause}
	if b.drop == nil {
		r.Probe = d.limited(b.probe)
		return r
	}
	r.Probe = kfunc.TraceKfreeSkb
	r.Drop = d.drop(b.drop.Location, b.drop.Reason, 0)
	r.Netns = b.drop.Netns
	r.Protocol = bits.ReverseBytes16(b.drop.Protocol)
	if printable(b.dev) {
		r.Dev, r.Ifindex = b.dev, b.drop.Ifindex
	}
	return r
}

// limited is the name of a probe by the number of its bucket; "": several share it.
func (d *decoder) limited(bucket uint64) string {
	const top = 1 << 63
	switch {
	case bucket == 0:
		return ""
	case d.probes[bucket] != "":
		return d.probes[bucket]
	case d.returns[bucket^top] != "":
		return d.returns[bucket^top]
	case bucket < top:
		return "ret:" + d.kernel.Location(bucket^top)
	}
	return d.kernel.Location(bucket)
}
