//go:build linux && (amd64 || arm64)

package kernel

import (
	"github.com/cilium/ebpf/link"
)

// frameHooks are the programs that follow packets before they have an sk_buff: bpf/frames.h.
var frameHooks = map[string]bool{
	"on_build_skb": true, "on_build_skb_around": true, "on_napi_build_skb": true,
	"on_xdp_return_frame": true, "on_xdp_return_frame_rx_napi": true, "on_xdp_return_frame_bulk": true,
	"on_xdp_return_buff": true,
}

// FrameFailures are the tracepoints at which the kernel says that it could not do what an XDP program
// wanted, those that follow packets there. Their events and drops carry the numbers behind them.
var FrameFailures = []struct {
	Name   string
	Number uint64
}{{"xdp_exception", 1<<31 + 1}, {"xdp_redirect_err", 1<<31 + 2}, {"xdp_redirect_map_err", 1<<31 + 3}}

// frameFailures attaches what ends the identities of packets that could not be redirected. A kernel that
// does not have one of the tracepoints has the others tell.
func (a *Attachment) frameFailures() {
	for _, t := range FrameFailures {
		p, err := a.loader.Load("on_frame_failed", map[string]any{"probe_number": t.Number}, nil)
		if err != nil {
			continue
		}
		if k, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: t.Name, Program: p}); err == nil {
			a.follow(k)
		}
	}
}

// redirectVariables says where a cpu keeps where it will redirect a packet to, on kernels where the task
// does not (since 6.11).
func (k *Kernel) redirectVariables(vars map[string]any) {
	if k.HasMember("task_struct", "bpf_net_context") {
		return
	}
	const info, offsets = "bpf_redirect_info", "__per_cpu_offset"
	k.redirectOnce.Do(func() {
		// If the symbols can't be read, nothing is said of where to.
		if at, err := k.symbols.variables(info, offsets); err == nil {
			k.redirectInfo, k.perCPUOffset = at[info], at[offsets]
		}
	})
	vars["redirect_info"], vars["per_cpu_offset"] = k.redirectInfo, k.perCPUOffset
}
