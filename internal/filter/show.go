//go:build linux && (amd64 || arm64)

package filter

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"

	"github.com/skb-tools/skb-tools/internal/spell"
)

// The registers of the code for --show beside those for --where: all live through calls.
const (
	regCtx = asm.R8
	regTo  = asm.R9
)

// MaxShown is how many expressions --show takes: each has a bit in struct show_info.
const MaxShown = 32

// Where the values begin in struct show_info, behind the number of the code and the bits.
const showFirst = 8

// maxShownText is how many bytes of a string are copied, its zero byte included.
const maxShownText = 64

// maxShownWaiting is as maxWaiting, for a function that is called from deeper within the programs.
const maxShownWaiting = 4

// An Argument of a probed function or tracepoint, as --show can name it.
type Argument struct {
	Name string
	At   int16 // in the program's context
	Type btf.Type
}

// A Place is a kind of probe: what --show can name there besides current.
type Place struct {
	NoSkb bool
	Args  []Argument
}

// Show is the compiled --show: for each kind of place its own code, with its own layout of the values.
type Show struct {
	exprs   []string
	names   [][]string // that may be arguments, of each expression
	types   *types
	direct  bool
	numbers map[string]uint32 // of the code, by what the place has
	codes   []shownCode       // the numbers are from 1
	size    uint32
	done    []bool   // compiled for some place
	wrong   []error  // why it was not, for each expression
	seen    []string // names of arguments
}

type shownCode struct {
	ins    asm.Instructions
	fields []Shown
}

// A Shown is where an expression's value lies, and what it is.
type Shown struct {
	Expr string
	Bit  uint32
	At   uint32 // from the start of struct show_info
	Size uint32 // of text and addresses, in bytes
	Kind ShownKind
	Enum map[uint64]string // of ShownEnum
}

// ShownKind is how a value is to be read.
type ShownKind uint8

// The kinds.
const (
	ShownSigned   ShownKind = iota // 64 bits
	ShownUnsigned                  // 64 bits
	ShownEnum                      // 64 bits: a number, or its name
	ShownText                      // up to a zero byte
	ShownIP                        // 4 or 16 bytes
	ShownMAC                       // 6 bytes
	ShownBytes
)

// NewShow reads the expressions of --show. nil: there are none.
func NewShow(exprs []string, spec *btf.Spec, direct bool) (*Show, error) {
	if len(exprs) == 0 {
		return nil, nil
	}
	if len(exprs) > MaxShown {
		return nil, fmt.Errorf("--show: there can be %d expressions at most", MaxShown)
	}
	s := &Show{types: &types{spec: spec, show: true}, direct: direct, numbers: map[string]uint32{}, size: showFirst}
	for _, e := range exprs {
		e = strings.TrimSpace(e)
		if slices.Contains(s.exprs, e) {
			continue
		}
		tokens, err := lex(e)
		if err != nil {
			return nil, fmt.Errorf("--show %s: %w", quote(e), err)
		}
		s.exprs = append(s.exprs, e)
		s.names = append(s.names, namesIn(tokens))
	}
	s.done, s.wrong = make([]bool, len(s.exprs)), make([]error, len(s.exprs))
	return s, nil
}

// namesIn are the names that may be arguments'.
func namesIn(tokens []token) (names []string) {
	for i, t := range tokens {
		if t.kind != name || i > 0 && (tokens[i-1].s == "->" || tokens[i-1].s == ".") {
			continue
		}
		switch t.s {
		case "skb", "current", "NULL", "true", "false", "struct", "union", "enum":
		default:
			if byteOrder[t.s] == 0 {
				names = append(names, t.s)
			}
		}
	}
	return names
}

// NeedsArguments tells whether an expression may name an argument.
func (s *Show) NeedsArguments() bool {
	return s != nil && slices.ContainsFunc(s.names, func(n []string) bool { return len(n) > 0 })
}

// At compiles the expressions for a place. The number is what tells the code; 0: no expression has a value there.
func (s *Show) At(p Place) uint32 {
	if s == nil {
		return 0
	}
	bound := map[string]Argument{}
	key := fmt.Sprint(p.NoSkb)
	for _, a := range p.Args {
		if a.Name != "" && a.Name != "skb" && !slices.Contains(s.seen, a.Name) {
			s.seen = append(s.seen, a.Name)
		}
		if slices.ContainsFunc(s.names, func(n []string) bool { return slices.Contains(n, a.Name) }) {
			bound[a.Name] = a
			key += fmt.Sprintf(" %s %d %p", a.Name, a.At, a.Type)
		}
	}
	if n, ok := s.numbers[key]; ok {
		return n
	}
	c := s.compile(bound, p.NoSkb, uint32(len(s.codes))+1)
	if len(c.fields) == 0 {
		s.numbers[key] = 0
		return 0
	}
	s.codes = append(s.codes, c)
	s.numbers[key] = uint32(len(s.codes))
	return s.numbers[key]
}

// Err is what is wrong with an expression that has a value at none of the places.
func (s *Show) Err() error {
	if s == nil {
		return nil
	}
	for i, e := range s.exprs {
		if s.done[i] {
			continue
		}
		err := s.wrong[i]
		var no noArgument
		if errors.As(err, &no) {
			err = fmt.Errorf("no probe has an argument %q, and it is no constant of this kernel's enums%s", string(no),
				spell.DidYouMean(string(no), s.seen))
			if no == "skb" {
				err = errors.New("no probe has an sk_buff")
			}
		}
		return fmt.Errorf("--show %s: %w", quote(e), err)
	}
	return nil
}

// Size is how many bytes the values have, with struct show_info in front.
func (s *Show) Size() uint32 {
	if s == nil {
		return 0
	}
	return s.size
}

// Fields are those of a code, by its number.
func (s *Show) Fields(code uint32) []Shown {
	if s == nil || code == 0 || int(code) > len(s.codes) {
		return nil
	}
	return s.codes[code-1].fields
}

// noArgument is the name of one that a place does not have.
type noArgument string

func (n noArgument) Error() string { return fmt.Sprintf("there is no %s", string(n)) }

// compile makes the function
//
//	void fill_show(struct show_info *to, u64 skb, void *ctx)
func (s *Show) compile(args map[string]Argument, noSkb bool, number uint32) (c shownCode) {
	s.types.args, s.types.noSkb = args, noSkb
	at := uint32(showFirst)
	w := &where{direct: s.direct, types: s.types, same: map[string]string{}, prefix: "fill_show", most: maxShownWaiting}
	w.emit(asm.Mov.Reg(regTo, asm.R1), asm.Mov.Reg(regSkb, asm.R2), asm.Mov.Reg(regCtx, asm.R3))
	w.emit(asm.LoadImm(asm.R1, int64(number), asm.DWord), asm.StoreMem(regTo, 0, asm.R1, asm.DWord))
	for i, e := range s.exprs {
		before := len(w.ins)
		pending := w.pending
		w.fault, w.waiting = w.newLabel(), 0
		shown, err := s.one(w, e, at)
		if err != nil {
			w.ins, w.pending = w.ins[:before], pending
			var no noArgument
			if s.wrong[i] == nil || !errors.As(err, &no) {
				s.wrong[i] = err
			}
			continue
		}
		s.done[i] = true
		shown.Expr, shown.Bit, shown.At = e, 1<<i, at
		w.emit(asm.LoadMem(asm.R1, regTo, 4, asm.Word), asm.LoadImm(asm.R2, int64(shown.Bit), asm.DWord),
			asm.Or.Reg(asm.R1, asm.R2), asm.StoreMem(regTo, 4, asm.R1, asm.Word))
		w.mark(w.fault)
		c.fields = append(c.fields, shown)
		at += max(8, (shown.Size+7)&^7)
	}
	w.emit(asm.Mov.Imm(asm.R0, 0), asm.Return())
	if err := checkSize(w.resolved()); err != nil {
		c.fields = nil
		for i := range s.wrong {
			s.wrong[i], s.done[i] = err, false
		}
		return c
	}
	c.ins = w.resolved()
	s.size = max(s.size, at)
	return c
}

// one has the value of an expression stored at an offset.
func (s *Show) one(w *where, expr string, at uint32) (shown Shown, err error) {
	n, err := s.types.parse(expr)
	if err != nil {
		return shown, err
	}
	if at > math.MaxInt16-maxShownText {
		return shown, errors.New("that is too much for one event")
	}
	off := int16(at)
	if p, ok, err := s.place(w, n); err != nil {
		return shown, err
	} else if ok {
		return s.stored(w, n, p, off)
	}
	v, err := w.value(n)
	if err != nil {
		return shown, err
	}
	typ := btf.Type(nil)
	switch n := n.(type) {
	case cast:
		typ = n.to
	case ident:
		typ = s.types.args[n.name].Type
	}
	return s.number(w, v, typ, off), nil
}

// place finds where what n names is, if it names something in memory.
func (s *Show) place(w *where, n node) (p place, ok bool, err error) {
	switch n := n.(type) {
	case field, index:
	case unary:
		if n.op != "*" {
			return p, false, nil
		}
	default:
		return p, false, nil
	}
	p, err = w.place(n)
	return p, true, err
}

// stored has what is at p stored as its type is to be shown.
func (s *Show) stored(w *where, n node, p place, off int16) (shown Shown, err error) {
	member := ""
	if f, ok := n.(field); ok {
		member = f.name
	}
	// What has one member is shown as that: atomic_t, refcount_t, kuid_t, possible_net_t.
	for p.bits == 0 {
		members, ok := membersOf(p.typ)
		if !ok || len(members) != 1 || members[0].BitfieldSize != 0 || isAddress(p.typ) {
			break
		}
		p.typ, p.off = members[0].Type, p.off+int64(members[0].Offset/8)
	}
	copied := func(kind ShownKind, size uint32, by asm.BuiltinFunc) (Shown, error) {
		if err := w.add(p.off); err != nil {
			return shown, err
		}
		w.copyTo(off, by, size)
		return Shown{Kind: kind, Size: size}, nil
	}
	if p.bits == 0 {
		switch t := btf.UnderlyingType(p.typ).(type) {
		case *btf.Struct, *btf.Union:
			if name := t.TypeName(); name == "in6_addr" {
				return copied(ShownIP, 16, asm.FnProbeReadKernel)
			} else if name == "in_addr" {
				return copied(ShownIP, 4, asm.FnProbeReadKernel)
			}
		case *btf.Array:
			if i, ok := btf.UnderlyingType(t.Type).(*btf.Int); ok && i.Size == 1 && t.Nelems > 0 {
				switch {
				case isChar(t.Type, i):
					return copied(ShownText, min(t.Nelems, maxShownText), asm.FnProbeReadKernelStr)
				case t.Nelems == 6 || t.Nelems == 32: // ETH_ALEN, MAX_ADDR_LEN
					return copied(ShownMAC, 6, asm.FnProbeReadKernel)
				default:
					return copied(ShownBytes, min(t.Nelems, maxShownText), asm.FnProbeReadKernel)
				}
			}
			return shown, fmt.Errorf("%s is an array: name one of its elements", describe(t))
		case *btf.Pointer:
			i, ok := btf.UnderlyingType(t.Target).(*btf.Int)
			if !ok || i.Size != 1 || !isChar(t.Target, i) && !strings.HasSuffix(member, "_addr") {
				break
			}
			if _, err := w.load(p); err != nil {
				return shown, err
			}
			if !isChar(t.Target, i) {
				w.copyTo(off, asm.FnProbeReadKernel, 6) // dev_addr, an array until 5.16
				return Shown{Kind: ShownMAC, Size: 6}, nil
			}
			w.copyTo(off, asm.FnProbeReadKernelStr, maxShownText)
			return Shown{Kind: ShownText, Size: maxShownText}, nil
		case *btf.Int:
			if t.Size == 4 && isNamed(p.typ, "__be32") && namesAddress(member) {
				return copied(ShownIP, 4, asm.FnProbeReadKernel)
			}
		}
	}
	v, err := w.load(p)
	if err != nil {
		return shown, err
	}
	return s.number(w, v, p.typ, off), nil
}

// number has acc stored. Big-endian numbers are shown in host order.
func (s *Show) number(w *where, v value, typ btf.Type, off int16) Shown {
	shown := Shown{Kind: ShownUnsigned}
	if v.signed {
		shown.Kind = ShownSigned
	}
	if typ != nil {
		for name, size := range map[string]int{"__be16": 2, "__be32": 4, "__be64": 8} {
			if isNamed(typ, name) && v.size == size {
				w.emit(asm.HostTo(asm.BE, regAcc, sizesOf[size]))
			}
		}
		if e, ok := btf.UnderlyingType(typ).(*btf.Enum); ok {
			shown.Kind, shown.Enum = ShownEnum, map[uint64]string{}
			for _, value := range e.Values {
				if _, ok := shown.Enum[value.Value]; !ok {
					shown.Enum[value.Value] = value.Name
				}
			}
		}
	}
	w.emit(asm.StoreMem(regTo, off, regAcc, asm.DWord))
	return shown
}

var sizesOf = map[int]asm.Size{2: asm.Half, 4: asm.Word, 8: asm.DWord}

// copyTo copies n bytes from acc to an offset of what is filled.
func (w *where) copyTo(off int16, by asm.BuiltinFunc, n uint32) {
	w.emit(
		asm.Mov.Reg(asm.R1, regTo),
		asm.Add.Imm(asm.R1, int32(off)),
		asm.Mov.Imm(asm.R2, int32(n)),
		asm.Mov.Reg(asm.R3, regAcc),
		by.Call(),
		asm.JSLT.Imm(asm.R0, 0, w.fault),
	)
}

// isNamed tells whether a type is the typedef of that name, or one of that.
func isNamed(t btf.Type, name string) bool {
	for {
		switch u := t.(type) {
		case *btf.Typedef:
			if u.Name == name {
				return true
			}
			t = u.Type
		case *btf.Const:
			t = u.Type
		case *btf.Volatile:
			t = u.Type
		default:
			return false
		}
	}
}

// isChar tells char, of which strings are, from signed and unsigned char and u8.
func isChar(t btf.Type, i *btf.Int) bool {
	return i.Name == "char" && !isNamed(t, "u8") && !isNamed(t, "__u8")
}

func isAddress(t btf.Type) bool {
	name := btf.UnderlyingType(t).TypeName()
	return name == "in_addr" || name == "in6_addr"
}

// namesAddress tells by its name that a big-endian number of 32 bits is an IPv4 address, and not a flow label, an SPI
// or a sequence number.
func namesAddress(member string) bool {
	if strings.Contains(member, "addr") || strings.HasPrefix(member, "ifa_") || strings.HasPrefix(member, "rt_gw") {
		return true
	}
	switch member {
	case "src", "dst", "ip", "ip4", "a4", "gw", "gw4", "ipv4_gw", "ipv4_nh", "fc_gw4", "local", "remote", "group",
		"rt_dst", "rt_src", "key_ip", "multiaddr", "nh_gw", "fib_nh_gw4", "fib_prefsrc", "nh_saddr":
		return true
	}
	return false
}
