//go:build kernel

package kerneltest

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// TestNFTAlone: the steps through nftables are reported without any other probe, those with a wanted verdict only,
// and none of the table that asks for them.
func TestNFTAlone(t *testing.T) {
	net := chain(t, 2)
	net.in(1, `nft -f - <<'.'
		table inet alone {
			chain in { type filter hook input priority 0; policy accept; udp dport 83 counter drop; udp dport 84 jump more; udp dport 86 meta nftrace set 1 counter accept; }
			chain more { counter accept; }
		}
.
`)
	send := func() {
		net.in(0, `for i in 1 2 3; do echo x > /dev/udp/10.0.0.2/83; done; for i in 1 2; do echo x > /dev/udp/10.0.0.2/84; done; echo x > /dev/udp/10.0.0.2/86`)
	}
	for _, c := range []struct {
		name, args string
		// How many steps the rules of each chain made: drop; jump and accept; accept of the marked packet.
		drops, jumps, accepts, marked int
	}{
		{"with", "--with nft", 0, 0, 0, 1},
		{"probe", "-p nft_trace_notify", 0, 0, 0, 1},
		{"trace", "--nft-trace", 3, 2, 2, 1},
		{"drops", "--nft-trace --nft-verdicts drop", 3, 0, 0, 0},
		{"two verdicts", "-p nft_trace_notify --nft-trace --nft-verdicts jump,drop", 3, 2, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := whole(t, func() *stream {
				file := filepath.Join(t.TempDir(), "events.skb")
				args := append([]string{"skb-collect", "-w", file}, strings.Fields(c.args)...)
				collector := start(t, net.command(1, args...), "1 probe attached")
				send()
				collector.stop()
				return readStream(t, file)
			})
			got := map[string]int{}
			ids := map[uint64]bool{}
			for _, e := range s.events {
				n := e.NFT
				if e.Probe != "nft_trace_notify" || !n.Present() || n.Table != "alone" && n.Table != "" {
					t.Errorf("an event of %s: %+v", e.Probe, n)
				}
				id, _ := e.Skb.Get(format.SkbID)
				ids[id] = true
				if n.Type == "rule" && n.Handle != 0 && n.Verdict != "continue" {
					step := n.Chain + " " + n.Verdict
					if n.Jump != "" {
						step += " " + n.Jump
					}
					got[step]++
				}
			}
			want := map[string]int{"in drop": c.drops, "in jump more": c.jumps, "more accept": c.accepts, "in accept": c.marked}
			for step, n := range want {
				if got[step] != n {
					t.Errorf("%d steps %q, want %d: %v", got[step], step, n, got)
				}
				delete(got, step)
			}
			if len(got) > 0 {
				t.Errorf("more steps: %v", got)
			}
			// A packet none of whose steps is wanted is not followed.
			for _, f := range s.frees {
				if !ids[f.Skb.ID] {
					t.Errorf("a packet without an event was followed: %+v", f)
				}
			}
		})
	}
	// What was counted while the rules of one run met each packet is what the kernel says.
	if out := net.in(1, "nft list chain inet alone in"); !regexp.MustCompile(`dport 83 counter packets 1[5-9]|dport 83 counter packets [2-9]\d`).MatchString(out) {
		t.Errorf("the drops of five runs are not there: %s", out)
	}
}
