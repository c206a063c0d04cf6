//go:build linux && (amd64 || arm64)

package host

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/format"
)

// A host is what a watch under test looks at, with a clock that stands still between steps.
type watchedHost struct {
	t     *testing.T
	w     *Watch
	now   uint64
	is    format.Start // as the host is
	lines []string     // change records, as JSON
	looks int
	slow  func() // called while a look goes on
}

const ms = uint64(time.Millisecond)

func watchHost(t *testing.T, silent ...string) *watchedHost {
	h := &watchedHost{t: t, now: 10_000 * ms}
	h.is = format.Start{TS: h.now, Sysctl: map[string]string{"net.ipv4.ip_forward": "0"}, Devices: map[string]format.Device{"e0": {MTU: 1500}},
		Qdisc: map[string]string{}, Rules: map[string]uint64{"inet": 0}, Firewall: map[string]string{"nft inet t a": "input", "iptables nat": ""},
		Xfrm: map[string]uint64{"states": 0, "policies": 0}, BPF: map[string]uint64{"xdp": 0}}
	h.w = &Watch{clock: func() uint64 { return h.now }, has: func(string, string) bool { return true }, epoll: -1, keys: map[string]*watched{}}
	for _, key := range format.FactKeys {
		h.w.keys[key] = &watched{partly: key == "sysctl" || key == "firewall"}
	}
	for _, key := range silent {
		h.w.keys[key].silent = true
	}
	h.w.clean = h.now
	h.w.looks = func(at lookAt) looked {
		h.looks++
		l := looked{at: at, from: h.now}
		s := h.is
		if !at.settings {
			s.Sysctl, s.Firewall, s.Xfrm, s.BPF = nil, nil, nil, nil
		}
		if !at.route {
			s.Devices, s.Qdisc, s.Rules = nil, nil, nil
		}
		maps.DeleteFunc(s.Firewall, func(name, _ string) bool { return strings.HasPrefix(name, nftChain) })
		l.facts = format.Raw(s.AppendMsgpack(nil)).Facts()
		if !at.settings {
			delete(l.facts, "sysctl")
		}
		if h.slow != nil {
			h.slow()
		}
		l.to, l.took = h.now, time.Millisecond
		return l
	}
	h.w.Begin(h.is.AppendMsgpack(nil))
	h.is.Firewall = map[string]string{"iptables nat": ""} // of which alone a look tells
	return h
}

func (h *watchedHost) write(r format.Appender) error {
	line, err := format.AppendJSON(nil, r.AppendMsgpack(nil))
	h.lines = append(h.lines, string(line))
	return err
}

// after lets time pass, and does what is done every 100 ms.
func (h *watchedHost) after(d uint64) {
	h.t.Helper()
	for end := h.now + d; h.now < end; {
		h.now += min(100*ms, end-h.now)
		if err := h.w.Tick(h.write); err != nil {
			h.t.Fatal(err)
		}
		if h.w.looking != nil { // it takes none of the host's time
			h.w.looking <- <-h.w.looking
		}
	}
}

// notice has the kernel tell of something.
func (h *watchedHost) notice(keys ...string) {
	h.t.Helper()
	h.w.changed(keys...)
	if err := h.w.tell(h.write); err != nil {
		h.t.Fatal(err)
	}
	h.w.clean = h.now
}

func (h *watchedHost) want(lines ...string) {
	h.t.Helper()
	if got, want := strings.Join(h.lines, "\n"), strings.Join(lines, "\n"); got != want {
		h.t.Errorf("written:\n%s\nwant:\n%s", got, want)
	}
	h.lines = nil
}

// TestWatchNotice: what the kernel tells of is not known at once, and known again after a look.
func TestWatchNotice(t *testing.T) {
	h := watchHost(t)
	h.after(500 * ms)
	h.want()
	h.notice("devices", "qdisc")
	h.want(`{"type":"change","ts":10400000000,"keys":["qdisc","devices"]}`)
	h.notice("devices") // no more is to be said
	h.want()
	h.is.Devices = map[string]format.Device{"e1": {MTU: 9000}}
	h.after(300 * ms)
	h.want(`{"type":"change","ts":10400000000,"seen":10600000000,"keys":["qdisc","devices"],"devices":{"e1":{"mtu":9000,"up":false}},"gone":{"devices":["e0"]}}`)
	h.notice("devices")
	h.lines = nil
	h.after(300 * ms) // as before: it is known again
	h.want(`{"type":"change","ts":10700000000,"seen":10900000000,"keys":["devices"]}`)
}

// TestWatchMoves: what changes while it is looked at is looked at again.
func TestWatchMoves(t *testing.T) {
	h := watchHost(t)
	h.notice("devices")
	h.slow = func() { h.slow = nil; h.w.changed("devices") }
	h.lines = nil
	h.after(200 * ms)
	h.want()
	h.after(200 * ms)
	if len(h.lines) != 1 || h.looks != 2 || !strings.Contains(h.lines[0], `"seen"`) {
		t.Errorf("%d looks, written: %q", h.looks, h.lines)
	}
}

// TestWatchCompares: what the kernel tells nothing of is looked at every second.
func TestWatchCompares(t *testing.T) {
	h := watchHost(t)
	h.after(1500 * ms)
	h.is.Sysctl = map[string]string{"net.ipv4.ip_forward": "1"}
	h.after(5000 * ms)
	h.want(`{"type":"change","ts":11000000000,"seen":12000000000,"keys":["sysctl"],"sysctl":{"net.ipv4.ip_forward":"1"}}`)
	if h.looks < 4 || h.looks > 7 {
		t.Errorf("%d looks in 6.5 s", h.looks)
	}
}

// TestWatchShare: however often the kernel tells of changes, looking takes its share of one cpu, and what was
// not used for a while at once.
func TestWatchShare(t *testing.T) {
	h := watchHost(t)
	looks := h.w.looks
	h.w.looks = func(at lookAt) looked {
		l := looks(at)
		l.took = 20 * time.Millisecond
		return l
	}
	churn := func(d uint64) int {
		h.looks = 0
		for end := h.now + d; h.now < end; {
			h.notice("devices")
			h.after(100 * ms)
		}
		return h.looks
	}
	h.after(120_000 * ms)
	if n := churn(2000 * ms); n < 10 {
		t.Errorf("%d looks in 2 s", n)
	}
	churn(60_000 * ms)
	if n := churn(600_000 * ms); n < 250 || n > 310 { // 1 % of 600 s are 6 s
		t.Errorf("%d looks of 20 ms in 10 minutes", n)
	}
	h.after(120_000 * ms)
	if n := churn(1000 * ms); n < 5 {
		t.Errorf("%d looks in a second behind a quiet time", n)
	}
}

// TestWatchChains: notices of nftables tell what chains there are.
func TestWatchChains(t *testing.T) {
	h := watchHost(t)
	h.after(200 * ms)
	h.w.chains["nft inet t b"], h.w.moved = "forward", true
	h.notice()
	h.want(`{"type":"change","ts":10000000000,"seen":10200000000,"keys":["firewall"],"firewall":{"nft inet t b":"forward"}}`)
	h.after(1500 * ms) // a look does not tell of them
	h.want()
	for i := range 1000 { // chains that come and go are no reason for as many records
		h.w.chains[fmt.Sprint("nft inet t ", i)], h.w.moved = "input", true
		h.notice()
		delete(h.w.chains, fmt.Sprint("nft inet t ", i))
		h.w.moved = true
		h.notice()
	}
	h.after(1500 * ms)
	if len(h.lines) > 10 || !strings.Contains(h.lines[len(h.lines)-1], `"seen"`) {
		t.Errorf("written: %q", h.lines)
	}
	h.lines = nil
	h.w.chains = nil // there was no room for the notices
	h.notice("firewall")
	h.want(`{"type":"change","ts":12800000000,"keys":["firewall"]}`)
	h.after(3000 * ms)
	h.want()
}

// TestWatchGivenUp: what can't be asked for again is not known once it may have changed.
func TestWatchGivenUp(t *testing.T) {
	h := watchHost(t, "bpf_programs")
	h.is.BPF, h.is.Xfrm = nil, nil
	h.after(uint64(notAskedAgain) - 5000*ms)
	h.want()
	h.after(10_000 * ms)
	if len(h.lines) != 1 || !strings.Contains(h.lines[0], `"keys":["bpf_programs"]`) || strings.Contains(h.lines[0], "seen") {
		t.Errorf("written: %q", h.lines)
	}
	h.lines = nil
	h.notice("xfrm")
	h.after(3000 * ms)
	if len(h.lines) != 1 || !strings.Contains(h.lines[0], `"keys":["xfrm"]`) || strings.Contains(h.lines[0], "seen") {
		t.Errorf("written: %q", h.lines)
	}
}

// TestWatchConnections: the number of connections is told when their table comes to be full.
func TestWatchConnections(t *testing.T) {
	h := watchHost(t)
	set := func(n string) {
		h.is.Sysctl = map[string]string{"net.netfilter.nf_conntrack_count": n, "net.netfilter.nf_conntrack_max": "100"}
		h.after(2000 * ms)
	}
	set("3")
	h.lines = nil
	set("80")
	h.want()
	set("95")
	if len(h.lines) != 1 || !strings.Contains(h.lines[0], `"sysctl":{"net.netfilter.nf_conntrack_count":"95"}`) {
		t.Errorf("written: %q", h.lines)
	}
}

// TestWatchAgain: another file says all that changed so far, and what is not known.
func TestWatchAgain(t *testing.T) {
	h := watchHost(t)
	if all := h.w.Again(); all != nil {
		t.Errorf("%q without a change", all)
	}
	for i := range 50 { // what comes and goes leaves nothing
		h.is.Devices = map[string]format.Device{fmt.Sprint("v", i): {MTU: 1}}
		h.notice("devices")
		h.after(300 * ms)
	}
	h.notice("ip_rules")
	at := h.lines[len(h.lines)-1]
	last := h.lines[len(h.lines)-2]
	h.lines = nil
	for _, r := range h.w.Again() {
		line, _ := format.AppendJSON(nil, r)
		h.lines = append(h.lines, string(line))
	}
	h.want(strings.Replace(last, `"gone":{"devices":["v48"]}`, `"gone":{"devices":["e0"]}`, 1), at)
}

// TestModuleNotices: which modules have a part in what the start record says.
func TestModuleNotices(t *testing.T) {
	for text, want := range map[string]string{
		"add@/module/nf_tables\x00ACTION=add\x00": "firewall", "remove@/module/iptable_filter\x00": "firewall", "add@/module/xfrm_user\x00": "xfrm xfrm_spis",
		"add@/module/dummy\x00": "", "add@/devices/virtual/net/nf_tables\x00": "", "add": "", "": "",
	} {
		if got := strings.Join(moduleChanges(moduleOf(notice{data: []byte(text)})), " "); got != want {
			t.Errorf("%q is about %q, want %q", text, got, want)
		}
	}
}

// TestChainNotices: what messages of nf_tables say of base chains.
func TestChainNotices(t *testing.T) {
	attr := func(kind byte, data string) string {
		for len(data)%4 != 0 {
			data += "\x00"
		}
		return string([]byte{byte(len(data) + 4), 0, kind, 0}) + data
	}
	hook := attr(4, attr(1, "\x00\x00\x00\x02"))
	for name, c := range map[string]struct {
		kind uint16
		data string
		want chainNotice
		ok   bool
	}{
		"new":     {0xa03, attr(1, "t\x00") + attr(3, "c\x00") + hook, chainNotice{"nft inet t ", "c", "forward", true, false}, true},
		"no base": {0xa03, attr(1, "t\x00") + attr(3, "c\x00"), chainNotice{}, false},
		"gone":    {0xa05, attr(1, "t\x00") + attr(3, "c\x00") + hook, chainNotice{"nft inet t ", "c", "forward", true, true}, true},
		"table":   {0xa02, attr(1, "t\x00"), chainNotice{table: "nft inet t ", gone: true}, true},
		"ours":    {0xa03, attr(1, OwnTable+"7\x00") + attr(3, "c\x00") + hook, chainNotice{}, false},
		"rule":    {0xa06, attr(1, "t\x00"), chainNotice{}, false},
		"ipset":   {0x603, attr(1, "t\x00") + attr(3, "c\x00") + hook, chainNotice{}, false},
		"short":   {0xa03, "", chainNotice{}, false},
	} {
		data := "\x01\x00\x00\x00" + c.data
		if name == "short" {
			data = "\x01"
		}
		if got, ok := chainOf(notice{c.kind, []byte(data)}); ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, ok, c.want)
		}
	}
}
