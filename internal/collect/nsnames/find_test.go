//go:build linux

package nsnames

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/collect/netns"
)

// TestName: what the namespace of a process is called, by what is known of the process.
func TestName(t *testing.T) {
	for _, c := range []struct {
		place      place
		host, comm string
		want, by   string
	}{
		{place{"docker", id, "", ""}, "", "nginx", "docker:4f1c9bd2a0e3", "docker"},
		{place{"docker", id, "", ""}, "web", "nginx", "docker:4f1c9bd2a0e3", "docker"},
		{place{"cri-o", id, uid, ""}, "web-7d9f", "pause", "pod:web-7d9f", "pod"},
		{place{"", "", uid, ""}, "", "pause", "pod:" + uid, "pod"},
		{place{"lxc", "web", "", ""}, "", "init", "lxc:web", "lxc"},
		{place{"", "", "", "nginx.service"}, "", "nginx", "nginx.service", "systemd"},
		{place{}, "", "my shell", "my_shell/812", "program"},
		{place{}, "", "", "", ""}, // it ended before
		{place{}, "", " ", "", ""},
	} {
		if name, by := c.place.name(c.host, c.comm, 812); name != c.want || by != c.by {
			t.Errorf("%+v: %s by %s, want %s by %s", c.place, name, by, c.want, c.by)
		}
	}
}

// TestTellApart: no two namespaces have the same name, and those of ip-netns(8) keep theirs.
func TestTellApart(t *testing.T) {
	all := map[uint32]format.Namespace{
		11: {Name: "unit.service", By: "systemd"}, 12: {Name: "unit.service", By: "systemd"}, 13: {Name: "one.service", By: "systemd"},
		14: {Name: "web", By: "ip netns"}, 15: {Name: "web", By: "systemd"},
	}
	tellApart(all)
	for inum, want := range map[uint32]string{11: "unit.service/11", 12: "unit.service/12", 13: "one.service", 14: "web", 15: "web/15"} {
		if got := all[inum].Name; got != want {
			t.Errorf("%d: %s, want %s", inum, got, want)
		}
	}
	if got, found, err := resolve("unit.service/12", all); got != 12 || !found || err != nil {
		t.Errorf("%d, %v, %v", got, found, err)
	}
	// What both would be called names neither.
	if _, _, err := resolve("unit.service", all); err == nil || !strings.Contains(err.Error(), "unit.service/11 (11), unit.service/12 (12)") {
		t.Error(err)
	}
}

// TestFind: the namespace of a process is found by that, this one is left out. It takes a namespace, which a user
// namespace allows without root; where neither is allowed, nothing is found and nothing fails.
func TestFind(t *testing.T) {
	for n, ns := range Find() {
		if n == netns.Inum("/proc/self/ns/net") || ns.Name == "" || ns.By == "" {
			t.Errorf("%d: %+v", n, ns)
		}
	}
	sleep := exec.Command("sleep", "60")
	sleep.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWUSER}
	if os.Getuid() == 0 {
		sleep.SysProcAttr.Cloneflags = unix.CLONE_NEWNET
	}
	if err := sleep.Start(); err != nil {
		t.Logf("no network namespace can be made here: %v", err)
		return
	}
	defer func() { _ = sleep.Process.Kill(); _ = sleep.Wait() }()
	pid := sleep.Process.Pid
	n := netns.Inum(fmt.Sprintf("/proc/%d/ns/net", pid))
	if n == 0 {
		t.Logf("the processes of others can't be looked at here")
		return
	}
	// The program's name changes with execve, behind the namespace.
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		got := Find()[n]
		if got.PID == uint32(pid) && got.Comm == "sleep" && got.Name != "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%+v, want process %d", got, pid)
		}
	}
}
