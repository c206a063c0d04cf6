//go:build linux && (amd64 || arm64)

package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/bpf"
)

// What the library does for each program it loads takes more than the kernel's verifier does:
// it copies all maps and types, looks for all that a program could ask for in all types of the
// kernel and its modules, and hands over where each instruction is in its source. Here that is
// done once, or not at all. Whatever is unusual is left to the library, errors among it: it asks
// the verifier for its log.
var errUnusual = errors.New("the library has to load it")

// constants are the variables that are constants to the verifier.
type constants struct {
	spec *ebpf.MapSpec
	data []byte
	m    *ebpf.Map // nil: no program that was loaded so far has any
}

// constantsOf returns those for programs with settings of their own. With preparing held.
func (l *Loader) constantsOf(vars map[string]any) (*constants, error) {
	key := fmt.Sprint(vars) // a map is printed in the order of its keys
	if c := l.constants[key]; c != nil {
		return c, nil
	}
	const name = ".rodata"
	spec := l.spec.Maps[name].Copy()
	data, ok := spec.Contents[0].Value.([]byte)
	if !ok || len(spec.Contents) != 1 {
		return nil, errUnusual
	}
	data = bytes.Clone(data)
	for n, v := range l.spec.Variables {
		if v.SectionName != name {
			continue
		}
		if value, ok := vars[n]; ok {
			v = v.Copy()
			if err := v.Set(value); err != nil {
				return nil, fmt.Errorf("setting %s: %w", n, err)
			}
		}
		copy(data[v.Offset:], v.Value)
	}
	c := &constants{spec: spec, data: data}
	l.constants[key] = c
	return c, nil
}

// load makes the map.
func (c *constants) load() (*ebpf.Map, error) {
	if c.m != nil {
		return c.m, nil
	}
	c.spec.Contents = []ebpf.MapKV{{Key: uint32(0), Value: c.data}}
	c.spec.Key, c.spec.Value = nil, nil // their types would be one more thing to load
	m, err := ebpf.NewMap(c.spec)
	if err != nil {
		return nil, explain(err, "creating the BPF maps")
	}
	c.m = m
	return m, nil
}

// forgetSettings has those that change be made anew.
func (l *Loader) forgetSettings() {
	l.preparing.Lock()
	defer l.preparing.Unlock()
	l.closeConstants()
}

func (l *Loader) closeConstants() {
	for _, c := range l.constants {
		c.m.Close()
	}
	clear(l.constants)
}

// attachesTo is the function that a tracing program is for.
func attachesTo(p *ebpf.ProgramSpec) string {
	if p.AttachType == ebpf.AttachTraceIter {
		return "bpf_iter_" + p.AttachTo // kernel/bpf/bpf_iter.c, DEFINE_BPF_ITER_FUNC
	}
	return p.AttachTo
}

// functionOf is the number of a function's type in a BPF program's own types.
func functionOf(p *ebpf.Program, name string) (uint32, error) {
	handle, err := p.Handle()
	if err != nil {
		return 0, err
	}
	defer handle.Close()
	spec, err := handle.Spec(nil)
	if err != nil {
		return 0, err
	}
	var f *btf.Func
	if err := spec.TypeByName(name, &f); err != nil {
		return 0, err
	}
	id, err := spec.TypeID(f)
	return uint32(id), err
}

// A ready program is one whose instructions are as the kernel wants them.
type ready struct {
	spec     *ebpf.ProgramSpec
	code     []byte
	funcs    []byte // struct bpf_func_info each
	attachTo uint32 // a function of vmlinux, by its type, or of spec.AttachTarget
}

// loadSmall loads a program that has nothing but its own instructions, attached to a function of spec.AttachTarget.
func (l *Loader) loadSmall(spec *ebpf.ProgramSpec) (*ebpf.Program, error) {
	to, err := functionOf(spec.AttachTarget, spec.AttachTo)
	var code bytes.Buffer
	if l.common == nil || err != nil || spec.Instructions.Marshal(&code, l.spec.ByteOrder) != nil {
		return ebpf.NewProgram(spec)
	}
	return l.load(&ready{spec: spec, code: code.Bytes(), attachTo: to})
}

// prepare does all that changes a program; one at a time. spec is a copy.
func (l *Loader) prepare(spec *ebpf.ProgramSpec, vars map[string]any) (*ready, error) {
	if l.common == nil {
		return nil, errUnusual
	}
	if s, ok := vars["sections"].(uint32); ok && bpf.Sections(s)&(bpf.SectionCt|bpf.SectionNFT) != 0 {
		return nil, errUnusual // they look at types of modules
	}
	if err := l.fit(spec, vars); err != nil {
		return nil, err
	}
	r := &ready{spec: spec}
	if spec.AttachTarget != nil {
		var err error
		if r.attachTo, err = functionOf(spec.AttachTarget, spec.AttachTo); err != nil {
			return nil, errUnusual
		}
	} else if spec.AttachTo != "" && spec.Type == ebpf.Tracing {
		f := l.k.function(attachesTo(spec))
		if f.args < 0 {
			return nil, errUnusual
		}
		r.attachTo = uint32(f.id)
	}
	constants, err := l.constantsOf(vars)
	if err != nil {
		return nil, err
	}
	ins := dropDead(spec.Instructions, constants.data)
	var relocations []*btf.CORERelocation
	var relocated []int
	for i := range ins {
		in := &ins[i]
		if c := btf.CORERelocationMetadata(in); c != nil {
			relocations, relocated = append(relocations, c), append(relocated, i)
		}
		switch {
		case in.IsKfuncCall():
			// There is one that is ever called: filters and dropKernelCalls know no other.
			f := l.k.function("bpf_rdonly_cast")
			if f.args < 0 {
				return nil, errUnusual
			}
			*in = asm.Instruction{OpCode: in.OpCode, Src: in.Src, Constant: int64(f.id)}.WithSymbol(in.Symbol())
		case in.IsLoadFromMap() && in.Reference() != "":
			m := l.maps[in.Reference()]
			if in.Reference() == ".rodata" {
				var err error
				if m, err = constants.load(); err != nil {
					return nil, err
				}
			}
			if m == nil || in.AssociateMap(m) != nil {
				return nil, errUnusual
			}
		}
	}
	fixups, err := btf.CORERelocate(relocations, []*btf.Spec{l.common.types}, l.spec.ByteOrder,
		func(btf.Type) (btf.TypeID, error) {
			return 0, errUnusual
		})
	if err != nil {
		return nil, errUnusual
	}
	for i, f := range fixups {
		in := &ins[relocated[i]]
		if f.Apply(in) != nil {
			return nil, errUnusual
		}
		// What a fixup is for it tells only in words.
		if in.OpCode.IsDWordLoad() && strings.HasPrefix(f.String(), "target_type_id=") {
			if in.Constant < 0 || in.Constant >= int64(len(l.common.numbers)) {
				return nil, errUnusual
			}
			in.Constant = int64(l.common.numbers[in.Constant])
		}
	}
	iter := ins.Iterate()
	for iter.Next() {
		if f := btf.FuncMetadata(iter.Ins); f != nil {
			id := l.common.funcs[f]
			if id == 0 {
				return nil, errUnusual
			}
			r.funcs = binary.NativeEndian.AppendUint32(r.funcs, uint32(iter.Offset))
			r.funcs = binary.NativeEndian.AppendUint32(r.funcs, uint32(id))
		}
	}
	var code bytes.Buffer
	if ins.Marshal(&code, l.spec.ByteOrder) != nil {
		return nil, errUnusual
	}
	r.code = code.Bytes()
	return r, nil
}

// programLoad is the part of union bpf_attr for BPF_PROG_LOAD (include/uapi/linux/bpf.h) up to
// what Linux 5.10 knows.
type programLoad struct {
	kind, instructionCount         uint32
	instructions, license          uint64
	logLevel, logSize              uint32
	log                            uint64
	version, flags                 uint32
	name                           [16]byte
	ifindex, attachType            uint32
	info, funcSize                 uint32
	funcs                          uint64
	funcCount, lineSize            uint32
	lines                          uint64
	lineCount, attachTo, attachObj uint32
	_                              uint32
}

// load has the kernel verify a program. Several can be at it.
func (l *Loader) load(r *ready) (*ebpf.Program, error) {
	const bpfProgLoad = 5
	license := append([]byte(r.spec.License), 0)
	a := programLoad{
		kind: uint32(r.spec.Type), attachType: uint32(r.spec.AttachType), flags: r.spec.Flags, attachTo: r.attachTo,
		instructionCount: uint32(len(r.code) / asm.InstructionSize), instructions: address(r.code), license: address(license),
		info: uint32(l.common.info.FD()), funcSize: 8, funcs: address(r.funcs), funcCount: uint32(len(r.funcs) / 8),
	}
	copy(a.name[:15], r.spec.Name)
	if r.spec.AttachTarget != nil {
		a.attachObj = uint32(r.spec.AttachTarget.FD())
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	for _, b := range [][]byte{r.code, license, r.funcs} {
		if len(b) > 0 {
			pin.Pin(&b[0])
		}
	}
	for range 30 {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, bpfProgLoad, uintptr(unsafe.Pointer(&a)), unsafe.Sizeof(a))
		switch errno {
		case 0:
			return ebpf.NewProgramFromFD(int(fd))
		case unix.EAGAIN, unix.EINTR: // a signal came while it was verified
			continue
		}
		return nil, errno
	}
	return nil, unix.EAGAIN
}

func address(b []byte) uint64 {
	if len(b) == 0 {
		return 0
	}
	return uint64(uintptr(unsafe.Pointer(&b[0])))
}
