//go:build linux && (amd64 || arm64)

package ovsflows

import (
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/unixctl"
)

// What Open vSwitch 3.1, 3.5 and 4.0 print.
func TestParse(t *testing.T) {
	match, actions := splitFlow("recirc_id(0),in_port(2),eth(),eth_type(0x0800),ipv4(proto=17,ttl=1,frag=no),udp(dst=4), packets:2, bytes:96, used:5.929s, flags:S, actions:ct(zone=5),recirc(0x1)\n")
	if match != "recirc_id(0),in_port(2),eth(),eth_type(0x0800),ipv4(proto=17,ttl=1,frag=no),udp(dst=4)" || actions != "ct(zone=5),recirc(0x1)" {
		t.Errorf("%s\n%s", match, actions)
	}
	for _, c := range []struct {
		parse func(string) []format.OVSRule
		text  string
		want  []format.OVSRule
	}{
		{detraced, "cookie=0x11, duration=14s, n_packets=9, n_bytes=816, n_offload_packets=0, n_offload_bytes=0, priority=10,icmp,actions=resubmit(,1)\n" +
			"cookie=0x33, table_id=1, duration=14s, n_packets=5, n_bytes=424, n_offload_packets=0, n_offload_bytes=0, priority=9,icmp,actions=ct(table=2,zone=5)\n" +
			"cookie=0x44, table_id=2, duration=13s, n_packets=5, n_bytes=424, n_offload_packets=0, n_offload_bytes=0, ,actions=NORMAL\n",
			[]format.OVSRule{{Cookie: 0x11, Rule: "priority=10,icmp,actions=resubmit(,1)"}, {Table: 1, Cookie: 0x33, Rule: "priority=9,icmp,actions=ct(table=2,zone=5)"},
				{Table: 2, Cookie: 0x44, Rule: "actions=NORMAL"}}},
		{detraced, "br0\n  duration=9s, n_packets=17, n_bytes=1418, n_offload_packets=0, n_offload_bytes=0, priority=0,actions=NORMAL\nbr-int\n  cookie=0xffffffffffffffff, duration=9s, n_packets=1, n_bytes=1, priority=2,ip,nw_dst=1.2.3.4,actions=drop",
			[]format.OVSRule{{Bridge: "br0", Rule: "priority=0,actions=NORMAL"}, {Bridge: "br-int", Cookie: 1<<64 - 1, Rule: "priority=2,ip,nw_dst=1.2.3.4,actions=drop"}}},
		{detraced, "Cache was not found for system@ovs-system\n", nil},
		{detraced, "UFID was not found for system@ovs-system", nil},
		{traced, `Flow: icmp,in_port=2,vlan_tci=0x0000

bridge("br0")
-------------
 0. icmp, priority 10, cookie 0x11
    resubmit(,1)
 1. icmp,in_port=1, priority 9
    output:2

bridge("br1")
-------------
     0. No match.
            drop

Final flow: unchanged
Datapath actions: ct(zone=5),recirc(0x1)

===============================================================================
recirc(0x1) - resume conntrack with default ct_state=trk|new (use --ct-next to customize)
===============================================================================
bridge("br0")
-------------
    thaw
        Resuming from table 2
 2. priority 32768, cookie 0x44
    NORMAL
`, []format.OVSRule{{Bridge: "br0", Cookie: 0x11, Rule: "priority=10,icmp"}, {Bridge: "br0", Table: 1, Rule: "priority=9,icmp,in_port=1"}, {Bridge: "br1", Rule: "no rule"}}},
		{traced, "bridge(\"br0\")\n-------------\n    thaw\n        Resuming from table 2\n 2. priority 32768, cookie 0x44\n    NORMAL\n", []format.OVSRule{{Bridge: "br0", Table: 2, Cookie: 0x44, Rule: "priority=32768"}}},
	} {
		if got := c.parse(c.text); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s\n%+v, want\n%+v", c.text, got, c.want)
		}
	}
	if got := detraced(strings.Repeat("cookie=0x1, priority=1,actions=drop\n", 1000)); len(got) != maxRules {
		t.Errorf("%d rules", len(got))
	}
	if match, actions := splitFlow(strings.Repeat("ü", maxText) + ", packets:1, actions:" + strings.Repeat("1,", maxText)); len(match) > maxText+3 || len(actions) > maxText+3 {
		t.Error("a flow without bounds")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("bridge(\"br0\")\n 0. icmp, priority 10, cookie 0x11\n")
	f.Add("br0\n  cookie=0x1, table_id=1, duration=9s, n_packets=17, priority=0,actions=NORMAL\n")
	f.Fuzz(func(t *testing.T, text string) {
		splitFlow(text)
		if len(detraced(text)) > maxRules || len(traced(text)) > maxRules {
			t.Error("too many rules")
		}
	})
}

// A daemon answers each command with what answers has for it, and counts them.
type daemon struct {
	socket  string
	mu      sync.Mutex
	answers map[string]string // command and arguments: the reply without its id
	asked   []string
}

func newDaemon(t *testing.T, answers map[string]string) *daemon {
	d := &daemon{socket: filepath.Join(t.TempDir(), "ctl"), answers: answers}
	l, err := net.Listen("unix", d.socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go d.serve(conn)
		}
	}()
	return d
}

func (d *daemon) serve(conn net.Conn) {
	defer conn.Close()
	for in := json.NewDecoder(conn); ; {
		var q struct {
			Method string
			Params []string
			ID     int
		}
		if in.Decode(&q) != nil {
			return
		}
		command := strings.Join(append([]string{q.Method}, q.Params...), " ")
		d.mu.Lock()
		d.asked = append(d.asked, command)
		answer := d.answers[command]
		d.mu.Unlock()
		switch answer {
		case "close":
			return
		case "never":
			continue
		case "":
			answer = `"error":"\"` + q.Method + `\" is not a valid command","result":null`
		}
		fmt.Fprintf(conn, `{"id":%d,%s}`, q.ID, answer)
	}
}

func (d *daemon) dial() (*unixctl.Client, error) { return unixctl.Dial(d.socket, time.Minute) }

func TestAsker(t *testing.T) {
	result := func(text string) string { b, _ := json.Marshal(text); return `"error":null,"result":` + string(b) }
	d := newDaemon(t, map[string]string{
		"dpctl/get-flow ufid:old":             result("in_port(2), packets:1, actions:drop"),
		"ofproto/trace ovs-system in_port(2)": result("bridge(\"br0\")\n 0. priority 1, cookie 0x5\n"),
		"dpctl/get-flow ufid:gone":            `"error":"getting flow (No such file or directory)","result":null`,
		"dpctl/get-flow ufid:broken":          "close",
		"dpctl/get-flow ufid:after":           result("in_port(3), packets:1, actions:1"),
		"ofproto/trace ovs-system in_port(3)": `"error":"syntax error","result":null`,
	})
	var said []string
	a, err := start(func() uint64 { return 77 }, func(f string, args ...any) { said = append(said, fmt.Sprintf(f, args...)) }, d.dial)
	if err != nil {
		t.Fatal(err)
	}
	const minute = uint64(time.Minute)
	for _, ufid := range []string{"old", "gone", "old", "broken", "after"} {
		a.Saw(ufid, 5)
	}
	a.Saw("old", 4+minute) // not yet again
	var got []format.OVSFlow
	if unasked, err := a.Finish(time.Minute, func(r format.Appender) error { got = append(got, *r.(*format.OVSFlow)); return nil }); err != nil || unasked != 0 {
		t.Fatal(unasked, err)
	}
	a.Close()
	want := []format.OVSFlow{
		{TS: 5, Seen: 77, UFID: "old", Match: "in_port(2)", Actions: "drop", By: "trace", Rules: []format.OVSRule{{Bridge: "br0", Cookie: 5, Rule: "priority=1"}}},
		{TS: 5, Seen: 77, UFID: "gone", Error: "dpctl/get-flow: getting flow (No such file or directory)"},
		{TS: 5, Seen: 77, UFID: "broken", Error: "ovs-vswitchd: dpctl/get-flow: the daemon has closed the connection"},
		{TS: 5, Seen: 77, UFID: "after", Match: "in_port(3)", Actions: "1", Error: "ofproto/trace: syntax error"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
	if len(said) != 1 || !strings.Contains(said[0], "the daemon has closed the connection") {
		t.Errorf("said %q", said)
	}
	asked := strings.Join(d.asked, "\n")
	if n := strings.Count(asked, "get-flow ufid:old"); n != 1 {
		t.Errorf("asked %d times:\n%s", n, asked)
	}
	if n := strings.Count(asked, "ofproto/detrace"); n != 1 {
		t.Errorf("ofproto/detrace, which there is not, was asked for %d times", n)
	}
}

// TestAgain: a flow is asked for again after a minute, and what is kept of flows has a bound.
func TestAgain(t *testing.T) {
	a := &Asker{known: map[string]uint64{}, wanted: make(chan wanted, 3)}
	const minute = uint64(time.Minute)
	a.Saw("a", 1)
	a.Saw("a", minute)
	a.Saw("a", minute+1)
	if len(a.wanted) != 2 {
		t.Errorf("%d are waiting", len(a.wanted))
	}
	a.Saw("b", 2)
	a.Saw("c", 3)
	if len(a.wanted) != 3 || a.skipped != 1 {
		t.Errorf("%d are waiting, %d skipped", len(a.wanted), a.skipped)
	}
	for i := range 2 * maxKnown {
		a.known[fmt.Sprint(i)] = 5
		if len(a.known) >= maxKnown {
			break
		}
	}
	<-a.wanted
	a.Saw("d", 6)
	if len(a.known) > maxKnown || a.skipped != 2 {
		t.Errorf("%d are known, %d skipped", len(a.known), a.skipped)
	}
	a.Saw("e", 3*minute)
	if len(a.known) > 2 || a.skipped != 2 {
		t.Errorf("%d are known a while later", len(a.known))
	}
}

// TestStopped: an ovs-vswitchd that does not answer holds nothing up, and what it was asked is counted.
func TestStopped(t *testing.T) {
	d := newDaemon(t, map[string]string{"dpctl/get-flow ufid:a": "never"})
	a, err := start(func() uint64 { return 1 }, func(string, ...any) {}, d.dial)
	if err != nil {
		t.Fatal(err)
	}
	a.Saw("a", 1)
	a.Saw("b", 1)
	unasked, err := a.Finish(10*time.Millisecond, func(format.Appender) error { return nil })
	if err != nil || unasked != 2 {
		t.Errorf("%d were not told, %v", unasked, err)
	}
	a.Close()
}
