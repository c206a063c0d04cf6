package text

import (
	"fmt"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
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

// TestFlowRulesThen: a lookup has the rules that were told last before it, also where all flows come first, as in the
// order of journeys; those that the flow need not have been made by are told apart.
func TestFlowRulesThen(t *testing.T) {
	flow := func(ts int, by, rule string) format.Raw {
		rules := ""
		if by != "" {
			rules = fmt.Sprintf(`,"by":%q,"rules":[{"table":0,"cookie":1,"rule":%q}]`, by, rule)
		}
		return record(t, fmt.Sprintf(`{"type":"flow","ts":%d,"seen":%d,"ufid":"u"%s}`, ts, ts+1000000, rules))
	}
	records := []format.Raw{flow(2000, "detrace", "old"), flow(8000, "", ""), flow(6000, "trace", "new"), flow(4000, "detrace", "old")}
	wants := map[int]string{1999: "", 2000: " rules=[cookie=0x1, table=0, old]", 5999: " rules=[cookie=0x1, table=0, old]",
		6000: " rules.traced=[cookie=0x1, table=0, new]", 7999: " rules.traced=[cookie=0x1, table=0, new]", 8000: "", 9000: ""}
	for ts, want := range wants {
		lookup := record(t, fmt.Sprintf(`{"type":"event","ts":%d,"cpu":0,"probe":"x","ovs":{"type":"lookup","recirc_id":0,"in_port":2,"hit":true,"ufid":"u"}}`, ts))
		lines := strings.Split(strings.TrimSpace(print(t, Options{}, append(records[:4:4], lookup)...)), "\n")
		if got := lines[len(lines)-1]; want == "" && strings.Contains(got, "rules") || !strings.HasSuffix(got, want) {
			t.Errorf("at %d, want %q: %s", ts, want, got)
		}
	}
}

// TestLongRules: rules that are too long for a lookup's line are cut between runes and escapes, and it says so.
func TestLongRules(t *testing.T) {
	for pad := range 12 {
		for char, whole := range map[string]string{"\u00e9": "\u00e9", "\u202e": `\u202e`, "\x1b": `\x1b`, "\\": `\\`, "\n": `\n`, "\U000e0001": `\U000e0001`} {
			words := strings.Repeat("a", pad) + strings.Repeat(char, 2000)
			got := rulesText(rawRules(words, "b"))
			rest, more := strings.CutSuffix(got, " and 1 more")
			rest, cut := strings.CutSuffix(rest, "...")
			rest = strings.TrimPrefix(rest, "cookie=0x1, table=0, "+strings.Repeat("a", pad))
			if !more || !cut || strings.ReplaceAll(rest, whole, "") != "" || len(rest) < maxRulesText-64 || len(got) > maxRulesText+20 {
				t.Errorf("%d, %q: %q", pad, char, got)
			}
		}
	}
	if got := rulesText(rawRules(strings.Repeat("a", 600), strings.Repeat("b", 600), "c")); !strings.HasSuffix(got, "aaa and 2 more") {
		t.Errorf("%s", got)
	}
}

// rawRules are these rules.
func rawRules(rules ...string) wire.Value {
	f := format.OVSFlow{UFID: "u", By: "detrace"}
	for _, rule := range rules {
		f.Rules = append(f.Rules, format.OVSRule{Cookie: 1, Rule: rule})
	}
	return format.Raw(f.AppendMsgpack(nil)).Get("rules")
}
