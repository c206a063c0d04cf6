//go:build linux && (amd64 || arm64)

package collect

import (
	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/internal/filter"
	"github.com/skb-tools/skb-tools/internal/kernel"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

func (c *collector) load() error {
	o := c.options
	c.snaplen = maxSnaplen
	if o.Snaplen > 0 && o.Snaplen < maxSnaplen {
		c.snaplen = uint32(o.Snaplen)
	}
	for _, note := range c.filter.Notes() {
		c.say("%s", note)
	}
	limit, err := o.limit()
	if err != nil {
		return err
	}
	c.loader, err = c.kernel.NewLoader(kernel.Settings{
		Snaplen:   c.snaplen,
		Track:     !o.NoFollow,
		Follow:    !o.NoFollow,
		Lifetimes: !o.NoLifetimes,
		Freeing:   kernel.AnyFreeing(c.selection.functions) || kernel.AnyFreeing(c.selection.returns) || o.ProbeStack,
		Released:  kernel.AnyReleased(c.selection.functions) || kernel.AnyReleased(c.selection.returns) || o.ProbeStack,
		First:     uint32(o.First),
		Upcalls:   c.followsUpcalls(),
		Frames:    c.selection.anyXDP(),
		RingSize:  ringSize(o.Buffer, c.snaplen),
		MaxBuffer: o.MaxTracked,
		StackSize: stackSize(o.StackDepth),
		Limit:     limit,
		Probes:    c.selection.len(),
		Counts:    o.CountDrops,
		Sample:    uint32(o.Sample),
		ByFlow:    o.SampleBy == byFlow,
		Variables: c.filter.Variables(),
		Prepare:   c.filter.Apply,
		ShowSize:  c.show.Size(),
		ShowBare:  c.show.At(filter.Place{}),
		ShowFrame: c.show.At(filter.Place{NoSkb: true}),
	})
	if err != nil {
		return err
	}
	if why := c.loader.NoFragments; why != nil {
		c.say("the page fragments of packets can't be read on this kernel, and are marked missing: %v", why)
	}
	layout, err := c.kernel.SkbLayout(uint32(bpf.TailSize), uint32(bpf.FrontSize), uint32(bpf.ShinfoSize))
	if err != nil {
		c.loader.Close()
		return err
	}
	c.decoder = newDecoder(c.kernel, layout)
	c.decoder.sizes = bpf.Sizes{Stack: stackSize(o.StackDepth), Show: c.show.Size()}
	c.decoder.show, c.decoder.stacks.depth = c.show, o.StackDepth
	c.decoder.fills = c.with.fills()
	return nil
}

// maxSnaplen is as much of a packet as a record holds: the longest IP packet (RFC 791) with
// an Ethernet header and two VLAN tags, and some to be a multiple of 8.
const maxSnaplen = 65535 + 14 + 2*4 + 3

// ringSize rounds up to a power of two, which the kernel wants, within what it allows, and
// so that at least a few events fit: one with paged data reserves twice the snaplen.
func ringSize(s pipe.Size, snaplen uint32) uint32 {
	n := uint32(64 << 10)
	for uint64(n) < max(uint64(s), 16*uint64(snaplen)) && n < 1<<30 {
		n <<= 1
	}
	return n
}
