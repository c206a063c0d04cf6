package text

import (
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
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
	p.keepRules(r)
	p.others(r, "seen", "ufid", "match", "actions", "rules")
}

// appendRule writes an OpenFlow rule as ovs-ofctl(8) does: its bridge, if that is known, and cookie=0x22, table=1,
// priority=10,icmp actions=drop.
func appendRule(dst []byte, rule wire.Value) []byte {
	if bridge, ok := rule.Get("bridge").Str(); ok {
		dst = append(appendEscaped(dst, bridge), ' ')
	}
	cookie, _ := rule.Get("cookie").Uint()
	table, _ := rule.Get("table").Uint()
	dst = strconv.AppendUint(append(dst, "cookie=0x"...), cookie, 16)
	dst = strconv.AppendUint(append(dst, ", table="...), table, 10)
	if words, ok := rule.Get("rule").Str(); ok {
		dst = appendEscaped(append(dst, ", "...), words)
	}
	return dst
}

// flowRules prints the rules of the flow that a lookup found at ts, if they were told: rules=[...], or, if they need
// not be those that made the flow, rules.traced=[...].
func (p *Printer) flowRules(ufid wire.Value, ts number) {
	s, ok := ufid.Str()
	if !ok || !ts.OK {
		return
	}
	a := p.answers.at(s, ts.V)
	if a.rules == "" {
		return
	}
	before := " rules=["
	if a.traced {
		before = " rules.traced=["
	}
	p.line = append(append(append(p.line, before...), a.rules...), ']')
}
