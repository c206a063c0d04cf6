//go:build kernel

package kerneltest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	bpflink "github.com/cilium/ebpf/link"
)

// xdpTold are drops of which only a tracepoint of group xdp tells.
var xdpTold = []struct {
	probe, name, rule, cause string // %d is the program's id
	shows                    string
}{
	{probe: "xdp:xdp_redirect_err", name: "redirected to a device that is down", rule: "bpf-xdp-told", cause: "XDP program id %d on l1 redirected the packet to where it can't go (ENETDOWN)", shows: "exit"},
	{probe: "xdp:xdp_bulk_tx", name: "sent back to nobody", rule: "bpf-xdp-tx", cause: "l1 could not send what its XDP program sent back (ENXIO)", shows: "xdp"},
}

// TestXDPTold: tracepoints that have no packet tell what the kernel could not do for an XDP program.
func TestXDPTold(t *testing.T) {
	countRuns(t)
	n := chain(t, 3)
	n.quiet()
	r1 := n.ifindex(1, "r1")
	n.in(1, "ip link set r1 down")
	// Nothing takes what comes back: r0 has no program. An abort is a drop of an sk_buff besides.
	program := xdpByDigit(t, "told", map[byte]asm.Instructions{'1': redirectsTo(r1), '2': returns(xdpTX), '3': returns(0)})
	defer attachXDP(t, program, "ns1", "l1", bpflink.XDPDriverMode)()
	// Since Linux 6.3 a veth takes frames only if its peer has a program (veth.c, veth_set_xdp_features).
	defer attachXDP(t, xdpByDigit(t, "peer", nil), "ns2", "l2", bpflink.XDPDriverMode)()
	p, file := collect(t, "--no-follow", "-p", "xdp:xdp_redirect_err,xdp:xdp_bulk_tx,xdp:xdp_exception")
	const count = 50
	n.sendNumbered(0, "10.0.0.2:7051", count)
	until(t, "the packets", func() (bool, string) { return runs(t, program) >= count, fmt.Sprint(runs(t, program)) })
	p.stop()
	dropped, exceptions := map[string]uint64{}, 0
	for _, e := range readStream(t, file).events {
		dropped[e.Probe] += e.BPF.Dropped
		want := map[string]string{"xdp:xdp_redirect_err": "XDP_REDIRECT ENETDOWN", "xdp:xdp_bulk_tx": "XDP_TX ENXIO", "xdp:xdp_exception": "XDP_ABORTED "}[e.Probe]
		if got := e.BPF.Verdict + " " + e.BPF.Errno; got != want || e.Dev.Name != "l1" || e.Skb.Present() || e.Packet.Present() {
			t.Errorf("%s: %+v on %s, packet %v", e.Probe, e.BPF, e.Dev.Name, e.Packet)
		}
		if e.Probe != "xdp:xdp_bulk_tx" && e.BPF.ID != idOf(t, program) {
			t.Errorf("%s: of program %d, want %d", e.Probe, e.BPF.ID, idOf(t, program))
		}
		if e.Probe == "xdp:xdp_redirect_err" && e.BPF.Ifindex != uint32(r1) {
			t.Errorf("redirected to device %d, want %d", e.BPF.Ifindex, r1)
		}
		if e.Probe == "xdp:xdp_exception" {
			exceptions++
			if e.Drop.Present() {
				t.Error("an abort on a veth is a drop besides that of its sk_buff")
			}
		}
	}
	if exceptions != count/10 || dropped["xdp:xdp_exception"] != 0 {
		t.Errorf("%d exceptions, %d of them drops; want %d and none", exceptions, dropped["xdp:xdp_exception"], count/10)
	}
	out := pipeline(t, "skb-drops -o json "+file+" | jq -r 'select(.why) | .why.cause, .why.look[]'")
	total := strings.TrimSpace(pipeline(t, "skb-drops --summary -o json "+file+" | jq 'select(.type == \"total\").count'"))
	if total != fmt.Sprint(2*count/10) {
		t.Errorf("%s drops, want %d", total, 2*count/10)
	}
	for _, c := range xdpTold {
		if dropped[c.probe] != count/10 {
			t.Errorf("%s: %d packets, want %d", c.probe, dropped[c.probe], count/10)
		}
		cause, look := c.cause, "ip -s link show dev l1"
		if strings.Contains(cause, "%d") {
			cause, look = fmt.Sprintf(cause, idOf(t, program)), fmt.Sprintf("bpftool prog dump xlated id %d", idOf(t, program))
		}
		if !strings.Contains(out, cause) || !strings.Contains(out, look) || !strings.Contains(n.in(1, look), c.shows) {
			t.Errorf("%s is not the cause, %s is not proposed, or it shows no %q:\n%s", cause, look, c.shows, out)
		}
	}
	if status, said := says(t, "-p", "xdp:xdp_exception", "-f", "udp"); status != 1 || !strings.Contains(said, "have no packet that a filter could match") {
		t.Errorf("with a filter: status %d, %s", status, said)
	}
}
