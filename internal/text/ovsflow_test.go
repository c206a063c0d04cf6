package text

import (
	"fmt"
	"strings"
	"testing"
)

// TestOVSFlow: a flow is told with its rules, and where it is found its rules are told again; nothing in them reaches
// a terminal as it is.
func TestOVSFlow(t *testing.T) {
	flow := record(t, `{"type":"flow","ts":5000,"seen":6000,"ufid":"u-1","match":"in_port(2)","actions":"drop","by":"detrace","rules":[`+
		`{"bridge":"br0","table":0,"cookie":17,"rule":"priority=10,icmp,actions=resubmit(,1)"},{"table":1,"cookie":34,"rule":"priority=9\u001b[2J"}]}`)
	lookup := record(t, `{"type":"event","ts":7000,"cpu":0,"probe":"openvswitch:lookup","ovs":{"type":"lookup","recirc_id":0,"in_port":2,"hit":true,"ufid":"u-1"}}`)
	other := record(t, `{"type":"event","ts":7000,"cpu":0,"probe":"openvswitch:lookup","ovs":{"type":"lookup","recirc_id":0,"in_port":2,"hit":true,"ufid":"u-2"}}`)
	const rules = `br0 cookie=0x11, table=0, priority=10,icmp,actions=resubmit(,1); cookie=0x22, table=1, priority=9\x1b[2J`
	lines := strings.Split(strings.TrimSpace(print(t, Options{}, lookup, flow, lookup, other)), "\n")
	if len(lines) != 4 || !strings.Contains(lines[1], "u-1 in_port(2) actions:drop rules: "+rules+" by=detrace") {
		t.Fatalf("%q", lines)
	}
	for i, want := range []bool{false, true, true, false} {
		if strings.Contains(lines[i], rules) != want {
			t.Errorf("line %d: %s", i, lines[i])
		}
	}
}

// TestManyFlows: the rules of ever more flows take bounded memory.
func TestManyFlows(t *testing.T) {
	p := NewPrinter(discard{}, Options{})
	for i := range 2*maxFlows + 1 {
		if err := p.Write(record(t, fmt.Sprintf(`{"type":"flow","ts":1,"seen":2,"ufid":"%d","rules":[{"table":0,"cookie":1,"rule":"a"}]}`, i))); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.rules) > maxFlows {
		t.Errorf("the rules of %d flows are kept", len(p.rules))
	}
}
