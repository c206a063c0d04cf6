package drops

import (
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// TestHostsOfMerge: a merge goes from start to start and back with nearly every record. What
// a start says, tens of kB, is read once, also where it is repeated in the older way.
func TestHostsOfMerge(t *testing.T) {
	var hosts hosts
	a, b := format.Raw((&format.Start{TS: 1, Host: "a"}).AppendMsgpack(nil)), format.Raw((&format.Start{TS: 1, Host: "b"}).AppendMsgpack(nil))
	first, second := hosts.start(a), hosts.start(b)
	if first == second || first.name != "a" || second.name != "b" {
		t.Fatalf("%q and %q", first.name, second.name)
	}
	if hosts.start(a) != first || hosts.start(b) != second {
		t.Error("a start that comes again is read again")
	}
	back := format.Raw((&format.Resume{Back: 1}).AppendMsgpack(nil))
	for _, want := range []*host{first, second, first} {
		if got, ok := hosts.came.Resume(back); !ok || got != want {
			t.Errorf("resumed %v, %v", got, ok)
		}
	}
	for i := range 10 * maxHosts {
		hosts.start((&format.Start{TS: uint64(i)}).AppendMsgpack(nil))
	}
	if len(hosts.by) > maxHosts {
		t.Errorf("%d hosts are kept", len(hosts.by))
	}
	// Large ones are as many as a resume can go back to.
	for i := range 100 {
		hosts.start((&format.Start{TS: uint64(i), Cmdline: []string{strings.Repeat("x", 1<<20)}}).AppendMsgpack(nil))
	}
	if n := format.MaxStartBytes >> 20; len(hosts.by) > n {
		t.Errorf("%d hosts of 1 MiB are kept", len(hosts.by))
	} else if _, ok := hosts.came.Resume((&format.Resume{Back: uint64(n)}).AppendMsgpack(nil)); ok {
		t.Errorf("more than %d hosts of 1 MiB are kept", n)
	}
}
