package drops

import (
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/internal/counter"
	"github.com/skb-tools/skb-tools/internal/drops/census"
)

// TestCensusCountersKnown: what the census names, skb-collect reads and skb-drops can compare.
func TestCensusCountersKnown(t *testing.T) {
	all, err := census.All()
	if err != nil {
		t.Fatal(err)
	}
	sources := map[string][]string{"nstat": {"snmp", "snmp6", "netstat"}, "xfrm": {"xfrm_stat"}, "softnet": {"softnet_stat"},
		"conntrack": {"conntrack"}, "link": {"link"}, "qdisc": {"qdisc"}, "ethtool": {"ethtool"}}
	n := 0
	for _, w := range all {
		for _, line := range w.Counter {
			words := strings.Fields(line)
			for _, name := range words[1:] {
				n++
				known := false
				for _, source := range sources[words[0]] {
					known = known || counter.Lookup(source, name) != nil
				}
				if !known {
					t.Errorf("%s: nothing is known of the counter %s %s", w.Source, words[0], name)
				}
			}
		}
	}
	if n < 300 {
		t.Errorf("the census names only %d counters", n)
	}
}
