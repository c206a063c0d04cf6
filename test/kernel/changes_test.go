//go:build kernel

package kerneltest

import (
	"bytes"
	"fmt"
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
		eachWritten(t, file, func(r format.Raw) {
			if c := changeOf(t, r); c != nil {
				all = append(all, *c)
			}
		})
		return all
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

// eachWritten reads what a collector has written up to now of a stream that it is still writing.
func eachWritten(t *testing.T, file string, use func(format.Raw)) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for d := format.NewDecoder(f); ; {
		r, err := d.Next()
		if err != nil {
			return // the rest of it is not there yet
		}
		use(r)
	}
}

// changeOf decodes a change record; nil: it is another one.
func changeOf(t *testing.T, r format.Raw) *format.Change {
	t.Helper()
	if r.Type() != format.TypeChange {
		return nil
	}
	c := &format.Change{}
	if err := c.Decode(slices.Clone(r)); err != nil {
		t.Fatal(err)
	}
	return c
}

// settled waits until all that ns1 has dropped is in a stream that is being written, and all is known of the host that was
// known at its start, but of IPsec, which skb-collect cannot ask for again. What changes later is told behind what was
// dropped before.
func (n *network) settled(file string) {
	n.t.Helper()
	for {
		mark := fmt.Sprintf("settled at %d.", monotonic(n.t))
		n.in(0, fmt.Sprintf("printf '%s' > /dev/udp/10.0.0.2/5998", mark)) // a closed port
		var unknown []string
		read := func() (came bool) {
			unknown = nil
			eachWritten(n.t, file, func(r format.Raw) {
				came = came || r.Type() == format.TypeEvent && bytes.Contains(r, []byte(mark))
				if c := changeOf(n.t, r); c != nil {
					unknown = slices.DeleteFunc(unknown, func(key string) bool { return slices.Contains(c.Keys, key) })
					if !c.Seen.OK {
						unknown = append(unknown, c.Keys...)
					}
					unknown = slices.DeleteFunc(unknown, func(key string) bool { return strings.HasPrefix(key, "xfrm") })
				}
			})
			return came
		}
		until(n.t, "a packet that was dropped is in the stream", func() (bool, string) { return read(), mark })
		if len(unknown) == 0 {
			return
		}
		until(n.t, "all of the host is known again", func() (bool, string) {
			read()
			return len(unknown) == 0, strings.Join(unknown, " ")
		})
	}
}
