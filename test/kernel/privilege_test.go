//go:build kernel

package kerneltest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// granted copies skb-collect and gives the copy capabilities, as docs/privileges.md has it.
// It returns the copy's path, and a folder that the user demo may write to.
func granted(t *testing.T, capabilities string) (program, dir string) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "granted-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program = filepath.Join(dir, "skb-collect")
	run(t, "cp", run(t, "bash", "-c", "printf %s $(type -P skb-collect)"), program)
	run(t, "chown", "-R", "demo", dir)
	if capabilities != "" {
		run(t, "setcap", capabilities, program)
	}
	return program, dir
}

// asDemo is a command of an ordinary user.
func asDemo(args ...string) *exec.Cmd {
	return exec.Command("setpriv", append([]string{"--reuid", "demo", "--clear-groups", "--"}, args...)...)
}

// TestSetcap: an ordinary user traces with the capabilities of the recipe and no others, and
// once all is attached only CAP_BPF is left.
func TestSetcap(t *testing.T) {
	n := chain(t, 2)
	asDistributionsSet(t)
	recipe := "cap_bpf,cap_perfmon,cap_syslog"
	if !hasMulti() {
		recipe += ",cap_sys_admin"
	}
	program, dir := granted(t, recipe+"+ep")
	out, err := asDemo(program, "-w", "/dev/null", "--no-follow", "--duration", "1ms").CombinedOutput()
	if err != nil { // before Linux 5.11
		if !strings.Contains(string(out), "CAP_SYS_RESOURCE") {
			t.Fatalf("with %s: %v\n%s", recipe, err, out)
		}
		program, dir = granted(t, recipe+",cap_sys_resource+ep")
	}
	file := filepath.Join(dir, "events.skb")
	p := start(t, asDemo(program, "-w", file, "-p", "ip_rcv,ret:ip_rcv,net:netif_receive_skb,icmp_*", "-f", "icmp", "--where", "skb->len > 20"), "probes attached")
	n.in(0, "ping -qc 2 -i 0.01 10.0.0.2")
	until(t, "the capabilities are dropped", func() (bool, string) {
		has := run(t, "bash", "-c", fmt.Sprintf("grep -h CapEff /proc/%d/task/*/status | sort -u", p.cmd.Process.Pid))
		return strings.TrimSpace(has) == "CapEff:\t0000008000000000", has
	})
	n.in(0, "ping -qc 2 -i 0.01 10.0.0.2")
	p.stop()
	seen := probesIn(t, file)
	for _, probe := range []string{"ip_rcv", "ret:ip_rcv", "net:netif_receive_skb", "icmp_rcv"} {
		if seen[probe] < 8 {
			t.Errorf("%d events of %s: %v", seen[probe], probe, seen)
		}
	}
	nothingLeft(t)
}

// TestMissingCapability: what is missing is named, in one line.
func TestMissingCapability(t *testing.T) {
	run(t, "sysctl", "-qw", "kernel.kptr_restrict=1", "kernel.perf_event_paranoid=3")
	t.Cleanup(func() { run(t, "sysctl", "-qw", "kernel.kptr_restrict=0") })
	for capabilities, want := range map[string]string{
		"":                       "not permitted: CAP_BPF and CAP_PERFMON missing; run as root, or once: setcap cap_bpf,cap_perfmon,cap_syslog+ep",
		"cap_bpf+ep":             "not permitted: CAP_PERFMON missing",
		"cap_perfmon+ep":         "not permitted: CAP_BPF missing",
		"cap_bpf,cap_perfmon+ep": "CAP_SYSLOG is needed",
	} {
		program, _ := granted(t, capabilities)
		out, err := asDemo(program, "-p", "ip_rcv", "-c", "1").CombinedOutput()
		if e, ok := err.(*exec.ExitError); !ok || e.ExitCode() != 1 || !strings.Contains(string(out), want) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%q: %v\n%swant %s", capabilities, err, out, want)
		}
	}
	program, _ := granted(t, "cap_bpf,cap_perfmon,cap_syslog,cap_sys_resource+ep")
	out, err := asDemo(program, "-w", "/dev/null", "-p", "ip_rcv", "--backend", "kprobe", "-c", "1").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "kernel.perf_event_paranoid is 3, so CAP_SYS_ADMIN is needed") || strings.Count(string(out), "\n") != 1 {
		t.Errorf("single kprobes: %v\n%s", err, out)
	}
	program, _ = granted(t, "")
	if out, err := asDemo(program, "--profile", "list").CombinedOutput(); err != nil || !strings.Contains(string(out), "generic") {
		t.Errorf("--profile list: %v %s", err, out)
	}
}

// TestDropped: root, too, goes on with CAP_BPF alone.
func TestDropped(t *testing.T) {
	p, _ := collect(t, "-p", "ip_rcv", "--no-follow")
	until(t, "the capabilities are dropped", func() (bool, string) {
		has := run(t, "bash", "-c", fmt.Sprintf("grep -h CapEff /proc/%d/task/*/status | sort -u", p.cmd.Process.Pid))
		return strings.TrimSpace(has) == "CapEff:\t0000008000000000", has
	})
	p.stop()
}

// hasMulti reports whether the kernel has kprobe.multi.
var hasMulti = sync.OnceValue(func() bool {
	return exec.Command("skb-collect", "-q", "-w", "/dev/null", "-p", "ip_rcv", "--backend", "kprobe.multi", "--no-follow", "--duration", "1ms").Run() == nil
})
