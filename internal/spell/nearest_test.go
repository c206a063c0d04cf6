package spell

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestNearest: what people mistype is found, and what is like nothing is not.
func TestNearest(t *testing.T) {
	known := []string{"cpu", "dev", "mark", "nat", "netns", "outer.ttl", "vxlan", "ip_rcv_core", "skc_dport", "skb:kfree_skb"}
	for name, want := range map[string]string{
		"nta": "nat", "nat": "nat", "net": "nat", "makr": "mark", "vxaln": "vxlan", "outer.tll": "outer.ttl", "outr.tl": "outer.ttl",
		"skb:kfreeskb": "skb:kfree_skb", "skb_kfree": "", "ip_rvc_core": "ip_rcv_core", "ip_rcvcoer": "ip_rcv_core", "dport": "",
		"": "", "speed": "", "x": "", "c": "", "cp": "cpu", "cpus": "cpu", "cpuset": "", "nets": "netns", "kfree_skb": "",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// TestFirstOfSeveral: of two that are as near, the first is meant.
func TestFirstOfSeveral(t *testing.T) {
	for _, known := range [][]string{{"bat", "cat"}, {"cat", "bat"}} {
		if got := Nearest("aat", known); got != known[0] {
			t.Errorf("%q of %q, want the first", got, known)
		}
	}
	if got := Nearest("ct", []string{"bat", "cat"}); got != "cat" {
		t.Errorf("%q, want the nearest though it is not the first", got)
	}
}

// TestDidYouMean: names of functions and tracepoints as people mistype them.
func TestDidYouMean(t *testing.T) {
	names := []string{"ip_rcv", "ip_rcv_core", "tcp_v4_rcv", "net:netif_receive_skb", "skb:kfree_skb"}
	for typed, want := range map[string]string{
		"ip_rcvv":               " (did you mean ip_rcv?)",
		"tcp_rcv_v4":            "",
		"tcpv4_rcv":             " (did you mean tcp_v4_rcv?)",
		"net:netif_recieve_skb": " (did you mean net:netif_receive_skb?)",
		"skb:kfreeskb":          " (did you mean skb:kfree_skb?)",
		"x":                     "",
		"something_else":        "",
	} {
		if got := DidYouMean(typed, names); got != want {
			t.Errorf("%s:%s, want%s", typed, got, want)
		}
	}
	if got := DidYouMean("vxaln", []string{"vxlan"}); got != " (did you mean vxlan?)" {
		t.Errorf("%q", got)
	}
	if got := DidYouMean("speed", []string{"vxlan"}); got != "" {
		t.Errorf("%q for what is like nothing", got)
	}
}

// simple counts mistakes by the definition, without a limit.
func simple(a, b string) int {
	switch {
	case a == "" || b == "":
		return len(a) + len(b)
	case a[len(a)-1] == b[len(b)-1]:
		return simple(a[:len(a)-1], b[:len(b)-1])
	}
	n := 1 + min(simple(a[:len(a)-1], b), simple(a, b[:len(b)-1]), simple(a[:len(a)-1], b[:len(b)-1]))
	if i, j := len(a), len(b); i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
		n = min(n, 1+simple(a[:i-2], b[:j-2]))
	}
	return n
}

// TestCount: up to the limit the count is right, and beyond it is beyond.
func TestCount(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := make([]byte, r.IntN(7))
		for i := range b {
			b[i] = "abc"[r.IntN(3)]
		}
		return string(b)
	}
	var m mistakes
	for range 20_000 {
		a, b, limit := word(), word(), r.IntN(5)
		want, got := simple(a, b), m.count(a, b, limit)
		if want <= limit && got != want || want > limit && got <= limit {
			t.Fatalf("%q to %q, at most %d: %d mistakes, want %d", a, b, limit, got, want)
		}
	}
}

// BenchmarkNearest: an operation is a name among a kernel's functions.
func BenchmarkNearest(b *testing.B) {
	var known []string
	for i := range 50_000 {
		known = append(known, fmt.Sprintf("ip%x_rcv_finish_%d", i*7919, i))
	}
	b.ReportAllocs()
	for b.Loop() {
		Nearest("ip_local_delivr_finish", known)
	}
}
