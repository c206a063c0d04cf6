package drops

import (
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// What another buffer of the same packet met explains its drop, if skb-track has been
// there: after a copy the buffer is another one, the packet is not.
func TestEarlierOfTheSamePacket(t *testing.T) {
	const verdict = `{"type":"event","ts":1,"probe":"nft:trace","skb":{"id":7}%s,"nft":{"type":"rule","verdict":"drop","family":"inet","table":"filter","chain":"input","handle":9}}`
	const drop = `{"type":"event","ts":2,"probe":"skb:kfree_skb","skb":{"id":8}%s,"drop":{"location":"nf_hook_slow+0x1"}}`
	for _, c := range []struct {
		before, at string // the track sections
		known      bool
	}{
		{`,"track":{"packet":3,"hop":1}`, `,"track":{"packet":3,"hop":2}`, true},
		{`,"track":{"packet":3,"hop":1}`, `,"track":{"packet":4,"hop":2}`, false},
		{"", "", false}, // without skb-track they are two buffers
		{`,"track":{"packet":8}`, "", false},
	} {
		w := explained(t, record(t, `{"type":"start","ts":1,"version":1}`),
			record(t, strings.Replace(verdict, "%s", c.before, 1)), record(t, strings.Replace(drop, "%s", c.at, 1)))[0]
		if known := strings.HasPrefix(w.Cause, "rule 9 of the nftables chain input"); known != c.known {
			t.Errorf("%s and %s: %s", c.before, c.at, w.Cause)
		}
	}
}

// Two hosts' packets have the same numbers, and nothing to do with each other.
func TestEarlierOfAnotherHost(t *testing.T) {
	w := explained(t, record(t, `{"type":"start","ts":1,"version":1,"host":"a"}`),
		record(t, `{"type":"event","ts":1,"probe":"nft:trace","track":{"packet":3},"nft":{"verdict":"drop","family":"inet","table":"filter","chain":"input","handle":9}}`),
		record(t, `{"type":"start","ts":1,"version":1,"host":"b"}`),
		record(t, `{"type":"event","ts":2,"probe":"skb:kfree_skb","track":{"packet":3},"drop":{"location":"nf_hook_slow+0x1"}}`))[0]
	if strings.Contains(w.Cause, "rule 9") {
		t.Errorf("another host's rule: %s", w.Cause)
	}
}

// TestEarlierHeld: what was known of a packet is not told of it once events of it were held back.
func TestEarlierHeld(t *testing.T) {
	const verdict = `{"type":"event","ts":1,"probe":"nft:trace","skb":{"id":7},"nft":{"type":"rule","verdict":"drop","family":"inet","table":"filter","chain":"input","handle":9}}`
	const drop = `{"type":"event","ts":2,"probe":"skb:kfree_skb","skb":{"id":7},"drop":{"location":"nf_hook_slow+0x1"}`
	for held, known := range map[string]bool{`}`: true, `,"held":1}`: false} {
		w := explained(t, record(t, `{"type":"start","ts":1,"version":1}`), record(t, verdict), record(t, drop+held))[0]
		if got := strings.HasPrefix(w.Cause, "rule 9 of the nftables chain input"); got != known {
			t.Errorf("%s: %s", held, w.Cause)
		}
	}
	// A lookup that did not find a flow may have had one behind it that did.
	const miss = `{"type":"event","ts":1,"probe":"ret:ovs_flow_tbl_lookup_stats","skb":{"id":7},"ovs":{"type":"lookup","hit":false}}`
	const lost = `{"type":"event","ts":2,"probe":"ret:ovs_dp_upcall","skb":{"id":7},"ret":{"value":-11}`
	for held, drops := range map[string]int{`}`: 1, `,"held":1}`: 0} {
		if got := explained(t, record(t, `{"type":"start","ts":1,"version":1}`), record(t, miss), record(t, lost+held)); len(got) != drops {
			t.Errorf("%s: %d drops", held, len(got))
		}
	}
}

// TestThrownOnce: a flow without actions is told once, by the lookup or by its list of actions. An empty list within
// the flow's list is no drop.
func TestThrownOnce(t *testing.T) {
	lookup := func(more string) string {
		return `{"type":"event","ts":1,"probe":"ret:ovs_flow_tbl_lookup_stats","skb":{"id":7},"ovs":{"type":"lookup","hit":true` + more + `}}`
	}
	list := func(actions string) string {
		return `{"type":"event","ts":2,"probe":"do_execute_actions","skb":{"id":7},"ovs":{"type":"actions","action":"` + actions + `"}}`
	}
	for name, c := range map[string]struct {
		events []string
		drops  int
	}{
		"both tell":               {[]string{lookup(`,"no_actions":true`), list("drop")}, 1},
		"the list tells":          {[]string{lookup(""), list("drop")}, 1},
		"without lookups":         {[]string{list("ct,recirc(0x1)"), list("drop")}, 1},
		"a list within":           {[]string{lookup(""), list("2,clone()"), list("drop")}, 0},
		"behind a recirculation":  {[]string{lookup(""), list("ct,recirc(0x1)"), lookup(""), list("drop")}, 1},
		"the lookup behind tells": {[]string{lookup(""), list("ct,recirc(0x1)"), lookup(`,"no_actions":true`), list("drop")}, 1},
	} {
		records := []format.Raw{record(t, `{"type":"start","ts":1,"version":1}`)}
		for _, e := range c.events {
			records = append(records, record(t, e))
		}
		if got := explained(t, records...); len(got) != c.drops {
			t.Errorf("%s: %d drops, want %d", name, len(got), c.drops)
		}
	}
}
