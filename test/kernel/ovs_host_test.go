//go:build kernel

package kerneltest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// ovsRun is where Open vSwitch has its sockets and the files with its processes' ids.
const ovsRun = "/run/openvswitch"

// An ovsHost is Open vSwitch with one bridge, br0, in the test's own network namespace, and the kernel's datapath.
// Namespace ns<i> has 10.9.0.<i+1>/24 and fd09::<i+1>/64 on its device eth; the other end is p<i>, a port of br0
// with the OpenFlow number i+1.
type ovsHost struct {
	*network
	server, daemon int // processes: ovsdb-server, ovs-vswitchd
}

// ovsBridge starts Open vSwitch, with n namespaces on its bridge, which does as a learning switch does until it is
// given other flows. IPv6 is off in the namespaces: the only packets are a test's own and ARP.
func ovsBridge(t *testing.T, n int) *ovsHost {
	t.Helper()
	host := &ovsHost{network: &network{t: t}}
	t.Cleanup(host.end)
	if err := os.MkdirAll(ovsRun, 0o755); err != nil {
		t.Fatal(err)
	}
	// openvswitch does not load the tunnels' ports by itself, nor do all kernels load what ct(nat) needs.
	run(t, "modprobe", "-a", "openvswitch", "vport_vxlan", "vport_geneve", "nf_nat")
	db, socket := ovsRun+"/conf.db", ovsRun+"/db.sock"
	run(t, "ovsdb-tool", "create", db, "/usr/share/openvswitch/vswitch.ovsschema")
	run(t, "ovsdb-server", db, "--remote=punix:"+socket, "--pidfile", "--detach", "--log-file="+ovsRun+"/ovsdb-server.log")
	host.server = host.pid("ovsdb-server")
	host.vsctl("--no-wait", "init")
	host.startDaemon()
	var add, veth, ports strings.Builder
	for i := range n {
		name := fmt.Sprintf("ns%d", i)
		host.names = append(host.names, name)
		fmt.Fprintf(&add, "netns add %s\n", name)
	}
	batch(t, "", add.String())
	for i, name := range host.names {
		host.sysctl(i, "ipv6/conf/all/disable_ipv6=1", "ipv6/conf/default/disable_ipv6=1")
		fmt.Fprintf(&veth, "link add p%d type veth peer name eth netns %s\nlink set p%d up\n", i, name, i)
		fmt.Fprintf(&ports, " -- add-port br0 p%d -- set interface p%d ofport_request=%d", i, i, i+1)
	}
	batch(t, "", veth.String())
	for i, name := range host.names {
		if err := os.WriteFile(fmt.Sprintf("/proc/sys/net/ipv6/conf/p%d/disable_ipv6", i), []byte("1"), 0); err != nil {
			t.Fatal(err)
		}
		batch(t, name, fmt.Sprintf("link set lo up\naddr add 10.9.0.%d/24 dev eth\nlink set eth up\n", i+1))
	}
	host.vsctl(strings.Fields("-- add-br br0" + ports.String())...)
	return host
}

// startDaemon starts ovs-vswitchd, which goes on with the bridges of the database.
func (h *ovsHost) startDaemon() {
	h.t.Helper()
	run(h.t, "ovs-vswitchd", "unix:"+ovsRun+"/db.sock", "--pidfile", "--detach", "--log-file="+ovsRun+"/ovs-vswitchd.log")
	h.daemon = h.pid("ovs-vswitchd")
}

// pid is the process that a program of Open vSwitch says it is.
func (h *ovsHost) pid(program string) int {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(ovsRun, program+".pid"))
	if err != nil {
		h.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		h.t.Fatal(err)
	}
	return pid
}

// end takes down all that ovsBridge made; a process that a test stopped or killed is no hindrance.
func (h *ovsHost) end() {
	// The daemon first: it would put back what is taken away.
	for _, pid := range []int{h.daemon, h.server} {
		if pid == 0 {
			continue
		}
		unix.Kill(pid, unix.SIGKILL)
		until(h.t, fmt.Sprintf("process %d has ended", pid), func() (bool, string) {
			err := unix.Kill(pid, 0)
			return err != nil, fmt.Sprint(err)
		})
	}
	// What it made in the kernel outlives it.
	if out, err := exec.Command("ovs-dpctl", "dump-dps").Output(); err == nil {
		for dp := range strings.FieldsSeq(string(out)) {
			run(h.t, "ovs-dpctl", "del-dp", dp)
		}
	}
	var del strings.Builder
	for i, name := range h.names {
		if exists(fmt.Sprintf("/sys/class/net/p%d", i)) {
			fmt.Fprintf(&del, "link del p%d\n", i)
		}
		fmt.Fprintf(&del, "netns del %s\n", name)
	}
	batch(h.t, "", del.String())
	os.RemoveAll(ovsRun)
}

// vsctl, ofctl, appctl and dpctl run Open vSwitch's programs and return what these print.
func (h *ovsHost) vsctl(args ...string) string {
	h.t.Helper()
	return run(h.t, "ovs-vsctl", append([]string{"--timeout=120"}, args...)...)
}

func (h *ovsHost) ofctl(args ...string) string {
	h.t.Helper()
	return run(h.t, "ovs-ofctl", append([]string{"--timeout=120", "-OOpenFlow15"}, args...)...)
}

// appctl asks ovs-vswitchd.
func (h *ovsHost) appctl(args ...string) string {
	h.t.Helper()
	return run(h.t, "ovs-appctl", append([]string{"--timeout=120"}, args...)...)
}

// dpctl asks the kernel.
func (h *ovsHost) dpctl(args ...string) string {
	h.t.Helper()
	return run(h.t, "ovs-dpctl", append([]string{"--timeout=120"}, args...)...)
}

// flows gives br0 these OpenFlow flows in place of those that it has, and the datapath none.
func (h *ovsHost) flows(lines ...string) {
	h.t.Helper()
	file := filepath.Join(h.t.TempDir(), "flows")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o666); err != nil {
		h.t.Fatal(err)
	}
	h.ofctl("del-flows", "br0")
	h.ofctl("add-flows", "br0", file)
	h.appctl("revalidator/purge")
}

// lookups are the datapath's own counts of packets.
func (h *ovsHost) lookups() (hit, missed, lost int) {
	h.t.Helper()
	out := h.dpctl("show")
	_, rest, _ := strings.Cut(out, "lookups:")
	if n, err := fmt.Sscanf(rest, " hit:%d missed:%d lost:%d", &hit, &missed, &lost); n != 3 {
		h.t.Fatalf("%v in %s", err, out)
	}
	return hit, missed, lost
}
