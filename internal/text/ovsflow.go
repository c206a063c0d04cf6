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

// maxFlows is how many flows' rules are kept.
const maxFlows = 4096

// keepRules keeps the rules of a flow for the lookups that find it.
func (p *Printer) keepRules(r format.Raw) {
	ufid, ok := r.Get("ufid").Str()
	if !ok || len(ufid) > 64 {
		return
	}
	var rules []byte
	elements(r.Get("rules"), func(i int, v wire.Value) {
		if i > 0 {
			rules = append(rules, "; "...)
		}
		rules = appendRule(rules, v)
	})
	if p.rules == nil || len(p.rules) >= maxFlows {
		p.rules = map[string][]byte{}
	}
	p.rules[string(ufid)] = rules[:min(len(rules), 1024)]
}

// flowRules prints the rules of the flow that a lookup found, if they were told.
func (p *Printer) flowRules(ufid wire.Value) {
	s, _ := ufid.Str()
	if rules := p.rules[string(s)]; len(rules) > 0 {
		p.line = append(append(append(p.line, " rules=["...), rules...), ']')
	}
}
