//go:build linux && (amd64 || arm64)

package kernel

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// Settings are what every program is loaded with.
type Settings struct {
	Snaplen   uint32 // bytes of each packet, at most
	Track     bool   // give buffers an identity
	Follow    bool   // report a buffer that matched once ever after
	Lifetimes bool   // write link and free records
	Freeing   bool   // functions are probed that can be the first to see a packet whose drop has been announced
	Released  bool   // functions are probed that an sk_buff comes to without its data
	First     uint32 // follow so many packets, and report nothing else; 0: all
	Upcalls   bool   // packets are followed through Open vSwitch's user space
	Frames    bool   // XDP programs are probed
	RingSize  uint32 // bytes of the ring buffer, a power of two
	MaxBuffer uint32 // buffers that the map can hold; 0: as many as is sensible
	StackSize uint32 // bytes of a stack: 8 for each frame
	Limit     uint64 // events a second of each probe; 0: all
	Probes    int    // how many probes there will be, about
	Counts    bool   // drops are only counted
	Sample    uint32 // report one packet of so many; 0, 1: all
	ByFlow    bool   // with Sample: all packets of one flow of so many
	// Variables are more of the BPF side's variables to set, and Prepare changes a
	// program before it is loaded: filters put their instructions in.
	Variables map[string]any
	Prepare   func(spec *ebpf.ProgramSpec, show uint32) error
	// ShowSize is how many bytes of an event --show takes, and these are the numbers of its code where no arguments
	// are known, and where there is no sk_buff either; 0: none.
	ShowSize, ShowBare, ShowFrame uint32
}

// A Loader loads programs that share their maps.
type Loader struct {
	k        *Kernel
	spec     *ebpf.CollectionSpec
	maps     map[string]*ebpf.Map
	settings Settings
	loop     bool // bpf_loop may be called
	funcIP   bool // kprobe programs may ask for their function's address
	direct   bool // bpf_rdonly_cast may be called
	fetch    bool // atomic instructions may say what they found
	// skb_free_head can't be hooked: which of two releases at once is the last, they count.
	countLeaving bool
	// NoFragments is why page fragments can't be read on this kernel; nil: they can.
	NoFragments error

	mu       sync.Mutex
	programs []*ebpf.Program
	kinds    map[string]*ebpf.Program // those that serve many functions
	missable []missable

	off    sync.Once
	offErr error

	preparing sync.Mutex // a program is being made ready
	common    *common    // nil: the library loads all
	// Those that were used so far, by the settings.
	constants map[string]*constants
}

// missable is a program that misses something when the kernel skips it.
type missable struct {
	*ebpf.Program
	what string // as in `loss` records
}

// missedBy is what a program misses, by its name; else a link between buffers.
func missedBy(name string) string {
	switch {
	case strings.HasPrefix(name, "function_"), strings.HasPrefix(name, "call_"), name == "tracepoint",
		name == onProgram, name == "on_xdp_told",
		name == "on_nft_trace", name == "before_hand_over", name == "after_hand_over", name == "on_ovs_process_packet",
		name == "on_ovs_lookup", name == "on_ovs_lookup_return":
		return "event"
	case name == "on_drop", name == "on_free_head", name == "on_kfree_skb_partial", name == "on_napi_skb_free_stolen_head",
		name == "on_napi_reuse_skb":
		return "free"
	}
	return "link"
}

// NewLoader makes the maps.
func (k *Kernel) NewLoader(s Settings) (*Loader, error) {
	// Before 5.11 maps count against the limit of locked memory.
	if err := rlimit.RemoveMemlock(); err != nil {
		return nil, fmt.Errorf("raising the limit of locked memory: %w (CAP_SYS_RESOURCE, or ulimit -l unlimited)", err)
	}
	spec, err := k.newObject()
	if err != nil {
		return nil, err
	}
	l := &Loader{k: k, spec: spec, settings: s, kinds: map[string]*ebpf.Program{}, constants: map[string]*constants{}}
	l.loop = features.HaveProgramHelper(ebpf.Kprobe, asm.FnLoop) == nil
	l.funcIP = features.HaveProgramHelper(ebpf.Kprobe, asm.FnGetFuncIp) == nil
	l.direct = k.DirectLoads()
	l.fetch = haveFetch()
	spec.Maps["events"].MaxEntries = s.RingSize
	// Hash maps that allocate as they grow deadlock in tracing programs, and warn in
	// the kernel log, unless the kernel allocates for them from a cache of its own.
	buffers := spec.Maps["buffers"]
	buffers.MaxEntries = defaultPreallocated
	if k.HasMember("bpf_htab", "ma") {
		buffers.Flags = 1 // BPF_F_NO_PREALLOC
		buffers.MaxEntries = defaultBuffers
	}
	if s.MaxBuffer != 0 {
		buffers.MaxEntries = s.MaxBuffer
	}
	if !s.Track {
		buffers.MaxEntries = 1 // it is not used, but programs name it
	}
	if !s.Upcalls {
		// As above. The kernel allocates their entries at once: 3 million instructions of a start.
		for _, name := range []string{"upcalls", "executing", "taken"} {
			spec.Maps[name].MaxEntries = 1
		}
	}
	if err := errors.Join(s.applyLimit(spec), s.applySample(spec)); err != nil {
		return nil, err
	}
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return nil, fmt.Errorf("counting the cpus: %w", err)
	}
	bits := uint8(1)
	for 1<<bits < cpus {
		bits++
	}
	fragsAt, fragsErr := k.fragsAt()
	vars := []struct {
		name  string
		value any
	}{
		{"snaplen", s.Snaplen}, {"paged_size", max(s.Snaplen+7, 64) &^ 7}, {"track", s.Track}, {"follow", s.Follow},
		{"lifetimes", s.Lifetimes && s.Track}, {"cpu_bits", bits},
		{"any_drop", s.Freeing && s.Lifetimes && s.Track}, {"keep_released", s.Released && s.Track},
		{"frags_at", fragsAt},
		{"have_loop", l.loop},
		{"direct_loads", l.direct},
		{"atomic_fetch", l.fetch},
	}
	for _, v := range vars {
		if err := spec.Variables[v.name].Set(v.value); err != nil {
			return nil, fmt.Errorf("setting %s: %w", v.name, err)
		}
	}
	if k.probesPrograms { // the other object does without it
		if err := spec.Variables["frames_on"].Set(s.Frames && s.Track); err != nil {
			return nil, fmt.Errorf("setting frames_on: %w", err)
		}
	}
	for name, value := range s.Variables {
		if err := spec.Variables[name].Set(value); err != nil {
			return nil, fmt.Errorf("setting %s: %w", name, err)
		}
	}
	maps := spec.Copy()
	maps.Programs = nil
	delete(maps.Maps, ".rodata")
	delete(maps.Maps, symbolNames)
	maps.Variables = nil
	if err := l.setFirst(maps); err != nil {
		return nil, err
	}
	coll, err := ebpf.NewCollection(maps)
	if err != nil {
		return nil, explain(err, "creating the BPF maps")
	}
	l.maps = coll.Maps
	if err := l.startLimit(); err != nil {
		l.Close()
		return nil, err
	}
	l.common, _ = k.share() // else the library says what is wrong, if it can't do without either
	if err := l.chooseLeaving(); err != nil {
		l.Close()
		return nil, err
	}
	if l.NoFragments = l.findPages(); fragsErr != nil {
		l.NoFragments = fragsErr
	}
	return l, nil
}

// findPages tells the programs how to get to the memory of page fragments.
func (l *Loader) findPages() error {
	peek, err := l.Load("peek", nil, nil)
	if err != nil {
		return err
	}
	p, s, err := l.k.findPageMap(peek, l.maps["events"])
	if err != nil {
		return err
	}
	for name, value := range map[string]any{"vmemmap": p.vmemmap, "page_offset": p.pageOffset,
		"page_shift": uint8(s.shift)} {
		if err := l.spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	l.forgetSettings()
	return nil
}

// chooseLeaving finds out whether skb_free_head can be attached to, by having the kernel look at
// the program for it: whether its types name a function that the compiler has inlined does not tell,
// and its symbols are long in reading.
func (l *Loader) chooseLeaving() error {
	if !l.settings.Track {
		return nil
	}
	l.countLeaving = !l.k.hasFunction(kfunc.FreeHead)
	if !l.countLeaving {
		if p, err := l.loadOwn(l.spec.Programs["on_free_head"].Copy(), nil); err == nil {
			p.Close()
		} else {
			l.countLeaving = !l.k.HasSymbol(kfunc.FreeHead)
		}
	}
	if err := l.spec.Variables["count_leaving"].Set(l.countLeaving); err != nil {
		return fmt.Errorf("setting count_leaving: %w", err)
	}
	l.forgetSettings()
	return nil
}

// How many buffers can be followed, unless said otherwise; fewer, some 12 MB, where the
// kernel takes the memory at once.
const (
	defaultBuffers      = 1 << 20
	defaultPreallocated = 1 << 17
)

// Map returns one of the shared maps.
func (l *Loader) Map(name string) *ebpf.Map { return l.maps[name] }

// Load loads one program of package bpf with settings of its own: vars are more of its
// variables. Close closes it.
func (l *Loader) Load(name string, vars map[string]any, change func(*ebpf.ProgramSpec)) (*ebpf.Program, error) {
	prog := l.spec.Programs[name].Copy()
	if change != nil {
		change(prog)
	}
	p, err := l.loadOwn(prog, vars)
	switch {
	case err == nil:
	case prog.AttachType == ebpf.AttachTraceKprobeMulti && errors.Is(err, unix.EINVAL):
		return nil, err // this kernel has none
	default:
		prog := l.spec.Programs[name].Copy()
		if change != nil {
			change(prog)
		}
		if p, err = l.loadByLibrary(prog, vars); err != nil {
			return nil, err
		}
	}
	l.mu.Lock()
	// on_release is attached twice, so that one of the two always runs. on_task sees no packets.
	if name != "on_release" && name != taskProgram {
		l.missable = append(l.missable, missable{p, missedBy(name)})
	}
	l.programs = append(l.programs, p)
	l.mu.Unlock()
	return p, nil
}

// loadOwn loads prog by what program.go has.
func (l *Loader) loadOwn(prog *ebpf.ProgramSpec, vars map[string]any) (*ebpf.Program, error) {
	l.preparing.Lock()
	r, err := l.prepare(prog, vars)
	l.preparing.Unlock()
	if err != nil {
		return nil, err
	}
	return l.load(r)
}

// fit makes a program one that this kernel and these settings can have.
func (l *Loader) fit(prog *ebpf.ProgramSpec, vars map[string]any) error {
	if !l.loop {
		dropCallbacks(prog.Instructions)
	}
	if !l.direct {
		dropKernelCalls(prog.Instructions)
	}
	if !l.fetch {
		dropFetches(prog.Instructions)
	}
	if l.settings.Prepare != nil {
		show, _ := vars["show_code"].(uint32)
		return l.settings.Prepare(prog, show)
	}
	return nil
}

// loadByLibrary loads prog as package ebpf does.
func (l *Loader) loadByLibrary(prog *ebpf.ProgramSpec, vars map[string]any) (*ebpf.Program, error) {
	l.preparing.Lock()
	defer l.preparing.Unlock()
	const name = "program"
	spec := &ebpf.CollectionSpec{
		Maps:      l.spec.Maps,
		Programs:  map[string]*ebpf.ProgramSpec{name: prog},
		Variables: l.spec.Variables,
		Types:     l.spec.Types,
		ByteOrder: l.spec.ByteOrder,
	}
	spec = spec.Copy()
	for v, value := range vars {
		if err := spec.Variables[v].Set(value); err != nil {
			return nil, fmt.Errorf("setting %s: %w", v, err)
		}
	}
	if err := l.fit(spec.Programs[name], vars); err != nil {
		return nil, err
	}
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{
		MapReplacements: l.maps,
		Cache:           l.k.types.cache,
	})
	if err != nil {
		return nil, explain(err, "loading the BPF program "+prog.Name)
	}
	p := coll.Programs[name]
	coll.Programs = nil // ours now; the collection's other parts may go
	coll.Close()
	return p, nil
}

// NoFollow has programs that are loaded from now on do without identities.
func (l *Loader) NoFollow() error {
	for _, name := range []string{"track", "follow", "lifetimes"} {
		if err := l.spec.Variables[name].Set(false); err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	l.forgetSettings()
	return nil
}

// loadOnce is Load for programs that may be asked for again with the same settings.
func (l *Loader) loadOnce(name string, vars map[string]any, attach ebpf.AttachType) (*ebpf.Program, error) {
	key := fmt.Sprint(name, attach, vars) // a map is printed in the order of its keys
	if p := l.kinds[key]; p != nil {
		return p, nil
	}
	p, err := l.Load(name, vars, func(s *ebpf.ProgramSpec) { s.AttachType = attach })
	if err == nil {
		l.kinds[key] = p
	}
	return p, err
}

// Missed returns how many times the kernel skipped a program because one was running on that
// cpu already, by what was missed: "event", "link" or "free". Kernels before 5.12 count none
// of them, those before 6.7 only tracepoints and what follows buffers, not programs at
// functions; what a kprobe itself skips within another, no kernel tells.
func (l *Loader) Missed() map[string]uint64 {
	n := map[string]uint64{}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.missable {
		if s, err := p.Stats(); err == nil {
			n[p.what] += s.RecursionMisses
		}
	}
	return n
}

// Close releases the programs and maps. What is attached must have been closed before.
func (l *Loader) Close() {
	for _, p := range l.programs {
		p.Close()
	}
	for _, m := range l.maps {
		m.Close()
	}
	l.closeConstants()
}

// dropCallbacks replaces the addresses of callback functions, which kernels without
// bpf_loop refuse to load even where the code is never reached.
func dropCallbacks(ins asm.Instructions) {
	for i := range ins {
		if ins[i].IsLoadOfFunctionPointer() {
			ins[i] = asm.LoadImm(ins[i].Dst, 0, asm.DWord).WithMetadata(ins[i].Metadata).WithReference("")
		}
	}
}

// dropKernelCalls replaces the calls of kernel functions that this kernel does not have and
// that are never reached: the loader would look for them, for each program, in the types of
// every module and of every program loaded before.
func dropKernelCalls(ins asm.Instructions) {
	for i := range ins {
		if ins[i].IsKfuncCall() {
			ins[i] = asm.Mov.Imm(asm.R0, 0).WithSymbol(ins[i].Symbol())
		}
	}
}

// dropFetches replaces the atomic instructions that give back what they found, which kernels
// without them refuse even where they are never reached.
func dropFetches(ins asm.Instructions) {
	for i := range ins {
		if ins[i].OpCode.AtomicOp() == asm.FetchAdd {
			ins[i] = asm.Mov.Imm(ins[i].Src, 0).WithMetadata(ins[i].Metadata)
		}
	}
}

// haveFetch reports whether this kernel has BPF_FETCH (5.12), by trying.
func haveFetch() bool {
	add := asm.FetchAdd.Mem(asm.R10, asm.R0, asm.DWord, -8)
	add.Constant = 1 // BPF_FETCH, which cilium/ebpf 0.22 forgets as it encodes its own operation
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SocketFilter, License: "GPL", Instructions: asm.Instructions{
		asm.Mov.Imm(asm.R0, 0),
		asm.StoreMem(asm.R10, -8, asm.R0, asm.DWord),
		add,
		asm.Return(),
	}})
	if err != nil {
		return false
	}
	p.Close()
	return true
}

// hasFunction reports whether vmlinux has the function, by its type.
func (k *Kernel) hasFunction(name string) bool {
	return k.function(name).args >= 0
}

// DirectLoads: programs may follow pointers by plain loads, with bpf_rdonly_cast. They then
// read head and data of struct sk_buff together, which lie next to each other on every
// kernel known.
func (k *Kernel) DirectLoads() bool {
	skb, err := k.structure("sk_buff")
	if err != nil {
		return false
	}
	head, ok1 := findMember(skb.Members, "head", 0)
	data, ok2 := findMember(skb.Members, "data", 0)
	return k.hasFunction("bpf_rdonly_cast") && ok1 && ok2 && data.bitOffset == head.bitOffset+64
}
