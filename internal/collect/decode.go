//go:build linux && (amd64 || arm64)

package collect

import (
	"fmt"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/filter"
	"github.com/skb-tools/skb-tools/internal/kernel"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// A decoder turns the kernel's records into the stream's.
type decoder struct {
	kernel    *kernel.Kernel
	layout    *kernel.SkbLayout
	reasons   map[uint32]string
	probes    map[uint64]string // by function address or tracepoint number
	returns   map[uint64]string
	locations map[uint64]string // of drops: few places, many events
	callers   map[uint64]string // of callers and stacks
	texts     map[[16]int8]string

	fills     []fill // of the sections wanted
	sizes     bpf.Sizes
	show      *filter.Show
	gsoBits   [32]uint32
	ct        *kernel.CtLayout           // once it is needed
	functions map[string]kernel.Function // by the names in probes and returns
	protos    map[string]*btf.FuncProto  // the types of those that were needed
	names     map[[bpf.NFTName]int8]string
	odps      map[string]string    // Open vSwitch's actions, by their bytes
	ufids     map[[4]uint32]string // its flows
	datapaths map[uint64]string    // its datapaths
	stacks    stacks
	programs  map[uint64]format.BPF // by the numbers of probes at BPF programs
	stack     *stack                // the one that the event just decoded refers to; nil: none

	event format.Event
	link  format.Link
	free  format.Free
}

func newDecoder(k *kernel.Kernel, layout *kernel.SkbLayout) *decoder {
	d := &decoder{kernel: k, layout: layout, reasons: k.DropReasons(),
		probes: map[uint64]string{}, returns: map[uint64]string{},
		locations: map[uint64]string{}, callers: map[uint64]string{}, texts: map[[16]int8]string{},
		functions: map[string]kernel.Function{}, protos: map[string]*btf.FuncProto{}, names: map[[bpf.NFTName]int8]string{},
		odps: map[string]string{}, ufids: map[[4]uint32]string{},
		datapaths: map[uint64]string{}, programs: map[uint64]format.BPF{}, stacks: stacks{known: map[string]*stack{}}}
	for i, name := range k.GSOTypes() {
		d.gsoBits[i] = format.GSOType(name)
	}
	return d
}

func (d *decoder) name(probe uint64, name string) { d.probes[probe], d.returns[probe] = name, name }

// nameTracepoint names t, whose events have its number as their probe.
func (d *decoder) nameTracepoint(t kernel.Tracepoint, number uint64) {
	d.name(number, t.String())
	if t.Args > 0 {
		d.protos[t.String()] = d.kernel.TraceProto(t)
	}
}

// nameFunction names f by every address that a probe on its entry can report.
func (d *decoder) nameFunction(f kernel.Function) {
	for _, a := range f.ProbeAddrs() {
		d.probes[a] = f.Name
		d.returns[a] = "ret:" + f.Name
	}
	d.functions[d.probes[f.Addr]], d.functions[d.returns[f.Addr]] = f, f
}

// proto is the type of a probe's function; nil: not known.
func (d *decoder) proto(probe string) *btf.FuncProto {
	proto, ok := d.protos[probe]
	if !ok {
		proto = d.functions[probe].Proto()
		d.protos[probe] = proto
	}
	return proto
}

// decode returns the record of the stream that b, a record of the ring buffer, makes. It
// is valid until the next call.
func (d *decoder) decode(b []byte, n *counts) (format.Appender, error) {
	if len(b) == 0 {
		return nil, bpf.ErrRecord
	}
	d.stack = nil
	switch b[0] {
	case bpf.KindEvent:
		n.events++
		return d.decodeEvent(b)
	case bpf.KindLink:
		n.links++
		return d.decodeLink(b)
	case bpf.KindFree:
		n.frees++
		return d.decodeFree(b)
	}
	return nil, bpf.ErrRecord
}

func (d *decoder) decodeEvent(b []byte) (format.Appender, error) {
	r, more, data, err := bpf.AsEvent(b, d.sizes)
	if err != nil {
		return nil, err
	}
	e := &d.event
	e.Reset()
	e.TS, e.CPU, e.Held = r.Ts, r.Cpu, r.Held
	e.Probe = d.probe(r)
	e.Process = format.Process{PID: r.Pid, TGID: r.Tgid, Comm: d.text(r.Comm)}
	if r.Has&bpf.HasRet != 0 {
		e.Ret = d.ret(e.Probe, r.Retval)
	}
	if r.Has&(bpf.HasGone|bpf.HasFrame) == bpf.HasGone|bpf.HasFrame {
		d.xdp(e, r.XDP())
		d.dev(e, r)
		return e, nil
	}
	if r.Has&bpf.HasGone != 0 {
		buffer(&e.Skb, r)
		if r.Has&bpf.HasLen != 0 {
			e.Skb.Set(format.SkbLen, uint64(r.Len))
		}
		d.dev(e, r)
		return e, nil
	}
	if r.Has&bpf.HasFrame != 0 {
		d.frame(e, r)
	} else {
		d.skb(&e.Skb, r)
	}
	if len(d.programs) > 0 {
		d.program(e, r)
	}
	d.dev(e, r)
	e.Packet.Len, e.Packet.At, e.Packet.Data = r.Len, packetAt[r.At], data
	for _, h := range r.Holes[:min(int(r.NrHoles), len(r.Holes))] {
		e.Packet.Missing = append(e.Packet.Missing, [2]uint32{h.Off, h.Len})
	}
	switch {
	case r.Has&bpf.HasDrop == 0:
	case r.Has&bpf.HasFrame != 0:
		e.Drop.Location = strings.TrimPrefix(e.Probe, kfunc.Return)
	default:
		reason := bpf.NoReason
		if r.Has&bpf.HasReason != 0 {
			reason = r.Drop.Reason
		}
		e.Drop = d.drop(r.Drop.Location, reason, r.Drop.RxSk)
	}
	if r.Has&bpf.HasFrame == 0 {
		for _, fill := range d.fills {
			fill(d, e, r)
		}
	}
	d.more(e, &more)
	return e, nil
}

func (d *decoder) probe(r *bpf.Event) string {
	names := d.probes
	if r.Has&bpf.HasRet != 0 {
		names = d.returns
	}
	if name, ok := names[r.Probe]; ok {
		return name
	}
	return d.kernel.Location(r.Probe)
}

// skb cuts the fields out of the raw copies. What the kernel has not set is left out:
// header offsets that are unset, a hash, time stamp or napi_id of 0.
func (d *decoder) skb(s *format.Skb, r *bpf.Event) {
	buffer(s, r)
	tail, l := r.Tail[:], d.layout
	always(s, format.SkbLen, l.Len, tail)
	always(s, format.SkbDataLen, l.DataLen, tail)
	always(s, format.SkbMacLen, l.MacLen, tail)
	always(s, format.SkbProtocol, l.Protocol, tail)
	always(s, format.SkbPktType, l.PktType, tail)
	always(s, format.SkbIPSummed, l.IPSummed, tail)
	always(s, format.SkbMark, l.Mark, tail)
	always(s, format.SkbPriority, l.Priority, tail)
	notZero(s, format.SkbHash, l.Hash, tail)
	always(s, format.SkbQueue, l.Queue, tail)
	d.vlan(s, tail)
	notZero(s, format.SkbNapiID, l.NapiID, tail)
	always(s, format.SkbUsers, l.Users, tail)
	always(s, format.SkbCloned, l.Cloned, tail)
	for _, h := range [...]struct {
		field format.SkbField
		from  kernel.Field
		unset uint64
	}{
		{format.SkbMacHeader, l.MacHeader, 0xffff},
		{format.SkbNetworkHeader, l.NetworkHeader, 0},
		{format.SkbTransportHeader, l.TransportHeader, 0xffff},
	} {
		if v, ok := h.from.Read(tail); ok && v != h.unset {
			s.Set(h.field, v)
		}
	}
	if r.Has&bpf.HasFront != 0 {
		notZero(s, format.SkbTstamp, l.Tstamp, r.Front[:])
	}
	if r.Has&bpf.HasShinfo != 0 {
		// The lower half counts who holds the buffer, the upper who holds its
		// payload only (include/linux/skbuff.h).
		if v, ok := l.Dataref.Read(r.Shinfo[:]); ok {
			s.Set(format.SkbDataref, v&0xffff)
		}
		always(s, format.SkbNrFrags, l.NrFrags, r.Shinfo[:])
	}
}

// buffer says which sk_buff it is.
func buffer(s *format.Skb, r *bpf.Event) {
	s.Set(format.SkbAddr, r.Skb)
	s.Set(format.SkbHead, r.Head)
	if r.Has&bpf.HasID != 0 {
		s.Set(format.SkbID, r.Id)
	}
}

func always(s *format.Skb, f format.SkbField, from kernel.Field, raw []byte) {
	if v, ok := from.Read(raw); ok {
		s.Set(f, v)
	}
}

func notZero(s *format.Skb, f format.SkbField, from kernel.Field, raw []byte) {
	if v, ok := from.Read(raw); ok && v != 0 {
		s.Set(f, v)
	}
}

// vlan gives the tag that the device took off or will put on. Whether there is one said
// vlan_present until 6.2, and says a vlan_proto that is not 0 since.
func (d *decoder) vlan(s *format.Skb, tail []byte) {
	proto, ok := d.layout.VlanProto.Read(tail)
	present, hasBit := d.layout.VlanPresent.Read(tail)
	if !ok || hasBit && present == 0 || !hasBit && proto == 0 {
		return
	}
	s.Set(format.SkbVlanProto, proto)
	always(s, format.SkbVlanTCI, d.layout.VlanTCI, tail)
}

// dev fills the device and namespace, if they have the shape of ones: skb->dev shares its
// memory with other things while the packet waits in some queues.
func (d *decoder) dev(e *format.Event, r *bpf.Event) {
	if r.Has&bpf.HasDev != 0 {
		name := d.text(r.Dev)
		if name == "" || int32(r.Ifindex) <= 0 || r.Has&bpf.HasNetns == 0 || !plausibleNetns(r.Netns) || !printable(name) {
			return
		}
		e.Dev = format.Dev{Name: name, Ifindex: r.Ifindex, Type: r.DevType}
		if iif, ok := d.layout.Iif.Read(r.Tail[:]); ok && r.Has&(bpf.HasGone|bpf.HasFrame) == 0 {
			e.Dev.RxIfindex = uint32(iif)
		}
	}
	if r.Has&bpf.HasNetns != 0 && plausibleNetns(r.Netns) {
		e.Netns.Inum = r.Netns
		if r.Has&bpf.HasCookie != 0 {
			e.Netns.Cookie = r.NetnsCookie
		}
	}
}

// plausibleNetns knows the range from which proc inodes are taken (include/linux/proc_ns.h).
func plausibleNetns(inum uint32) bool { return inum >= 0xefff_fff0 }

func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f || s[i] == '/' {
			return false
		}
	}
	return true
}

// location names an address of the kernel's code.
func (d *decoder) location(addr uint64) string {
	if where, ok := d.locations[addr]; ok {
		return where
	}
	if p, ok := d.programs[addr]; ok {
		return p.Kind + ":" + p.Name // a frame that a program dropped
	}
	return keep(d.locations, 1<<14, addr, d.kernel.Location(addr))
}

// caller names a return address.
func (d *decoder) caller(addr uint64) string {
	if where, ok := d.callers[addr]; ok {
		return where
	}
	return keep(d.callers, 1<<14, addr, d.kernel.ReturnAddress(addr))
}

func (d *decoder) drop(location uint64, reason uint32, rxSk uint64) format.Drop {
	drop := format.Drop{Location: d.location(location), RxSk: rxSk}
	if reason != bpf.NoReason {
		drop.Reason = reason
		var ok bool
		if drop.Name, ok = d.reasons[reason]; !ok {
			drop.Name = fmt.Sprintf("%d", reason)
		}
	}
	return drop
}

func (d *decoder) decodeLink(b []byte) (format.Appender, error) {
	r, err := bpf.AsLink(b)
	if err != nil {
		return nil, err
	}
	d.link = format.Link{TS: r.Ts, CPU: r.Cpu, How: bpf.LinkHow[r.How], By: bpf.LinkBy[r.By],
		From: format.Buffer{Addr: r.From.Skb, Head: r.From.Head, ID: r.From.Id},
		To:   format.Buffer{Addr: r.To.Skb, Head: r.To.Head, ID: r.To.Id}}
	return &d.link, nil
}

func (d *decoder) decodeFree(b []byte) (format.Appender, error) {
	r, err := bpf.AsFree(b)
	if err != nil {
		return nil, err
	}
	d.free = format.Free{TS: r.Ts, CPU: r.Cpu, How: bpf.FreeHow[r.How], Last: r.Has&bpf.HasLast != 0,
		Skb:  format.Buffer{Addr: r.Skb.Skb, Head: r.Skb.Head, ID: r.Skb.Id},
		Held: r.Held, Counted: r.Has&bpf.HasHeld != 0}
	if r.Has&bpf.HasDrop != 0 {
		if p, ok := d.programs[r.Drop.Location]; ok {
			d.free.Drop = format.Drop{Location: d.location(r.Drop.Location)}
			d.free.Drop.Name, _ = kernel.Verdict(p.Kind, uint64(r.Drop.Reason))
		} else {
			d.free.Drop = d.drop(r.Drop.Location, r.Drop.Reason, r.Drop.RxSk)
		}
	}
	return &d.free, nil
}

var packetAt = [...]string{bpf.AtMAC: "mac", bpf.AtNetwork: "network", bpf.AtData: "data"}

// text keeps the strings of the commands and devices seen: few, and each in many events.
func (d *decoder) text(raw [16]int8) string {
	if s, ok := d.texts[raw]; ok {
		return s
	}
	return keep(d.texts, 1<<12, raw, bpf.String(raw[:]))
}

// keep remembers a string by what it is made from. When there are more than limit, it
// begins anew.
func keep[K comparable](known map[K]string, limit int, from K, s string) string {
	if len(known) > limit {
		clear(known)
	}
	known[from] = s
	return s
}
