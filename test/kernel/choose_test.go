//go:build kernel

package kerneltest

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// says runs skb-collect, which must fail, and returns its status and stderr.
func says(t *testing.T, args ...string) (status int, stderr string) {
	t.Helper()
	return fails(t, exec.Command("skb-collect", args...))
}

func fails(t *testing.T, cmd *exec.Cmd) (status int, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tooLong := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	defer tooLong.Stop()
	if err := cmd.Wait(); err == nil {
		t.Fatalf("%v succeeds", cmd.Args)
	}
	if out.Len() > 0 {
		t.Errorf("%v writes %d bytes on stdout", cmd.Args, out.Len())
	}
	return cmd.ProcessState.ExitCode(), errs.String()
}

// TestWrongProbes: each kind of mistake is told in one line.
func TestWrongProbes(t *testing.T) {
	run(t, "bash", "-c", "echo '# none' > /tmp/empty; printf 'ip_rcv\\nip_rcvv # oops\\n' > /tmp/wrong")
	for _, tt := range []struct{ args, want string }{
		{"-p ip_rcvv", "ip_rcvv: no such function in this kernel (did you mean ip_rcv?)"},
		{"-p ret:ip_rcvv", "ip_rcvv: no such function in this kernel (did you mean ip_rcv?)"},
		{"-p ret:", "-p: an empty name is no probe"},
		{"-p kfree_skbmem,netif_receive_skbb", "netif_receive_skbb: no such function in this kernel (did you mean netif_receive_skb?)"},
		{"-p vfs_read", "vfs_read: this function takes no sk_buff"},
		{"-p skb:kfree_skbb", "skb:kfree_skbb: no such tracepoint in this kernel (did you mean skb:kfree_skb?)"},
		{"-p sched:sched_switch", "sched:sched_switch: this tracepoint has no sk_buff"},
		{"-p netif_rx_entry", "netif_rx_entry: no such function in this kernel (did you mean the tracepoint net:netif_rx_entry?)"},
		{"-p zzz_*", "zzz_*: matches no probe of this kernel (see skb-collect --list)"},
		{"-p zzz:*", "zzz:*: matches no probe of this kernel (see skb-collect --list)"},
		{"-p [", "[: not a valid glob"},
		{"-p @/tmp/none", "reading probes from /tmp/none: no such file or directory"},
		{"-p @/tmp/empty", "/tmp/empty: no probe in this file"},
		{"-p @/tmp/wrong", "ip_rcvv: no such function in this kernel (did you mean ip_rcv?)"},
		{"--list zzz*", `--list: nothing that can be probed matches ["zzz*"]`},
		{"-w /none/x", "writing /none/x: no such file or directory"},
		{"--rotate 1MB", "--rotate needs -w FILE"},
		{"-q -- /none/command", "running /none/command: no such file or directory"},
		{"-q -- nonesuch", "running nonesuch: executable file not found in $PATH"},
	} {
		status, stderr := says(t, strings.Fields(tt.args)...)
		if want := "skb-collect: " + tt.want + "\n"; status != 1 || !strings.HasSuffix(stderr, want) {
			t.Errorf("%s: status %d, says\n\t%swant\t%s", tt.args, status, stderr, want)
		}
	}
	for _, args := range []string{"--nonesuch", "-s many", "-c", "--duration soon", "-o xml"} {
		if status, stderr := says(t, strings.Fields(args)...); status != 2 || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%s: status %d, says %q", args, status, stderr)
		}
	}
	nothingLeft(t)
}

// TestWithoutPrivileges: an ordinary user is told which capabilities are missing.
func TestWithoutPrivileges(t *testing.T) {
	asUser := func(caps string, args ...string) *exec.Cmd {
		return exec.Command("setpriv", append([]string{"--reuid=1000", "--regid=1000", "--clear-groups",
			"--inh-caps=-all" + caps, "--ambient-caps=-all" + caps, "skb-collect"}, args...)...)
	}
	for caps, want := range map[string]string{"": "CAP_BPF and CAP_PERFMON", ",+bpf": "CAP_PERFMON", ",+perfmon": "CAP_BPF"} {
		status, stderr := fails(t, asUser(caps, "-p", "ip_rcv"))
		if status != 1 || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "skb-collect: not permitted: "+want+" missing; run as root, or once: setcap ") {
			t.Errorf("with %q: status %d, says %q", caps, status, stderr)
		}
	}
}

// TestList: what --list names can be probed, functions of modules among them, as soon as
// they are loaded.
func TestList(t *testing.T) {
	run(t, "modprobe", "-r", "-q", "sch_netem")
	list := func(args ...string) []string {
		return strings.Fields(run(t, "skb-collect", append([]string{"--list"}, args...)...))
	}
	all := list()
	if len(all) < 1000 || !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("%d places, sorted %v", len(all), slices.IsSorted(all))
	}
	for _, want := range []string{"ip_rcv", "tcp_v4_rcv", "udp_rcv", "net:netif_receive_skb", "net:net_dev_queue", "skb:consume_skb"} {
		if !slices.Contains(all, want) {
			t.Errorf("--list has no %s", want)
		}
	}
	for _, not := range []string{"vfs_read", "sched:sched_switch", "netem_enqueue"} {
		if slices.Contains(all, not) {
			t.Errorf("--list has %s", not)
		}
	}
	if got, want := list("tcp_v4_*", "skb:*"), filtered(all, func(s string) bool {
		return strings.HasPrefix(s, "tcp_v4_") || strings.HasPrefix(s, "skb:")
	}); !slices.Equal(got, want) {
		t.Errorf("--list with globs: %v\nwant %v", got, want)
	}

	net := chain(t, 2)
	net.in(0, "tc qdisc add dev r0 root netem limit 1000")
	if !exists("/sys/kernel/btf/sch_netem") { // 5.10
		const want = "skb-collect: netem_enqueue: of module sch_netem this kernel gives no types (BTF), so which argument is the sk_buff is not known\n"
		if status, stderr := says(t, "-p", "netem_enqueue"); status != 1 || stderr != want {
			t.Errorf("status %d, says %q", status, stderr)
		}
		return
	}
	if got := list("netem_*"); !slices.Contains(got, "netem_enqueue") {
		t.Errorf("of the module: %v", got)
	}
	os.WriteFile("/tmp/probes", []byte("# where a packet is queued\nnetem_enqueue, net:net_dev_queue\n"), 0o644)
	c, file := collect(t, "--no-follow", "-p", "@/tmp/probes", "-p", "icmp_rc?")
	net.in(0, "ping -qc 3 -i 0.01 10.0.0.2")
	c.stop()
	count := map[string]int{}
	for _, e := range readStream(t, file).events {
		count[e.Probe]++
	}
	if count["netem_enqueue"] < 3 || count["net:net_dev_queue"] < 6 || count["icmp_rcv"] != 6 || len(count) != 3 {
		t.Errorf("events: %v", count)
	}
	nothingLeft(t)
}

func filtered(all []string, keep func(string) bool) (out []string) {
	for _, s := range all {
		if keep(s) {
			out = append(out, s)
		}
	}
	return out
}
