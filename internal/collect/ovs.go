//go:build linux && (amd64 || arm64)

package collect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/kernel"
	"github.com/skb-tools/skb-tools/internal/kfunc"
	"github.com/skb-tools/skb-tools/internal/odp"
)

// An ovsSelection is what is attached for Open vSwitch besides the probes that are in a selection's lists.
type ovsSelection struct {
	kernel  *kernel.OVS // nil: nothing of Open vSwitch is asked for
	lookups bool        // what the flow table has is asked for
	more    bpf.Sections
}

// applyOVS completes the selection for Open vSwitch: --with ovs adds its probes, and where one of them is
// asked for otherwise, its events have the section, and packets are followed through user space.
func (w *wanted) applyOVS(s *selection, p *places, without func(string, error) error) error {
	named := slices.ContainsFunc(s.tracepoints, kernel.Tracepoint.HasOVS) ||
		slices.ContainsFunc(s.functions, kernel.Function.HasOVS)
	if !named && !w.has("ovs") {
		return nil
	}
	o, err := p.kernel.OVS()
	if err != nil {
		if !w.has("ovs") {
			return nil
		}
		return without("ovs", err)
	}
	s.ovs.kernel = o
	if w.has("ovs") {
		s.ovs.lookups = true
		if err := addOVSProbes(s, p, o); err != nil {
			return err
		}
	}
	for i, t := range s.tracepoints {
		if t.HasOVS() {
			s.tracepoints[i].Sections |= bpf.SectionOVS
		}
	}
	for i, f := range s.functions {
		if f.HasOVS() {
			s.functions[i].Sections |= bpf.SectionOVS
		}
	}
	return nil
}

// addOVSProbes adds the probes of --with ovs but that of the lookups. A kernel without the tracepoints
// has the functions.
func addOVSProbes(s *selection, p *places, o *kernel.OVS) error {
	add := func(list *[]kernel.Function, f kernel.Function) {
		if !slices.ContainsFunc(*list, func(g kernel.Function) bool { return g.Name == f.Name }) {
			*list = append(*list, f)
		}
	}
	add(&s.returns, o.Upcall)
	if o.Meter != nil {
		add(&s.returns, *o.Meter)
	}
	if o.Actions != nil {
		add(&s.functions, *o.Actions)
		add(&s.functions, o.Upcall)
		return nil
	}
	for _, t := range []string{kfunc.TraceOVSAction, kfunc.TraceOVSUpcall} {
		if !s.traces(t) {
			if err := p.addTracepoints(s, t, map[string]bool{}, 0); err != nil {
				return fmt.Errorf("--with ovs: %w", err)
			}
		}
	}
	return nil
}

// followsUpcalls says whether packets are followed through Open vSwitch's user space.
func (c *collector) followsUpcalls() bool {
	return c.selection.ovs.kernel != nil && !c.options.NoFollow && !c.options.NoLifetimes
}

func (c *collector) attachOVS() error {
	s := &c.selection.ovs
	if s.kernel == nil {
		return nil
	}
	if c.followsUpcalls() {
		if err := c.attachment.OVSUpcalls(c.options.Backend, s.kernel); err != nil {
			return err
		}
	}
	if !s.lookups {
		return nil
	}
	number := uint64(len(c.selection.tracepoints)) + 1
	c.decoder.name(number, kernel.OVSLookup)
	return c.attachment.OVSLookups(c.options.Backend, s.kernel, number, s.more)
}

// ovsCommands are those of enum ovs_packet_cmd, include/uapi/linux/openvswitch.h, that go up.
var ovsCommands = [...]string{1: "miss", "action"}

func (d *decoder) ovs(o *format.OVS, r *bpf.OVSInfo) {
	if r.Dp[0] != 0 {
		keep(d.datapaths, 1<<10, r.DpAddr, d.text(r.Dp))
	}
	*o = format.OVS{Datapath: d.datapaths[r.DpAddr], RecircID: r.RecircId, InPort: r.InPort}
	attr := r.Attr[:min(int(r.AttrLen), len(r.Attr))]
	switch r.Kind {
	case bpf.OVSAction:
		o.Type = "action"
		o.Action, o.Args = d.action(attr)
		if o.Action == "output" {
			o.OutPort = odp.Port(attr)
			if r.HasPort != 0 {
				o.OutDev = d.text(r.Port)
			}
		}
	case bpf.OVSActions:
		o.Type = "actions"
		if o.Action = d.actions(attr); o.Action == "" {
			o.Action = "drop" // so does ovs-dpctl say that there are none
		}
	case bpf.OVSUpcall:
		o.Type = "upcall"
		o.Cmd = kernel.NameOf(ovsCommands[:], int(r.Cmd))
		o.PortID, o.MRU = r.Portid, r.Mru
		if o.Cmd == "action" {
			o.Reason = odp.Reason(attr)
		}
	case bpf.OVSLookup:
		o.Type = "lookup"
		o.Hit, o.NoActions = r.Hit != 0, r.NoActions != 0
		o.MaskHit, o.CacheHit = r.MaskHits, r.CacheHits
		if r.HasUfid != 0 {
			o.UFID = d.ufid(r.Ufid)
		}
	}
}

// ufid writes a flow's identifier as ovs-dpctl does.
func (d *decoder) ufid(u [4]uint32) string {
	if s, ok := d.ufids[u]; ok {
		return s
	}
	return keep(d.ufids, 1<<14, u, fmt.Sprintf("%08x-%04x-%04x-%04x-%04x%08x", u[0], u[1]>>16, u[1]&0xffff, u[2]>>16,
		u[2]&0xffff, u[3]))
}

// action and actions keep the text of what each flow does: few, and each in many events. What a name and
// its arguments are one string of, a line break parts.
func (d *decoder) action(attr []byte) (name, args string) {
	if s, ok := d.odps[string(attr)]; ok {
		name, args, _ = strings.Cut(s, "\n")
		return name, args
	}
	name, args = odp.Action(attr)
	keep(d.odps, 1<<12, string(attr), name+"\n"+args)
	return name, args
}

func (d *decoder) actions(attr []byte) string {
	key := "list " + string(attr)
	if s, ok := d.odps[key]; ok {
		return s
	}
	return keep(d.odps, 1<<12, key, odp.Actions(attr))
}
