package text

import (
	"slices"
	"sort"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/escape"
)

const (
	maxAnswers   = 16384 // how many answers about flows are kept
	maxRulesText = 1024  // bytes that the rules of an answer take
	maxUFID      = 64    // bytes
)

// An answer is what ovs-vswitchd told of a flow when it was asked for it.
type answer struct {
	ts     uint64 // of the lookup for which it was asked, ns
	rules  string // as they are printed; "": not known
	traced bool   // they are not those that made the flow: a packet of it met them when ovs-vswitchd was asked
}

// answers keeps the last maxAnswers of them, by UFID. In the order of journeys or packets those about a whole
// recording come before its first lookup, so each UFID has several.
type answers struct {
	of    map[string][]answer // in the order of ts
	ufids []string            // of each answer that was kept, in the order in which they came: a ring once it is full
	next  int                 // the oldest's place there
}

// keep keeps one. The texts of equal ones are shared.
func (a *answers) keep(ufid string, n answer) {
	if a.of == nil {
		a.of = map[string][]answer{}
	}
	if len(a.ufids) < maxAnswers {
		a.ufids = append(a.ufids, ufid)
	} else {
		a.forget(a.ufids[a.next])
		a.ufids[a.next] = ufid
		a.next = (a.next + 1) % maxAnswers
	}
	list := a.of[ufid]
	i := a.behind(list, n.ts)
	if i > 0 && list[i-1].rules == n.rules {
		n.rules = list[i-1].rules
	}
	a.of[ufid] = slices.Insert(list, i, n)
}

// forget forgets the earliest of a UFID.
func (a *answers) forget(ufid string) {
	if list := a.of[ufid]; len(list) > 1 {
		list[0] = answer{}
		a.of[ufid] = list[1:]
	} else {
		delete(a.of, ufid)
	}
}

// behind is the place in list of the first that was asked for after ts.
func (a *answers) behind(list []answer, ts uint64) int {
	return sort.Search(len(list), func(i int) bool { return list[i].ts > ts })
}

// at is what was told of a flow for the latest lookup that is not after ts. What is told of a later one need not be
// true then: the rules may have been changed in between.
func (a *answers) at(ufid []byte, ts uint64) answer {
	list := a.of[string(ufid)]
	if i := a.behind(list, ts); i > 0 {
		return list[i-1]
	}
	return answer{}
}

// keepRules keeps the rules of a flow for the lookups that find it.
func (p *Printer) keepRules(r format.Raw) {
	ufid, ok := r.Get("ufid").Str()
	ts, timed := r.Time()
	if !ok || !timed || len(ufid) > maxUFID {
		return
	}
	by, _ := r.Get("by").Str()
	p.answers.keep(string(ufid), answer{ts, rulesText(r.Get("rules")), string(by) == "trace"})
}

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
