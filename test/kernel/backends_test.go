//go:build kernel

package kerneltest

import (
	"fmt"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// TestBackendsAgree: single kprobes show what the kernel's own best way of attaching shows,
// of entries and of returns.
func TestBackendsAgree(t *testing.T) {
	n := chain(t, 2)
	// eth_type_trans calls nothing that is probed: on some kernels a stack ends at a
	// function whose return is probed.
	args := []string{"-p", "ip_rcv,ip_output,icmp_rcv,skb_release_data,ret:eth_type_trans", "-f", "icmp", "--with", "args,caller,stack"}
	var got, want map[string][]string
	whole(t, func() *stream {
		one, oneFile := collect(t, append(args, "--backend", "kprobe")...)
		best, bestFile := collect(t, args...)
		n.in(0, "ping -qc 5 -i 0.05 10.0.0.2")
		one.stop()
		best.stop()
		a, b := readStream(t, oneFile), readStream(t, bestFile)
		got, want = byProbe(a), byProbe(b)
		b.losses = append(b.losses, a.losses...)
		return b
	})
	if hits := want["ip_rcv"]; len(hits) < 10 {
		t.Errorf("ip_rcv saw %d packets", len(hits))
	}
	for _, p := range []string{"ip_output", "icmp_rcv", "skb_release_data", "ret:eth_type_trans"} {
		if len(want[p]) < 5 {
			t.Errorf("%s saw %d packets", p, len(want[p]))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d probes saw packets, want %d", len(got), len(want))
	}
	for p := range want {
		n := min(len(got[p]), len(want[p]))
		for i := range n {
			if got[p][i] != want[p][i] {
				t.Fatalf("%s, hit %d: by kprobe\n%s\nwant\n%s", p, i, got[p][i], want[p][i])
			}
		}
		if len(got[p]) != len(want[p]) {
			t.Errorf("%s: %d hits, want %d", p, len(got[p]), len(want[p]))
		}
	}
	nothingLeft(t)
}

// byProbe tells the events of each probe, in order: all that does not differ from one
// collector to another.
func byProbe(s *stream) map[string][]string {
	out := map[string][]string{}
	known := map[uint64]int{} // identities, in their order
	for _, e := range s.sorted(func(*format.Event) bool { return true }) {
		id, _ := e.Skb.Get(format.SkbID)
		if known[id] == 0 {
			known[id] = len(known) + 1
		}
		addr, _ := e.Skb.Get(format.SkbAddr)
		head, _ := e.Skb.Get(format.SkbHead)
		stack := functions(s.stacks[e.Stack])
		if e.Ret.Has {
			stack = nil // for the same reason
		}
		out[e.Probe] = append(out[e.Probe], fmt.Sprintf("skb %x head %x packet %d dev %s netns %d %s args %v caller %s returns %+v\n%v\n%x",
			addr, head, known[id], e.Dev.Name, e.Netns.Inum, e.Packet.At, e.Args, e.Caller, e.Ret, stack, e.Packet.Data))
	}
	return out
}
