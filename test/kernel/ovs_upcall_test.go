//go:build kernel

package kerneltest

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// ovsProbes are those that tell where a packet of these tests comes by, besides --with ovs.
const ovsProbes = "net:net_dev_start_xmit,net:netif_receive_skb,icmp_rcv"

// TestOVSUpcall: a packet that Open vSwitch's user space sends back is the one that went up; what the section
// says is what ovs-dpctl says.
func TestOVSUpcall(t *testing.T) {
	host := ovsBridge(t, 2)
	host.vsctl("set", "Open_vSwitch", ".", "other_config:n-handler-threads=4", "other_config:max-idle=600000")
	host.in(0, "ping -qc 1 -W 20 10.9.0.2")
	host.appctl("revalidator/purge")
	_, before, lostBefore := host.lookups()
	c, file := collect(t, "--with", "ovs", "-p", ovsProbes)
	_, started, _ := host.lookups()
	host.in(0, "ping -qc 1 -W 20 10.9.0.2")
	host.in(0, "ping -qc 1 -W 20 10.9.0.2")
	dumped := host.appctl("dpctl/dump-flows", "-m")
	_, missed, lost := host.lookups()
	c.stop()
	_, after, _ := host.lookups()

	s := track(t, file)
	s.ovsPings(t, dumped)
	misses := 0
	for _, h := range s.hops {
		if h.OVS.Type == "lookup" && !h.OVS.Hit {
			misses++
		}
		if h.OVS.Present() && h.OVS.Datapath != "ovs-system" {
			t.Errorf("the datapath is %q at %s", h.OVS.Datapath, h.Probe)
		}
	}
	// An ARP request may come at any time.
	if misses < missed-started || misses > after-before || lost != lostBefore {
		t.Errorf("%d misses; the datapath counts %d meanwhile, %d before and after; %d were lost", misses, missed-started,
			after-before, lost-lostBefore)
	}
	host.killedAnyTime()
}

// killedAnyTime: a skb-collect that is killed while it attaches, while it waits for ovs-vswitchd's answer and while it
// ends leaves nothing behind. TestOpenVSwitchJourneys kills one while packets are in user space.
func (h *ovsHost) killedAnyTime() {
	h.t.Helper()
	kill := func(p *process) {
		h.t.Helper()
		p.cmd.Process.Kill()
		p.wait()
		nothingLeft(h.t)
	}
	args := []string{"--profile", "ovs", "--ovs-flows", "-w", filepath.Join(h.t.TempDir(), "killed.skb")}

	cmd := exec.Command("skb-collect", args...)
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	until(h.t, "skb-collect has begun to attach", func() (bool, string) {
		out := run(h.t, "bpftool", "prog", "list")
		return strings.Contains(out, "name on_"), out
	})
	cmd.Process.Kill()
	cmd.Wait()
	nothingLeft(h.t)

	p := start(h.t, exec.Command("skb-collect", args...), " attached")
	h.signal(unix.SIGSTOP)
	h.in(0, "ping -qc 1 -W 20 10.9.0.2") // it has a flow, which nobody can be asked about
	until(h.t, "skb-collect has asked about the flow", func() (bool, string) {
		out := run(h.t, "ss", "-xp")
		return strings.Contains(out, "skb-collect"), out
	})
	kill(p)
	h.signal(unix.SIGCONT)

	p = start(h.t, exec.Command("skb-collect", args...), " attached")
	h.in(0, "ping -qc 1 -W 20 10.9.0.2")
	p.cmd.Process.Signal(unix.SIGINT)
	kill(p)
}

// steps are what the section says of a packet, in order, and "back" where it comes from user space.
func steps(hops []*hop) (words []string) {
	for _, h := range hops {
		switch o := h.OVS; o.Type {
		case "lookup":
			words = append(words, map[bool]string{true: "hit", false: "miss"}[o.Hit])
		case "upcall":
			words = append(words, "upcall "+o.Cmd)
		case "action", "actions":
			words = append(words, strings.TrimSpace(o.Action+" "+o.Args))
		}
		if h.track.From.How == "upcall" {
			words = append(words, "back")
		}
	}
	return words
}

// ovsPings: each direction's first ping goes up and comes back, the second has a flow.
func (s *tracked) ovsPings(t *testing.T, dumped string) {
	output := func(port int) string {
		if slices.ContainsFunc(s.hops, func(h *hop) bool { return h.OVS.Type == "actions" }) {
			return fmt.Sprint(port) // 5.10, without tracepoints
		}
		return fmt.Sprintf("output %d", port)
	}
	for _, src := range []string{"10.9.0.1", "10.9.0.2"} {
		var found [][]*hop
		for _, j := range s.journeys {
			if j.From.Proto == 1 && j.From.Src.String() == src {
				found = append(found, s.of(j.Packet))
			}
		}
		if len(found) != 2 {
			t.Fatalf("%d pings of %s, want one journey for each of 2", len(found), src)
		}
		slices.SortFunc(found, func(a, b []*hop) int { return int(int64(a[0].TS - b[0].TS)) })
		out := map[string]int{"10.9.0.1": 2, "10.9.0.2": 1}[src]
		first, second := steps(found[0]), steps(found[1])
		if want := []string{"miss", "upcall miss", output(out), "back"}; !slices.Equal(first, want) {
			t.Errorf("the first ping of %s: %q, want %q", src, first, want)
		}
		if want := []string{"hit", output(out)}; !slices.Equal(second, want) {
			t.Errorf("the second ping of %s: %q, want %q", src, second, want)
		}
		for _, hops := range found {
			if !slices.ContainsFunc(hops, func(h *hop) bool { return h.Probe == "icmp_rcv" }) {
				t.Errorf("a ping of %s did not arrive", src)
			}
			for _, h := range hops {
				if h.OVS.UFID != "" && !strings.Contains(dumped, "ufid:"+h.OVS.UFID) {
					t.Errorf("flow %s is none of\n%s", h.OVS.UFID, dumped)
				}
				if h.OVS.Action == "output" && h.OVS.OutDev != fmt.Sprintf("p%d", out-1) {
					t.Errorf("port %d is %q", h.OVS.OutPort, h.OVS.OutDev)
				}
				if h.OVS.Present() && int(h.OVS.InPort) != 3-out {
					t.Errorf("%s came in by port %d", src, h.OVS.InPort)
				}
			}
		}
	}
}
