package text

import (
	"strconv"

	"github.com/skb-tools/skb-tools/format"
)

// held prints events that were counted and not written: `held: 1204 more at skb:kfree_skb NO_SOCKET udp_rcv+0x1a eth0`
// and so on.
func (p *Printer) held(r format.Raw) {
	p.fitter.style = styleWhole
	p.head(r)
	count, _ := r.Get("count").Uint()
	p.cell = strconv.AppendUint(append(p.cell[:0], "held: "...), count, 10)
	p.cell = append(p.cell, " more"...)
	if probe, ok := r.Get("probe").Str(); ok {
		p.cell = appendEscaped(append(p.cell, " at "...), probe)
	}
	for _, path := range [...][]string{{"drop", "name"}, {"drop", "location"}, {"dev", "name"}} {
		if s, ok := r.Get(path...).Str(); ok {
			p.cell = appendEscaped(append(p.cell, ' '), s)
		}
	}
	p.cell = append(p.cell, ", counted and not written"...)
	switch cause, _ := r.Cause().Str(); string(cause) {
	case "limit", "count-drops":
		p.cell = append(append(append(p.cell, " (--"...), cause...), ')')
	}
	p.say(string(p.cell), cyan)
	p.others(r, "count", "probe", "drop", "dev", "since", "cause")
}
