package text

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// TestTree: a packet, its hops, its branches, and what is between packets; a start that comes again.
func TestTree(t *testing.T) {
	in := `{"type":"start","ts":1000,"clock_offset":0,"host":"h","version":1}
{"type":"loss","ts":1500,"count":2,"what":"event","why":"full"}
{"type":"journey","ts":90000,"packet":12,"first":2000,"total":88000,"hops":5,"branches":2,"slowest":30400,"flow":{"first":{"src":"10.0.42.1","dst":"10.0.255.1","sport":41234,"dport":53,"proto":17},"last":{"src":"10.0.42.1","dst":"10.0.43.2","sport":41234,"dport":5353,"proto":17}},"end":{"how":"dropped","reason":"NO_SOCKET","location":"udp_rcv+0x1a","dev":"veth10"},"ends":{"dropped":1,"consumed":1},"later":true}
{"type":"event","ts":2000,"cpu":1,"probe":"netif_rx","skb":{"protocol":2048,"len":28},"dev":{"name":"veth01"},"packet":{"len":28,"at":"network","data":"RQAAHAABAABAEQAACgAqAQoA/wGhEgA1AAgAAA=="},"track":{"packet":12,"hop":0,"total":0}}
{"type":"event","ts":14100,"cpu":1,"probe":"ip_rcv","dev":{"name":"veth10"},"track":{"packet":12,"hop":1,"since":12100,"total":12100,"changed":{"dev":["veth01","veth10"]},"uncertain":true}}
{"type":"event","ts":44500,"cpu":1,"probe":"ip_forward","dev":{"name":"veth10"},"track":{"packet":12,"hop":2,"since":30400,"total":42500,"changed":{"dst":["10.0.255.1","10.0.43.2"],"dport":[53,5353]}}}
{"type":"link","ts":45000,"how":"clone","from":{"id":1},"to":{"id":1}}
{"type":"event","ts":50000,"cpu":1,"probe":"skb_clone","track":{"packet":12,"branch":3,"hop":3,"since":5500,"total":48000,"from":{"how":"clone","branch":0}}}
{"type":"event","ts":60000,"cpu":1,"probe":"packet_rcv","track":{"packet":12,"branch":4,"hop":4,"since":10000,"total":58000,"from":{"how":"copy","branch":3}}}
{"type":"event","ts":70000,"cpu":1,"probe":"skb:kfree_skb","drop":{"reason":3,"name":"NO_SOCKET","location":"udp_rcv+0x1a"},"track":{"packet":12,"hop":3,"since":25500,"total":68000},"new":{"key":1}}
{"type":"free","ts":90000,"how":"dropped","skb":{"id":1},"last":true}
{"type":"event","ts":80000,"cpu":0,"probe":"ip_rcv","track":{"packet":13,"hop":6,"since":100,"total":300}}
{"type":"event","ts":81000,"cpu":0,"probe":"no buffer"}
{"type":"journey","packet":14}
{"type":"start","ts":1200,"clock_offset":0,"host":"g","version":1}
{"type":"start","ts":1000,"clock_offset":0,"host":"h","version":1}
{"type":"end","ts":95000,"events":8}
`
	var out bytes.Buffer
	p := NewPrinter(&out, Options{Time: "mono-ns", Records: true})
	p.Journeys()
	for d := format.NewDecoder(strings.NewReader(in)); ; {
		r, err := d.Next()
		if err != nil {
			break
		}
		if err := p.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/tree.txt"
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, _ := os.ReadFile(golden)
	if out.String() != string(want) {
		t.Errorf("got\n%s", &out)
	}
}
