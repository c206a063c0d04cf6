//go:build kernel

package kerneltest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
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
	var add, del, links strings.Builder
	for i := range n {
		name := fmt.Sprintf("ns%d", i)
		net.names = append(net.names, name)
		fmt.Fprintf(&add, "netns add %s\n", name)
		fmt.Fprintf(&del, "netns del %s\n", name)
	}
	t.Cleanup(func() { batch(t, "", del.String()) })
	batch(t, "", add.String())
	for i := range n {
		// No solicitation of routers in the middle of a test.
		net.sysctl(i, "ipv6/conf/all/accept_dad=0", "ipv6/conf/default/accept_dad=0", "ipv6/conf/default/accept_ra=0", "ipv4/ip_forward=1")
		if i > 0 {
			fmt.Fprintf(&links, "link add r%d netns %s type veth peer name l%d netns %s\n", i-1, net.names[i-1], i, net.names[i])
		}
	}
	if n > 1 {
		batch(t, "", links.String())
	}
	for i, name := range net.names {
		settings := "link set lo up\n"
		address := func(dev string, subnet, host int) {
			settings += fmt.Sprintf("addr add 10.0.%d.%d/24 dev %s\naddr add fd00:%d::%d/64 dev %s nodad\nlink set %s up\n", subnet, host, dev, subnet, host, dev, dev)
		}
		if i > 0 {
			address(fmt.Sprint("l", i), i-1, 2)
		}
		if i < n-1 {
			address(fmt.Sprint("r", i), i, 1)
		}
		batch(t, name, settings)
	}
	return net
}

// batch has one ip do all that lines say, in a namespace or "" for the test's own.
func batch(t *testing.T, netns, lines string) {
	t.Helper()
	args := []string{"-batch", "-"}
	if netns != "" {
		args = append([]string{"-n", netns}, args...)
	}
	cmd := exec.Command("ip", args...)
	cmd.Stdin = strings.NewReader(lines)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v\n%s%s", strings.Join(args, " "), err, out, lines)
	}
}

// sysctl makes settings of namespace i: NAME=VALUE, names as below /proc/sys/net.
func (n *network) sysctl(i int, settings ...string) {
	n.t.Helper()
	n.within(i, func() error {
		for _, s := range settings {
			name, value, _ := strings.Cut(s, "=")
			if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil {
				return err
			}
		}
		return nil
	})
}

// in runs a shell script in namespace i and returns its output. As with ip netns exec, /sys is that
// of the namespace; to start ip as well would take a guest a third longer. A script that does not end,
// or that leaves a program behind which holds its output, fails.
func (n *network) in(i int, script string) string {
	n.t.Helper()
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(context.Background(), patience) // not the test's: clean-ups also come here
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-ec", script)
	cmd.WaitDelay = patience
	cmd.Stdout, cmd.Stderr = &out, &out
	n.within(i, func() error {
		if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
			return err
		}
		if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
			return err
		}
		if err := unix.Unmount("/sys", unix.MNT_DETACH); err != nil {
			return err
		}
		if err := unix.Mount(n.names[i], "/sys", "sysfs", 0, ""); err != nil {
			return err
		}
		return cmd.Start()
	})
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("still running after %v", patience)
		}
		n.t.Fatalf("in %s: %s: %v\n%s", n.names[i], script, err, out.String())
	}
	return out.String()
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
