//go:build linux && (amd64 || arm64)

package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// types are the kernel's types (BTF), as far as they are wanted. To index and make Go values of
// all is most of what the library does when it loads a program; what skb-collect reads of them
// is a hundredth. So they are walked over as they are (scan.go), and the library is given the
// structs that the BPF programs know, and nothing else. It has all of them
// only for who asks for one by a name that nobody foresaw: --where, and modules' types.
type types struct {
	mu       sync.Mutex
	vmlinux  *rawTypes // nil: not read, or dropped
	mapped   []byte    // what that lies in, if it is mapped
	few      *btf.Spec
	numbers  []uint32            // of the types of few, in vmlinux
	funcs    map[string]function // functions of vmlinux that were looked for
	cache    *btf.Cache          // all types
	selected []string            // modules, by name
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
// else reads it into memory that the garbage collector has nothing to do with. mapped is what to
// unmap.
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
		if b, err = unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE,
			unix.MAP_PRIVATE|unix.MAP_ANONYMOUS); err == nil {
			if _, err = io.ReadFull(f, b); err == nil {
				return b, b, nil
			}
			_ = unix.Munmap(b)
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

// moduleOrBuiltIn returns all types of a module, or those of vmlinux if it is not one of the selected: it may be built
// in.
func (k *Kernel) moduleOrBuiltIn(name string) (*btf.Spec, error) {
	if !slices.Contains(k.types.selected, name) {
		name = ""
	}
	return k.module(name)
}

// alsoWanted are the types that no BPF program knows, but the code here.
var alsoWanted = []string{"bpf_htab", "bpf_ringbuf_map", "bpf_ringbuf", "page", "Qdisc"}

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
	object, err := k.parsed()
	if err != nil {
		return nil, err
	}
	names := newNameSet(alsoWanted...)
	for typ, err := range object.Types.All() {
		if err != nil {
			return nil, fmt.Errorf("reading the embedded BPF object: %w", err)
		}
		name, _, _ := strings.Cut(typ.TypeName(), "___") // CO-RE's flavours
		switch typ.(type) {
		case *btf.Struct, *btf.Union, *btf.Enum, *btf.Fwd, *btf.Typedef:
			if name != "" {
				names.add(name)
			}
		}
	}
	b, numbers := raw.only(names)
	few, err := btf.LoadSplitSpecFromReader(bytes.NewReader(b), nil)
	if err != nil {
		return nil, fmt.Errorf("reading the kernel's types from %s: %w", vmlinuxTypes, err)
	}
	t.few, t.numbers = few, numbers
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
	names := newNameSet(name)
	if t.funcs == nil {
		t.funcs = map[string]function{}
		names.add("bpf_rdonly_cast")
		names.add(kfunc.NFTDoChain) // for HasModule
		names.add(kfunc.EbtDoTable)
		if object, err := k.parsed(); err == nil {
			for _, p := range object.Programs {
				if p.Type == ebpf.Tracing {
					names.add(attachesTo(p))
				}
			}
		}
	}
	for n := range names.names {
		t.funcs[n] = function{args: -1}
	}
	seen := map[string]bool{}
	for i := range raw.at {
		if raw.kindAt(i) != kindFunc {
			continue
		}
		r := raw.get(raw.first + uint32(i))
		if !names.has(raw.text(r.name)) {
			continue
		}
		n := string(raw.name(r.name))
		if seen[n] {
			t.funcs[n] = function{args: -1}
			continue
		}
		seen[n] = true
		t.funcs[n] = function{btf.TypeID(raw.first + uint32(i)), int(raw.get(r.typ).vlen)}
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

// eachRaw calls f for vmlinux (module "") and then, while there is more to find, for each selected
// module whose types, as they are in its file, are worth it.
func (k *Kernel) eachRaw(more func() bool, worth func(b []byte) bool, f func(module string, t *rawTypes)) error {
	k.types.mu.Lock()
	defer k.types.mu.Unlock()
	base, err := k.types.raw()
	if err != nil {
		return err
	}
	f("", base)
	for _, name := range k.types.selected {
		if !more() {
			return nil
		}
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

// only makes types (BTF) of those that have one of the names, and of what they hold. Pointers to
// others are pointers to void. numbers are those that the types have in t.
func (t *rawTypes) only(names *nameSet) (b []byte, numbers []uint32) {
	n := binary.NativeEndian
	now := map[uint32]uint32{0: 0} // the new number, by the old one
	numbers = []uint32{0}
	keep := func(id uint32) {
		if _, ok := now[id]; ok || id < t.first {
			return
		}
		switch t.get(id).kind {
		case kindInt, kindPointer, kindArray, kindStruct, kindUnion, kindEnum, kindForward, kindTypedef, kindVolatile,
			kindConst, kindRestrict, kindFloat, kindTypeTag, kindEnum64:
			now[id] = uint32(len(numbers))
			numbers = append(numbers, id)
		}
	}
	for i := range t.at {
		switch t.kindAt(i) {
		case kindStruct, kindUnion, kindEnum, kindEnum64, kindTypedef:
			id := t.first + uint32(i)
			if names.has(t.text(t.get(id).name)) {
				keep(id)
			}
		}
	}
	for i := 1; i < len(numbers); i++ {
		switch r := t.get(numbers[i]); r.kind {
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
	b = make([]byte, 24, 24+64*len(numbers))
	rename := func(at int) {
		old := n.Uint32(b[at:])
		to, ok := moved[old]
		if !ok {
			to = uint32(len(strings))
			moved[old] = to
			strings = append(append(strings, t.name(old)...), 0)
		}
		n.PutUint32(b[at:], to)
	}
	renumber := func(at int) { n.PutUint32(b[at:], now[n.Uint32(b[at:])]) }
	for _, id := range numbers[1:] {
		begin := len(b)
		b = append(b, t.bytes(id)...)
		rename(begin)
		r := t.get(id)
		switch r.kind {
		case kindPointer, kindTypedef, kindVolatile, kindConst, kindRestrict, kindTypeTag:
			renumber(begin + 8)
		case kindArray:
			renumber(begin + 12)
			renumber(begin + 16)
		case kindEnum:
			for i := range int(r.vlen) {
				rename(begin + 12 + 8*i)
			}
		case kindStruct, kindUnion, kindEnum64:
			for i := range int(r.vlen) {
				rename(begin + 12 + 12*i)
				if r.kind != kindEnum64 {
					renumber(begin + 16 + 12*i)
				}
			}
		}
	}
	length := uint32(len(b) - 24)
	n.PutUint16(b, 0xeb9f)
	b[2] = 1
	n.PutUint32(b[4:], 24)
	n.PutUint32(b[12:], length)
	n.PutUint32(b[16:], length)
	n.PutUint32(b[20:], uint32(len(strings)))
	return append(b, strings...), numbers
}

// bytes are all of a type of t's own.
func (t *rawTypes) bytes(id uint32) []byte {
	i, end := int(id-t.first), uint32(len(t.types))
	if i+1 < len(t.at) {
		end = t.at[i+1]
	}
	return t.types[t.at[i]:end]
}
