package kernel

import (
	"errors"
	"fmt"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// Backends of function probes.
const (
	BackendAuto  = "auto"
	BackendMulti = "kprobe.multi"
	BackendPerf  = "kprobe"
)

// An Attachment is everything that is attached, to be closed together.
type Attachment struct {
	loader *Loader
	mu     sync.Mutex
	links  []link.Link
	// Progress, when set, is told of every probe that was attached or detached.
	Progress func(done int)
	// Backend is how the function probes are attached, once they are.
	Backend string
}

// NewAttachment returns an empty one.
func (l *Loader) NewAttachment() *Attachment { return &Attachment{loader: l} }

func (a *Attachment) add(k link.Link, probes int) {
	a.mu.Lock()
	a.links = append(a.links, k)
	a.mu.Unlock()
	if a.Progress != nil {
		a.Progress(probes)
	}
}

// Tracepoint attaches to t; its events carry number as their probe.
func (a *Attachment) Tracepoint(t Tracepoint, number uint64) error {
	vars := map[string]any{"probe_number": number, "skb_arg": uint8(t.Arg)}
	if t.Name == "kfree_skb" {
		for name, value := range dropArgs(t) {
			vars[name] = value
		}
		vars["is_drop"] = true
	}
	return a.rawTracepoint("tracepoint", t, vars)
}

// dropArgs finds the other arguments of skb:kfree_skb: the reason came with 5.17, the
// socket with 6.11, and other kernels order them differently.
func dropArgs(t Tracepoint) map[string]any {
	vars := map[string]any{}
	for name, arg := range map[string]string{"location_arg": "location", "reason_arg": "reason", "rx_sk_arg": "rx_sk"} {
		if i := t.ArgNamed(arg); i >= 0 {
			vars[name] = uint8(i)
		}
	}
	return vars
}

func (a *Attachment) rawTracepoint(program string, t Tracepoint, vars map[string]any) error {
	p, err := a.loader.load(program, vars, nil)
	if err != nil {
		return err
	}
	k, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: t.Name, Program: p})
	if err != nil {
		return explain(err, "attaching to tracepoint "+t.String())
	}
	a.add(k, 1)
	return nil
}

// Functions attaches to the entries of all functions. A function that the kernel refuses
// goes to refused; an error is one that concerns them all.
func (a *Attachment) Functions(backend string, functions []Function) (refused map[string]error, err error) {
	refused = map[string]error{}
	byArg := map[int][]Function{}
	for _, f := range functions {
		byArg[f.Arg] = append(byArg[f.Arg], f)
	}
	for arg, fs := range byArg {
		if err := a.functions(backend, arg, fs, refused); err != nil {
			return nil, err
		}
	}
	return refused, nil
}

func (a *Attachment) functions(backend string, arg int, fs []Function, refused map[string]error) error {
	program := fmt.Sprintf("function_arg%d", arg)
	if backend != BackendPerf {
		err := a.multi(program, fs, refused)
		if err == nil {
			a.Backend = BackendMulti
			return nil
		}
		if backend == BackendMulti || !errors.Is(err, errNoMulti) {
			return err
		}
	}
	p, err := a.loader.load(program, nil, nil)
	if err != nil {
		return err
	}
	a.Backend = BackendPerf
	a.perf(p, fs, refused)
	return nil
}

var errNoMulti = errors.New("this kernel has no kprobe.multi (6.1 and newer have, when built with CONFIG_FPROBE)")

func (a *Attachment) multi(program string, fs []Function, refused map[string]error) error {
	p, err := a.loader.load(program, map[string]any{"func_ip": true}, func(s *ebpf.ProgramSpec) {
		s.AttachType = ebpf.AttachTraceKprobeMulti
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errNoMulti, err)
	}
	return a.multiAttach(p, fs, refused)
}

// multiAttach attaches fs in one call. The kernel refuses all for one that it can't probe;
// then halves are tried, down to the culprits.
func (a *Attachment) multiAttach(p *ebpf.Program, fs []Function, refused map[string]error) error {
	addrs := make([]uintptr, len(fs))
	for i, f := range fs {
		addrs[i] = uintptr(f.Addr)
	}
	k, err := link.KprobeMulti(p, link.KprobeMultiOptions{Addresses: addrs})
	switch {
	case err == nil:
		a.add(k, len(fs))
		return nil
	case errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, unix.EOPNOTSUPP):
		return errNoMulti
	case errors.Is(err, unix.EPERM):
		return explain(err, "attaching by kprobe.multi")
	case len(fs) == 1:
		refused[fs[0].Name] = err
		return nil
	}
	half := len(fs) / 2
	if err := a.multiAttach(p, fs[:half], refused); err != nil {
		return err
	}
	return a.multiAttach(p, fs[half:], refused)
}

// attachers is how many probes are attached or detached at a time. Each waits for an RCU
// grace period, and those that wait together share one.
const attachers = 256

func (a *Attachment) perf(p *ebpf.Program, fs []Function, refused map[string]error) {
	each(len(fs), func(i int) {
		k, err := link.Kprobe(fs[i].Name, p, nil)
		if err != nil {
			a.mu.Lock()
			refused[fs[i].Name] = err
			a.mu.Unlock()
			return
		}
		a.add(k, 1)
	})
}

// each calls f for 0 to n-1, many at a time.
func each(n int, f func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(attachers, n) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// Close detaches everything.
func (a *Attachment) Close() {
	each(len(a.links), func(i int) {
		a.links[i].Close()
		if a.Progress != nil {
			a.Progress(1)
		}
	})
	a.links = nil
}
