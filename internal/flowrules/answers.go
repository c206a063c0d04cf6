// Package flowrules keeps what ovs-vswitchd told of the flows of its datapath (records `flow`), for the events that
// come by such a flow.
package flowrules

import (
	"slices"
	"sort"
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
)

const (
	maxAnswers = 16384    // how many are kept
	maxSize    = 32 << 20 // bytes of their rules
	maxUFID    = 64       // bytes
)

// An Answer is what ovs-vswitchd told of a flow when it was asked for it.
type Answer struct {
	TS     uint64 // of the event for which it was asked, ns
	Rules  string // in the form in which they were kept; "": not known
	Traced bool   // they are not those that made the flow: a packet of it met them when ovs-vswitchd was asked
}

// By is how the rules are known, as `by` of a record `flow`.
func (a Answer) By() string {
	if a.Traced {
		return "trace"
	}
	return "detrace"
}

// Answers keeps the last of them, by UFID. In the order of journeys or packets those about a whole recording come
// before its first event, so each UFID has several. The zero value has none.
type Answers struct {
	of    map[string][]Answer // in the order of TS
	ufids []string            // of each answer that is kept, in the order in which they came, from first
	first int
	size  int // of all rules
}

// Keep keeps what a record `flow` tells. form makes of its rules what is kept: a text of a bounded size.
func (a *Answers) Keep(r format.Raw, form func(rules wire.Value) string) {
	ufid, ok := r.Get("ufid").Str()
	ts, timed := r.Time()
	if !ok || !timed || len(ufid) > maxUFID {
		return
	}
	by, _ := r.Get("by").Str()
	a.keep(string(ufid), Answer{ts, form(r.Get("rules")), string(by) == "trace"})
}

func (a *Answers) keep(ufid string, n Answer) {
	if a.of == nil {
		a.of = map[string][]Answer{}
	}
	a.size += len(n.Rules)
	for a.first < len(a.ufids) && (len(a.ufids)-a.first >= maxAnswers || a.size > maxSize) {
		a.forget(a.ufids[a.first])
		a.first++
	}
	if a.first > maxAnswers {
		a.ufids, a.first = append([]string(nil), a.ufids[a.first:]...), 0
	}
	a.ufids = append(a.ufids, ufid)
	list := a.of[ufid]
	i := behind(list, n.TS)
	if i > 0 && list[i-1].Rules == n.Rules { // equal ones share a text
		n.Rules = list[i-1].Rules
	}
	a.of[ufid] = slices.Insert(list, i, n)
}

// forget forgets the earliest of a UFID.
func (a *Answers) forget(ufid string) {
	list := a.of[ufid]
	a.size -= len(list[0].Rules)
	list[0] = Answer{}
	if len(list) > 1 {
		a.of[ufid] = list[1:]
	} else {
		delete(a.of, ufid)
	}
}

// behind is the place in list of the first that was asked for after ts.
func behind(list []Answer, ts uint64) int {
	return sort.Search(len(list), func(i int) bool { return list[i].TS > ts })
}

// At is what was told of a flow for the latest event that is not after ts. What is told of a later one need not be
// true then: the rules may have been changed in between.
func (a *Answers) At(ufid []byte, ts uint64) Answer {
	list := a.of[string(ufid)]
	if i := behind(list, ts); i > 0 {
		return list[i-1]
	}
	return Answer{}
}

// Len is how many answers are kept.
func (a *Answers) Len() int { return len(a.ufids) - a.first }

// AppendRule writes an OpenFlow rule as ovs-ofctl(8) does: its bridge, if that is known, and cookie=0x22, table=1,
// priority=10,icmp,actions=drop. text appends what the stream has: it escapes it, or not.
func AppendRule(dst []byte, rule wire.Value, text func(dst, s []byte) []byte) []byte {
	if bridge, ok := rule.Get("bridge").Str(); ok {
		dst = append(text(dst, bridge), ' ')
	}
	cookie, _ := rule.Get("cookie").Uint()
	table, _ := rule.Get("table").Uint()
	dst = strconv.AppendUint(append(dst, "cookie=0x"...), cookie, 16)
	dst = strconv.AppendUint(append(dst, ", table="...), table, 10)
	if words, ok := rule.Get("rule").Str(); ok {
		dst = text(append(dst, ", "...), words)
	}
	return dst
}
