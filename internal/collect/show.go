//go:build linux && (amd64 || arm64)

package collect

import (
	"encoding/binary"
	"encoding/hex"
	"net"
	"net/netip"
	"unsafe"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/filter"
	"github.com/skb-tools/skb-tools/internal/kernel"
)

// needsTypes tells whether all types of the kernel are looked at.
func (o *Options) needsTypes() bool { return len(o.Show) > 0 || o.Packets.NeedsTypes() }

// compileShow compiles --show for each kind of probe that is selected.
func (c *collector) compileShow() error {
	if len(c.options.Show) == 0 {
		return nil
	}
	types, err := c.kernel.Types()
	if err != nil {
		return err
	}
	if c.show, err = filter.NewShow(c.options.Show, types, c.kernel.DirectLoads()); err != nil {
		return err
	}
	for _, list := range [][]kernel.Function{c.selection.functions, c.selection.returns} {
		for i := range list {
			f := &list[i]
			if c.show.NeedsArguments() {
				// What a return has of them is not known any more, but an error names these too.
				f.Show = c.show.At(filter.Place{Args: functionArguments(f.Proto())})
			} else {
				f.Show = c.show.At(filter.Place{})
			}
		}
	}
	for i := range c.selection.tracepoints {
		t := &c.selection.tracepoints[i]
		place := filter.Place{}
		if c.show.NeedsArguments() {
			place.Args = traceArguments(c.kernel.TraceProto(*t))
		}
		if t.HasPacket() {
			t.Show = c.show.At(place)
		}
	}
	// Places without arguments that are known, and those without an sk_buff: load asks for their numbers.
	c.show.At(filter.Place{})
	c.show.At(filter.Place{NoSkb: true})
	c.filter.SetShow(c.show)
	return c.show.Err()
}

// functionArguments are those that registers hold at a function's entry.
func functionArguments(proto *btf.FuncProto) (args []filter.Argument) {
	if proto == nil {
		return nil
	}
	for i, p := range proto.Params[:min(len(proto.Params), bpf.Args)] {
		switch btf.UnderlyingType(p.Type).(type) {
		case *btf.Struct, *btf.Union:
			return args // see arguments
		}
		args = append(args, filter.Argument{Name: p.Name, At: kernel.RegisterAt(i), Type: p.Type})
	}
	return args
}

// traceArguments are those of a tracepoint.
func traceArguments(proto *btf.FuncProto) (args []filter.Argument) {
	if proto == nil {
		return nil
	}
	for i, p := range proto.Params {
		args = append(args, filter.Argument{Name: p.Name, At: int16(8 * i), Type: p.Type})
	}
	return args
}

// fields makes the section of what the code of --show has stored.
func (d *decoder) fields(to format.Args, b []byte) format.Args {
	to = to[:0]
	info := (*bpf.ShowInfo)(unsafe.Pointer(&b[0]))
	for _, f := range d.show.Fields(info.Code) {
		if info.Has&f.Bit == 0 || int(f.At)+int(max(8, f.Size)) > len(b) {
			continue
		}
		to = append(to, shown(&f, b[f.At:]))
	}
	return to
}

// shown reads one value.
func shown(f *filter.Shown, b []byte) format.Arg {
	a := format.Arg{Name: f.Expr}
	number := func() {
		a.Value = int64(binary.NativeEndian.Uint64(b))
		a.Big = f.Kind == filter.ShownUnsigned && a.Value < 0
	}
	text := func(s string) { a.Text, a.IsText = s, true }
	switch f.Kind {
	case filter.ShownEnum:
		if name, ok := f.Enum[binary.NativeEndian.Uint64(b)]; ok {
			text(name)
		} else {
			number()
		}
	case filter.ShownText:
		text(unix.ByteSliceToString(b[:f.Size]))
	case filter.ShownIP:
		addr, _ := netip.AddrFromSlice(b[:f.Size])
		text(addr.String())
	case filter.ShownMAC:
		text(net.HardwareAddr(b[:f.Size]).String())
	case filter.ShownBytes:
		text(hex.EncodeToString(b[:f.Size]))
	default:
		number()
	}
	return a
}
