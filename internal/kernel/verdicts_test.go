//go:build linux && (amd64 || arm64)

package kernel

import "testing"

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		kind     string
		returned uint64
		name     string
		code     int64
	}{
		{"xdp", 0, "XDP_ABORTED", 0},
		{"xdp", 4, "XDP_REDIRECT", 4},
		{"xdp", 77, "0x4d", 77},
		{"tc", 0xffffffff, "TC_ACT_UNSPEC", -1}, // an int in 64 bits
		{"tc", 2, "TC_ACT_SHOT", 2},
		{"lwt", 128, "BPF_LWT_REROUTE", 128},
		{"netfilter", 1, "NF_ACCEPT", 1},
		{"socket_filter", 0, "SK_DROP", 0},
		{"socket_filter", 0xffffffff, "SK_PASS", 0xffffffff}, // all bytes
		{"sk_skb", 0, "SK_DROP", 0},
		{"cgroup_skb", 1, "SK_PASS", 1},
		{"cgroup_skb", 2, "SK_DROP", 2}, // with a notice of congestion
		{"cgroup_skb", 3, "SK_PASS", 3},
		{"cgroup_skb", 4, "0x4", 4},
	} {
		if name, code := Verdict(c.kind, c.returned); name != c.name || code != c.code {
			t.Errorf("%s returned %#x: %s %d, want %s %d", c.kind, c.returned, name, code, c.name, c.code)
		}
	}
}

// TestCantBeProbed: what is known before the kernel is asked.
func TestCantBeProbed(t *testing.T) {
	for _, c := range []struct {
		p   Program
		can bool
	}{{Program{}, false}, {Program{function: "f", params: 0}, false}, {Program{function: "f", params: 1}, true}, {Program{function: "f", params: -1}, true}} {
		if why := c.p.CantBeProbed(); (why == "") != c.can {
			t.Errorf("%+v: %q", c.p, why)
		}
	}
}
