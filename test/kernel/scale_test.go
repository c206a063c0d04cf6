//go:build kernel

package kerneltest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/kernel"
)

// TestInterruptedAttach: ^C while probes are being attached ends at once and cleanly.
func TestInterruptedAttach(t *testing.T) {
	nothingLeft(t) // of the test before
	ready := filepath.Join(t.TempDir(), "ready")
	file := filepath.Join(t.TempDir(), "events.skb")
	cmd := exec.Command("skb-collect", "-p", "*", "-w", file, "--ready-file", ready)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the first program is loaded", func() (bool, string) {
		out := run(t, "bpftool", "prog", "list")
		return strings.Contains(out, "name on_release"), out
	})
	cmd.Process.Signal(syscall.SIGINT)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("%v: %s", err, stderr.String())
		}
	case <-time.After(patience):
		cmd.Process.Kill()
		t.Fatalf("still running after %v", patience)
	}
	if strings.Contains(stderr.String(), "probes attached") || exists(ready) {
		t.Errorf("it went on until all was attached: %s", stderr.String())
	}
	nothingLeft(t)
}

// TestEveryFunction: with probes on all functions that take an sk_buff, a flooded host stays
// alive, each loss is counted, and nothing is left behind.
func TestEveryFunction(t *testing.T) {
	n := chain(t, 2)
	all, least := "*", 1000
	if !hasMulti() && !exists("/sys/kernel/btf/veth") {
		// On 5.10, which has no types of modules either, it is the same code as on 6.1, and
		// takes six minutes.
		all, least = "ip_*", 30
	}
	// Packets come while probes are put on and taken off, too; not a flood then, which would take a guest
	// with single kprobes two minutes more.
	pings := func(args ...string) *exec.Cmd {
		c := n.command(0, append(append([]string{"ping", "-q"}, args...), "10.0.0.2")...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Process.Kill() })
		return c
	}
	answered := func(c *exec.Cmd) {
		c.Process.Signal(syscall.SIGINT)
		if err := c.Wait(); err != nil {
			t.Errorf("%v: no answer: %v", c.Args, err)
		}
	}
	calm := pings("-i", "0.1")
	file := filepath.Join(t.TempDir(), "events.skb")
	p := startWithin(t, slow, exec.Command("skb-collect", "-w", file, "-p", all, "-s", "32", "--buffer", "64kB", "-c", "200000"), " attached")
	attached := regexp.MustCompile(`(\d+) probes attached`).FindStringSubmatch(p.errors())
	if attached == nil {
		t.Fatal(p.errors())
	}
	if many, _ := strconv.Atoi(attached[1]); many < least {
		t.Errorf("only %d functions are probed", many)
	}
	flood := pings("-f")
	untilWithin(t, slow, "the stream has its end", func() (bool, string) {
		said := p.errors()
		return strings.Contains(said, " 200000 events"), said
	})
	answered(flood)
	if status := p.waitWithin(slow); status != 0 {
		t.Fatalf("status %d: %s", status, p.errors())
	}
	answered(calm)
	n.in(0, "ping -qc 3 10.0.0.2")
	seen, events, lost := map[string]bool{}, 0, uint64(0)
	s := walkEvents(t, file, func(e *format.Event) {
		events++
		seen[e.Probe] = true
	})
	for _, l := range s.losses {
		lost += l.Count
	}
	if events != 200000 || len(seen) < least/20 || s.end == nil || s.end.Lost != lost {
		t.Errorf("%d events at %d functions, %d lost, end %+v", events, len(seen), lost, s.end)
	}
	if lost == 0 {
		t.Errorf("a flood into a buffer of 64 kB, and nothing lost: what should be shown is not")
	}
	nothingLeft(t)
}

// TestReadyFile: the file is there when, and only when, nothing is missed from then on.
func TestReadyFile(t *testing.T) {
	n := chain(t, 2)
	ready := filepath.Join(t.TempDir(), "ready")
	p, file := collect(t, "-p", "ip_rcv,ret:ip_rcv,net:netif_receive_skb", "--no-follow", "--ready-file", ready)
	if !exists(ready) {
		t.Error("no file when it says that it is ready")
	}
	n.in(0, "ping -qc 1 10.0.0.2")
	p.stop()
	s := readStream(t, file)
	seen := map[string]int{}
	for i := range s.events {
		seen[s.events[i].Probe]++
	}
	for _, probe := range []string{"ip_rcv", "ret:ip_rcv", "net:netif_receive_skb"} {
		if seen[probe] < 2 {
			t.Errorf("no %s: %v", probe, seen)
		}
	}
	// Modules: all that are loaded, or those named, where the kernel has their types.
	run(t, "modprobe", "nf_conntrack")
	run(t, "modprobe", "vxlan")
	types := exists("/sys/kernel/btf/nf_conntrack")
	for _, test := range []struct {
		modules string
		want    bool
	}{{"all", types}, {"nf_conntrack,vxlan", types}, {"vxlan", false}} {
		out, err := exec.Command("skb-collect", "--list", "--modules", test.modules, "nf_conntrack_in", "ip_rcv").CombinedOutput()
		if got := err == nil && strings.Contains(string(out), "nf_conntrack_in\n"); got != test.want {
			t.Errorf("--modules %s: %v %s", test.modules, err, out)
		}
	}
	out, err := exec.Command("skb-collect", "-p", "ip_rcv", "--modules", "nosuch").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "module nosuch is not loaded") || strings.Count(string(out), "\n") != 1 {
		t.Errorf("--modules nosuch: %v %s", err, out)
	}
	out, err = exec.Command("skb-collect", "-p", "net:netif_receive_skb", "--no-follow", "--ready-file", "/nosuch/file", "-c", "1").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--ready-file: ") {
		t.Errorf("--ready-file /nosuch/file: %v %s", err, out)
	}
}

// TestLargeFilter: hundreds of hosts load and match; ten thousand are too many, clearly.
func TestLargeFilter(t *testing.T) {
	n := chain(t, 2)
	hosts := func(count int) string {
		var s []string
		for i := range count {
			s = append(s, fmt.Sprintf("host 10.7.%d.%d", i/250, i%250))
		}
		return "ip and (" + strings.Join(append(s, "host 10.0.0.2"), " or ") + ")"
	}
	s := whole(t, func() *stream {
		p, file := collect(t, "-f", hosts(500), "--no-follow", "-p", "ip_output,net:netif_receive_skb")
		n.in(0, "ping -qc 2 -i 0.01 10.0.0.2")
		p.stop()
		return readStream(t, file)
	})
	if len(s.events) != 8 {
		t.Errorf("%d events", len(s.events))
	}
	many := filepath.Join(t.TempDir(), "many") // more than fits on a command line
	if err := os.WriteFile(many, []byte(hosts(10000)+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for expr, want := range map[string]string{
		"@" + many:     "is too large: ",
		"@/nosuch":     "skb-collect: -f @/nosuch: no such file or directory",
		"udp prot 53":  "skb-collect: -f 'udp prot 53': syntax error",
		"tcp and arp":  "expression rejects all packets",
		"protochain 6": "protochain needs a loop",
	} {
		out, err := exec.Command("skb-collect", "-p", "ip_rcv", "-f", expr, "-c", "1").CombinedOutput()
		if e, ok := err.(*exec.ExitError); !ok || e.ExitCode() != 1 || !strings.Contains(string(out), want) || strings.Count(string(out), "\n") != 1 || len(out) > 300 {
			t.Errorf("%.40s: %v\n%s", expr, err, out)
		}
	}
	// An expression that only makes sense with an Ethernet header is told to be such, once.
	p, _ := collect(t, "-f", "ether proto 0x88cc", "--no-follow", "-p", "ip_rcv,net:netif_receive_skb")
	p.stop()
	if strings.Count(p.errors(), "can only match a packet while it has an Ethernet header") != 1 {
		t.Error(p.errors())
	}
}

// TestCollectStale: an entry whose release was missed is forgotten, one that lives is not.
func TestCollectStale(t *testing.T) {
	k, err := kernel.Open(nil, false)
	if err != nil {
		t.Fatal(err)
	}
	l, err := k.NewLoader(kernel.Settings{Track: true, Snaplen: 64, RingSize: 1 << 16, MaxBuffer: 1 << 14})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	buffers := l.Map("buffers")
	for i := range uint64(10000) {
		if err := buffers.Put(i, bpf.Buffer{Id: i, Seen: i}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := l.Collect(t.Context(), 6000); n != 6000 || err != nil {
		t.Errorf("%d collected: %v", n, err)
	}
	var b bpf.Buffer
	for i := range uint64(10000) {
		if err := buffers.Lookup(i, &b); (err == nil) != (i >= 6000) {
			t.Fatalf("entry %d: %v", i, err)
		}
	}
}

// TestProfiles: each profile that is shipped attaches on every kernel, and they add up.
func TestProfiles(t *testing.T) {
	n := chain(t, 2)
	p, file := collect(t, "--profile", "generic,ifdump", "--no-follow", "--profile", "drop", "--profile", "nft,tunnel,tcp", "-f", "host 10.0.0.2")
	n.in(0, "ping -qc 1 10.0.0.2; ! (echo > /dev/tcp/10.0.0.2/9) 2> /dev/null")
	p.stop()
	s := readStream(t, file)
	seen := map[string]bool{}
	for i := range s.events {
		seen[s.events[i].Probe] = true
	}
	for _, probe := range []string{"net:netif_receive_skb", "ip_rcv", "icmp_rcv", "tcp_v4_rcv", "skb:kfree_skb"} {
		if !seen[probe] {
			t.Errorf("no event of %s: %v", probe, seen)
		}
	}
}
