//go:build linux && (amd64 || arm64)

package kernel

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"sync"
	"sync/atomic"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// Backends of function probes.
const (
	BackendAuto  = "auto"
	BackendMulti = "kprobe.multi"
	BackendPerf  = "kprobe"
)

// An Attachment is everything that is attached, to be closed together.
type Attachment struct {
	loader    *Loader
	mu        sync.Mutex
	links     []attached
	following []attached // what follows identities and lifetimes
	// Progress, when set, is told of every probe that was attached or detached.
	Progress func(done int)
	canceled atomic.Bool
	// Backend is how the function probes are attached, once they are.
	Backend string
}

// Cancel makes what is attaching now give up, from another goroutine.
func (a *Attachment) Cancel() { a.canceled.Store(true) }

// ErrCanceled is what attaching ends with after Cancel.
var ErrCanceled = errors.New("canceled")

// NewAttachment returns an empty one.
func (l *Loader) NewAttachment() *Attachment { return &Attachment{loader: l} }

// attached is a link that holds a number of probes.
type attached struct {
	io.Closer
	probes int
}

// follow is add for what no user asked for.
func (a *Attachment) follow(k io.Closer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.following = append(a.following, attached{k, 1})
}

func (a *Attachment) add(k io.Closer, probes int) {
	a.mu.Lock()
	a.links = append(a.links, attached{k, probes})
	a.mu.Unlock()
	if a.Progress != nil {
		a.Progress(probes)
	}
}

// Len is how many probes are attached, those that follow included.
func (a *Attachment) Len() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range a.links {
		n += k.probes
	}
	return n + len(a.following)
}

// Tracepoint attaches to t; its events carry number as their probe.
func (a *Attachment) Tracepoint(t Tracepoint, number uint64) error {
	if t.HandedOver() {
		return a.handOver(t, number)
	}
	if !t.HasPacket() {
		k, err := a.rawTracepoint("on_xdp_told", t, map[string]any{"probe_number": number, "xdp_told": t.told})
		if err != nil {
			return err
		}
		a.add(k, 1)
		return nil
	}
	s := t.Sections & (anywhere | bpf.SectionOVS | bpf.SectionArgs)
	if t.Args == 0 {
		s &^= bpf.SectionArgs
	}
	vars := a.loader.sections(s, t.Show)
	vars["trace_args"] = t.Args
	vars["probe_number"], vars["skb_arg"] = number, uint8(t.Arg)
	if t.Sections&bpf.SectionOVS != 0 {
		vars["ovs_event"], vars["ovs_traced"] = t.ovsEvent(), true
	}
	if t.Is(kfunc.TraceKfreeSkb) {
		for name, value := range dropArgs(t) {
			vars[name] = value
		}
		vars["is_drop"] = true
	}
	vars["received"] = t.Is(kfunc.TraceNetifReceiveSkb)
	k, err := a.rawTracepoint("tracepoint", t, vars)
	if err != nil {
		return err
	}
	a.add(k, 1)
	return nil
}

// dropArgs finds the other arguments of skb:kfree_skb, by their types since BTF does not
// name them: the reason came with 5.17, the socket with 6.11.
func dropArgs(t Tracepoint) map[string]any {
	return t.argVars(map[argument]string{argEnum: "reason_arg", argAddress: "location_arg", argSock: "rx_sk_arg"})
}

// argVars sets the programs' variables of these names to the places of arguments of these kinds.
func (t Tracepoint) argVars(names map[argument]string) map[string]any {
	vars := map[string]any{}
	for i, a := range t.args {
		if name, ok := names[a]; ok {
			vars[name] = uint8(i)
		}
	}
	return vars
}

func (a *Attachment) rawTracepoint(program string, t Tracepoint, vars map[string]any) (io.Closer, error) {
	if a.canceled.Load() {
		return nil, ErrCanceled
	}
	p, err := a.loader.Load(program, vars, nil)
	if err != nil {
		return nil, err
	}
	k, err := link.AttachRawTracepoint(link.RawTracepointOptions{Name: t.Name, Program: p})
	if err != nil {
		return nil, explain(err, "attaching to tracepoint "+t.String())
	}
	return k, nil
}

// Functions attaches to the entries of all functions. A function that the kernel refuses
// goes to refused; an error is one that concerns them all.
func (a *Attachment) Functions(backend string, functions []Function) (refused map[string]error, err error) {
	refused = map[string]error{}
	err = eachKind(functions, func(k kind, fs []Function) error {
		if k.fate == released {
			return a.functions(backend, target{"function_released", false, nil}, fs, refused)
		}
		vars := a.loader.sections(k.sections&^bpf.SectionNFT, k.show)
		if k.fate == dying {
			vars["no_new"] = true
		}
		if k.sections&bpf.SectionSock != 0 {
			vars["sock_arg"] = uint8(k.sockArg)
		}
		if k.ovs != 0 {
			vars["ovs_event"] = k.ovs
		}
		return a.functions(backend, target{fmt.Sprintf("function_arg%d", k.arg), false, vars}, fs, refused)
	})
	return refused, err
}

// Returns attaches to the returns of all functions, and to their entries, where the
// sk_buff still is an argument.
func (a *Attachment) Returns(backend string, functions []Function) (refused map[string]error, err error) {
	refused = map[string]error{}
	err = eachKind(functions, func(k kind, fs []Function) error {
		// The returns first: an entry without one would keep calls for nothing.
		vars := a.loader.sections(k.sections&anywhere, a.loader.settings.ShowBare)
		if err := a.functions(backend, target{"function_return", true, vars}, fs, refused); err != nil {
			return err
		}
		var returning []Function
		for _, f := range fs {
			if refused[f.Name] == nil {
				returning = append(returning, f)
			}
		}
		entry := target{fmt.Sprintf("call_arg%d", k.arg), false, nil}
		switch k.fate {
		case released:
			entry.program = "call_released"
		case dying:
			entry.vars = map[string]any{"no_new": true}
		}
		return a.functions(backend, entry, returning, refused)
	})
	return refused, err
}

// A kind of functions is those that one program with one set of settings serves.
type kind struct {
	arg, sockArg int
	sections     bpf.Sections
	fate         fate
	ovs          uint8  // what its events tell of Open vSwitch; 0: nothing
	show         uint32 // the number of its code of --show
}

func eachKind(functions []Function, attach func(k kind, fs []Function) error) error {
	byKind := map[kind][]Function{}
	for _, f := range functions {
		k := kind{arg: f.Arg, sections: f.Sections, fate: f.fate, show: f.Show}
		if f.Sections&bpf.SectionSock != 0 {
			k.sockArg = f.sockArg()
		}
		if f.Sections&bpf.SectionOVS != 0 {
			k.ovs = ovsEvents[f.Name]
		}
		byKind[k] = append(byKind[k], f)
	}
	for k, fs := range byKind {
		if err := attach(k, fs); err != nil {
			return err
		}
	}
	return nil
}

// A target is a BPF program with its settings and which end of functions it goes to.
type target struct {
	program string
	atExit  bool
	vars    map[string]any
}

// with returns the settings and one more.
func (t target) with(name string, value any) map[string]any {
	vars := maps.Clone(t.vars)
	if vars == nil {
		vars = map[string]any{}
	}
	vars[name] = value
	return vars
}

// function attaches one, which must not be refused.
func (a *Attachment) function(backend string, t target, f Function) error {
	refused := map[string]error{}
	if err := a.functions(backend, t, []Function{f}, refused); err != nil {
		return err
	}
	if err := refused[f.Name]; err != nil {
		return fmt.Errorf("%s: the kernel refuses a probe there: %w", f.Name, err)
	}
	return nil
}

func (a *Attachment) functions(backend string, t target, fs []Function, refused map[string]error) error {
	if len(fs) == 0 {
		return nil
	}
	if backend != BackendPerf {
		err := a.multi(t, fs, refused)
		if err == nil {
			a.Backend = BackendMulti
			return nil
		}
		if backend == BackendMulti || !errors.Is(err, errNoMulti) {
			return err
		}
	}
	p, err := a.loader.loadOnce(t.program, t.with("func_ip", a.loader.funcIP), ebpf.AttachNone)
	if err != nil {
		return err
	}
	a.Backend = BackendPerf
	return a.perf(p, t, fs, refused)
}

var errNoMulti = errors.New("this kernel has no kprobe.multi (6.1 and newer have, when built with CONFIG_FPROBE)")

func (a *Attachment) multi(t target, fs []Function, refused map[string]error) error {
	p, err := a.loader.loadOnce(t.program, t.with("func_ip", true), ebpf.AttachTraceKprobeMulti)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoMulti, err)
	}
	return a.multiAttach(p, t, fs, refused)
}

// multiAttach attaches fs in one call. The kernel refuses all for one that it can't probe;
// then halves are tried, down to the culprits.
func (a *Attachment) multiAttach(p *ebpf.Program, t target, fs []Function, refused map[string]error) error {
	if a.canceled.Load() {
		return ErrCanceled
	}
	addrs := make([]uintptr, len(fs))
	for i, f := range fs {
		addrs[i] = uintptr(f.Addr)
	}
	attach := link.KprobeMulti
	if t.atExit {
		attach = link.KretprobeMulti
	}
	k, err := attach(p, link.KprobeMultiOptions{Addresses: addrs})
	// Where the kernel refuses, cilium/ebpf asks for its version to tell why, in /proc/self/mem. A program that
	// has capabilities by its file, as setcap gives them, may not read that. No error of the kernel's names a path.
	var unknown *os.PathError
	switch {
	case err == nil:
		a.add(k, len(fs))
		return nil
	case errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, unix.EOPNOTSUPP) || errors.As(err, &unknown):
		return errNoMulti
	case errors.Is(err, unix.EPERM):
		return explain(err, "attaching by kprobe.multi")
	case len(fs) == 1:
		refused[fs[0].Name] = err
		return nil
	}
	half := len(fs) / 2
	if err := a.multiAttach(p, t, fs[:half], refused); err != nil {
		return err
	}
	return a.multiAttach(p, t, fs[half:], refused)
}

// attachers is how many probes are attached or detached at a time. Most of either the kernel
// does for one after the other; not the wait for running programs before one detaches. More
// attachers only make a ^C wait for what they are at.
const attachers = 16

func (a *Attachment) perf(p *ebpf.Program, t target, fs []Function, refused map[string]error) error {
	source, err := readPerfSource()
	if err != nil {
		return err
	}
	var denied error
	each(len(fs), func(i int) {
		if a.canceled.Load() {
			return
		}
		k, err := source.attach(p, fs[i].Addr, t.atExit)
		if err == nil {
			a.add(k, 1)
			return
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		refused[fs[i].Name] = err
		if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
			denied = err
		}
	})
	switch {
	case a.canceled.Load():
		return ErrCanceled
	case denied != nil:
		return explainPerf(denied)
	}
	return nil
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

// Close turns all programs off and detaches them. Because they are off the order does not
// matter. If they are not, what follows goes last, or a buffer that is let go of meanwhile would
// give its identity to the next one at that address.
func (a *Attachment) Close() {
	turns := [][]attached{append(a.links, a.following...)}
	if a.loader.Off() != nil {
		turns = [][]attached{a.links, a.following}
	}
	for _, links := range turns {
		each(len(links), func(i int) {
			links[i].Close()
			if a.Progress != nil {
				a.Progress(links[i].probes)
			}
		})
	}
	a.links, a.following = nil, nil
}
