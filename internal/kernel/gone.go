//go:build linux && (amd64 || arm64)

package kernel

import (
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// At most places whoever calls holds the sk_buff. These are the others: where it, or its data, may
// be another packet's memory, or is none's yet. From net/core/skbuff.c and net/core/dev.c of Linux
// 5.10 to 7.2, where each was looked up.

// handedOver are the tracepoints that fire when the sk_buff has been handed on, and may have been freed,
// with the tracepoint that the same CPU passes before: both without their groups, which not every kernel
// tells.
var handedOver = tracepointsBefore()

func tracepointsBefore() map[string]string {
	m := map[string]string{}
	for _, f := range kfunc.All() {
		if f.Is(kfunc.HandsOver) {
			m[withoutGroup(f.Name)] = withoutGroup(f.Before)
		}
	}
	return m
}

func withoutGroup(tracepoint string) string {
	_, name, _ := strings.Cut(tracepoint, ":")
	return name
}

// Is tells whether t is a tracepoint, group:name. Its group does not count.
func (t Tracepoint) Is(tracepoint string) bool { return t.Name == withoutGroup(tracepoint) }

// HandedOver tells whether the sk_buff may be gone at t: its events say what t itself does.
func (t Tracepoint) HandedOver() bool { return handedOver[t.Name] != "" }

// A fate is what is to be thought of at a function, besides what its arguments say.
type fate uint8

const (
	held     fate = iota // the caller holds the sk_buff
	dying                // the data may be on its way out: a buffer that is not known gets no identity any more
	released             // the data is gone; Arg is 1
)

// fateAt is the fate at a function.
func fateAt(name string) fate {
	switch f := kfunc.Lookup(name); {
	case f.Is(kfunc.Released):
		return released
	case f.Is(kfunc.Dying):
		return dying
	}
	return held
}

// whyGone is why the sk_buff of a function can't be looked at; "": it can.
func whyGone(name string) string {
	if kfunc.Lookup(name).Is(kfunc.Unmade) {
		return "it makes an sk_buff of what is none yet (its return can't be probed either)"
	}
	if t := kfunc.BehindTracepoint(name); handedOver[t] != "" {
		return "its sk_buff may have been freed already: probe the tracepoint " + t
	}
	return ""
}

// settle finds what is to be thought of at f.
func (f *Function) settle(ubuf bool) {
	f.fate = fateAt(f.Name)
	if kfunc.Lookup(f.Name).Is(kfunc.FillsFromSecond) {
		f.Arg = 2 // the first argument is filled in from it
	}
	// The callbacks of zerocopy, (skb, ubuf, success): the last of them comes from within
	// skb_release_data.
	if ubuf && f.fate == held && kfunc.OfZerocopy(f.Name) {
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
	return slices.ContainsFunc(functions, func(f Function) bool { return kfunc.MayFree(f.Name) })
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
	vars["deferred"] = t.Is(kfunc.TraceQdiscEnqueue) && a.loader.k.HasMember("Qdisc", "defer_list")
	k, err := a.rawTracepoint("after_hand_over", t, vars)
	if err != nil {
		return err
	}
	a.add(k, 1)
	return nil
}
