package drops

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// causes are what is said of each drop of a stream, with its alternatives behind.
func causes(t *testing.T, lines string) (all []string) {
	t.Helper()
	var out bytes.Buffer
	o := Options{Options: pipe.Options{Output: "json"}, Input: pipe.Input{Part: true}}
	if err := Run(context.Background(), o, strings.NewReader(lines), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		var r struct {
			Type string
			Why  struct {
				Cause        string
				Alternatives []struct{ Cause string }
			}
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.Type != "event" {
			continue
		}
		text := r.Why.Cause
		for _, a := range r.Why.Alternatives {
			text += " / " + a.Cause
		}
		all = append(all, text)
	}
	return all
}

// The host of these tests: nothing of what would drop is there.
const quietHost = `{"type":"start","ts":1,"version":1,"clock_offset":0,"host":"h","kernel":"6.1.0","arch":"amd64","tool":"t","boot_id":"","cmdline":[],"cpus":1,"snaplen":0,"probes":1,` +
	`"drop_reasons":{"2":"NOT_SPECIFIED","3":"NETFILTER_DROP","4":"NO_SOCKET","5":"TCP_CSUM"},"sysctl":{"net.ipv4.ip_forward":"0"},"netns":{"inum":7},"qdisc":{},"devices":{"e0":{"addr":"02:00:00:00:00:02","mtu":1500,"up":true,"addrs":["10.0.0.2/24"]}},` +
	`"tc_filters":{},"tc_actions":{},"firewall":{},"ip_rules":{"inet":0,"inet6":0},"xfrm":{"states":0,"policies":0},"xfrm_spis":{},"bpf_programs":{"cgroup_skb":0,"sched_cls":0,"xdp":0}}` + "\n"

func dropAt(ts int, reason, location, packet string) string {
	_, data := buildPacket(&testing.T{}, packet)
	b, _ := json.Marshal(data)
	return fmt.Sprintf(`{"type":"event","ts":%d,"cpu":0,"probe":"skb:kfree_skb","skb":{"addr":1,"head":2,"id":%d,"protocol":2048},"dev":{"name":"e0","ifindex":2,"rx_ifindex":2,"type":1},`+
		`"netns":{"inum":7},"packet":{"len":%d,"at":"network","data":%s},"drop":{"reason":3,"name":%q,"location":%q}}`+"\n", ts, ts, len(data), b, reason, location+"+0x1")
}

// TestChange: a drop is explained by what was so at its time. What changed about then excludes nothing.
func TestChange(t *testing.T) {
	const (
		noRule    = "no rule of nftables or iptables was there when "
		aRule     = "a firewall rule or a chain's policy"
		noState   = "this host had none when "
		noFit     = "no IPsec state fits the packet from 10.0.0.1 to 10.0.0.2"
		filtered  = "NETFILTER_DROP"
		closed    = "nothing listens on UDP port 53 of 10.0.0.2"
		addPolicy = `{"type":"change","ts":20,"seen":30,"keys":["xfrm"],"xfrm":{"policies":1}}` + "\n"
	)
	hook := func(ts int) string {
		return dropAt(ts, filtered, "nf_hook_slow", "udp,10.0.0.1:4000,10.0.0.2:53")
	}
	esp := func(ts int) string { return dropAt(ts, "NOT_SPECIFIED", "xfrm_input", "50,10.0.0.1,10.0.0.2") }
	udp := func(ts int) string {
		return dropAt(ts, "NOT_SPECIFIED", "__udp4_lib_rcv", "udp,10.0.0.1:4000,10.0.0.2:53")
	}
	for name, c := range map[string]struct {
		records string
		want    []string // what each drop's text has, and behind a minus has not
	}{
		"a rule is added": {
			hook(10) + `{"type":"change","ts":20,"keys":["firewall"]}` + "\n" + hook(25) +
				`{"type":"change","ts":20,"seen":30,"keys":["firewall"],"firewall":{"nft inet filter input":"input"}}` + "\n" + hook(40) +
				`{"type":"change","ts":50,"seen":60,"keys":["firewall"],"gone":{"firewall":["nft inet filter input"]}}` + "\n" + hook(55) + hook(70),
			[]string{noRule + "the stream began", aRule + " - " + noRule, aRule + " - " + noRule, aRule + " - " + noRule, noRule + "skb-collect last looked"},
		},
		"the record comes late, and the drop is of before": {
			`{"type":"change","ts":20,"seen":30,"keys":["firewall"],"firewall":{"iptables filter":""}}` + "\n" + hook(10) + hook(29) + hook(30),
			[]string{"- " + noRule, "- " + noRule, aRule + " - " + noRule},
		},
		"something else changed": {
			`{"type":"change","ts":20,"keys":["devices","sysctl"]}` + "\n" + hook(40),
			[]string{noRule + "the stream began"},
		},
		"the state is as before": {
			`{"type":"change","ts":20,"keys":["firewall"]}` + "\n" + hook(25) + `{"type":"change","ts":20,"seen":30,"keys":["firewall"]}` + "\n" + hook(40),
			[]string{aRule + " - " + noRule, noRule + "skb-collect last looked"},
		},
		"it was not known before": {
			strings.Replace(quietHost, `"firewall":{},`, "", 1) + hook(10) + `{"type":"change","ts":20,"seen":30,"keys":["firewall"],"firewall":{}}` + "\n" + hook(40),
			[]string{aRule + " - " + noRule, noRule + "skb-collect last looked"},
		},
		"records in the wrong order": { // what there is at the end can't be told
			`{"type":"change","ts":50,"seen":60,"keys":["firewall"],"gone":{"firewall":["iptables nat"]}}` + "\n" +
				`{"type":"change","ts":20,"seen":30,"keys":["firewall"],"firewall":{"iptables nat":""}}` + "\n" + hook(70),
			[]string{aRule + " - " + noRule},
		},
		"the start comes again": {
			`{"type":"change","ts":20,"seen":30,"keys":["firewall"],"firewall":{"iptables nat":""}}` + "\n" + quietHost + hook(40),
			[]string{aRule + " - " + noRule},
		},
		"another host's": {
			`{"type":"change","ts":20,"seen":30,"keys":["firewall"],"firewall":{"iptables nat":""}}` + "\n" + strings.Replace(quietHost, `"host":"h"`, `"host":"i"`, 1) + hook(40) +
				`{"type":"resume","back":1}` + "\n" + hook(40),
			[]string{noRule + "the stream began", aRule + " - " + noRule},
		},
		"an IPsec state": {
			esp(10) + `{"type":"change","ts":20,"keys":["xfrm","xfrm_spis"]}` + "\n" + esp(25) +
				`{"type":"change","ts":20,"seen":30,"keys":["xfrm","xfrm_spis"],"xfrm":{"states":1},"xfrm_spis":{"0x00000100":"10.0.0.2"}}` + "\n" + esp(40),
			[]string{noState + "the stream began", noFit + " / the IPsec state - " + noState, noFit + " / the IPsec state - " + noState},
		},
		"an IPsec policy": {
			strings.Replace(quietHost, `"4":"NO_SOCKET",`, "", 1) + udp(10) + addPolicy + udp(25) + udp(40),
			[]string{closed + " - IPsec", "IPsec policy", "IPsec policy"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := quietHost + c.records
			if strings.HasPrefix(c.records, `{"type":"start"`) {
				in = c.records
			}
			got := causes(t, in)
			if len(got) != len(c.want) {
				t.Fatalf("%d drops are explained, want %d: %q", len(got), len(c.want), got)
			}
			for i, want := range c.want {
				has, not, _ := strings.Cut(want, "- ")
				for part := range strings.SplitSeq(strings.TrimSpace(has), " / ") {
					if !strings.Contains(got[i], part) {
						t.Errorf("drop %d: %q, want %q", i, got[i], part)
					}
				}
				if not != "" && strings.Contains(got[i], not) {
					t.Errorf("drop %d: %q, which should not say %q", i, got[i], not)
				}
			}
		})
	}
}

// TestChangeExcludesNothing: what is not known about a drop is as if the start had not said it: for
// each rule's tries, whatever key is.
func TestChangeExcludesNothing(t *testing.T) {
	tb := table()
	n := 0
	for _, r := range tb.rules {
		for _, try := range r.tries {
			records := stream(t, try.drop)
			for _, key := range format.FactKeys {
				if records[0].Get(key) == nil {
					continue
				}
				n++
				without := format.Raw(wire.AppendMap(nil, 0))
				without = without[:0]
				pairs := [][2]wire.Value{}
				_ = records[0].Each(func(k []byte, v wire.Value) bool {
					if string(k) != key {
						pairs = append(pairs, [2]wire.Value{wire.AppendStr(nil, k), v})
					}
					return true
				})
				without = wire.AppendMap(without, len(pairs))
				for _, p := range pairs {
					without = append(append(without, p[0]...), p[1]...)
				}
				change := format.Raw((&format.Change{TS: 1, Keys: []string{key}}).AppendMsgpack(nil))
				changed := append([]format.Raw{records[0], change}, records[1:]...)
				absent := append([]format.Raw{without}, records[1:]...)
				if got, want := whyOf(t, changed), whyOf(t, absent); got != want {
					t.Errorf("%s: %s: %s is not known: %s\nabsent: %s", r.name, try.drop, key, got, want)
				}
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d tries", n)
	}
}

// whyEnd ends a stream, so that nothing is said of one that was cut off.
var whyEnd = func() []byte {
	var b bytes.Buffer
	enc := format.NewEncoder(&b)
	_ = enc.Write(&format.End{Cause: "signal"})
	_ = enc.Flush()
	return b.Bytes()
}()

// whyOf is what is said of the last record's drop.
func whyOf(t *testing.T, records []format.Raw) string {
	t.Helper()
	var in, out bytes.Buffer
	enc := format.NewEncoder(&in)
	for _, r := range records {
		_ = enc.WriteRaw(r)
	}
	_ = enc.Flush()
	in.Write(whyEnd)
	o := Options{Options: pipe.Options{Output: "json"}, Input: pipe.Input{Part: true}}
	_ = Run(context.Background(), o, &in, &out, io.Discard) // some lack keys
	_, why, _ := strings.Cut(out.String(), `"why":`)
	return why
}

// TestChangeBounds: hosts that change all the time take no more and more memory, and what is let go
// of is not taken for known.
func TestChangeBounds(t *testing.T) {
	var hosts hosts
	start := func(n int) *host {
		return hosts.start((&format.Start{TS: uint64(n), Host: "h", Firewall: map[string]string{}}).AppendMsgpack(nil))
	}
	change := func(h *host, ts uint64, key, entry, value string) {
		c := &format.Change{TS: ts, Seen: format.Some(ts), Keys: []string{key}, Facts: format.Facts{key: {entry: wire.AppendStr(nil, value)}}}
		hosts.change(c.AppendMsgpack(nil), h)
	}
	// Many hosts, of which each has a change.
	var all []*host
	for n := range 3 * maxChanged {
		h := start(n)
		change(h, 10, "firewall", "iptables nat", "")
		all = append(all, h)
	}
	for n, h := range all {
		if kept, want := h.at(20).firewall != nil, n >= 2*maxChanged; kept != want {
			t.Fatalf("host %d: its firewall is known: %v", n, kept)
		}
		if again := start(n); again.at(20).firewall != nil && len(again.at(20).firewall) == 0 {
			t.Fatalf("host %d, read again: it is taken for one without rules", n)
		}
	}
	// Large entries that stay, and entries that come and go.
	h := start(1 << 20)
	for n := range 100 {
		change(h, uint64(n), "sysctl", fmt.Sprint("net.x", n), strings.Repeat("x", 100_000))
	}
	if len(h.sysctl) != 0 || h.at(1000).firewall != nil {
		t.Errorf("%d settings of 100 kB are kept", len(h.sysctl))
	}
	h = start(1<<20 + 1)
	for n := range 2000 {
		change(h, uint64(n), "sysctl", "net.x", strings.Repeat("x", 5000))
	}
	if len(h.sysctl) != 1 || h.at(1 << 20).sysctl["net.x"] == "" {
		t.Error("what comes and goes fills the memory")
	}
	h = start(1<<20 + 2)
	for n := range 2 * maxDevices {
		c := &format.Change{TS: uint64(n), Seen: format.Some(uint64(n)), Keys: []string{"devices"}, Facts: format.Facts{"devices": {fmt.Sprint("d", n): wire.Value("\x82\xa3mtu\x01\xa2up\xc3")}}}
		hosts.change(c.AppendMsgpack(nil), h)
	}
	if len(h.devices) > 0 || h.at(1<<20).devices != nil {
		t.Errorf("%d devices are kept", len(h.devices))
	}
}
