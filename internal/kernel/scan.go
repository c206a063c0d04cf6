//go:build linux && (amd64 || arm64)

package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/cilium/ebpf/btf"
)

// A scan is what one walk over the types of vmlinux or of a module found.
type scan struct {
	module      string // "" for vmlinux
	tracepoints []tracepointType
	reasons     []*btf.Enum // of drops
	gso         *btf.Enum   // nil: not there
	xdp         []string    // those of xdpTold
}

// A tracepointType is a typedef btf_trace_NAME.
type tracepointType struct {
	name string
	arg  int        // the first that is a struct sk_buff *, from 0
	args []argument // all of them, without the leading void *__data
}

type takesSkb struct {
	name string
	id   btf.TypeID
	arg  int // the first that is a struct sk_buff *, from 0
}

// An argument of a tracepoint, by its type.
type argument uint8

const (
	argOther argument = iota
	argEnum
	argAddress // void *
	argSock    // struct sock *
	argSigned
	argUnsigned
	argDevice // struct net_device *
	argQueue  // struct netdev_queue *
)

// scans walks over vmlinux and the modules, once, for all but functions.
func (k *Kernel) scans() ([]scan, error) {
	k.scanOnce.Do(func() {
		worth := func(b []byte) bool { return bytes.Contains(b, tracePrefix) || bytes.Contains(b, reasonEnd) }
		all := func() bool { return true }
		k.scanErr = k.eachRaw(all, worth, func(module string, t *rawTypes) {
			s := t.scan()
			s.module = module
			k.scanned = append(k.scanned, s)
		})
	})
	return k.scanned, k.scanErr
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

const intSigned = 1 // BTF_INT_ENCODING(): BTF_INT_SIGNED

const (
	kindInt       = 1
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
	kindFloat     = 16
	kindTypeTag   = 18
	kindEnum64    = 19
)

// sizes of what follows a type's 12 bytes, by kind: once, and for each of its vlen.
var extra = [...]struct{ once, each uint32 }{
	1: {4, 0}, kindArray: {12, 0}, kindStruct: {0, 12}, kindUnion: {0, 12}, kindEnum: {0, 8},
	kindFuncProto: {0, 8}, 14: {4, 0}, 15: {0, 12}, 17: {4, 0}, kindEnum64: {0, 12},
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

// kindAt is the kind of the i-th.
func (t *rawTypes) kindAt(i int) uint32 {
	return binary.NativeEndian.Uint32(t.types[t.at[i]+4:]) >> 24 & 0x1f
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
	return rawType{t, binary.NativeEndian.Uint32(b), info >> 24 & 0x1f, info>>31 != 0, info & 0xffff,
		binary.NativeEndian.Uint32(b[8:]), b[12:]}
}

// text is what stands from an offset of the strings on, to their end.
func (t *rawTypes) text(off uint32) []byte {
	for off < t.from {
		t = t.base
	}
	if off -= t.from; off >= uint32(len(t.strings)) {
		return nil
	}
	return t.strings[off:]
}

// name is what stands at an offset of the strings.
func (t *rawTypes) name(off uint32) []byte {
	s := t.text(off)
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
	sock        = []byte("sock")
	netDevice   = []byte("net_device")
	netdevQueue = []byte("netdev_queue")
	ubufInfo    = []byte("ubuf_info")
	tracePrefix = []byte("btf_trace_")
	reasonEnd   = []byte("_drop_reason")
	firstGSO    = []byte("SKB_GSO_TCPV4")
)

func (t *rawTypes) isSkb(id uint32) bool { return t.pointsTo(id, skBuff) }

func (t *rawTypes) pointsTo(id uint32, structure []byte) bool {
	p := t.bare(id)
	if p.kind != kindPointer {
		return false
	}
	s := t.bare(p.typ)
	return (s.kind == kindStruct || s.kind == kindForward && !s.flag) && bytes.Equal(s.of.name(s.name), structure)
}

func (t *rawTypes) scan() (s scan) {
	for i := range t.at {
		switch t.kindAt(i) {
		case kindTypedef:
			r := t.get(t.first + uint32(i))
			if !bytes.HasPrefix(t.text(r.name), tracePrefix) {
				continue
			}
			name := t.name(r.name)[len(tracePrefix):]
			// A pointer to a function whose first parameter is void *__data: DECLARE_TRACE makes
			// it of the probe function's type (include/trace/bpf_probe.h).
			if p := t.get(r.typ); p.kind == kindPointer {
				if arg := t.skbArg(p.typ, 1); arg >= 0 {
					s.tracepoints = append(s.tracepoints, tracepointType{string(name), arg, t.arguments(p.typ, 1)})
				} else if xdpTold[string(name)] != 0 {
					s.xdp = append(s.xdp, string(name))
				}
			}
		case kindEnum:
			r := t.get(t.first + uint32(i))
			if bytes.HasSuffix(t.name(r.name), reasonEnd) {
				s.reasons = append(s.reasons, t.enum(r))
			} else if r.vlen > 0 && bytes.Equal(t.name(binary.NativeEndian.Uint32(r.rest)), firstGSO) {
				s.gso = t.enum(r)
			}
		}
	}
	return s
}

// arguments are those of a FUNC_PROTO from skip on.
func (t *rawTypes) arguments(proto uint32, skip int) (args []argument) {
	p := t.get(proto)
	for i := skip; i < int(p.vlen); i++ {
		id := binary.NativeEndian.Uint32(p.rest[8*i+4:])
		a := argOther
		switch r := t.bare(id); {
		case r.kind == kindEnum:
			a = argEnum
		case r.kind == kindPointer && r.typ == 0:
			a = argAddress
		case r.kind == kindInt && binary.NativeEndian.Uint32(r.rest)>>24 == intSigned:
			a = argSigned
		case r.kind == kindInt:
			a = argUnsigned
		case t.pointsTo(id, sock):
			a = argSock
		case t.pointsTo(id, netDevice):
			a = argDevice
		case t.pointsTo(id, netdevQueue):
			a = argQueue
		}
		args = append(args, a)
	}
	return args
}

// secondPointsTo tells whether the second parameter of a FUNC is a pointer to that struct.
func (t *rawTypes) secondPointsTo(id btf.TypeID, structure []byte) bool {
	p := t.get(t.get(uint32(id)).typ)
	return p.kind == kindFuncProto && p.vlen > 1 && t.pointsTo(binary.NativeEndian.Uint32(p.rest[12:]), structure)
}

// enum makes a Go value of an ENUM.
func (t *rawTypes) enum(r rawType) *btf.Enum {
	e := &btf.Enum{Name: string(t.name(r.name)), Size: r.typ, Signed: r.flag}
	for i := range int(r.vlen) {
		b := r.rest[8*i:]
		value := uint64(binary.NativeEndian.Uint32(b[4:]))
		if e.Signed {
			value = uint64(int32(value))
		}
		e.Values = append(e.Values, btf.EnumValue{Name: string(t.name(binary.NativeEndian.Uint32(b))), Value: value})
	}
	return e
}

// functions are those that take an sk_buff and have one of the names; nil: all.
func (t *rawTypes) functions(names *nameSet) (found []takesSkb) {
	for i := range t.at {
		if t.kindAt(i) != kindFunc {
			continue
		}
		id := t.first + uint32(i)
		r := t.get(id)
		if names != nil && !names.has(t.text(r.name)) {
			continue
		}
		name := t.name(r.name)
		if arg := t.skbArg(r.typ, 0); arg >= 0 {
			found = append(found, takesSkb{string(name), btf.TypeID(id), arg})
		}
	}
	return found
}
