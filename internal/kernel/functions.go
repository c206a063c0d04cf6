package kernel

import (
	"bufio"
	"os"
	"path/filepath"
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
	Proto  *btf.FuncProto
	// Sections are what its events have besides what all have.
	Sections bpf.Sections
}

// sockArg is which argument is a struct sock, from 1; 0: none.
func (f Function) sockArg() int {
	if f.Proto != nil {
		for i, p := range f.Proto.Params {
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

// A Tracepoint is one that has an sk_buff among its arguments.
type Tracepoint struct {
	Group  string // "net"; "" when tracefs, which knows, can't be read
	Name   string
	Module string
	Arg    int             // which argument is the sk_buff, from 0
	Args   []btf.FuncParam // all of them, without the leading void *__data
	// Sections are what its events have besides what all have.
	Sections bpf.Sections
}

// maxArg is how many arguments the BPF programs can fetch: those in registers on every
// architecture, less the ones that they have no program for.
const maxArg = 5

// Functions returns the functions with an sk_buff that can be probed, sorted by name, and
// the names of those that can't, with the reason.
func (k *Kernel) Functions() (found []Function, left map[string]string) {
	left = map[string]string{}
	traceable, known := k.traceable()
	k.eachType(func(module string, t btf.Type) {
		f, ok := t.(*btf.Func)
		if !ok {
			return
		}
		proto, ok := f.Type.(*btf.FuncProto)
		if !ok {
			return
		}
		arg := skbArg(proto.Params)
		if arg < 0 {
			return
		}
		addrs := k.symbols.byName[f.Name]
		switch {
		case arg >= maxArg:
			left[f.Name] = "its sk_buff is not among the first five arguments"
		case len(addrs) == 0:
			left[f.Name] = "inlined or renamed by the compiler: no symbol of that name"
		case len(addrs) > 1:
			left[f.Name] = "several functions have that name"
		case known && !traceable[f.Name]:
			left[f.Name] = "the kernel forbids probing it (notrace)"
		default:
			found = append(found, Function{Name: f.Name, Module: module, Arg: arg + 1, Addr: addrs[0], Proto: proto})
			return
		}
	})
	sort.Slice(found, func(i, j int) bool { return found[i].Name < found[j].Name })
	return dedupe(found), left
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

// skbArg returns the index of the first parameter that is a struct sk_buff *, or -1.
func skbArg(params []btf.FuncParam) int {
	for i, p := range params {
		if pointsTo(p.Type, "sk_buff") {
			return i
		}
	}
	return -1
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

func (k *Kernel) eachType(visit func(module string, t btf.Type)) {
	for t, err := range k.types.All() {
		if err == nil {
			visit("", t)
		}
	}
	for name, spec := range k.modules {
		for t, err := range spec.All() {
			if err == nil {
				visit(name, t)
			}
		}
	}
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
func (k *Kernel) Tracepoints() []Tracepoint {
	groups := k.tracepointGroups()
	var found []Tracepoint
	seen := map[string]bool{}
	k.eachType(func(module string, t btf.Type) {
		// DECLARE_TRACE makes a typedef btf_trace_NAME of the probe function's type
		// (include/trace/bpf_probe.h).
		td, ok := t.(*btf.Typedef)
		if !ok || !strings.HasPrefix(td.Name, "btf_trace_") {
			return
		}
		ptr, ok := td.Type.(*btf.Pointer)
		if !ok {
			return
		}
		proto, ok := ptr.Target.(*btf.FuncProto)
		if !ok || len(proto.Params) == 0 {
			return
		}
		name := strings.TrimPrefix(td.Name, "btf_trace_")
		arg := skbArg(proto.Params[1:])
		group, exists := groups[name]
		if arg < 0 || arg > 7 || seen[name] || groups != nil && !exists {
			return
		}
		seen[name] = true
		found = append(found, Tracepoint{Group: group, Name: name, Module: module, Arg: arg, Args: proto.Params[1:]})
	})
	sort.Slice(found, func(i, j int) bool { return found[i].String() < found[j].String() })
	return found
}

// String is the name as it is typed after -p.
func (t Tracepoint) String() string { return t.Group + ":" + t.Name }

// tracepointGroups maps a tracepoint's name to its group, which BTF does not say.
func (k *Kernel) tracepointGroups() map[string]string {
	if k.tracefs == "" {
		return nil
	}
	paths, _ := filepath.Glob(k.tracefs + "/events/*/*/format")
	if len(paths) == 0 {
		return nil
	}
	groups := make(map[string]string, len(paths))
	for _, p := range paths {
		dir := filepath.Dir(p)
		groups[filepath.Base(dir)] = filepath.Base(filepath.Dir(dir))
	}
	return groups
}

// HasSymbol reports whether the kernel has a function of that name, whatever it takes.
func (k *Kernel) HasSymbol(name string) bool { return len(k.symbols.byName[name]) > 0 }

// UntypedModule returns the module that has a function of that name, if this kernel has no
// types (BTF) for it: those came with 5.11.
func (k *Kernel) UntypedModule(name string) string {
	for _, addr := range k.symbols.byName[name] {
		m := k.symbols.module[k.symbols.find(addr)]
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
