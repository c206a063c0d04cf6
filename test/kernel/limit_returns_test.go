//go:build kernel

package kerneltest

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// TestLimitReturns: probes whose events come with a later program (a return, a tracepoint behind a hand-over) are
// counted under their names. How a packet ended is told only if one of its events is, and a drop that was counted in
// the place of its event is not counted once more, though an event came between it and the packet's end.
func TestLimitReturns(t *testing.T) {
	const port, datagrams = 5301, 2000
	net := chain(t, 2)
	net.in(0, fmt.Sprintf("ping -qc1 10.0.0.2; ip neigh replace 10.0.0.2 lladdr %v dev r0 nud permanent", net.mac(1, "l1")))
	longBacklog(t)
	file := filepath.Join(t.TempDir(), "limited.skb")
	p := start(t, exec.Command("nsenter", "--net=/run/netns/ns1", "skb-collect", "-w", file, "-f", fmt.Sprint("udp dst port ", port),
		"-p", "ret:ip_rcv", "-p", "net:net_dev_xmit", "-p", "skb:kfree_skb", "--try", "__kfree_skb", "--try", "skb_release_head_state",
		"--limit", "100/s"), " attached")
	before := net.nstat(1, "UdpNoPorts")["UdpNoPorts"]
	net.flood(port, datagrams)
	until(t, "all datagrams have come", func() (bool, string) {
		n := net.nstat(1, "UdpNoPorts")["UdpNoPorts"] - before
		return n >= datagrams, fmt.Sprint(n)
	})
	p.stop()
	s := readStream(t, file)
	lost := uint64(0)
	for _, l := range s.losses {
		if l.What == "event" {
			lost += l.Count
		}
		t.Logf("lost: %+v", l)
	}
	events, held := map[string]uint64{}, map[string]uint64{}
	reported := map[uint64]bool{}
	for _, e := range s.events {
		events[e.Probe]++
		id, _ := e.Skb.Get(format.SkbID)
		reported[id] = true
	}
	for _, h := range s.held {
		held[h.Probe] += h.Count
	}
	t.Logf("events %v, held %v", events, held)
	for _, probe := range []string{"ret:ip_rcv", "net:net_dev_xmit", "skb:kfree_skb"} {
		if sum := events[probe] + held[probe]; sum > datagrams || sum+lost < datagrams || events[probe] == 0 || held[probe] == 0 {
			t.Errorf("%s: %d events and %d held back, of %d; %d are lost", probe, events[probe], held[probe], datagrams, lost)
		}
	}
	// One of them comes between the drop and the packet's end.
	if events["__kfree_skb"]+events["skb_release_head_state"] == 0 {
		t.Error("no event came between a drop and the packet's end")
	}
	dropped, counted := 0, 0
	for _, f := range s.frees {
		if !reported[f.Skb.ID] {
			t.Errorf("a free of a packet that has no event: %+v", f)
			break
		}
		if f.How == "dropped" {
			dropped++
		}
		if f.Counted {
			counted++
		}
	}
	t.Logf("%d packets are told to have ended as drops, %d of which were counted", dropped, counted)
	if n, _ := total(t, file, "--frees"); lost == 0 && n != datagrams || n > datagrams {
		t.Errorf("skb-drops --frees counts %d of %d drops", n, datagrams)
	}
}
