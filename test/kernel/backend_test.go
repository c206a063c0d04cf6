//go:build kernel

package kerneltest

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestBackends: entries and returns of functions are seen the same by each backend.
func TestBackends(t *testing.T) {
	n := chain(t, 2)
	n.in(0, "ping -qc 1 10.0.0.2")
	multi := hasMulti()
	for _, backend := range []string{"kprobe", "kprobe.multi", "auto"} {
		args := []string{"-p", "icmp_rcv,ret:icmp_rcv,ret:ip_rcv", "--backend", backend, "-f", "icmp", "--no-follow"}
		if backend == "kprobe.multi" && !multi {
			status, stderr := says(t, append(args, "-w", "/dev/null")...)
			if want := "skb-collect: this kernel has no kprobe.multi"; status != 1 || !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("--backend %s: status %d, %s", backend, status, stderr)
			}
			continue
		}
		var single []byte
		s := whole(t, func() *stream {
			p, file := collect(t, args...)
			n.in(0, "ping -qc 4 -i 0.01 10.0.0.2")
			var err error
			if single, err = os.ReadFile("/sys/kernel/debug/kprobes/list"); err != nil {
				t.Fatal(err)
			}
			p.stop()
			return readStream(t, file)
		})
		// One kind waits at the entry (k), one at the return (r).
		for _, kind := range []string{"k", "r"} {
			got := regexp.MustCompile(` ` + kind + ` +icmp_rcv\+`).Match(single)
			if want := backend == "kprobe" || !multi; got != want {
				t.Errorf("--backend %s: kprobes on icmp_rcv %v, want %v:\n%s", backend, got, want, single)
			}
		}
		counts := map[string]int{}
		for i := range s.events {
			e := &s.events[i]
			counts[e.Probe]++
			if e.Ret.Present() != strings.HasPrefix(e.Probe, "ret:") || e.Ret.Value < 0 || e.Ret.Value > 1 { // NET_RX_SUCCESS, NET_RX_DROP
				t.Errorf("--backend %s: %s returned %+v", backend, e.Probe, e.Ret)
			}
		}
		for _, probe := range []string{"icmp_rcv", "ret:icmp_rcv", "ret:ip_rcv"} {
			if counts[probe] != 8 {
				t.Errorf("--backend %s: %d events of %s, want 8", backend, counts[probe], probe)
			}
		}
	}
	nothingLeft(t)
}
