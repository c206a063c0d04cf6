package text

import (
	"strconv"

	"github.com/skb-tools/skb-tools/format/wire"
)

// ovs prints what Open vSwitch does, as ovs-dpctl does: ovs=output(2) ovs.out_dev=eth1, or ovs=miss,
// ovs=hit, ovs=upcall.
func (p *Printer) ovs(v wire.Value) {
	of := pick(v, "type", "action", "args", "cmd", "hit", "recirc_id")
	typ, ok := of[0].Str()
	if !ok {
		p.rest("ovs", v)
		return
	}
	p.line = append(p.line, " ovs="...)
	hit, isLookup := of[4].Bool()
	switch {
	case string(typ) == "action" && len(of[1]) > 0:
		p.words(of[1], of[2])
	case string(typ) == "actions" && len(of[1]) > 0:
		p.words(of[1], nil)
	case isLookup && hit:
		p.line = append(p.line, "hit"...)
	case isLookup:
		p.line = append(p.line, "miss"...)
	default:
		p.words(of[0], of[3])
	}
	if id, ok := of[5].Uint(); ok && id != 0 {
		p.line = strconv.AppendUint(append(p.line, " ovs.recirc_id=0x"...), id, 16)
	}
	p.rest("ovs", v, "type", "action", "args", "cmd", "hit", "recirc_id", "out_port")
	p.flowRules(v.Get("ufid"), p.fields.ts)
}

// words prints name(args), or name where there are none. Both are bare, as ovs-dpctl has them.
func (p *Printer) words(name, args wire.Value) {
	bare := func(v wire.Value) {
		if s, ok := v.Str(); ok {
			p.line = appendEscaped(p.line, s)
		} else {
			p.line = appendValue(p.line, v)
		}
	}
	bare(name)
	if len(args) > 0 {
		p.line = append(p.line, '(')
		bare(args)
		p.line = append(p.line, ')')
	}
}
