package drops

import (
	"slices"
	"testing"

	"github.com/skb-tools/skb-tools/internal/drops/census"
)

// general are rules whose sentence is about all that their functions do, or about a protocol's
// program: what it says is so whatever the way.
var general = []string{
	"unix", "read-or-fault", "freed-together", "tun-ring", "segmentation", "vxlan", "fragment-twice", "icmp-socket-gone", "qdisc-reset", "qdisc-short", "fragments-timeout",
}

// A cause comes first only at places that have it: a rule that tells, of a way to drop, the
// cause of another place is found so.
func TestRulesBelong(t *testing.T) {
	all, err := census.All()
	if err != nil {
		t.Fatal(err)
	}
	type place struct{ kernel, at, reason string }
	rules := map[place][]*rule{}
	var ways []*way
	for _, c := range all {
		if c.Not != "" {
			continue
		}
		w, err := table().newWay(c)
		if err != nil {
			t.Fatal(err)
		}
		ways = append(ways, w)
		for _, kernel := range census.Kernels {
			for _, reason := range w.On(kernel) {
				for _, at := range w.At {
					p := place{kernel, at, reason}
					rules[p] = append(rules[p], w.rules...)
				}
			}
		}
	}
	p := newProver(t)
	for _, w := range ways {
		if w.Rare || w.cause == nil {
			continue
		}
		tries := w.Tries
		if tries == nil {
			tries = []string{""}
		}
		for _, kernel := range census.Kernels {
			for _, reason := range w.On(kernel) {
				for _, at := range w.At {
					known := slices.Concat(rules[place{kernel, at, reason}], rules[place{kernel, at, "*"}])
					for _, try := range tries {
						if reason == "*" {
							continue
						}
						v := p.verdict(kernel, dropWords(kernel, reason, at)+" "+try)
						if v.rule != nil && !slices.Contains(known, v.rule) && !slices.Contains(general, v.rule.name) {
							t.Errorf("census/%s: rule %s is told at %s on %s, where the census has no such way, first of: %s", w.Source, v.rule.name, at, kernel, w.words())
						}
					}
				}
			}
		}
	}
}
