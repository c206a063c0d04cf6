//go:build linux && (amd64 || arm64)

package collect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/internal/kernel"
	"github.com/skb-tools/skb-tools/internal/spell"
	"github.com/skb-tools/skb-tools/internal/terminal"
)

func (c *collector) attach(ctx context.Context) error {
	c.attachment = c.loader.NewAttachment()
	step, done := progress(c.stderr, "attaching", c.selection.len(), c.options.Quiet)
	defer done()
	c.attachment.Progress = step
	var err error
	c.attaching = make(chan struct{})
	go func() {
		defer close(c.attaching)
		err = c.attachAll()
	}()
	select {
	case <-c.attaching:
		return err
	case <-ctx.Done():
		c.attachment.Cancel()
		return nil
	}
}

func (c *collector) attachAll() error {
	if !c.options.NoFollow {
		missing, err := c.attachment.Lifetimes(c.places.tracepoints)
		if errors.Is(err, kernel.ErrNoTrampolines) && c.options.First > 0 {
			return fmt.Errorf("--packets: packets can't be followed on this kernel: %w", err)
		}
		if errors.Is(err, kernel.ErrNoTrampolines) && c.options.samples() && c.options.SampleBy != byFlow {
			return fmt.Errorf("--sample: packets can't be followed on this kernel: %w "+
				"(--sample-by flow can do without)", err)
		}
		if errors.Is(err, kernel.ErrNoTrampolines) {
			c.say("packets can't be followed on this kernel: %v; going on as with --no-follow", err)
			err = c.loader.NoFollow()
		}
		if err != nil {
			return err
		}
		if c.options.Verbose > 0 {
			for _, m := range missing {
				c.say("no links by %v", m)
			}
		}
	}
	for i, t := range c.selection.tracepoints {
		// Numbers of tracepoints are small, addresses of functions are not.
		number := uint64(i) + 1
		c.decoder.nameTracepoint(t, number)
		attach := c.attachment.Tracepoint
		if c.options.CountDrops {
			attach = c.attachment.CountDrops
		}
		if err := attach(t, number); err != nil {
			return err
		}
	}
	if err := c.attachPrograms(); err != nil {
		return err
	}
	if f := c.selection.nft; f != nil {
		c.decoder.nameFunction(*f)
		if err := c.attachment.NFT(c.options.Backend, *f, c.with.verdicts); err != nil {
			return err
		}
	}
	if err := c.attachOVS(); err != nil {
		return err
	}
	return c.attachFunctions()
}

func (c *collector) attachFunctions() error {
	functions := append(slices.Clone(c.selection.functions), c.selection.returns...)
	for _, f := range functions {
		c.decoder.nameFunction(f)
	}
	refused, err := c.attachment.Functions(c.options.Backend, c.selection.functions)
	if err != nil {
		return err
	}
	refusedReturns, err := c.attachment.Returns(c.options.Backend, c.selection.returns)
	if err != nil {
		return err
	}
	for name, why := range refusedReturns {
		refused["ret:"+name] = why
	}
	if len(functions) == 1 {
		for name := range refused {
			if why := c.kernel.Forbids(strings.TrimPrefix(name, "ret:")); why != nil {
				return fmt.Errorf("%s: %w", name, why)
			}
		}
	}
	if len(refused) == 0 {
		return nil
	}
	c.refused = len(refused)
	if c.options.Verbose > 0 || len(refused) == len(functions) {
		for name, why := range refused {
			if len(functions) == 1 {
				return fmt.Errorf("%s: the kernel refuses a probe there: %w", name, why)
			}
			c.say("%s: the kernel refuses a probe there: %v", name, why)
		}
	}
	if len(refused) == len(functions) {
		return errors.New("the kernel refused every probe")
	}
	c.say("%d of %d functions can't be probed and are left out (-v names them)", len(refused), len(functions))
	return nil
}

// ready tells people and scripts that nothing is missed from now on.
func (c *collector) ready() error {
	c.settled()
	c.kernel.Settle()
	if c.options.ReadyFile != "" {
		// Whoever has put something there meanwhile, a link to another file, is not followed.
		f, err := os.OpenFile(c.options.ReadyFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o666)
		if err != nil {
			return fmt.Errorf("--ready-file: %w", err)
		}
		f.Close()
	}
	c.say("%s attached", spell.Count(c.selection.len()-c.refused, "probe"))
	return nil
}

func (c *collector) detach() {
	if c.attachment == nil {
		return
	}
	_ = c.loader.Off() // all at the same moment, and at once
	c.stopDiscovery()
	<-c.attaching // so that all that was attached can be detached together
	// What reads the pipe writes on the same terminal as often as not.
	quiet := c.options.Quiet || c.options.Write == "" && !terminal.Is(c.stdout)
	step, done := progress(c.stderr, "detaching", c.attachment.Len(), quiet)
	c.attachment.Progress = step
	c.attachment.Close()
	done()
	c.attachment = nil
}
