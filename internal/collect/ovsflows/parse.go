//go:build linux && (amd64 || arm64)

package ovsflows

import (
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/skb-tools/skb-tools/format"
)

// Bounds of what is kept of one flow.
const (
	maxRules = 32
	maxText  = 4096 // bytes
)

// splitFlow takes apart what dpctl/get-flow prints: MATCH, packets:N, bytes:N, used:TIME, actions:ACTIONS.
func splitFlow(text string) (match, actions string) {
	match, rest, _ := strings.Cut(strings.TrimSpace(text), ", packets:")
	_, actions, _ = strings.Cut(rest, "actions:")
	return cut(match), cut(actions)
}

func cut(s string) string {
	if len(s) > maxText {
		return strings.ToValidUTF8(s[:maxText], "") + "..."
	}
	return s
}

// counted are the parts of a rule in ofproto/detrace's output that change with each packet.
var counted = pattern(`\b(?:duration|n_packets|n_bytes|n_offload_packets|n_offload_bytes)=[^, ]*,? ?`)

// pattern compiles one when it is needed: skb-collect starts without --ovs-flows, too.
func pattern(s string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(s) })
}

// detraced reads what ofproto/detrace prints: a rule a line, in Open vSwitch 4.0 indented below its bridge.
// A cookie or table of 0 is not printed (flow_stats_ds() in ofproto/ofproto.c).
func detraced(text string) (rules []format.OVSRule) {
	bridge := ""
	for line := range strings.Lines(text) {
		words := strings.TrimSpace(line)
		if !strings.Contains(words, "actions=") {
			if words != "" && !strings.ContainsAny(words, " =") {
				bridge = words
			}
			continue
		}
		if len(rules) == maxRules {
			break
		}
		r := format.OVSRule{Bridge: bridge}
		words = counted().ReplaceAllString(words, "")
		r.Cookie, words = number(words, "cookie=")
		table, words := number(words, "table_id=")
		r.Table = uint32(table)
		r.Rule = cut(strings.TrimPrefix(strings.TrimSpace(words), ","))
		rules = append(rules, r)
	}
	return rules
}

// number takes a key with a number from the head of words, if it is there.
func number(words, key string) (uint64, string) {
	rest, ok := strings.CutPrefix(words, key)
	if !ok {
		return 0, words
	}
	digits, rest, _ := strings.Cut(rest, ",")
	n, err := strconv.ParseUint(digits, 0, 64)
	if err != nil {
		return 0, words
	}
	return n, strings.TrimSpace(rest)
}

var (
	tracedBridge = pattern(`^\s*bridge\("(.*)"\)$`)
	tracedRule   = pattern(`^\s*(\d+)\. (?:(.*?), )?priority (\d+)(?:, cookie (0x[0-9a-f]+))?$`)
	tracedNone   = pattern(`^\s*(\d+)\. No match\.`)
)

// traced reads what ofproto/trace prints of the rules that a packet meets: `bridge("br0")`, and below it
// ` 1. icmp,in_port=1, priority 10, cookie 0x22`. (ofproto/ofproto-dpif-xlate.c; priority 32768 and cookie 0 are the
// defaults, the latter is not printed.)
func traced(text string) (rules []format.OVSRule) {
	bridge := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "Final flow:") {
			break // what comes behind is of other flows: those that a recirculation leads to
		}
		if m := tracedBridge().FindStringSubmatch(line); m != nil {
			bridge = m[1]
			continue
		}
		r := format.OVSRule{Bridge: bridge}
		if m := tracedRule().FindStringSubmatch(line); m != nil {
			table, _ := strconv.ParseUint(m[1], 10, 32)
			r.Table = uint32(table)
			r.Cookie, _ = strconv.ParseUint(m[4], 0, 64)
			r.Rule = "priority=" + m[3]
			if m[2] != "" {
				r.Rule += "," + cut(m[2])
			}
		} else if m := tracedNone().FindStringSubmatch(line); m != nil {
			table, _ := strconv.ParseUint(m[1], 10, 32)
			r.Table, r.Rule = uint32(table), "no rule"
		} else {
			continue
		}
		if len(rules) == maxRules {
			break
		}
		rules = append(rules, r)
	}
	return rules
}
