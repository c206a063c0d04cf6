//go:build kernel

package kerneltest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestNamespaceNames: a network namespace has a name in each event, if it is there when skb-collect starts or is made
// later: by ip-netns(8), by the container or the pod that a process in it belongs to, else by that process. No runtime
// is asked, so a cgroup with the name that the runtime gives it is enough.
func TestNamespaceNames(t *testing.T) {
	t.Run("at the start", func(t *testing.T) { namespaceNames(t, false) })
	t.Run("later", func(t *testing.T) { namespaceNames(t, true) })
}

// networkContainer is one of crun's with a network namespace of its own and this machine's programs, in a cgroup as a
// runtime names it.
func networkContainer(t *testing.T, cgroup string) *container {
	t.Helper()
	c := newContainer(t, []string{"cap_net_admin", "cap_net_raw"})
	root, err := os.MkdirTemp("/tmp", "machine-")
	if err != nil {
		t.Fatal(err)
	}
	run(t, "mount", "--bind", "/", root)
	t.Cleanup(func() {
		run(t, "umount", "-l", root)
		os.Remove(root)
	})
	c.config["root"] = map[string]any{"path": root, "readonly": true}
	c.linux["namespaces"] = append(c.linux["namespaces"].([]any), map[string]any{"type": "network"})
	c.linux["cgroupsPath"] = cgroup
	return c
}

func namespaceNames(t *testing.T, later bool) {
	const id, uid = "4f1c9bd2a0e3478c9d55b1c2d3e4f5061728394a5b6c7d8e9f00112233445566", "3c2f1e0d_9a8b_4c7d_8e6f_5a4b3c2d1e0f"
	const crio = "11aa22bb33cc478c9d55b1c2d3e4f5061728394a5b6c7d8e9f00112233445566"
	const podman = "9a8b7c6d5e4f478c9d55b1c2d3e4f5061728394a5b6c7d8e9f00112233445566"
	ping := "ping -q -c 1 -W 60 127.0.0.1 >/dev/null"
	slice := "kubepods-besteffort-pod" + uid + ".slice"
	newCgroup(t, slice)
	pod := newCgroup(t, slice+"/crio-"+crio+".scope")
	batch(t, "", "link set lo up\n")
	var p *process
	var file string
	collecting := func() {
		p, file = collect(t, "-p", "net:netif_receive_skb", "-f", "icmp and host 127.0.0.1", "--no-follow")
	}
	if later {
		collecting() // without its capabilities from now on
	}
	net := chain(t, 1)
	var goOn []func() error // of the processes that wait in their namespaces
	waiting := "ip link set lo up; echo ready >&2; while read x; do " + ping + "; echo done; done"
	waits := func(cmd *exec.Cmd) *process {
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		p := start(t, cmd, "ready")
		goOn = append(goOn, func() error {
			if _, err := io.WriteString(in, "\n"); err != nil {
				return err
			}
			if _, err := io.ReadFull(out, make([]byte, len("done\n"))); err != nil {
				return fmt.Errorf("%w: %s", err, p.errors())
			}
			return nil
		})
		return p
	}
	inside := func(before string) *process {
		cmd := exec.Command("bash", "-ec", before+"; "+waiting)
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS}
		return waits(cmd)
	}
	for _, cgroup := range []string{"/docker/" + id, "/libpod_parent/libpod-" + podman} {
		c := networkContainer(t, cgroup)
		cmd := c.runs("/bin/bash", "-ec", waiting)
		t.Cleanup(func() { _ = exec.Command("crun", "delete", "--force", filepath.Base(c.bundle)).Run() })
		waits(cmd)
	}
	alone := inside("true")
	inside("echo $$ > " + pod + "/cgroup.procs; echo web-7d9f > /proc/sys/kernel/hostname")
	if !later {
		collecting()
	}
	net.in(0, ping)
	run(t, "bash", "-ec", ping)
	for _, on := range goOn {
		if err := on(); err != nil {
			t.Fatal(err)
		}
	}
	p.stop()
	text := pipeline(t, "skb-sort -o text "+file)
	json := pipeline(t, "skb-sort -o json "+file)
	names := []string{"ns0", fmt.Sprint("bash/", alone.cmd.Process.Pid), "docker:4f1c9bd2a0e3", "podman:9a8b7c6d5e4f", "pod:web-7d9f"}
	for _, name := range names {
		if n := strings.Count(text, " lo@"+name+" "); n != 2 {
			t.Errorf("%d events on lo@%s, want 2", n, name)
		}
		if n := strings.Count(json, `"netns":"`+name+`"`); n != 2 {
			t.Errorf("%d events of %s in JSON, want 2", n, name)
		}
	}
	// That of skb-collect has none.
	if n := strings.Count(text, " lo IP ") + strings.Count(text, " lo   "); n != 2 || strings.Contains(text, "netns=") {
		t.Errorf("%d events on lo alone, want 2", n)
	}
	for _, want := range []string{`"by":"pod","container":"` + crio + `","pod":"` + strings.ReplaceAll(uid, "_", "-") + `","host":"web-7d9f"`, `"by":"ip netns"`, `"by":"program"`} {
		if !strings.Contains(json, want) {
			t.Errorf("%s is not in the stream", want)
		}
	}
	// A name that is found later stands in front of the first event that has it.
	if found := strings.Count(json, `"type":"namespace"`); (found >= 5) != later {
		t.Errorf("%d namespace records", found)
	}
	if t.Failed() {
		t.Log(text, json)
	}
	if later {
		return
	}
	// --netns takes these names, a container's id or its beginning, and a pod's uid.
	for _, asked := range append(names, id, podman[:8], strings.ReplaceAll(uid, "_", "-"), "web-7d9f") {
		p, file := collect(t, "--netns", asked, "-p", "net:netif_receive_skb", "-f", "icmp and host 127.0.0.1", "--no-follow")
		net.in(0, ping)
		for _, on := range goOn {
			if err := on(); err != nil {
				t.Fatal(err)
			}
		}
		p.stop()
		text := pipeline(t, "skb-sort -o text "+file)
		want := asked
		switch asked {
		case id:
			want = "docker:4f1c9bd2a0e3"
		case podman[:8]:
			want = "podman:9a8b7c6d5e4f"
		case "web-7d9f", strings.ReplaceAll(uid, "_", "-"):
			want = "pod:web-7d9f"
		}
		if n, all := strings.Count(text, " lo@"+want+" "), strings.Count(text, "netif_receive_skb"); n != 2 || all != 2 {
			t.Errorf("--netns %s: %d events on lo@%s of %d, want 2 of 2: %s", asked, n, want, all, text)
		}
	}
}
