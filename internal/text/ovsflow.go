package text

import (
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/flowrules"
)

// ovsFlow prints a flow of Open vSwitch and its OpenFlow rules.
func (p *Printer) ovsFlow(r format.Raw) {
	p.head(r)
	p.say("flow", faint)
	str := func(before, key string) {
		if s, ok := r.Get(key).Str(); ok {
			p.line = appendEscaped(append(p.line, before...), s)
		}
	}
	str(" ", "ufid")
	str(" ", "match")
	str(" actions:", "actions")
	elements(r.Get("rules"), func(i int, v wire.Value) {
		if i == 0 {
			p.line = append(p.line, " rules:"...)
		} else {
			p.line = append(p.line, ';')
		}
		p.line = appendRule(append(p.line, ' '), v)
	})
	p.answers.Keep(r, rulesText)
	p.others(r, "seen", "ufid", "match", "actions", "rules")
}

// appendRule writes an OpenFlow rule, escaped.
func appendRule(dst []byte, rule wire.Value) []byte {
	return flowrules.AppendRule(dst, rule, func(dst, s []byte) []byte { return appendEscaped(dst, s) })
}

// flowRules prints the rules of the flow that a lookup found at ts, if they were told: rules=[...], or, if they need
// not be those that made the flow, rules.traced=[...].
func (p *Printer) flowRules(ufid wire.Value, ts number) {
	s, ok := ufid.Str()
	if !ok || !ts.OK {
		return
	}
	a := p.answers.At(s, ts.V)
	if a.Rules == "" {
		return
	}
	before := " rules=["
	if a.Traced {
		before = " rules.traced=["
	}
	p.line = append(append(append(p.line, before...), a.Rules...), ']')
}
