//go:build kernel

package kerneltest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A network is a row of network namespaces, each joined to the next by a veth pair.
type network struct {
	t     *testing.T
	names []string // of the namespaces
}

// chain makes n namespaces ns0, ns1, ... with veth pairs between neighbours. Between
// ns<i> and ns<i+1> lies 10.0.<i>.0/24: <i>.1 on device r<i> and <i>.2 on device
// l<i+1>; and fd00:<i>::/64 likewise.
func chain(t *testing.T, n int) *network {
	t.Helper()
	net := &network{t: t}
	for i := range n {
		name := fmt.Sprintf("ns%d", i)
		run(t, "ip", "netns", "add", name)
		t.Cleanup(func() { run(t, "ip", "netns", "del", name) })
		net.names = append(net.names, name)
		net.in(i, "ip link set lo up")
		// No solicitation of routers in the middle of a test.
		net.in(i, "sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.default.accept_ra=0 net.ipv4.ip_forward=1")
		if i == 0 {
			continue
		}
		l, r := fmt.Sprintf("r%d", i-1), fmt.Sprintf("l%d", i)
		run(t, "ip", "link", "add", l, "netns", net.names[i-1], "type", "veth", "peer", "name", r, "netns", name)
		net.in(i-1, fmt.Sprintf("ip addr add 10.0.%d.1/24 dev %s; ip -6 addr add fd00:%d::1/64 dev %s nodad; ip link set %s up", i-1, l, i-1, l, l))
		net.in(i, fmt.Sprintf("ip addr add 10.0.%d.2/24 dev %s; ip -6 addr add fd00:%d::2/64 dev %s nodad; ip link set %s up", i-1, r, i-1, r, r))
	}
	return net
}

// in runs a shell script in namespace i and returns its output.
func (n *network) in(i int, script string) string {
	n.t.Helper()
	return run(n.t, "ip", "netns", "exec", n.names[i], "bash", "-ec", script)
}

// command is a command in namespace i, not started.
func (n *network) command(i int, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", n.names[i]}, args...)...)
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
