//go:build linux && (amd64 || arm64)

package collect

import (
	"errors"
	"reflect"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/kernel"
)

// leavePacketless leaves out the tracepoints that have no packet, where there is a filter: it says nothing of them.
func (c *collector) leavePacketless() error {
	if reflect.ValueOf(c.options.Packets).IsZero() && c.options.First == 0 {
		return nil
	}
	s := c.selection
	var left []string
	var stay []kernel.Tracepoint
	for _, t := range s.tracepoints {
		if t.HasPacket() {
			stay = append(stay, t)
		} else {
			left = append(left, t.String())
		}
	}
	if len(left) == 0 {
		return nil
	}
	s.tracepoints = stay
	if s.len() == 0 && !c.options.FollowPrograms {
		return errors.New(strings.Join(left, ", ") + ": these events have no packet that a filter could match: leave it out")
	}
	c.say("%s: left out, since these events have no packet that the filter could match", strings.Join(left, ", "))
	return nil
}

// xdp fills an event at a tracepoint of group xdp. It is a drop where no other event tells of the drop.
func (d *decoder) xdp(e *format.Event, x *bpf.XDPInfo) {
	b := &e.BPF
	*b = format.BPF{Kind: "xdp", ID: x.Prog, Sent: uint64(x.Sent), Dropped: uint64(x.Drops)}
	probed := false
	for _, p := range d.programs {
		if p.ID == x.Prog {
			b.Name, b.Tag, probed = p.Name, p.Tag, true
			break
		}
	}
	name, code := kernel.Verdict("xdp", uint64(x.Act))
	b.Verdict, b.Code = name, format.Some(code)
	if x.Err < 0 {
		b.Errno = errnoName(unix.Errno(-x.Err))
	}
	switch {
	case x.Map != 0:
		b.Map, b.Key = x.Map, format.Some(uint64(x.Key))
	case kernel.Redirects("xdp", code):
		b.Ifindex = x.Key
	}
	const xdpTX = 3 // include/uapi/linux/bpf.h
	switch {
	case x.Mode == bpf.XDPInGeneric:
		b.Dropped = 0
	case x.Drops > 0:
	case x.Err != 0 && kernel.Redirects("xdp", code):
		b.Dropped = 1
	case e.Probe != "xdp:xdp_exception":
	case code == xdpTX, x.Mode == 0 && !probed:
		b.Dropped = 1
	}
	if b.Dropped > 0 {
		e.Drop.Location = e.Probe
	}
}

// errnoName names an error as the kernel does: unix.ErrnoName knows EOPNOTSUPP by its other name.
func errnoName(e unix.Errno) string {
	if e == unix.EOPNOTSUPP {
		return "EOPNOTSUPP"
	}
	return unix.ErrnoName(e)
}
