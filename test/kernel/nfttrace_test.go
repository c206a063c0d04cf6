//go:build kernel

package kerneltest

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/format"
)

// traced fails unless exactly these namespaces have the table of --nft-trace.
func (n *network) traced(want ...int) {
	n.t.Helper()
	for i := range n.names {
		has := strings.Contains(n.in(i, "nft list ruleset"), "meta nftrace set 1")
		wanted := false
		for _, w := range want {
			wanted = wanted || w == i
		}
		if has != wanted {
			n.t.Errorf("ns%d has the table: %v", i, has)
		}
	}
}

// killed kills the collector in mid-run, and fails unless after 2 seconds nothing of it is in
// the namespaces.
func (n *network) killed(collector *process) {
	n.t.Helper()
	began := time.Now()
	collector.cmd.Process.Kill() // ip netns exec has become skb-collect
	var looked time.Duration     // when the look that found nothing began
	until(n.t, "the tables are gone", func() (bool, string) {
		looked = time.Since(began)
		rules := ""
		for i := range n.names {
			rules += n.in(i, "nft list ruleset")
		}
		return !strings.Contains(rules, "skb-collect"), rules
	})
	if looked > 2*time.Second {
		n.t.Errorf("the tables were there for %v after kill -9", looked)
	}
	collector.wait()
	nothingLeft(n.t)
}

// TestNFTTraceKilled: kill -9 leaves no table behind.
func TestNFTTraceKilled(t *testing.T) {
	net := chain(t, 2)
	collector := start(t, net.command(1, "skb-collect", "--nft-trace", "-o", "json", "-p", "ip_rcv"), "probes attached")
	net.traced(1)
	net.killed(collector)
}

// TestNFTTraceNetns: with --netns it is those namespaces whose packets are traced, however
// they are named, and not the collector's own.
func TestNFTTraceNetns(t *testing.T) {
	net := chain(t, 4)
	net.in(1, `nft 'table ip zoo { chain in { type filter hook input priority 0; counter accept; }; }'`)
	// A namespace by its number, which has no name: that of a process.
	sleeper := exec.Command("unshare", "--net", "sleep", "1000")
	background(t, sleeper)
	in := func(command string) string {
		return run(t, "nsenter", "-t", fmt.Sprint(sleeper.Process.Pid), "--net", "bash", "-ec", command)
	}
	number := ""
	until(t, "the process is in its namespace", func() (bool, string) {
		number = strings.TrimSpace(in("stat -Lc %i /proc/self/ns/net"))
		return number != strings.TrimSpace(run(t, "stat", "-Lc", "%i", "/proc/self/ns/net")), number
	})
	args := []string{"--no-follow", "--nft-trace", "--netns", "ns1", "--netns", "/run/netns/ns2", "--netns", number, "--netns", "ns2"}
	collector, file := collect(t, args...)
	net.traced(1, 2)
	if rules := in("nft list ruleset"); !strings.Contains(rules, "nftrace") {
		t.Errorf("no table in the namespace of a number: %q", rules)
	}
	if rules := run(t, "nft", "list", "ruleset"); rules != "" {
		t.Errorf("the collector's own namespace has %s", rules)
	}
	net.in(0, "ping -qc 1 10.0.0.2")
	collector.stop()
	net.traced()
	rules := 0
	for _, e := range readStream(t, file).sorted(func(e *format.Event) bool { return e.NFT.Present() }) {
		if e.NFT.Table == "zoo" && e.NFT.Chain == "in" && e.NFT.Type == "rule" && e.Netns.Inum == inum(t, "ns1") {
			rules++
		}
	}
	if rules != 1 {
		t.Errorf("%d steps at the rule that one packet met", rules)
	}
	collector, _ = collect(t, args...)
	net.traced(1, 2)
	net.killed(collector)
	if rules := in("nft list ruleset"); rules != "" {
		t.Errorf("left in the namespace of a number: %s", rules)
	}
	for args, want := range map[string]string{
		"--netns 4":      "--netns 4: no network namespace with that number",
		"--netns nobody": "--netns 'nobody': /run/netns/nobody: no such file",
	} {
		out, err := exec.Command("bash", "-c", "skb-collect --nft-trace "+args).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%s: %v, %s", args, err, out)
		}
	}
}
