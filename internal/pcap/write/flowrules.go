package write

import (
	"slices"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/flowrules"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
)

// maxRuleComments is how many bytes the comments with the rules of a flow take, each of up to 4 kB (FORMAT.md).
const maxRuleComments = 8 << 10

// appendRuleComments appends a comment for each OpenFlow rule, key=RULE.
func appendRuleComments(dst []byte, key string, rules wire.Value) []byte {
	if rules.Kind() != wire.Array {
		return dst
	}
	from := len(dst)
	rules.Elems(func(rule wire.Value) bool {
		b := beginComment(&dst, key)
		dst = endComment(flowrules.AppendRule(dst, rule, packet.AppendEscaped), b)
		return len(dst)-from < maxRuleComments
	})
	return dst
}

// flowRules are the comments for the lookups that find the flow of a record `flow`.
func flowRules(rules wire.Value) string { return string(appendRuleComments(nil, "flow.rule=", rules)) }

// ovsSection is the place of Open vSwitch's section.
var ovsSection = findSections + slices.Index(packet.Sections[:], "ovs")

// flowComments appends what ovs-vswitchd told of the flow that a lookup found at ts, ns.
func (o *origin) flowComments(dst []byte, f *format.Finder, ts uint64) []byte {
	if o.flows.Len() == 0 || !f.Has(ovsSection) {
		return dst
	}
	ufid, _ := f.Value(ovsSection).Get("ufid").Str()
	a := o.flows.At(ufid, ts)
	if a.Rules == "" {
		return dst
	}
	return append(appendText(dst, "flow.by=", []byte(a.By())), a.Rules...)
}
