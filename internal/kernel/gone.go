package kernel

import (
	"slices"
	"strings"
)

// At most places whoever calls holds the sk_buff. These are the others: where it, or its data, may
// be another packet's memory, or is none's yet. From net/core/skbuff.c and net/core/dev.c of Linux
// 5.10 to 7.2, where each was looked up.

// handedOver are tracepoints that fire when the sk_buff has been handed on, and may have been
// freed, with the tracepoint that the same CPU passes before.
var handedOver = map[string]string{
	"net_dev_xmit": "net_dev_start_xmit", // xmit_one(): behind the driver
	// dev_qdisc_enqueue(): behind the queue, which may have made segments of it, or let go of it
	"qdisc_enqueue": "net_dev_queue",
}

// HandedOver tells whether the sk_buff may be gone at t: its events say what t itself does.
func (t Tracepoint) HandedOver() bool { return handedOver[t.Name] != "" }

// A fate is what is to be thought of at a function, besides what its arguments say.
type fate uint8

const (
	held     fate = iota // the caller holds the sk_buff
	dying                // the data may be on its way out: a buffer that is not known gets no identity any more
	released             // the data is gone; Arg is 1
)

var fates = map[string]fate{
	// Within skb_release_data, or behind it.
	"skb_free_head": released, "kfree_skbmem": released, "napi_skb_cache_put": released, "skb_pp_recycle": released,
	// Also called by kfree_skb_partial, when another packet has taken the data.
	"skb_release_head_state": dying,
}

// copiers are functions that fill in an sk_buff, the first argument, from another, the second. In
// the first there is still what lay in that memory before; or it is new, and that it comes from the second is known
// when the kernel is done with it: skb_segment's segments would be packets of their own.
var copiers = []string{"__skb_clone", "__copy_skb_header", "skb_copy_header", "skb_zerocopy_clone"}

// unmade are functions that make an sk_buff in memory that is none yet.
var unmade = []string{"build_skb_around", "__build_skb_around", "__finalize_skb_around"}

// ofTracepoint are the prefixes of functions that stand behind a tracepoint, whose arguments they
// have (include/linux/tracepoint.h, include/trace/perf.h, trace_events.h, bpf_probe.h).
var ofTracepoint = []string{"__traceiter_", "__probestub_", "perf_trace_", "trace_event_raw_event_", "__bpf_trace_"}

// whyGone is why the sk_buff of a function can't be looked at; "": it can.
func whyGone(name string) string {
	if slices.Contains(unmade, name) {
		return "it makes an sk_buff of what is none yet (its return can't be probed either)"
	}
	for _, prefix := range ofTracepoint {
		if t, ok := strings.CutPrefix(name, prefix); ok && handedOver[t] != "" {
			return "its sk_buff may have been freed already: probe the tracepoint " + t
		}
	}
	return ""
}

// settle finds what is to be thought of at f.
func (f *Function) settle(ubuf bool) {
	f.fate = fates[f.Name]
	if slices.Contains(copiers, f.Name) {
		f.Arg = 2
	}
	// The callbacks of zerocopy, (skb, ubuf, success): the last of them comes from within
	// skb_release_data.
	if ubuf && f.fate == held && (strings.Contains(f.Name, "_callback") || strings.Contains(f.Name, "_complete")) {
		f.fate = dying
	}
}

// AnyReleased tells whether one of them is where an sk_buff has let go of its data.
func AnyReleased(functions []Function) bool {
	return slices.ContainsFunc(functions, func(f Function) bool { return f.fate == released })
}

// AnyFreeing tells whether one of them may be called when a drop has been announced (skb:kfree_skb) and
// the data is not let go of yet: functions that free, and what they call for the sk_buff's owner.
// To keep each drop until then costs some 300 instructions.
func AnyFreeing(functions []Function) bool {
	return slices.ContainsFunc(functions, func(f Function) bool {
		return slices.ContainsFunc([]string{"free", "release", "destruct", "zerocopy", "ubuf_"}, func(part string) bool {
			return strings.Contains(f.Name, part)
		})
	})
}

// handOverArgs finds the arguments of a tracepoint that say what is told of the sk_buff, by their
// types since BTF does not name them: the device or its queue, the length, what the driver returned.
func handOverArgs(t Tracepoint) map[string]any {
	return t.argVars(map[argument]string{argSigned: "rc_arg", argUnsigned: "len_arg", argDevice: "dev_arg",
		argQueue: "txq_arg"})
}

// handOver attaches to t, and to the tracepoint before.
func (a *Attachment) handOver(t Tracepoint, number uint64) error {
	all, err := a.loader.k.Tracepoints()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(o Tracepoint) bool { return o.Name == handedOver[t.Name] })
	if i >= 0 {
		k, err := a.rawTracepoint("before_hand_over", all[i], map[string]any{"probe_number": number,
			"skb_arg": uint8(all[i].Arg)})
		if err != nil {
			return err
		}
		a.follow(k)
	}
	vars := handOverArgs(t)
	vars["probe_number"], vars["skb_arg"] = number, uint8(t.Arg)
	vars["deferred"] = t.Name == "qdisc_enqueue" && a.loader.k.HasMember("Qdisc", "defer_list")
	k, err := a.rawTracepoint("after_hand_over", t, vars)
	if err != nil {
		return err
	}
	a.add(k, 1)
	return nil
}
