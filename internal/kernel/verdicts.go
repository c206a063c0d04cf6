//go:build linux && (amd64 || arm64)

package kernel

import "fmt"

// Verdicts by name. XDP: enum xdp_action of include/uapi/linux/bpf.h.
var xdpVerdicts = map[int64]string{0: "XDP_ABORTED", 1: "XDP_DROP", 2: "XDP_PASS", 3: "XDP_TX", 4: "XDP_REDIRECT"}

// tc: include/uapi/linux/pkt_cls.h. tcx and netkit have the same numbers (include/uapi/linux/bpf.h,
// enum tcx_action_base).
var tcVerdicts = map[int64]string{-1: "TC_ACT_UNSPEC", 0: "TC_ACT_OK", 1: "TC_ACT_RECLASSIFY", 2: "TC_ACT_SHOT",
	3: "TC_ACT_PIPE", 4: "TC_ACT_STOLEN", 5: "TC_ACT_QUEUED", 6: "TC_ACT_REPEAT", 7: "TC_ACT_REDIRECT", 8: "TC_ACT_TRAP"}

// lwt: enum bpf_ret_code of include/uapi/linux/bpf.h.
var lwtVerdicts = map[int64]string{0: "BPF_OK", 2: "BPF_DROP", 7: "BPF_REDIRECT", 128: "BPF_LWT_REROUTE"}

// include/uapi/linux/netfilter.h; a verdict's upper half has its parameters.
var netfilterVerdicts = map[int64]string{0: "NF_DROP", 1: "NF_ACCEPT"}

// Verdict names what a program of a kind returned, and returns it as a number of the type that
// programs have: int.
func Verdict(kind string, returned uint64) (name string, code int64) {
	code = int64(int32(returned))
	var names map[int64]string
	switch kind {
	case "xdp":
		names = xdpVerdicts
	case "tc":
		names = tcVerdicts
	case "lwt":
		names = lwtVerdicts
	case "netfilter":
		names = netfilterVerdicts
	case "socket_filter":
		code = int64(uint32(returned)) // bytes to keep
		if code == 0 {
			return "SK_DROP", code
		}
		return "SK_PASS", code
	case "sk_skb":
		names = map[int64]string{0: "SK_DROP", 1: "SK_PASS"}
	case "cgroup_skb":
		// The lower bit says it; the next one, at egress, that there is congestion
		// (kernel/bpf/cgroup.c, __cgroup_bpf_run_filter_skb).
		if code >= 0 && code <= 3 {
			return [...]string{"SK_DROP", "SK_PASS"}[code&1], code
		}
	}
	if name, ok := names[code]; ok {
		return name, code
	}
	return fmt.Sprintf("0x%x", uint32(returned)), code
}

// redirects is what a program of a kind returns to redirect its packet to where a helper said.
var redirects = map[string]int64{"xdp": 4, "tc": 7, "lwt": 7}

// Redirects reports whether a program of a kind redirects its packet.
func Redirects(kind string, code int64) bool {
	r, ok := redirects[kind]
	return ok && r == code
}
