//go:build kernel

package kerneltest

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// TestHostChanges: what comes to a host after the start is in the stream before the drop that it makes, and
// the drop is not explained by what was so at the start.
func TestHostChanges(t *testing.T) {
	run(t, "modprobe", "nf_tables")
	net := chain(t, 2)
	net.in(0, "ping -qc1 10.0.0.2")
	file := t.TempDir() + "/events.skb"
	collector := start(t, net.command(1, "skb-collect", "-w", file, "-p", "skb:kfree_skb", "--no-follow", "-f", "udp"), "attached")
	changes := func() (all []format.Change) {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for d := format.NewDecoder(f); ; {
			r, err := d.Next()
			if err != nil {
				return all // it is still being written
			}
			if r.Type() == format.TypeChange {
				var c format.Change
				if err := c.Decode(slices.Clone(r)); err != nil {
					t.Fatal(err)
				}
				all = append(all, c)
			}
		}
	}
	// know waits until something of a key is told.
	know := func(key, name, value string) {
		t.Helper()
		until(t, key+" has "+name, func() (bool, string) {
			seen := changes()
			for _, c := range seen {
				if v := c.Facts[key][name]; v != nil && strings.Contains(string(v), value) && c.Seen.OK && c.TS < c.Seen.V {
					return true, ""
				}
			}
			return false, ""
		})
	}
	net.in(1, `nft 'table inet late { chain in { type filter hook input priority 0; udp dport 701 drop; }; }'`)
	net.in(0, "echo x > /dev/udp/10.0.0.2/701")
	net.in(1, "ip xfrm policy add dir in src 10.0.0.1 dst 10.0.0.2 proto udp dport 702 action block; ip addr add 10.0.0.22/24 dev l1; ip rule add from 1.2.3.4 lookup 77")
	net.in(0, "echo x > /dev/udp/10.0.0.2/702")
	know("firewall", "nft inet late in", "input")
	know("devices", "l1", "10.0.0.22/24")
	know("ip_rules", "inet", "\x01")
	collector.stop()
	drops, _ := readDrops(t, file)
	found := 0
	for _, d := range drops {
		says := d.Why.Cause
		for _, a := range d.Why.Alternatives {
			says += " / " + a.Cause
		}
		for port, want := range map[string]string{"> 10.0.0.2.701: ": "a firewall rule or a chain's policy", "> 10.0.0.2.702: ": "IPsec policy"} {
			if !strings.Contains(d.packet, port) {
				continue
			}
			found++
			if !strings.Contains(says, want) || strings.Contains(says, "no rule of nftables") {
				t.Errorf("%s: %q, want %q", d.packet, says, want)
			}
		}
	}
	if found != 2 {
		t.Errorf("%d of 2 drops are there: %+v", found, drops)
	}
	if t.Failed() {
		for _, c := range changes() {
			line, _ := format.AppendJSON(nil, c.AppendMsgpack(nil))
			t.Logf("%s", line)
		}
	}
}
