//go:build kernel

package kerneltest

import (
	"os"
	"strings"
	"testing"
)

// TestOpenVSwitchHost: Open vSwitch of the kernel's own release of Debian works in a guest and ends without a trace.
func TestOpenVSwitchHost(t *testing.T) {
	t.Run("host", func(t *testing.T) {
		host := ovsBridge(t, 2)
		host.in(0, "ping -c 2 -i 0.2 -W 10 10.9.0.2")
		if hit, missed, lost := host.lookups(); hit+missed < 4 || missed == 0 || lost != 0 {
			t.Errorf("hit %d, missed %d, lost %d", hit, missed, lost)
		}
		if out := host.appctl("dpctl/dump-flows", "-m"); !strings.Contains(out, "ufid:") {
			t.Errorf("no flows: %s", out)
		}
		host.flows("cookie=0x5,priority=10,icmp actions=drop", "priority=0 actions=NORMAL")
		host.in(0, "! ping -c 2 -i 0.2 -W 1 10.9.0.2")
		if out := host.ofctl("dump-flows", "br0"); !strings.Contains(out, "cookie=0x5,") || !strings.Contains(out, "n_packets=") {
			t.Errorf("flows: %s", out)
		}
	})
	if exists("/sys/class/net/ovs-system") || exists("/sys/class/net/p0") || exists(ovsRun) {
		t.Error("the host has left something")
	}
	if b, err := os.ReadFile("/proc/modules"); err != nil || !strings.Contains(string(b), "\nopenvswitch ") && !strings.HasPrefix(string(b), "openvswitch ") {
		t.Errorf("no module: %v\n%s", err, b)
	}
}
