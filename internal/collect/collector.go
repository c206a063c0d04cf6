//go:build linux && (amd64 || arm64)

package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/collect/host"
	"github.com/skb-tools/skb-tools/internal/collect/ovsflows"
	"github.com/skb-tools/skb-tools/internal/filter"
	"github.com/skb-tools/skb-tools/internal/kernel"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/spell"
)

// A collector is one run.
type collector struct {
	options   *Options
	kernel    *kernel.Kernel
	places    *places
	selection *selection
	filter    *filter.Filter
	show      *filter.Show // nil: without --show
	with      *wanted
	stdout    io.Writer
	stderr    io.Writer

	loader           *kernel.Loader
	attachment       *kernel.Attachment
	decoder          *decoder
	losses           *losses
	watch            *host.Watch
	held             *held           // nil: without --limit
	counting         *counting       // nil: the kernel's own counters are not read
	usage            *usage          // nil: nothing is collected yet
	flows            *ovsflows.Asker // with --ovs-flows, where ovs-vswitchd can be asked
	namer            *namer
	out              output
	close            func() error // of out, once
	snaplen          uint32
	scratch          []byte
	counts           counts
	refused          int        // probes that the kernel would not have
	discovery        *discovery // with --probe-stack, while it goes on
	settled          func()     // once all probes are attached
	why              string     // why it ended, as the `end` record says
	child            *child
	attaching        chan struct{} // closed when attachAll has ended
	progress         handed
	newestProgram    uint32 // the id of the last BPF program that was seen
	attachedPrograms int    // BPF programs that were, or were tried
}

type counts struct{ events, links, frees uint64 }

func (c *collector) say(format string, args ...any) {
	if !c.options.Quiet {
		pipe.Say(c.stderr, "skb-collect", fmt.Sprintf(format, args...))
	}
}

func (c *collector) run(ctx context.Context) (err error) {
	if err := c.load(); err != nil {
		return err
	}
	defer c.loader.Close()
	reader, err := kernel.NewRing(c.loader.Map("events"))
	if err != nil {
		return err
	}
	defer reader.Close()
	c.losses = newLosses(c.loader, c.stderr)
	c.held = c.newHeld()

	if err := c.notReady(); err != nil {
		return err
	}
	// The file is opened before anything is attached: a wrong name is told at once.
	has := host.HasNow(c.kernel.HasModule)
	c.watch = host.NewWatch(has)
	defer c.watch.Close()
	start := c.start(has)
	if err := c.open(start); err != nil {
		return err
	}
	defer func() {
		if cerr := c.close(); err == nil {
			err = cerr
		}
	}()

	if c.options.OVSFlows {
		c.askFlows() // with the capabilities that the socket can take
		defer c.flows.Close()
	}
	defer c.detach()
	if err := c.attach(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		c.why = "signal"
		return c.finish()
	}
	c.nameLater(start)
	defer c.namer.close()
	if err := c.startCounting(); err != nil {
		return err
	}
	defer c.counting.close()
	if err := c.letPacketsIn(ctx); err != nil {
		return err
	}
	if err := c.ready(); err != nil {
		return err
	}
	c.usage = newUsage()
	if c.options.FollowPrograms {
		// It goes on attaching.
		if err := c.followPrograms(); err != nil {
			return err
		}
	} else if c.options.ProbeStack {
		// It attaches, and needs its capabilities.
		if c.discovery, err = c.startDiscovery(); err != nil {
			return err
		}
	} else if err := c.dropCapabilities(); err != nil {
		return err
	}
	if len(c.options.Command) > 0 {
		if err := c.startChild(ctx); err != nil {
			return err
		}
		defer c.child.stop()
	}
	if err := c.until(ctx, reader); err != nil {
		return err
	}
	c.detach()
	if c.child != nil {
		if status := c.child.status(); status != 0 {
			return pipe.ExitStatus(status)
		}
	}
	return nil
}

// notReady removes --ready-file: one of a run before would have scripts go on at once.
func (c *collector) notReady() error {
	if c.options.ReadyFile == "" {
		return nil
	}
	if err := os.Remove(c.options.ReadyFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("--ready-file: %w", err)
	}
	return nil
}

// open opens what the stream goes to, and writes s.
func (c *collector) open(s *format.Start) (err error) {
	start := format.Raw(s.AppendMsgpack(nil))
	c.watch.Begin(start)
	begin := func() []format.Raw {
		return slices.Concat([]format.Raw{start}, c.watch.Again(), c.namer.again())
	}
	c.out, err = openOutput(c.options, c.stdout, begin, func() format.Raw { return c.end("rotate").AppendMsgpack(nil) })
	if err == nil {
		c.close = sync.OnceValue(c.out.Close)
	}
	return err
}

// startChild runs the command. What it writes is no part of the stream.
func (c *collector) startChild(ctx context.Context) (err error) {
	out := c.stderr
	if c.options.Write != "" {
		out = c.stdout
	}
	c.child, err = startChild(ctx, c.options.Command, out, c.stderr)
	return err
}

func (c *collector) summary() string {
	of, underWay := c.sayFirst()
	s := spell.Count(c.counts.events, "event") + of + c.options.sampleWords() + c.held.words()
	if n := c.losses.sum(); n > 0 {
		s += fmt.Sprintf(", at least %d lost:", n)
		for why, n := range c.losses.total {
			s += fmt.Sprintf(" %d %s;", n, why)
		}
		s = s[:len(s)-1]
		if c.losses.total["ring buffer full"] > 0 {
			s += " (a larger --buffer, fewer probes or a narrower filter helps)"
		}
	}
	return s + underWay
}
