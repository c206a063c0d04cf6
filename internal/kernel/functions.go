//go:build linux && (amd64 || arm64)

package kernel

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/cilium/ebpf/btf"

	"github.com/skb-tools/skb-tools/bpf"
)

// A Function is one that takes an sk_buff among the arguments that registers carry.
type Function struct {
	Name   string
	Module string // "" for vmlinux
	Arg    int    // which argument is the sk_buff, from 1
	Addr   uint64
	kernel *Kernel
	id     btf.TypeID
	fate   fate
	proto  *btf.FuncProto // where it is not to be looked up
	// Sections are what its events have besides what all have.
	Sections bpf.Sections
	Show     uint32 // the number of its code of --show; 0: none
}

// Proto is its type; nil: not known.
func (f Function) Proto() *btf.FuncProto {
	if f.proto != nil || f.kernel == nil || f.id == 0 {
		return f.proto
	}
	types, err := f.kernel.module(f.Module)
	if err != nil {
		return nil
	}
	t, err := types.TypeByID(f.id)
	if err != nil {
		return nil
	}
	if fn, ok := t.(*btf.Func); ok {
		proto, _ := fn.Type.(*btf.FuncProto)
		return proto
	}
	return nil
}

// sockArg is which argument is a struct sock, from 1; 0: none.
func (f Function) sockArg() int {
	if proto := f.Proto(); proto != nil {
		for i, p := range proto.Params {
			if i < maxArg && pointsTo(p.Type, "sock") {
				return i + 1
			}
		}
	}
	return 0
}

// ProbeAddrs are the addresses that a probe on f's entry can report: its own, and the one
// behind the endbr64 or bti that indirect calls land on, both 4 bytes long.
func (f Function) ProbeAddrs() [2]uint64 { return [2]uint64{f.Addr, f.Addr + 4} }

// A Tracepoint is one that has an sk_buff among its arguments, or that tells of packets which XDP programs have had.
type Tracepoint struct {
	Group  string // "net"; "" when tracefs, which knows, can't be read
	Name   string
	Module string
	Arg    int // which argument is the sk_buff, from 0
	args   []argument
	told   uint8 // as xdpTold has it; 0: it has an sk_buff
	// Sections are what its events have besides what all have.
	Sections bpf.Sections
	Args     uint8  // how many arguments are reported, with bpf.SectionArgs
	Show     uint32 // the number of its code of --show; 0: none
}

// HasPacket reports whether there is a packet to look at.
func (t Tracepoint) HasPacket() bool { return t.told == 0 }

// maxArg is how many arguments the BPF programs can fetch: those in registers on every
// architecture, less the ones that they have no program for.
const maxArg = 5

// Functions returns the functions with an sk_buff that can be probed, sorted by name, and
// the names of those that can't, with the reason.
func (k *Kernel) Functions() (found []Function, left map[string]string, err error) {
	return k.functions(nil)
}

// Named are those of these names, without what takes long: to look through the kernel's list of
// those that must not be probed. Whoever attaches to one of them is refused.
func (k *Kernel) Named(names []string) (found []Function, left map[string]string, err error) {
	if len(names) == 0 {
		return nil, nil, nil
	}
	return k.functions(names)
}

func (k *Kernel) functions(names []string) (found []Function, left map[string]string, err error) {
	var wanted *nameSet // nil: all
	if names != nil {
		wanted = newNameSet(names...)
	}
	type candidate struct {
		takesSkb
		module string
		ubuf   bool // the second argument is a struct ubuf_info *
	}
	var candidates []candidate
	seen := map[string]bool{}
	var base []byte
	more := func() bool {
		return names == nil || slices.ContainsFunc(names, func(n string) bool { return !seen[n] })
	}
	// A name that vmlinux has for anything is not among a module's own.
	worth := func(b []byte) bool {
		return names == nil || slices.ContainsFunc(names, func(n string) bool {
			text := []byte("\x00" + n + "\x00")
			return !seen[n] && (bytes.Contains(b, text) || bytes.Contains(base, text))
		})
	}
	err = k.eachRaw(more, worth, func(module string, t *rawTypes) {
		if module == "" {
			base = t.strings
		}
		for _, f := range t.functions(wanted) {
			seen[f.name] = true
			candidates = append(candidates, candidate{f, module, t.secondPointsTo(f.id, ubufInfo)})
		}
	})
	if err != nil || len(candidates) == 0 {
		return nil, nil, err
	}
	left = map[string]string{}
	var traceable map[string]bool
	known := false
	if names == nil {
		traceable, known = k.traceable()
	}
	addrs := map[string][]uint64{}
	for _, f := range candidates {
		addrs[f.name] = nil
	}
	if err := k.symbols.addresses(addrs); err != nil {
		return nil, nil, err
	}
	for _, f := range candidates {
		at := addrs[f.name]
		switch {
		case f.arg >= maxArg:
			left[f.name] = "its sk_buff is not among the first five arguments"
		case len(at) == 0:
			left[f.name] = "inlined or renamed by the compiler: no symbol of that name"
		case len(at) > 1:
			left[f.name] = "several functions have that name"
		case known && !traceable[f.name]:
			left[f.name] = forbidden
		case whyGone(f.name) != "":
			left[f.name] = whyGone(f.name)
		default:
			fn := Function{Name: f.name, Module: f.module, Arg: f.arg + 1, Addr: at[0], kernel: k, id: f.id}
			fn.settle(f.ubuf)
			found = append(found, fn)
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].Name < found[j].Name })
	return dedupe(found), left, nil
}

const forbidden = "the kernel forbids probing it (notrace)"

// Forbids returns why a function that the kernel refused can't be probed, nil if that is not known.
func (k *Kernel) Forbids(name string) error {
	if traceable, known := k.traceable(); known && !traceable[name] {
		return errors.New("can't be probed: " + forbidden)
	}
	return nil
}

func dedupe(f []Function) []Function {
	out := f[:0]
	for i := range f {
		if i == 0 || f[i].Name != f[i-1].Name {
			out = append(out, f[i])
		}
	}
	return out
}

func pointsTo(t btf.Type, structure string) bool {
	ptr, ok := btf.UnderlyingType(t).(*btf.Pointer)
	if !ok {
		return false
	}
	switch s := btf.UnderlyingType(ptr.Target).(type) {
	case *btf.Struct:
		return s.Name == structure
	case *btf.Fwd:
		return s.Name == structure && s.Kind == btf.FwdStruct
	}
	return false
}

// traceable is tracefs' list of the functions that ftrace can hook, less kprobes' own
// blacklist. Without tracefs it is not known: then the attach decides.
func (k *Kernel) traceable() (set map[string]bool, known bool) {
	if k.tracefs == "" {
		return nil, false
	}
	f, err := os.Open(k.tracefs + "/available_filter_functions")
	if err != nil {
		return nil, false
	}
	defer f.Close()
	set = make(map[string]bool, 1<<16)
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		name, _, _ := strings.Cut(sc.Text(), " ")
		set[name] = true
	}
	if sc.Err() != nil || len(set) == 0 {
		return nil, false
	}
	if b, err := os.ReadFile("/sys/kernel/debug/kprobes/blacklist"); err == nil {
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) == 2 {
				delete(set, f[1])
			}
		}
	}
	return set, true
}

// Tracepoints returns the tracepoints with an sk_buff, sorted by group and name.
func (k *Kernel) Tracepoints() ([]Tracepoint, error) {
	scans, err := k.scans()
	if err != nil {
		return nil, err
	}
	groups := k.tracepointGroups()
	var found []Tracepoint
	seen := map[string]bool{}
	for _, s := range scans {
		for _, t := range s.tracepoints {
			group, exists := groups[t.name]
			if t.arg > 7 || seen[t.name] || groups != nil && !exists {
				continue
			}
			seen[t.name] = true
			found = append(found, Tracepoint{Group: group, Name: t.name, Module: s.module, Arg: t.arg, args: t.args})
		}
		for _, name := range s.xdp {
			found = append(found, Tracepoint{Group: xdpGroup, Name: name, told: xdpTold[name]})
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].String() < found[j].String() })
	return found, nil
}

// String is the name as it is typed after -p.
func (t Tracepoint) String() string { return t.Group + ":" + t.Name }

// tracepointGroups maps a tracepoint's name to its group, which BTF does not say.
func (k *Kernel) tracepointGroups() map[string]string {
	if k.tracefs == "" {
		return nil
	}
	b, err := os.ReadFile(k.tracefs + "/available_events")
	if err != nil || len(b) == 0 {
		return nil
	}
	groups := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if group, name, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			groups[name] = group
		}
	}
	return groups
}

// HasModule reports whether a module is loaded, or built into the kernel, which then has the
// function by its types.
func (k *Kernel) HasModule(module, function string) bool {
	_, err := os.Stat("/sys/module/" + module)
	return err == nil || k.hasFunction(function)
}

// HasSymbol reports whether the kernel has a function of that name, whatever it takes.
func (k *Kernel) HasSymbol(name string) bool {
	at, _ := k.symbols.addressesOf(name)
	return len(at) > 0
}

// UntypedModule returns the module that has a function of that name, if this kernel has no
// types (BTF) for it: those came with 5.11.
func (k *Kernel) UntypedModule(name string) string {
	addrs, err := k.symbols.addressesOf(name)
	if err != nil || k.symbols.need() != nil {
		return ""
	}
	for _, addr := range addrs {
		i := k.symbols.find(addr)
		if i < 0 {
			continue
		}
		m := k.symbols.moduleOf(k.symbols.all[i])
		if m == "" {
			continue
		}
		if _, err := os.Stat("/sys/kernel/btf/" + m); err != nil {
			return m
		}
	}
	return ""
}

// HasTracepoint reports whether tracefs has that tracepoint, group:name, whatever it takes.
func (k *Kernel) HasTracepoint(name string) bool {
	group, name, _ := strings.Cut(name, ":")
	_, err := os.Stat(filepath.Join(k.tracefs, "events", group, name))
	return k.tracefs != "" && err == nil
}
