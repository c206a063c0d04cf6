package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/bpf"
)

// types are the kernel's types (BTF), as far as they are wanted. To index and make Go values of
// all is most of what the library does when it loads a program; what skb-collect reads of them
// is a hundredth. So they are walked over as they are (scan.go), and the library is given the
// structs that the BPF programs know, at their own numbers, among nothing. It has all of them
// only for who asks for one by a name that nobody foresaw: --where, and modules' types.
type types struct {
	mu       sync.Mutex
	vmlinux  *rawTypes // nil: not read, or dropped
	mapped   []byte    // what that lies in, if it is mapped
	few      *btf.Spec
	object   *ebpf.CollectionSpec // parsed for its names, and not used yet
	funcs    map[string]function  // functions of vmlinux that were looked for
	cache    *btf.Cache           // all types
	selected []string             // modules, by name
}

// A function of vmlinux. args < 0: there is none of that name, or several.
type function struct {
	id   btf.TypeID
	args int
}

const vmlinuxTypes = "/sys/kernel/btf/vmlinux"

// raw are the types of vmlinux as they are. With mu held.
func (t *types) raw() (*rawTypes, error) {
	if t.vmlinux != nil {
		return t.vmlinux, nil
	}
	b, mapped, err := mapOrRead(vmlinuxTypes)
	if err != nil {
		return nil, fmt.Errorf("reading the kernel's types: %w", err)
	}
	t.mapped = mapped
	if t.vmlinux, err = indexTypes(b, nil); err != nil {
		return nil, fmt.Errorf("reading the kernel's types from %s: %w", vmlinuxTypes, err)
	}
	return t.vmlinux, nil
}

// Settle drops what only a start needs. It is read again if somebody does ask.
func (k *Kernel) Settle() {
	k.types.mu.Lock()
	defer k.types.mu.Unlock()
	if k.types.mapped != nil {
		_ = unix.Munmap(k.types.mapped)
	}
	k.types.vmlinux, k.types.mapped = nil, nil
}

// mapOrRead maps a file where that can be done, as for the kernel's types since Linux 6.16, or
// else reads it. mapped is what to unmap.
func mapOrRead(file string) (b, mapped []byte, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if size := info.Size(); size > 0 {
		if b, err = unix.Mmap(int(f.Fd()), 0, int(size), unix.PROT_READ, unix.MAP_PRIVATE); err == nil {
			return b, b, nil
		}
	}
	b, err = os.ReadFile(file)
	return b, nil, err
}

// Types returns all types of vmlinux, which takes a while and some 30 MB.
func (k *Kernel) Types() (*btf.Spec, error) {
	spec, err := k.types.cache.Kernel()
	if err != nil {
		return nil, fmt.Errorf("reading the kernel's types from %s: %w", vmlinuxTypes, err)
	}
	return spec, nil
}

// module returns all types of a module.
func (k *Kernel) module(name string) (*btf.Spec, error) {
	if name == "" {
		return k.Types()
	}
	spec, err := k.types.cache.Module(name)
	if err != nil {
		return nil, fmt.Errorf("reading the types of module %s: %w", name, err)
	}
	return spec, nil
}

// alsoWanted are the types that no BPF program knows, but the code here.
var alsoWanted = []string{"bpf_htab", "bpf_ringbuf_map", "bpf_ringbuf", "page", "Qdisc"}

// takeObject returns the BPF object, each time another one.
func (t *types) takeObject() (*ebpf.CollectionSpec, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if o := t.object; o != nil {
		t.object = nil
		return o, nil
	}
	return loadObject()
}

func loadObject() (*ebpf.CollectionSpec, error) {
	o, err := bpf.LoadSkb()
	if err != nil {
		return nil, fmt.Errorf("reading the embedded BPF object: %w", err)
	}
	return o, nil
}

// foreseen are the types that the BPF programs know, and alsoWanted.
func (k *Kernel) foreseen() (*btf.Spec, error) {
	t := &k.types
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.few != nil {
		return t.few, nil
	}
	raw, err := t.raw()
	if err != nil {
		return nil, err
	}
	if t.object, err = loadObject(); err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for typ, err := range t.object.Types.All() {
		if err != nil {
			return nil, fmt.Errorf("reading the embedded BPF object: %w", err)
		}
		name, _, _ := strings.Cut(typ.TypeName(), "___") // CO-RE's flavours
		switch typ.(type) {
		case *btf.Struct, *btf.Union, *btf.Enum, *btf.Fwd, *btf.Typedef:
			if name != "" {
				names[name] = true
			}
		}
	}
	for _, n := range alsoWanted {
		names[n] = true
	}
	few, err := btf.LoadSplitSpecFromReader(bytes.NewReader(raw.only(names)), nil)
	if err != nil {
		return nil, fmt.Errorf("reading the kernel's types from %s: %w", vmlinuxTypes, err)
	}
	t.few = few
	return few, nil
}

// function looks a function of vmlinux up by its type.
func (k *Kernel) function(name string) function {
	t := &k.types
	t.mu.Lock()
	defer t.mu.Unlock()
	f, ok := t.funcs[name]
	if ok {
		return f
	}
	raw, err := t.raw()
	if err != nil {
		return function{args: -1}
	}
	// Those that are asked for at a start are found in one walk.
	names := map[string]bool{name: true}
	if t.funcs == nil {
		t.funcs = map[string]function{}
		names["bpf_rdonly_cast"] = true
		if t.object != nil {
			for _, p := range t.object.Programs {
				if p.Type == ebpf.Tracing {
					names[p.AttachTo] = true
				}
			}
		}
	}
	for n := range names {
		t.funcs[n] = function{args: -1}
	}
	seen := map[string]bool{}
	for i := range raw.at {
		r := raw.get(raw.first + uint32(i))
		if r.kind != kindFunc {
			continue
		}
		if n := raw.name(r.name); names[string(n)] {
			if seen[string(n)] {
				t.funcs[string(n)] = function{args: -1}
				continue
			}
			seen[string(n)] = true
			t.funcs[string(n)] = function{btf.TypeID(raw.first + uint32(i)), int(raw.get(r.typ).vlen)}
		}
	}
	return t.funcs[name]
}

// moduleNames are the modules with types that are to be looked into.
func moduleNames(wanted []string) ([]string, error) {
	entries, err := os.ReadDir("/sys/kernel/btf")
	if err != nil {
		return nil, fmt.Errorf("listing the modules that have BTF: %w", err)
	}
	var names []string
	found := map[string]bool{}
	for _, e := range entries {
		if name := e.Name(); name != "vmlinux" && (wanted == nil || contains(wanted, name)) {
			names = append(names, name)
			found[name] = true
		}
	}
	for _, m := range wanted {
		if !found[strings.ReplaceAll(m, "-", "_")] {
			return nil, fmt.Errorf("module %s is not loaded, or this kernel has no BTF for modules (5.11 and newer have)", m)
		}
	}
	return names, nil
}

// eachRaw calls f for vmlinux (module "") and then for each selected module whose types, as they
// are in its file, are worth it.
func (k *Kernel) eachRaw(worth func(b []byte) bool, f func(module string, t *rawTypes)) error {
	k.types.mu.Lock()
	defer k.types.mu.Unlock()
	base, err := k.types.raw()
	if err != nil {
		return err
	}
	f("", base)
	for _, name := range k.types.selected {
		b, err := os.ReadFile("/sys/kernel/btf/" + name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // unloaded meanwhile
		}
		if err != nil {
			return fmt.Errorf("reading the types of module %s: %w", name, err)
		}
		if !worth(b) {
			continue
		}
		t, err := indexTypes(b, base)
		if err != nil {
			return fmt.Errorf("reading the types of module %s: %w", name, err)
		}
		f(name, t)
	}
	return nil
}

// only makes types (BTF) of those that have one of the names, and of what they hold. All have
// their numbers, up to the last; at those of others is a declaration without a name, and pointers
// to them are pointers to void.
func (t *rawTypes) only(names map[string]bool) []byte {
	kept, end := make([]bool, len(t.at)), 0 // end is behind the last
	var todo []uint32
	keep := func(id uint32) {
		if i := id - t.first; id >= t.first && i < uint32(len(kept)) && !kept[i] {
			kept[i] = true
			end = max(end, int(i)+1)
			todo = append(todo, id)
		}
	}
	n := binary.NativeEndian
	for i := range t.at {
		id := t.first + uint32(i)
		switch r := t.get(id); r.kind {
		case kindStruct, kindUnion, kindEnum, kindEnum64, kindTypedef:
			if r.name != 0 && names[string(t.name(r.name))] {
				keep(id)
			}
		}
	}
	for len(todo) > 0 {
		r := t.get(todo[len(todo)-1])
		todo = todo[:len(todo)-1]
		switch r.kind {
		case kindTypedef, kindVolatile, kindConst, kindRestrict, kindTypeTag:
			keep(r.typ)
		case kindArray:
			keep(n.Uint32(r.rest))
			keep(n.Uint32(r.rest[4:]))
		case kindStruct, kindUnion:
			for i := range r.vlen {
				keep(n.Uint32(r.rest[12*i+4:]))
			}
		}
	}
	strings := []byte{0}
	moved := map[uint32]uint32{0: 0}
	out := make([]byte, 24, 24+12*end+1<<17)
	rename := func(at int) {
		old := n.Uint32(out[at:])
		now, ok := moved[old]
		if !ok {
			now = uint32(len(strings))
			moved[old] = now
			strings = append(append(strings, t.name(old)...), 0)
		}
		n.PutUint32(out[at:], now)
	}
	for i, at := range t.at[:end] {
		begin := len(out)
		if !kept[i] {
			out = append(out, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
			n.PutUint32(out[begin+4:], kindForward<<24)
			continue
		}
		next := uint32(len(t.types))
		if i+1 < len(t.at) {
			next = t.at[i+1]
		}
		out = append(out, t.types[at:next]...)
		rename(begin)
		r := t.get(t.first + uint32(i))
		step := 12
		switch r.kind {
		case kindPointer:
			if i := r.typ - t.first; i >= uint32(len(kept)) || !kept[i] {
				n.PutUint32(out[begin+8:], 0)
			}
			continue
		case kindEnum:
			step = 8
		case kindStruct, kindUnion, kindEnum64:
		default:
			continue
		}
		for j := range int(r.vlen) {
			rename(begin + 12 + step*j)
		}
	}
	length := uint32(len(out) - 24)
	n.PutUint16(out, 0xeb9f)
	out[2] = 1
	n.PutUint32(out[4:], 24)
	n.PutUint32(out[12:], length)
	n.PutUint32(out[16:], length)
	n.PutUint32(out[20:], uint32(len(strings)))
	return append(out, strings...)
}
