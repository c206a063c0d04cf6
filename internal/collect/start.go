//go:build linux && (amd64 || arm64)

package collect

import (
	"os"
	"runtime"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/clock"
	"github.com/skb-tools/skb-tools/internal/collect/host"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// start is the record that lets the stream explain itself on any machine.
func (c *collector) start(has func(module, function string) bool) *format.Start {
	s := &format.Start{
		TS:          clock.Monotonic(),
		ClockOffset: clock.Offset(),
		Kernel:      c.kernel.Release,
		Arch:        runtime.GOARCH,
		Tool:        "skb-collect " + pipe.Version,
		Cmdline:     os.Args,
		CPUs:        uint32(runtime.NumCPU()),
		Snaplen:     c.snaplen,
		Probes:      uint32(c.selection.len()),
		DropReasons: c.decoder.reasons,
	}
	if c.options.samples() {
		s.Sample, s.SampleBy = uint32(c.options.Sample), c.options.SampleBy
	}
	host.Describe(s, has)
	return s
}

// end is the record that closes the stream.
func (c *collector) end(why string) *format.End {
	e := &format.End{TS: clock.Monotonic(), Events: c.counts.events, Links: c.counts.links,
		Frees: c.counts.frees, Lost: c.losses.sum(), Cause: why, Looked: format.Some(c.watch.Looked())}
	if c.usage != nil {
		e.CPUTime = format.Some(uint64(c.usage.cpu()))
		e.Rate = format.Some(rate(e.Events, c.usage.began, e.TS))
	}
	if c.child != nil && c.child.ended() {
		e.Status = format.Some(c.child.status())
	}
	return e
}
