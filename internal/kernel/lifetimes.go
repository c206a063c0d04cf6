//go:build linux && (amd64 || arm64)

package kernel

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// ErrNoTrampolines means that BPF programs can't be called from functions by way of
// trampolines, as on arm64 before Linux 6.4: what follows buffers needs those.
var ErrNoTrampolines = errors.New("it has no BPF trampolines")

// errNotSupp is the kernel's own ENOTSUPP, which it should not let out (include/linux/errno.h).
const errNotSupp = syscall.Errno(524)

// atProgram is what programs are attached to in the BPF sources that are for BPF programs.
const atProgram = "program"

// Lifetimes attaches what ends and joins identities. Missing are the functions that can't be
// attached to, most of them because this kernel does not have them or has inlined them: links of
// that sort are not seen.
func (a *Attachment) Lifetimes(tracepoints []Tracepoint) (missing []error, err error) {
	// Twice: bpf/lifetime.h says why. What was attached last is run first (kernel/bpf/trampoline.c).
	for _, second := range []bool{true, false} {
		if err := a.tracing("on_release", map[string]any{"second": second}); err != nil {
			return nil, fmt.Errorf("buffers can't be followed on this kernel: %w (--no-follow does without)", err)
		}
	}
	for _, t := range tracepoints {
		if t.Is(kfunc.TraceKfreeSkb) {
			vars := dropArgs(t)
			vars["skb_arg"] = uint8(t.Arg)
			k, err := a.rawTracepoint("on_drop", t, vars)
			if err != nil {
				return nil, err
			}
			a.follow(k)
		}
	}
	if a.loader.settings.Frames {
		a.frameFailures()
	}
	var names []string
	for name, spec := range a.loader.spec.Programs {
		if !a.loader.settings.Frames && frameHooks[name] {
			continue
		}
		if spec.Type == ebpf.Tracing && spec.AttachType != ebpf.AttachTraceIter && name != "on_release" &&
			spec.AttachTo != atProgram && (name != "after_release" || a.loader.countLeaving) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	errs := make([]error, len(names))
	each(len(names), func(i int) { errs[i] = a.tracing(names[i], nil) })
	for _, err := range errs {
		if errors.Is(err, ErrCanceled) {
			return nil, err
		}
		// A kernel without that function is no error; whatever else goes wrong with one
		// is not worth more than losing its links either, but is said.
		if err != nil {
			missing = append(missing, err)
		}
	}
	return slices.CompactFunc(missing, func(a, b error) bool { return a.Error() == b.Error() }), nil
}

// tracing attaches an fentry or fexit program to the function that its section names.
func (a *Attachment) tracing(name string, vars map[string]any) error {
	if a.canceled.Load() {
		return ErrCanceled
	}
	spec := a.loader.spec.Programs[name]
	n := a.loader.k.function(spec.AttachTo).args
	if n < 0 {
		return fmt.Errorf("%s: not in this kernel, or inlined", spec.AttachTo)
	}
	if n > 6 {
		return errors.New(spec.AttachTo + ": too many arguments")
	}
	all := map[string]any{"ret_arg": uint8(n)}
	maps.Copy(all, vars)
	p, err := a.loader.Load(name, all, nil)
	if err != nil {
		return err
	}
	k, err := link.AttachTracing(link.TracingOptions{Program: p})
	if errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, errNotSupp) {
		return ErrNoTrampolines
	}
	if err != nil {
		return explain(err, "attaching to "+spec.AttachTo)
	}
	a.follow(k)
	return nil
}
