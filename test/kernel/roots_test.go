//go:build kernel

package kerneltest

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	_ "embed"

	"golang.org/x/sys/unix"
)

// asDistributionsSet sets what distributions set: nothing for ordinary users.
func asDistributionsSet(t *testing.T) {
	t.Helper()
	for _, s := range []string{"kernel.unprivileged_bpf_disabled=1", "kernel.perf_event_paranoid=3", "kernel.kptr_restrict=1"} {
		run(t, "sysctl", "-qw", s)
	}
	t.Cleanup(func() { run(t, "sysctl", "-qw", "kernel.kptr_restrict=0") })
}

// recipe is what docs/privileges.md has for this kernel.
func recipe(t *testing.T) []string {
	capabilities := []string{"cap_bpf", "cap_perfmon", "cap_syslog"}
	if !hasMulti() {
		capabilities = append(capabilities, "cap_sys_admin")
	}
	if strings.HasPrefix(run(t, "uname", "-r"), "5.10.") {
		capabilities = append(capabilities, "cap_sys_resource")
	}
	return capabilities
}

// newRoot makes a root file system of an archive of /skb/roots, or with "" of nothing, and puts the release's
// skb-collect and a file of hosts into it. It has /proc and /sys if mounted says so, and no tracefs.
func newRoot(t *testing.T, archive string, mounted bool) string {
	t.Helper()
	root, err := os.MkdirTemp("/tmp", "root-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	if archive != "" {
		run(t, "tar", "-C", root, "-xf", archive)
	}
	for _, dir := range []string{"proc", "sys", "etc", "tmp", "dev"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program, err := exec.LookPath("skb-collect.static")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(root, 0o755), os.Chmod(filepath.Join(root, "tmp"), 0o777|os.ModeSticky),
		os.WriteFile(filepath.Join(root, "skb-collect"), b, 0o755),
		os.WriteFile(filepath.Join(root, "etc/hosts"), []byte("10.0.0.2 peer\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"proc", "sys"} {
		if !mounted {
			break
		}
		if err := unix.Mount("/"+dir, filepath.Join(root, dir), "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Unmount(filepath.Join(root, dir), 0) })
	}
	return root
}

// chrooted is skb-collect in the root, as the user with that number.
func chrooted(root string, user uint32, args ...string) *exec.Cmd {
	cmd := exec.Command("/skb-collect", args...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: user, Gid: user}}
	return cmd
}

// probesIn counts a stream's events by their probes.
func probesIn(t *testing.T, file string) map[string]int {
	t.Helper()
	seen := map[string]int{}
	s := readStream(t, file)
	for i := range s.events {
		seen[s.events[i].Probe]++
	}
	return seen
}

var _ = sameOnAllKernels("TestStaticInRoots", "that the program is static, and starts programs of a root; TestStaticAlone traces with it on each kernel")

// TestStaticInRoots: the release's skb-collect runs in the roots of Debian's releases, of busybox, and of musl. It
// runs a program there, which has the root's libraries, and exits with its status.
func TestStaticInRoots(t *testing.T) {
	n := chain(t, 2)
	archives, _ := filepath.Glob("/skb/roots/*.tar")
	if len(archives) != 6 {
		t.Fatalf("roots: %v", archives)
	}
	for _, archive := range archives {
		name := strings.TrimSuffix(filepath.Base(archive), ".tar")
		command := []string{"/bin/dash", "-c", "ping -qc 1 10.0.0.2 > /dev/null && exit 7"}
		switch name {
		case "busybox":
			command = []string{"/usr/bin/busybox", "sh", "-c", "busybox ping -qc 1 10.0.0.2 > /dev/null && exit 7"}
		case "musl":
			command = []string{"/bin/say", "10.0.0.2"}
		}
		root := newRoot(t, archive, true)
		cmd := chrooted(root, 0, append([]string{"-w", "/tmp/x.skb", "--no-follow", "-p", "net:netif_receive_skb", "-f", "ip dst host peer", "--"}, command...)...)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		n.within(0, cmd.Start)
		cmd.Wait()
		if status := cmd.ProcessState.ExitCode(); status != 7 {
			t.Errorf("%s: status %d, want 7\n%s", name, status, said.String())
			continue
		}
		if seen := probesIn(t, filepath.Join(root, "tmp/x.skb")); seen["net:netif_receive_skb"] != 1 {
			t.Errorf("%s: %v\n%s", name, seen, said.String())
		}
	}
}

// TestStaticAlone: in a root with nothing else, the release's skb-collect traces as an ordinary user with the
// capabilities that setcap gave it, and in a container with these and no others; a host that nothing knows is an error.
func TestStaticAlone(t *testing.T) {
	n := chain(t, 2)
	asDistributionsSet(t)
	capabilities := recipe(t)
	asks := []string{"-w", "/tmp/x.skb", "--no-follow", "-p", "ip_rcv,net:netif_receive_skb", "-f", "icmp and host peer"}
	traces := func(t *testing.T, root string, cmd *exec.Cmd) {
		t.Helper()
		p := start(t, cmd, "probes attached")
		n.in(0, "ping -qc 2 -i 0.01 10.0.0.2")
		if status := p.wait(); status != 0 {
			t.Fatalf("status %d: %s", status, p.errors())
		}
		if seen := probesIn(t, filepath.Join(root, "tmp/x.skb")); seen["ip_rcv"] != 4 || seen["net:netif_receive_skb"] != 4 {
			t.Errorf("%v", seen)
		}
	}
	asks = append(asks, "-c", "8")
	t.Run("setcap", func(t *testing.T) {
		root := newRoot(t, "", true)
		run(t, "setcap", strings.Join(capabilities, ",")+"+ep", filepath.Join(root, "skb-collect"))
		traces(t, root, chrooted(root, 1000, asks...))
		out, err := chrooted(root, 1000, "-w", "/tmp/none", "-p", "ip_rcv", "-f", "host nowhere.invalid").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "nowhere.invalid") || strings.Count(string(out), "\n") != 1 {
			t.Errorf("an unknown host: %v\n%s", err, out)
		}
	})
	t.Run("container", func(t *testing.T) {
		c := newContainer(t, capabilities)
		traces(t, c.root, c.command(asks...))
	})
	nothingLeft(t)
}

var _ = sameOnAllKernels("TestContainerForbids", "that messages name what a container forbids")

// TestContainerForbids: what a container keeps from skb-collect, although it has the capabilities, is named in one line.
func TestContainerForbids(t *testing.T) {
	c := newContainer(t, recipe(t))
	fails := func(cmd *exec.Cmd, want string) {
		t.Helper()
		out, err := cmd.CombinedOutput()
		if e, ok := err.(*exec.ExitError); !ok || e.ExitCode() != 1 || !strings.Contains(string(out), want) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%v\n%swant %s", err, out, want)
		}
	}
	fails(chrooted(c.root, 0, "-w", "/dev/null", "-p", "ip_rcv", "-c", "1"), "/sys is not mounted here")
	forbid := func(call string) {
		c.linux["seccomp"] = map[string]any{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []any{
			map[string]any{"names": []string{call}, "action": "SCMP_ACT_ERRNO", "errnoRet": 1}}}
	}
	forbid("bpf")
	fails(c.command("-w", "/dev/null", "-p", "ip_rcv", "-c", "1"), "a seccomp filter, as containers have, forbids bpf(2)")
	forbid("perf_event_open")
	fails(c.command("-w", "/dev/null", "--no-follow", "-p", "ip_rcv", "--backend", "kprobe", "-c", "1"), "a seccomp filter, as containers have, forbids perf_event_open(2)")
	fails(exec.Command("unshare", "--user", "--map-root-user", "skb-collect.static", "-w", "/dev/null", "-p", "ip_rcv", "-c", "1"),
		"the capabilities of a user namespace, as in a rootless container, do not count")
}

// What contrib/kubernetes/daemonset.yaml says of its container; the test there writes it.
//
//go:embed testdata/daemonset.json
var daemonSet []byte

// TestDaemonSet: the container of contrib/kubernetes/daemonset.yaml, started as the manifest says, with the
// capabilities that its comments add on older kernels: it tells drops as JSON, and SIGTERM ends it well.
func TestDaemonSet(t *testing.T) {
	var m struct {
		Args, Capabilities                              []string
		User                                            int
		ReadOnly, NoNewPrivileges, HostPID, HostNetwork bool
	}
	if err := json.Unmarshal(daemonSet, &m); err != nil {
		t.Fatal(err)
	}
	n := chain(t, 2)
	asDistributionsSet(t)
	capabilities := recipe(t)
	for _, c := range m.Capabilities {
		if !slices.Contains(capabilities, "cap_"+strings.ToLower(c)) {
			t.Errorf("%s is not in docs/privileges.md", c)
		}
	}
	c := newContainer(t, capabilities)
	process := c.config["process"].(map[string]any)
	c.config["root"].(map[string]any)["readonly"], process["noNewPrivileges"] = m.ReadOnly, m.NoNewPrivileges
	process["user"] = map[string]any{"uid": m.User, "gid": 0}
	if m.HostPID {
		c.linux["namespaces"] = slices.DeleteFunc(c.linux["namespaces"].([]any), func(n any) bool { return n.(map[string]any)["type"] == "pid" })
	}
	if !m.HostNetwork || m.Args[0] != "collect" { // skb-tools collect is skb-collect
		t.Fatalf("%+v", m)
	}
	cmd := c.command(m.Args[1:]...)
	out, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout = out
	p := start(t, cmd, " attached")
	n.in(0, "echo x > /dev/udp/10.0.0.2/9")
	until(t, "the drop is told", func() (bool, string) {
		b, _ := os.ReadFile(out.Name())
		return strings.Contains(string(b), "udp_rcv") || strings.Contains(string(b), "udp4_lib_rcv"), string(b)
	})
	run(t, "crun", "kill", filepath.Base(c.bundle), "TERM")
	if status := p.wait(); status != 0 {
		t.Errorf("status %d: %s", status, p.errors())
	}
	b, _ := os.ReadFile(out.Name())
	if lines := strings.Split(strings.TrimSpace(string(b)), "\n"); !strings.Contains(lines[len(lines)-1], `"type":"end"`) {
		t.Errorf("the last line is %s", lines[len(lines)-1])
	}
	nothingLeft(t)
}

// A container is one of crun's, from an image that has skb-collect and nothing else, with the machine's network, as
// `podman run --network host --read-only --cap-drop all --cap-add ...` makes it.
type container struct {
	t      *testing.T
	bundle string
	root   string // its /tmp is a folder that it may write to
	config map[string]any
	linux  map[string]any // of config
}

func newContainer(t *testing.T, capabilities []string) *container {
	t.Helper()
	root := newRoot(t, "", false)
	bundle, err := os.MkdirTemp("/tmp", "container-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(bundle) })
	var granted []string
	for _, c := range capabilities {
		granted = append(granted, strings.ToUpper(c))
	}
	mount := func(kind, source, destination string, options ...string) any {
		return map[string]any{"type": kind, "source": source, "destination": destination, "options": options}
	}
	var namespaces []any
	for _, kind := range []string{"pid", "ipc", "uts", "mount", "cgroup"} {
		namespaces = append(namespaces, map[string]any{"type": kind})
	}
	linux := map[string]any{"namespaces": namespaces,
		"maskedPaths":   []string{"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"},
		"readonlyPaths": []string{"/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}}
	return &container{t: t, bundle: bundle, root: root, linux: linux, config: map[string]any{
		"ociVersion": "1.0.2", "hostname": "container", "linux": linux,
		"root": map[string]any{"path": root, "readonly": true},
		"process": map[string]any{"cwd": "/", "env": []string{"PATH=/usr/bin"}, "noNewPrivileges": true,
			"user":         map[string]any{"uid": 0, "gid": 0},
			"capabilities": map[string]any{"bounding": granted, "effective": granted, "permitted": granted}},
		"mounts": []any{mount("proc", "proc", "/proc"), mount("tmpfs", "tmpfs", "/dev", "nosuid", "strictatime", "mode=755", "size=65536k"),
			mount("bind", "/sys", "/sys", "bind", "nosuid", "noexec", "nodev", "ro"),
			mount("bind", filepath.Join(root, "tmp"), "/tmp", "bind", "rw")},
	}}
}

// command is skb-collect in the container. A guest's root can't be left by pivot_root(2): it is the kernel's first.
func (c *container) command(args ...string) *exec.Cmd {
	c.t.Helper()
	return c.runs(append([]string{"/skb-collect"}, args...)...)
}

// runs is any program in the container.
func (c *container) runs(args ...string) *exec.Cmd {
	c.t.Helper()
	c.config["process"].(map[string]any)["args"] = args
	b, err := json.Marshal(c.config)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.bundle, "config.json"), b, 0o644); err != nil {
		c.t.Fatal(err)
	}
	return exec.Command("crun", "run", "--no-pivot", "--bundle", c.bundle, filepath.Base(c.bundle))
}
