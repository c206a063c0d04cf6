//go:build linux && (amd64 || arm64)

package collect

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/skb-tools/skb-tools/internal/kernel"
)

func TestReadFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "probes")
	const text = "# where it starts\nip_rcv\n\n  tcp_v4_*, skb:kfree_skb # and ends\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := readFiles([]string{"udp_rcv", "@" + file, "ret:x"})
	if want := []string{"udp_rcv", "ip_rcv", "tcp_v4_*", "skb:kfree_skb", "ret:x"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestChooseOnce: a probe that several patterns name is attached once, and each of them
// counts as good.
func TestChooseOnce(t *testing.T) {
	p := &places{
		functions: func() ([]kernel.Function, error) {
			return []kernel.Function{{Name: "ip_output"}, {Name: "ip_rcv"}, {Name: "tcp_v4_rcv"}}, nil
		},
		tracepoints: []kernel.Tracepoint{{Group: "skb", Name: "kfree_skb"}, {Group: "skb", Name: "consume_skb"}},
	}
	s, err := p.choose([]string{"ip_*", "ip_rcv", "*", "ret:ip_rcv", "skb:*", "skb:k*"})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.functions) != 3 || len(s.returns) != 1 || len(s.tracepoints) != 2 {
		t.Errorf("%+v", s)
	}
	if _, err := p.choose([]string{"nothing_*"}); err == nil {
		t.Error("a glob that matches nothing is no error")
	}
}
