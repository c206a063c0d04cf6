package text

import (
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/escape"
)

// maxRulesText is how many bytes the rules of a flow take in a lookup's line.
const maxRulesText = 1024

// rulesText are rules in one line of at most maxRulesText bytes and a few words.
func rulesText(rules wire.Value) string {
	var line, rule []byte
	left := 0
	elements(rules, func(i int, v wire.Value) {
		rule = rule[:0]
		if i > 0 {
			rule = append(rule, "; "...)
		}
		rule = appendRule(rule, v)
		switch {
		case left > 0:
			left++
		case i == 0:
			line, rule = rule, nil
			if len(line) > maxRulesText {
				line = append(escape.Cut(line, maxRulesText), "..."...)
			}
		case len(line)+len(rule) > maxRulesText:
			left++
		default:
			line = append(line, rule...)
		}
	})
	return string(appendMore(line, left))
}

// shownRules is how many rules are printed at a drop; JSON has them all.
const shownRules = 8

// whyRules prints the OpenFlow rules that the packet met before Open vSwitch dropped it, a line each.
func (p *Printer) whyRules(why wire.Value) {
	head, more := "\n    rule: ", 0
	if by, _ := why.Get("rules_by").Str(); string(by) == "trace" {
		head = "\n    rule (traced): "
	}
	elements(why.Get("rules"), func(i int, rule wire.Value) {
		if i >= shownRules {
			more++
			return
		}
		p.line = appendRule(append(p.line, head...), rule)
	})
	p.line = appendMore(p.line, more)
}
