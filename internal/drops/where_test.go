package drops

import (
	"testing"

	"github.com/skb-tools/skb-tools/internal/drops/census"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// TestWhereDropsShow: a function where drops show and that the project knows by name has words. Those that free for
// another are looked past, and need none.
func TestWhereDropsShow(t *testing.T) {
	ways, err := census.All()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, w := range ways {
		for _, at := range append(w.At, w.Function) {
			row := kfunc.Lookup(at)
			if row == nil || row.Is(kfunc.Frees) || seen[at] {
				continue
			}
			seen[at] = true
			if row.Where == "" {
				t.Errorf("%s: drops show there, and internal/kfunc has no words for it", at)
			}
		}
	}
	if len(seen) < 150 {
		t.Errorf("only %d functions", len(seen))
	}
}
