package kfunc

import (
	"slices"
	"testing"
)

// TestDropCalls holds the calls that drop against the rows: what has a symbol has a row that frees.
func TestDropCalls(t *testing.T) {
	compiled := 0
	for name, d := range dropCalls {
		if d.Compiled {
			compiled++
		}
		row := Lookup(name)
		if d.Compiled && row == nil && d.At == nil {
			t.Errorf("%s is compiled, and has no row", name)
		}
		if row != nil && !row.Is(Frees) {
			t.Errorf("%s drops, and its row does not free", name)
		}
		if d.Reason < CountsOnly || d.Reason > 5 {
			t.Errorf("%s: argument %d", name, d.Reason)
		}
	}
	if compiled < 10 {
		t.Errorf("only %d are compiled", compiled)
	}
	for _, f := range All() {
		// These also free what is not dropped.
		also := []string{"__kfree_skb", "napi_consume_skb", "skb_free_datagram", "__skb_free_datagram_locked",
			"kfree_skb_partial", "__tcf_kfree_skb_list"}
		if _, ok := CallToDrop(f.Name); f.Is(Frees) && ok == slices.Contains(also, f.Name) {
			t.Errorf("%s frees for who decided to drop, and is a call to drop: %v", f.Name, ok)
		}
	}
	if at, ok := Verdict("NF_DROP"); !ok || !slices.Equal(at, []string{"nf_hook_slow"}) {
		t.Errorf("NF_DROP: %q, %v", at, ok)
	}
	if at, ok := Verdict("NF_ACCEPT"); ok {
		t.Errorf("NF_ACCEPT drops at %q", at)
	}
	if d, ok := CallToDrop("qdisc_drop_reason"); !ok || d.Reason != 3 || !slices.Contains(d.At, "__dev_queue_xmit") {
		t.Errorf("qdisc_drop_reason: %+v, %v", d, ok)
	}
}
