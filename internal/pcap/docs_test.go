package pcap

import (
	"bytes"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/gopacket/gopacket/pcapgo"
)

// sentAgain is what random streams have nothing like: a journey and a flow that are told of in front of their event.
const sentAgain = `{"type":"start","ts":1,"version":1}
{"type":"journey","ts":3,"packet":1,"first":2,"total":1,"hops":1,"branches":1,"slowest":0,` +
	`"end":{"how":"consumed","unclear":"tcp-syn"}}
{"type":"flow","ts":1,"seen":2,"ufid":"u","by":"trace","rules":[{"table":0,"cookie":81,"rule":"priority=1\n"},{"bridge":"br0","table":1,"cookie":0,"rule":"drop"}]}
{"type":"event","ts":2,"cpu":0,"probe":"tcp_v4_rcv","ovs":{"type":"lookup","recirc_id":0,"in_port":1,"hit":true,"ufid":"u"},` +
	`"why":{"reason":"x","severity":"fault","confidence":"kernel","rules":[{"table":0,"cookie":7,"rule":"r"}],"rules_by":"detrace"},"track":{"packet":1,"hop":0,"total":0,"resent":1},` +
	`"skb":{"addr":16,"id":1,"len":1},"packet":{"len":1,"at":"network","data":"RQ=="}}
{"type":"end","ts":4,"events":1,"links":0,"frees":0,"lost":0}
`

// The table of comments in docs/pcapng.md has each comment, in the order in which they are written.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/pcapng.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| key | value | from |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var keys []string // `.*` at the end: any further part
	for _, row := range strings.Split(table, "\n") {
		cell, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " |")
		for _, name := range regexp.MustCompile("`[^`]+`").FindAllString(cell, -1) {
			name = strings.Trim(name, "`")
			if strings.HasPrefix(name, ".") { // another of what the one before is in
				last := keys[len(keys)-1]
				name = last[:strings.LastIndex(last, ".")] + name
			}
			keys = append(keys, name)
		}
	}
	row := func(key string) int {
		for i, k := range keys {
			if k == key || strings.HasSuffix(k, ".*") && strings.HasPrefix(key, k[:len(k)-1]) {
				return i
			}
		}
		return -1
	}
	met := make([]bool, len(keys))
	rules := map[string]bool{`why.rule=cookie=0x7, table=0, r`: true, `flow.rule=cookie=0x51, table=0, priority=1\x0a`: true,
		`flow.rule=br0 cookie=0x0, table=1, drop`: true}
	for seed := range uint64(100) {
		in := []byte(sentAgain)
		if seed > 0 {
			in = randomStream(t, rand.New(rand.NewPCG(seed, 7)))
		}
		r, err := pcapgo.NewNgReader(bytes.NewReader(run(t, Options{}, in)), pcapgo.DefaultNgReaderOptions)
		if err != nil {
			t.Fatal(err)
		}
		for {
			_, _, o, err := r.ReadPacketDataWithOptions()
			if err != nil {
				break
			}
			at := 0
			for _, comment := range o.Comments {
				key, _, _ := strings.Cut(comment, "=")
				delete(rules, comment)
				i := row(key)
				if i < 0 {
					t.Fatalf("seed %d: %s is not in the table", seed, comment)
				}
				if i < at && !(strings.HasSuffix(keys[i], ".*") && strings.HasSuffix(keys[at], ".*")) {
					t.Fatalf("seed %d: %s comes behind %s", seed, comment, keys[at])
				}
				at, met[i] = i, true
			}
		}
	}
	if len(rules) > 0 {
		t.Errorf("no packet has %v", rules)
	}
	for i, yes := range met {
		if !yes {
			t.Errorf("%s: no packet has it", keys[i])
		}
	}
}
