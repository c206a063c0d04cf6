//go:build kernel

package kerneltest

import (
	"encoding/json"
	"net"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	bpflink "github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// TestDropProfile: skb-drops at the end of a live pipe explains a drop while nothing comes
// after it, and the commands that it gives show more.
func TestDropProfile(t *testing.T) {
	net := chain(t, 2)
	cmd := exec.Command("bash", "-c", "skb-collect --profile drop | skb-drops -o json | jq -c --unbuffered 'select(.why.cause?) | .why'")
	lines := printed(t, cmd)
	p := start(t, cmd, "attached")
	net.in(0, "echo x > /dev/udp/10.0.0.2/53")
	cause := "nothing listens on UDP port 53 of 10.0.0.2 for packets that come in on l1"
	until(t, cause, func() (bool, string) {
		_, text := lines.has("")
		return strings.Contains(text, `"`+cause+`"`), text
	})
	run(t, "pkill", "-INT", "-P", strconv.Itoa(cmd.Process.Pid), "-x", "skb-collect")
	if status := p.wait(); status != 0 {
		t.Fatalf("status %d: %s", status, p.errors())
	}
	_, text := lines.has("")
	for line := range strings.Lines(text) {
		var why struct {
			Cause, Severity string
			Look            []string
		}
		if err := json.Unmarshal([]byte(line), &why); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if why.Cause != cause {
			continue
		}
		shown := ""
		for _, l := range why.Look {
			shown += run(t, "bash", "-c", l)
		}
		if why.Severity != "suspect" || !strings.Contains(strings.Join(strings.Fields(shown), " "), "UdpNoPorts 1 ") {
			t.Errorf("%s; the commands show:\n%s", line, shown)
		}
	}
	nothingLeft(t)
}

// A layer2Case is a drop below IP: of a ping from ns0 to ns2, which a bridge in ns1 joins.
type layer2Case struct {
	name   string
	rule   string // that of internal/drops that tells it
	make   string // shell scripts in ns1
	undo   string
	xdp    bpflink.XDPAttachFlags // or a program attached to l1 like that
	reason string                 // the kernel's, or where it gives none ours; several, where kernels differ
	at     string                 // functions that drop it, on one kernel or another
	cause  string
	shows  string // a part of what the commands to look at show
}

var layer2 = []layer2Case{
	{name: "bridge VLAN", rule: "bridge-vlan", make: "bridge vlan del dev l1 vid 1", undo: "bridge vlan add dev l1 vid 1 pvid untagged",
		reason: "NOT_SPECIFIED", at: "br_allowed_ingress",
		cause: "the bridge port l1 takes no frames of this VLAN, or none without a tag (vlan_filtering)", shows: "bridge vlan show dev l1"},
	{name: "isolated bridge ports", rule: "bridge-target", make: "bridge link set dev l1 isolated on; bridge link set dev r1 isolated on",
		undo:   "bridge link set dev l1 isolated off; bridge link set dev r1 isolated off",
		reason: "NO_TX_TARGET", at: "br_handle_frame_finish br_forward br_flood",
		cause: "the bridge has no port to send the frame out of: ", shows: "isolated on"},
	{name: "generic XDP", rule: "xdp", xdp: bpflink.XDPGenericMode,
		reason: "XDP", at: "netif_receive_generic_xdp do_xdp_generic",
		cause: "the XDP program on l1 dropped the packet", shows: "xdpgeneric"},
	{name: "XDP in veth's driver", rule: "xdp", xdp: bpflink.XDPDriverMode,
		reason: "XDP", at: "veth_poll veth_xdp_rcv_skb veth_xdp_rcv",
		cause: "the XDP program on l1 dropped the packet", shows: "xdp"},
}

// TestDropsBelowIP makes the drops of a bridge and of XDP.
func TestDropsBelowIP(t *testing.T) {
	net := chain(t, 3)
	for i := range net.names {
		net.in(i, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
	}
	net.in(1, `ip link add br0 type bridge vlan_filtering 1
		for d in l1 r1; do ip addr flush dev $d; ip link set $d master br0; done; ip link set br0 up`)
	net.in(2, "ip addr add 10.0.0.9/24 dev l2")
	net.in(0, "ping -qc1 10.0.0.9")
	for i := range 2 { // what ARP would send is not the drop that is looked for
		net.in(2*i, "for d in r0 l2; do [ ! -e /sys/class/net/$d ] || ip -4 neigh show dev $d | while read -r a _ m _; do ip neigh replace $a lladdr $m dev $d nud permanent; done; done")
	}
	program := returning(t, ebpf.ProgramSpec{Type: ebpf.XDP}, xdpDrop)
	defer program.Close()
	for i, c := range layer2 {
		t.Run(c.name, func(t *testing.T) {
			net.t = t
			size := 100 + i
			detach := func() {}
			if c.xdp != 0 {
				detach = attachXDP(t, program, "ns1", "l1", c.xdp)
			}
			p, file := collect(t, "--no-follow", "--profile", "drop")
			if c.make != "" {
				net.in(1, c.make)
			}
			net.in(0, "ping -qc1 -W1 -s "+strconv.Itoa(size)+" 10.0.0.9 > /dev/null || true")
			p.stop()
			out := pipeline(t, `skb-drops -o json `+file+` | jq -c 'select(.type == "event" and .packet.len == `+strconv.Itoa(size+42)+`) | {name: (.drop.name // ""), why}'`)
			var d struct {
				Name string
				Why  struct {
					Reason, Where, Cause string
					Look                 []string
				}
			}
			if err := json.Unmarshal([]byte(out), &d); err != nil {
				t.Fatalf("not one drop: %v\n%s", err, out)
			}
			where, _, _ := strings.Cut(d.Why.Where, " ")
			if !slices.Contains(strings.Fields(c.at), where) || !slices.Contains(strings.Fields(c.reason), d.Why.Reason) || !strings.HasPrefix(d.Why.Cause, c.cause) {
				t.Errorf("%s\nwant %s at %s: %s", out, c.reason, c.at, c.cause)
			}
			shown := ""
			for _, l := range d.Why.Look {
				shown += l + "\n" + run(t, "bash", "-c", l)
			}
			if !strings.Contains(shown, c.shows) {
				t.Errorf("no %q in:\n%s", c.shows, shown)
			}
			if c.undo != "" {
				net.in(1, c.undo)
			}
			detach()
		})
	}
	net.t = t
	net.in(0, "ping -qc1 10.0.0.9") // each was undone
}

// attachXDP attaches a program to a device of a network namespace.
func attachXDP(t *testing.T, program *ebpf.Program, netns, device string, flags bpflink.XDPAttachFlags) (detach func()) {
	t.Helper()
	// Devices are named by number, in the namespace of the thread that asks.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	own, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(own)
	there, err := unix.Open("/run/netns/"+netns, unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(there)
	if err := unix.Setns(there, unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setns(own, unix.CLONE_NEWNET); err != nil {
			t.Fatal(err)
		}
	}()
	d, err := net.InterfaceByName(device)
	if err != nil {
		t.Fatal(err)
	}
	l, err := bpflink.AttachXDP(bpflink.XDPOptions{Program: program, Interface: d.Index, Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	return func() { l.Close() }
}

// TestDoubledSYN: a kernel without reasons tells a SYN that came again from one that
// nobody waits for by the function that looks into open requests, and by the one that
// answers with a reset.
func TestDoubledSYN(t *testing.T) {
	run(t, "modprobe", "sch_netem")
	net := chain(t, 2)
	server := net.command(1, "socat", "-u", "TCP-LISTEN:6000,reuseaddr", "OPEN:/dev/null")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { server.Process.Kill(); server.Wait() }()
	net.in(1, "until ss -Hlnt | grep -q :6000; do sleep 0.05; done")
	p, file := collect(t, "--profile", "drop", "-p", "ret:tcp_check_req", "-p", "tcp_v4_send_reset")
	net.in(0, "tc qdisc add dev r0 root netem duplicate 100%; echo x | socat -u - TCP:10.0.0.2:6000; echo x 2> /dev/null > /dev/tcp/10.0.0.2/81 || true; tc qdisc del dev r0 root")
	p.stop()
	causes := pipeline(t, `skb-drops -o json `+file+` | jq -r 'select(.why.where? | startswith("tcp_v4_rcv")?) | .why.cause, .why.alternatives[]?.cause'`)
	for _, want := range []string{"a SYN from 10.0.0.1:", "nothing listens on TCP port 81 of 10.0.0.2"} {
		if !strings.Contains(causes, want) {
			t.Errorf("no %q in:\n%s", want, causes)
		}
	}
	if strings.Contains(causes, "nothing listens on TCP port 6000") {
		t.Errorf("a program listens on port 6000:\n%s", causes)
	}
	if strings.Contains(causes, "came again while its connection to port 81") {
		t.Errorf("nothing listens on port 81:\n%s", causes)
	}
}
