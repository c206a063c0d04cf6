//go:build linux && (amd64 || arm64)

package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/kernel"
)

// How a run ends: the programs are turned off, all at the same moment; what the ring buffer
// still holds is written, then the `end` record; stdout is closed, so that the rest of the
// pipeline is done. Only then are the probes taken off, which takes a kernel up to a minute.

// until collects until something ends it, and writes the stream to its end, or until that is
// given up.
func (c *collector) until(ctx context.Context, reader *kernel.Ring) error {
	ended, end := context.WithCancelCause(ctx)
	defer end(nil)
	if d := c.options.Duration; d > 0 {
		t := time.AfterFunc(d, func() { end(errDuration) })
		defer t.Stop()
	}
	if c.options.First > 0 {
		go watchFirst(ended, c.loader, func() { end(errPackets) })
	}
	if c.child != nil {
		go func() {
			<-c.child.done
			time.AfterFunc(linger, func() { end(errCommand) })
		}()
	}
	written := make(chan error, 1)
	go func() {
		err := c.collect(ended, reader)
		if err == nil {
			err = c.finish()
		}
		written <- err
	}()
	select {
	case err := <-written:
		return err
	case <-ended.Done():
	}
	c.counting.end() // while what is counted is still reported
	// Also while a write is stuck.
	if err := c.loader.Off(); err != nil {
		c.detach()
	}
	if err := reader.Flush(); err != nil {
		return fmt.Errorf("reading the rest of the ring buffer: %w", err)
	}
	if c.moves(written) {
		return <-written
	}
	return c.stuck(reader, written)
}

// finish writes the last records, and hands the stream over as complete.
func (c *collector) finish() error {
	if err := c.lastRecords(); err != nil {
		return err
	}
	if err := c.write(c.end(c.why)); err != nil {
		return err
	}
	if err := c.close(); err != nil {
		return err
	}
	c.say("%s", c.summary())
	if c.options.Write == "" {
		return leave(c.stdout)
	}
	return nil
}

// lastRecords writes what the kernel still has to say. The kernel may take its time: that is no fault of who
// reads the stream.
func (c *collector) lastRecords() error {
	asks := &c.progress.asks
	asks.Store(true)
	defer asks.Store(false)
	write := func(r format.Appender) error {
		asks.Store(false)
		defer asks.Store(true)
		return c.write(r)
	}
	if err := c.loader.Off(); err != nil {
		return err
	}
	if c.child != nil {
		c.child.endsWithin(linger)
	}
	if err := c.losses.poll(write); err != nil {
		return err
	}
	c.held.take()
	if err := c.flushHeld(write); err != nil {
		return err
	}
	if err := c.lastFlows(write); err != nil {
		return err
	}
	if err := c.watch.Poll(write); err != nil {
		return err
	}
	return c.counting.last(write)
}

// leave closes what is behind w for who reads it. Its file descriptor stays taken, so that no
// file that is opened later gets what is written to it.
func leave(w io.Writer) error {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("closing the output: %w", err)
	}
	defer null.Close()
	if err := unix.Dup3(int(null.Fd()), int(f.Fd()), 0); err != nil {
		return fmt.Errorf("closing the output: %w", err)
	}
	return nil
}

// handed is how far the output has come, to be seen while a write is stuck.
type handed struct {
	taken, handed atomic.Uint64 // events, that were read of the ring buffer and that were flushed
	flushes       atomic.Uint64
	asks          atomic.Bool // the kernel is asked: no write can be stuck
}

// moved counts what came further.
func (h *handed) moved() uint64 { return h.flushes.Load() + h.taken.Load() }

func (c *collector) flush() error {
	if err := c.out.Flush(); err != nil {
		return err
	}
	c.progress.flushes.Add(1)
	c.progress.handed.Store(c.counts.events)
	return nil
}

// stuckAfter is how long nothing must move until the output counts as stuck.
const stuckAfter = time.Second

// moves returns true once written has something to receive, false when nothing moves.
func (c *collector) moves(written chan error) bool {
	ticker := time.NewTicker(stuckAfter)
	defer ticker.Stop()
	last := c.progress.moved()
	for {
		select {
		case err := <-written:
			written <- err
			return true
		case <-ticker.C:
			now := c.progress.moved()
			switch {
			case c.progress.asks.Load():
				now = math.MaxUint64 // the wait for a write has not begun
			case now == last:
				return false
			}
			last = now
		}
	}
}

// stuck takes the probes off while a write does not come back, and waits for it, or for
// another signal.
func (c *collector) stuck(reader *kernel.Ring, written <-chan error) error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	who := "the reader of stdout does not read"
	if c.options.Write != "" {
		who = "nothing more can be written to " + c.options.Write
	}
	c.say("%s: probes are taken off meanwhile; another ^C gives up what is not written, and counts it as lost", who)
	detached := make(chan struct{})
	go func() {
		defer close(detached)
		c.detach()
	}()
	select {
	case err := <-written:
		<-detached
		return err
	case <-signals:
	}
	lost := c.progress.taken.Load() - c.progress.handed.Load() + left(reader)
	c.close = func() error { return nil } // it would wait, too
	<-detached
	return fmt.Errorf("%s, and the stream ends without its last part: %d events are lost", who, lost)
}

// left is how many events the ring buffer still holds.
func left(reader *kernel.Ring) (events uint64) {
	for {
		record, _, err := reader.Next(time.Now())
		if errors.Is(err, kernel.ErrFlushed) {
			continue // then comes the deadline
		}
		if err != nil {
			return events
		}
		if len(record) > 0 && record[0] == bpf.KindEvent {
			events++
		}
	}
}
