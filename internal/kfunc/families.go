package kfunc

import (
	"slices"
	"strings"
)

// Some names are known by what they begin with or contain: the kernel has many of the sort, and makes
// more of them.

// freeing are the beginnings of functions that free (net/core/skbuff.c, net/core/dev.c).
var freeing = []string{
	"kfree_skb", "__kfree_skb", "consume_skb", "napi_consume_skb", "__napi_kfree_skb",
	"sk_skb_reason_drop", "__sk_skb_reason_drop", "dev_kfree_skb", "__dev_kfree_skb",
}

// letting are parts of the names of functions that free, and of what they call for an sk_buff's owner.
var letting = []string{"free", "release", "destruct", "zerocopy", "ubuf_"}

// MayFree reports whether a function may be called when a drop has been announced (skb:kfree_skb) and
// the data is not let go of yet.
func MayFree(name string) bool {
	return slices.ContainsFunc(letting, func(part string) bool { return strings.Contains(name, part) })
}

// OfZerocopy reports whether a function that takes an sk_buff and its ubuf_info, as the callbacks of
// zerocopy do (struct ubuf_info, include/linux/skbuff.h), is one of them by its name.
func OfZerocopy(name string) bool {
	return strings.Contains(name, "_callback") || strings.Contains(name, "_complete")
}

// behindTracepoints are the beginnings of functions that stand behind a tracepoint, whose name follows
// and whose arguments they have (include/linux/tracepoint.h, include/trace/perf.h, trace_events.h,
// bpf_probe.h).
var behindTracepoints = []string{
	"__traceiter_", "__probestub_", "perf_trace_", "trace_event_raw_event_",
	"__bpf_trace_",
}

// BehindTracepoint returns the tracepoint, without its group, that a function stands behind; "": none.
func BehindTracepoint(name string) string {
	for _, prefix := range behindTracepoints {
		if t, ok := strings.CutPrefix(name, prefix); ok {
			return t
		}
	}
	return ""
}

// tracing are the beginnings of functions that are the kernel's way from a probe to the BPF program
// (kernel/trace/bpf_trace.c, fprobe.c, trace_kprobe.c, arch/x86/kernel/kprobes).
var tracing = []string{
	"bpf_trace_run", "__bpf_trace_", "__traceiter_", "kprobe_multi_link_", "fprobe_", "arch_ftrace_", "ftrace_",
	"kprobe_perf_", "kprobe_dispatcher", "kprobe_ftrace_handler", "aggr_pre_handler", "opt_pre_handler", "trace_call_bpf",
}

// IsTracing reports whether a function is on the kernel's way from a probe to the BPF program.
func IsTracing(name string) bool { return hasPrefix(name, tracing) }

// trampolines are where the kernel's return probes bend a return address to (kernel/trace/fgraph.c,
// arch/x86/kernel/rethook.c, arch/x86/kernel/kprobes/core.c).
var trampolines = []string{
	"return_to_handler", "arch_rethook_trampoline", "kretprobe_trampoline",
	"__kretprobe_trampoline",
}

// IsTrampoline reports whether a function is where return probes bend a return address to.
func IsTrampoline(name string) bool { return slices.Contains(trampolines, name) }

func hasPrefix(s string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}
