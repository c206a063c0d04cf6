package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf/btf"
)

// A scan is what one walk over the types of vmlinux or of a module found: the numbers of the
// few that are of interest, for the library to make Go values of. To make those of all types,
// as the library's own walk does, was half of the CPU time of a start: 5 of 11 s in a guest on
// 6.12, where this takes 0.3 s.
type scan struct {
	module      string // "" for vmlinux
	spec        *btf.Spec
	functions   []takesSkb
	tracepoints []takesSkb // typedefs btf_trace_NAME
	reasons     []btf.TypeID
	gso         btf.TypeID // 0: not there
}

type takesSkb struct {
	name string
	id   btf.TypeID
	arg  int // the first that is a struct sk_buff *, from 0
}

// scans walks over vmlinux and the modules, once.
func (k *Kernel) scans() ([]scan, error) {
	k.scanOnce.Do(func() { k.scanned, k.scanErr = k.scanAll() })
	return k.scanned, k.scanErr
}

func (k *Kernel) scanAll() ([]scan, error) {
	b, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	if err != nil {
		return nil, fmt.Errorf("reading the kernel's types: %w", err)
	}
	base, err := indexTypes(b, nil)
	if err != nil {
		return nil, fmt.Errorf("reading the kernel's types from /sys/kernel/btf/vmlinux: %w", err)
	}
	scans := []scan{base.scan("", k.types)}
	for name, spec := range k.modules {
		b, err := os.ReadFile("/sys/kernel/btf/" + name)
		if errors.Is(err, os.ErrNotExist) {
			continue // unloaded meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("reading the types of module %s: %w", name, err)
		}
		t, err := indexTypes(b, base)
		if err != nil {
			return nil, fmt.Errorf("reading the types of module %s: %w", name, err)
		}
		scans = append(scans, t.scan(name, spec))
	}
	return scans, nil
}

// rawTypes is BTF as it is, with the place of each type: Documentation/bpf/btf.rst.
type rawTypes struct {
	base    *rawTypes // what a module's types refer to
	first   uint32    // the number of the first type
	at      []uint32  // where in types each is, from first on
	types   []byte
	strings []byte
	from    uint32 // the offset of strings' first byte, as names have it

	kinds map[uint32]int // how far a FUNC_PROTO's sk_buff is, by its number; -1: it takes none
}

const (
	kindPointer   = 2
	kindArray     = 3
	kindStruct    = 4
	kindUnion     = 5
	kindEnum      = 6
	kindForward   = 7
	kindTypedef   = 8
	kindVolatile  = 9
	kindConst     = 10
	kindRestrict  = 11
	kindFunc      = 12
	kindFuncProto = 13
	kindTypeTag   = 18
)

// sizes of what follows a type's 12 bytes, by kind: once, and for each of its vlen.
var extra = [...]struct{ once, each uint32 }{
	1: {4, 0}, kindArray: {12, 0}, kindStruct: {0, 12}, kindUnion: {0, 12}, kindEnum: {0, 8},
	kindFuncProto: {0, 8}, 14: {4, 0}, 15: {0, 12}, 17: {4, 0}, 19: {0, 12},
}

var errTypes = errors.New("these are no types (BTF) that can be read")

func indexTypes(b []byte, base *rawTypes) (*rawTypes, error) {
	n := binary.NativeEndian
	if len(b) < 24 || n.Uint16(b) != 0xeb9f {
		return nil, errTypes
	}
	head := uint64(n.Uint32(b[4:]))
	section := func(at int) ([]byte, bool) {
		from := head + uint64(n.Uint32(b[at:]))
		to := from + uint64(n.Uint32(b[at+4:]))
		if to > uint64(len(b)) {
			return nil, false
		}
		return b[from:to], true
	}
	t := &rawTypes{base: base, first: 1, kinds: map[uint32]int{}}
	var ok1, ok2 bool
	t.types, ok1 = section(8)
	t.strings, ok2 = section(16)
	if !ok1 || !ok2 {
		return nil, errTypes
	}
	if base != nil {
		t.first, t.from = base.first+uint32(len(base.at)), uint32(len(base.strings))
	}
	t.at = make([]uint32, 0, len(t.types)/24)
	for at := uint64(0); at < uint64(len(t.types)); {
		if at+12 > uint64(len(t.types)) {
			return nil, errTypes
		}
		t.at = append(t.at, uint32(at))
		info := n.Uint32(t.types[at+4:])
		at += 12
		if kind := info >> 24 & 0x1f; kind < uint32(len(extra)) {
			at += uint64(extra[kind].once) + uint64(extra[kind].each)*uint64(info&0xffff)
		} else {
			return nil, errTypes
		}
		if at > uint64(len(t.types)) {
			return nil, errTypes
		}
	}
	return t, nil
}

// A rawType is one of them. kind 0: there is none of that number, or it is void.
type rawType struct {
	of   *rawTypes
	name uint32
	kind uint32
	flag bool
	vlen uint32
	typ  uint32 // or its size
	rest []byte
}

func (t *rawTypes) get(id uint32) rawType {
	if id < t.first {
		if t.base == nil {
			return rawType{}
		}
		return t.base.get(id)
	}
	if id-t.first >= uint32(len(t.at)) {
		return rawType{}
	}
	b := t.types[t.at[id-t.first]:]
	info := binary.NativeEndian.Uint32(b[4:])
	return rawType{t, binary.NativeEndian.Uint32(b), info >> 24 & 0x1f, info>>31 != 0, info & 0xffff, binary.NativeEndian.Uint32(b[8:]), b[12:]}
}

// name is what stands at an offset of the strings.
func (t *rawTypes) name(off uint32) []byte {
	if off < t.from {
		return t.base.name(off)
	}
	if off -= t.from; off >= uint32(len(t.strings)) {
		return nil
	}
	s := t.strings[off:]
	if i := bytes.IndexByte(s, 0); i >= 0 {
		return s[:i]
	}
	return nil
}

// bare goes through typedefs, const and the like. Each refers to another: no chain is long.
func (t *rawTypes) bare(id uint32) rawType {
	for range 32 {
		r := t.get(id)
		switch r.kind {
		case kindTypedef, kindVolatile, kindConst, kindRestrict, kindTypeTag:
			id = r.typ
		default:
			return r
		}
	}
	return rawType{}
}

// skbArg returns which parameter of a FUNC_PROTO from skip on is the first struct sk_buff *,
// or -1.
func (t *rawTypes) skbArg(proto uint32, skip int) int {
	if arg, ok := t.kinds[proto]; ok && skip == 0 {
		return arg
	}
	p := t.get(proto)
	arg := -1
	if p.kind == kindFuncProto {
		for i := skip; i < int(p.vlen) && arg < 0; i++ {
			if t.isSkb(binary.NativeEndian.Uint32(p.rest[8*i+4:])) {
				arg = i - skip
			}
		}
	}
	if skip == 0 {
		t.kinds[proto] = arg
	}
	return arg
}

var (
	skBuff      = []byte("sk_buff")
	tracePrefix = []byte("btf_trace_")
	reasonEnd   = []byte("_drop_reason")
	firstGSO    = []byte("SKB_GSO_TCPV4")
)

func (t *rawTypes) isSkb(id uint32) bool {
	p := t.bare(id)
	if p.kind != kindPointer {
		return false
	}
	s := t.bare(p.typ)
	return (s.kind == kindStruct || s.kind == kindForward && !s.flag) && bytes.Equal(s.of.name(s.name), skBuff)
}

func (t *rawTypes) scan(module string, spec *btf.Spec) scan {
	s := scan{module: module, spec: spec}
	for i := range t.at {
		id := t.first + uint32(i)
		switch r := t.get(id); r.kind {
		case kindFunc:
			if arg := t.skbArg(r.typ, 0); arg >= 0 {
				s.functions = append(s.functions, takesSkb{string(t.name(r.name)), btf.TypeID(id), arg})
			}
		case kindTypedef:
			name, ok := bytes.CutPrefix(t.name(r.name), tracePrefix)
			if !ok {
				continue
			}
			// A pointer to a function whose first parameter is void *__data.
			if p := t.get(r.typ); p.kind == kindPointer {
				if arg := t.skbArg(p.typ, 1); arg >= 0 {
					s.tracepoints = append(s.tracepoints, takesSkb{string(name), btf.TypeID(id), arg})
				}
			}
		case kindEnum:
			if bytes.HasSuffix(t.name(r.name), reasonEnd) {
				s.reasons = append(s.reasons, btf.TypeID(id))
			} else if r.vlen > 0 && bytes.Equal(t.name(binary.NativeEndian.Uint32(r.rest)), firstGSO) {
				s.gso = btf.TypeID(id)
			}
		}
	}
	return s
}
