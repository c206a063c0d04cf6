package drops

import (
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/flowrules"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// maxKeptRules is how many bytes of a flow's rules are kept: more than those of most flows. A flow with more has none
// told at its drops.
const maxKeptRules = 16 << 10

// keptRules are a record's rules as they are.
func keptRules(rules wire.Value) string {
	if len(rules) > maxKeptRules || rules.Kind() != wire.Array {
		return ""
	}
	return string(rules)
}

// setRules finds the OpenFlow rules of the flow that dropped the packet at ts, ns: those of the flow that it found
// last, if it is Open vSwitch that dropped it.
func (f *facts) setRules(t *tables, known *flowrules.Answers, ts uint64) {
	if known.Len() > 0 && f.earlier != nil && t.isOVS(f.function) {
		f.rules = known.At(f.earlier.get(keptUFID), ts)
	}
}

// isOVS says that all that drops at the function is Open vSwitch.
func (t *tables) isOVS(function []byte) bool {
	if at := kfunc.Lookup(function); at != nil && at.Module == "openvswitch" {
		return true
	}
	ways := t.waysAt(function)
	return len(ways) > 0 && !slices.ContainsFunc(ways, func(w *way) bool {
		return !strings.HasPrefix(w.File, "net/openvswitch/")
	})
}

// appendRules writes the rules, and how they are known: as `rules` and `by` of a record `flow`.
func (f *facts) appendRules(dst []byte) []byte {
	dst = append(wire.AppendStr(dst, "rules"), f.rules.Rules...)
	return wire.AppendStr(wire.AppendStr(dst, "rules_by"), f.rules.By())
}
