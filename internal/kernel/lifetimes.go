package kernel

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// ErrNoTrampolines means that BPF programs can't be called from functions by way of
// trampolines, as on arm64 before Linux 6.4: what follows buffers needs those.
var ErrNoTrampolines = errors.New("it has no BPF trampolines")

// errNotSupp is the kernel's own ENOTSUPP, which it should not let out (include/linux/errno.h).
const errNotSupp = syscall.Errno(524)

// Lifetimes attaches what ends and joins identities. Missing are the functions that this
// kernel does not have or has inlined: links of that sort are not seen.
func (a *Attachment) Lifetimes(tracepoints []Tracepoint) (missing []string, err error) {
	for range 2 { // bpf/lifetime.h says why twice
		if err := a.tracing("on_release"); err != nil {
			return nil, fmt.Errorf("buffers can't be followed on this kernel: %w (--no-follow does without)", err)
		}
	}
	for _, t := range tracepoints {
		if t.Name == "kfree_skb" {
			vars := dropArgs(t)
			vars["skb_arg"] = uint8(t.Arg)
			if err := a.rawTracepoint("on_drop", t, vars); err != nil {
				return nil, err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.loader.spec.Programs)) {
		spec := a.loader.spec.Programs[name]
		if spec.Type != ebpf.Tracing || name == "on_release" {
			continue
		}
		// A kernel without that function is no error; whatever else goes wrong
		// with one is not worth more than losing its links either, but is said.
		err := a.tracing(name)
		if errors.Is(err, ErrCanceled) {
			return nil, err
		}
		if err != nil {
			missing = append(missing, spec.AttachTo)
		}
	}
	return slices.Compact(missing), nil
}

// tracing attaches an fentry or fexit program to the function that its section names.
func (a *Attachment) tracing(name string) error {
	if a.canceled.Load() {
		return ErrCanceled
	}
	spec := a.loader.spec.Programs[name]
	n, err := a.loader.k.argCount(spec.AttachTo)
	if err != nil {
		return fmt.Errorf("%s: no such function in this kernel", spec.AttachTo)
	}
	if n > 6 {
		return errors.New(spec.AttachTo + ": too many arguments")
	}
	p, err := a.loader.Load(name, map[string]any{"ret_arg": uint8(n)}, nil)
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
	a.add(k, 0)
	return nil
}
