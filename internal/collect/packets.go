//go:build linux && (amd64 || arm64)

package collect

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/skb-tools/skb-tools/internal/kernel"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/spell"
)

// --packets: the first so many packets that match are followed to their end. The kernel counts them
// (bpf/packets.h); here it is told when to begin, and asked whether they have ended.

// mostFirst bounds --packets: the kernel takes memory for all of them at the start.
const mostFirst = 1 << 17

// A packet that is on its way when all probes are attached would be seen without its start. Those that
// are seen within settleFor are none of the first.
const settleFor = 200 * time.Millisecond

const (
	firstEvery = 50 * time.Millisecond // how often the kernel is asked
	// awayFor is how long a packet may be with Open vSwitch's user space until it is taken for lost sight of,
	// as skb-track has it (bpf/upcalls.h, OVERDUE).
	awayFor = 30 * time.Second
	// recountEvery is how often buffers are counted one by one, which takes a kernel milliseconds.
	recountEvery = 10 * time.Second
)

var errNoStart = errors.New("--packets: at these probes a packet may be on its way out when it is seen first, and " +
	"can't be followed; probe where it comes from too (-p '*')")

// firstPackets is the number of --packets; 0: all are reported.
type firstPackets uint32

// UnmarshalText reads it.
func (n *firstPackets) UnmarshalText(text []byte) error {
	v, err := strconv.ParseUint(string(text), 10, 32)
	if err != nil || v < 1 || v > mostFirst {
		return fmt.Errorf("%s: give a number from 1 to %d", text, mostFirst)
	}
	*n = firstPackets(v)
	return nil
}

// checkFirst refuses the options that --packets can't be used with.
func (o *Options) checkFirst() error {
	if o.First == 0 {
		return nil
	}
	for _, with := range []struct {
		set       bool
		flag, why string
	}{
		{o.NoFollow, "--no-follow", "packets are followed to their end"},
		{o.NoLifetimes, "--no-lifetimes", "how they end is told by free records"},
		{o.ProbeStack, "--probe-stack", "which finds its probes by packet after packet; -p '*' has them all"},
	} {
		if with.set {
			return pipe.Usagef("--packets can't be had with %s: %s", with.flag, with.why)
		}
	}
	return nil
}

// canBegin tells whether a packet that was not seen before can be followed from one of the probes on.
func (s *selection) canBegin() bool {
	return s.nft != nil || s.ovs.lookups || kernel.CanBegin(s.functions, s.tracepoints) || kernel.CanBegin(s.returns, nil)
}

// letPacketsIn has the kernel begin to count, once it knows the packets that are on their way.
func (c *collector) letPacketsIn(ctx context.Context) error {
	if c.options.First == 0 {
		return nil
	}
	if err := c.loader.RememberPackets(); err != nil {
		return err
	}
	select {
	case <-time.After(settleFor):
	case <-ctx.Done():
	}
	return c.loader.LetPacketsIn()
}

// watchFirst calls ended once all packets have come and ended. It ends with ctx.
func watchFirst(ctx context.Context, l *kernel.Loader, ended func()) {
	ticker := time.NewTicker(firstEvery)
	defer ticker.Stop()
	w := firstWatch{count: l.Countdown, recount: l.BuffersNow, recounted: time.Now()}
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			done, err := w.look(now)
			if err != nil {
				return // the loader is closed
			}
			if done {
				ended()
				return
			}
		}
	}
}

// A firstWatch is what watchFirst has seen.
type firstWatch struct {
	count     func() (kernel.Countdown, error)
	recount   func() (int, error)
	recounted time.Time
	gone      time.Time // since when no buffer has been one of theirs
}

// look asks the kernel once. done: all packets have come and ended.
func (w *firstWatch) look(now time.Time) (done bool, err error) {
	c, err := w.count()
	if err != nil {
		return false, err
	}
	// The kernel's count stays too high where it missed a release: once there were none, they are counted each time.
	if c.Left == 0 && c.Buffers > 0 && (!w.gone.IsZero() || now.Sub(w.recounted) > recountEvery) {
		w.recounted = now
		if c.Buffers, err = w.recount(); err != nil {
			return false, err
		}
	}
	switch {
	case c.Left > 0 || c.Buffers > 0:
		w.gone = time.Time{}
	case w.gone.IsZero():
		// Between two heads (pskb_expand_head) a packet has none, and returns come behind its end.
		w.gone = now
	case c.Away == 0 || now.Sub(w.gone) > awayFor:
		return true, nil
	}
	return false, nil
}

// sayFirst says what came of them: of how many packets the events are, and what is still on its way.
func (c *collector) sayFirst() (of, underWay string) {
	if c.options.First == 0 {
		return "", ""
	}
	now, err := c.loader.Countdown()
	if err != nil {
		return "", ""
	}
	if now.Buffers > 0 {
		if n, err := c.loader.BuffersNow(); err == nil {
			now.Buffers = n
		}
	}
	of = " of " + spell.Count(uint32(c.options.First)-uint32(now.Left), "packet")
	if now.Left > 0 {
		of += fmt.Sprintf(" (of --packets %d)", c.options.First)
	}
	if n := now.Buffers + now.Away; n > 0 {
		underWay = fmt.Sprintf("; not all have ended: %s of theirs still on the way", spell.Count(n, "buffer"))
	}
	return of, underWay
}
