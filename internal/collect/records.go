//go:build linux && (amd64 || arm64)

package collect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/clock"
	"github.com/skb-tools/skb-tools/internal/collect/host"
	"github.com/skb-tools/skb-tools/internal/kernel"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// pollInterval is how often losses are looked at, what changed of the host, and whether the reader is still there.
const pollInterval = host.Interval

// pause is how long the ring buffer fills when events follow each other closely. Else each is
// a wake-up by an interrupt, a write, and the same for every filter behind. What comes
// after a quiet time is written at once.
const pause = time.Millisecond

// linger is how long packets of a command that ended may be under way in the kernel.
const linger = 100 * time.Millisecond

// collect copies records until something ends it: an end of ctx by way of a flush of reader.
func (c *collector) collect(ctx context.Context, reader *kernel.Ring) error {
	room := stale{clock: clock.Monotonic, collect: c.loader.Collect, last: time.Now()}
	defer room.stop()
	busy := 0
	var emptied time.Time
	nextPoll := time.Now().Add(pollInterval)
	for {
		record, remaining, err := reader.Next(nextPoll)
		switch {
		case err == nil:
		case errors.Is(err, os.ErrDeadlineExceeded):
			if err := c.tick(&room); err != nil {
				return err
			}
			if err := c.counting.write(c.write); err != nil {
				return err
			}
			if err := c.flush(); err != nil {
				return err
			}
			// On a quiet host no write would tell that the reader is gone.
			if c.options.Write == "" && pipe.Closed(c.stdout) {
				return unix.EPIPE
			}
			nextPoll = time.Now().Add(pollInterval)
			continue
		case errors.Is(err, kernel.ErrFlushed):
			c.why = whyEnded(context.Cause(ctx))
			return nil
		default:
			return fmt.Errorf("reading the ring buffer: %w", err)
		}
		if done, err := c.take(record); done || err != nil {
			return err
		}
		if remaining == 0 {
			if err := c.counting.write(c.write); err != nil {
				return err
			}
			if err := c.flush(); err != nil {
				return err
			}
			now := time.Now()
			if now.Sub(emptied) < 2*pause && ctx.Err() == nil {
				time.Sleep(pause)
			}
			emptied = now
		}
		// A buffer that is never empty knows no deadline.
		if busy++; busy%256 == 0 && time.Now().After(nextPoll) {
			if err := c.tick(&room); err != nil {
				return err
			}
			nextPoll = time.Now().Add(pollInterval)
		}
	}
}

// tick is what is done every pollInterval.
func (c *collector) tick(room *stale) error {
	if err := c.losses.poll(c.write); err != nil {
		return err
	}
	if err := c.watch.Tick(c.write); err != nil {
		return err
	}
	c.counting.tick()
	c.held.tick()
	if words := c.usage.tick(clock.Monotonic(), c.counts.events); words != "" && c.options.Verbose > 0 {
		c.say("%s", words)
	}
	if err := c.flushHeld(c.write); err != nil {
		return err
	}
	if err := c.flows.Answers(c.write); err != nil {
		return err
	}
	if c.options.FollowPrograms {
		if err := c.newPrograms(); err != nil {
			return err
		}
	}
	return room.poll(time.Now(), c.losses.identities())
}

var (
	errDuration = errors.New("duration")
	errCommand  = errors.New("command")
	errPackets  = errors.New("packets")
)

func whyEnded(cause error) string {
	if errors.Is(cause, errDuration) || errors.Is(cause, errCommand) || errors.Is(cause, errPackets) {
		return cause.Error()
	}
	return "signal"
}

// take handles one record of the ring buffer. done: that was the last that -c wants.
func (c *collector) take(b []byte) (done bool, err error) {
	if n := c.options.Count; n > 0 && c.counts.events >= n {
		c.why = "count"
		return true, nil
	}
	record, err := c.decoder.decode(b, &c.counts)
	if err != nil || record == nil {
		return false, err
	}
	c.progress.taken.Store(c.counts.events)
	if e, ok := record.(*format.Event); ok {
		if err := c.before(e); err != nil {
			return false, err
		}
	}
	if err := c.writeRecord(record); err != nil {
		return false, err
	}
	if n := c.options.Count; n > 0 && c.counts.events >= n {
		c.why = "count"
		return true, nil
	}
	return false, nil
}

// before does what an event gives cause for, and writes what belongs in front of it.
func (c *collector) before(e *format.Event) error {
	if e.Drop.Present() && c.watch.Stale(e.TS) {
		if err := c.watch.Poll(c.write); err != nil {
			return err
		}
	}
	if c.flows != nil && e.OVS.UFID != "" {
		c.flows.Saw(e.OVS.UFID, e.TS)
	}
	return c.namer.saw(e, c.write)
}

// writeRecord writes what the decoder made, and in front of it the stack that it refers
// to, once for each file.
func (c *collector) writeRecord(r format.Appender) error {
	s := c.decoder.stack
	if s == nil {
		return c.write(r)
	}
	c.scratch = r.AppendMsgpack(c.scratch[:0])
	if s.file == c.out.File() && c.out.Fits(len(c.scratch)) {
		return c.out.Write(c.scratch)
	}
	if s.file == 0 && c.discovery != nil {
		c.discovery.found(s.Frames)
	}
	stack := s.AppendMsgpack(nil)
	if !c.out.Fits(len(stack) + 4 + len(c.scratch)) {
		if err := c.out.Next(); err != nil {
			return err
		}
	}
	s.file = c.out.File()
	if err := c.out.Write(stack); err != nil {
		return err
	}
	return c.out.Write(c.scratch)
}

func (c *collector) write(r format.Appender) error {
	c.scratch = r.AppendMsgpack(c.scratch[:0])
	return c.out.Write(c.scratch)
}
