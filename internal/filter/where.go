//go:build linux && (amd64 || arm64)

package filter

import (
	binaryenc "encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// The registers of the code for --where: all live through calls.
const (
	regSkb = asm.R6
	regAcc = asm.R7 // where each part of an expression leaves its value
)

// The stack: what the kernel copies, and the left operands that wait for the right ones.
const (
	maxText    = 62
	slotText   = -64
	slotFirst  = slotText - 8
	maxWaiting = 12
)

// A where compiles one expression into
//
//	int filter_where(u64 skb)
//
// Each pointer is followed by bpf_probe_read_kernel, but for skb and current, which are
// pointers to what they should be, by a direct load where that can be had. Where it leads nowhere, the operand of
// the innermost || around counts as false, or else the whole expression.
type where struct {
	types   *types
	direct  bool // packet_window may be called
	ins     asm.Instructions
	labels  int
	pending string            // the label of the next instruction,
	same    map[string]string // and other names for it
	waiting int               // slots in use
	fault   string            // where to go when a pointer leads nowhere
	prefix  string            // of the labels
	most    int               // slots that may be in use
}

// compileWhere compiles the expressions, all of which a packet must meet.
func compileWhere(exprs []string, spec *btf.Spec, direct bool) (asm.Instructions, error) {
	w := &where{direct: direct, types: &types{spec: spec}, same: map[string]string{}, fault: "filter_where.no",
		prefix: "filter_where", most: maxWaiting}
	w.emit(asm.Mov.Reg(regSkb, asm.R1))
	for _, expr := range exprs {
		n, err := w.types.parse(expr)
		if err == nil {
			next := w.newLabel()
			err = w.branch(n, next, w.fault)
			w.mark(next)
		}
		if err != nil {
			return nil, fmt.Errorf("--where %s: %w", quote(expr), err)
		}
	}
	w.emit(asm.Mov.Imm(asm.R0, 1), asm.Return())
	w.mark("filter_where.no")
	w.emit(asm.Mov.Imm(asm.R0, 0), asm.Return())
	return w.resolved(), checkSize(w.ins)
}

// resolved are the instructions, each place with one label.
func (w *where) resolved() asm.Instructions {
	for i := range w.ins {
		if s, ok := w.same[w.ins[i].Reference()]; ok {
			w.ins[i] = w.ins[i].WithReference(s)
		}
	}
	return w.ins
}

func (w *where) emit(ins ...asm.Instruction) {
	if w.pending != "" {
		ins[0] = ins[0].WithSymbol(w.pending)
		w.pending = ""
	}
	w.ins = append(w.ins, ins...)
}

func (w *where) newLabel() string {
	w.labels++
	return fmt.Sprintf("%s.%d", w.prefix, w.labels)
}

// mark gives the next instruction a label.
func (w *where) mark(label string) {
	if w.pending != "" {
		w.same[label] = w.pending
		return
	}
	w.pending = label
}

// A value is what an expression has: a number, or the address of something.
type value struct {
	integer
	target btf.Type // what a pointer points to; nil: a number
}

// A place is what can be read: acc + off, where acc is the register.
type place struct {
	off  int64
	sure bool // it can be read
	location
}

// branch jumps to yes when n is not zero, else to no.
func (w *where) branch(n node, yes, no string) error {
	switch n := n.(type) {
	case unary:
		if n.op == "!" {
			return w.branch(n.x, no, yes)
		}
	case binary:
		switch n.op {
		case "&&":
			next := w.newLabel()
			if err := w.branch(n.x, next, no); err != nil {
				return err
			}
			w.mark(next)
			return w.branch(n.y, yes, no)
		case "||":
			next, fault := w.newLabel(), w.fault
			w.fault = next
			err := w.branch(n.x, yes, next)
			w.fault = fault
			if err != nil {
				return err
			}
			w.mark(next)
			return w.branch(n.y, yes, no)
		case "==", "!=", "<", ">", "<=", ">=":
			return w.compare(n, yes, no)
		}
	}
	if _, err := w.value(n); err != nil {
		return err
	}
	w.emit(asm.JNE.Imm(regAcc, 0, yes), asm.Ja.Label(no))
	return nil
}

var comparisons = map[string][2]asm.JumpOp{ // unsigned, signed
	"==": {asm.JEq, asm.JEq}, "!=": {asm.JNE, asm.JNE},
	"<": {asm.JLT, asm.JSLT}, ">": {asm.JGT, asm.JSGT}, "<=": {asm.JLE, asm.JSLE}, ">=": {asm.JGE, asm.JSGE},
}

func (w *where) compare(n binary, yes, no string) error {
	if s, ok := n.x.(str); ok {
		n.x, n.y = n.y, s
	}
	if s, ok := n.y.(str); ok {
		switch n.op {
		case "==":
			return w.compareText(n.x, s.s, yes, no)
		case "!=":
			return w.compareText(n.x, s.s, no, yes)
		}
		return fmt.Errorf("strings can only be compared by == and !=")
	}
	typ, err := w.operands(n)
	if err != nil {
		return err
	}
	op := comparisons[n.op][0]
	if typ.signed {
		op = comparisons[n.op][1]
	}
	w.emit(op.Reg(asm.R1, regAcc, yes), asm.Ja.Label(no))
	return nil
}

// operands leaves the left operand in R1, the right one in acc, both as the type in which
// they meet.
func (w *where) operands(n binary) (integer, error) {
	x, err := w.value(n.x)
	if err != nil {
		return integer{}, err
	}
	slot, err := w.save()
	if err != nil {
		return integer{}, err
	}
	y, err := w.value(n.y)
	if err != nil {
		return integer{}, err
	}
	w.waiting--
	typ := x.common(y.integer)
	w.convert(regAcc, y.integer, typ)
	w.emit(asm.LoadMem(asm.R1, asm.R10, slot, asm.DWord))
	w.convert(asm.R1, x.integer, typ)
	return typ, nil
}

// save puts acc aside.
func (w *where) save() (slot int16, err error) {
	if w.waiting == w.most {
		return 0, fmt.Errorf("it is nested too deeply: put what is in parentheses on the left")
	}
	slot = int16(slotFirst - 8*w.waiting)
	w.waiting++
	w.emit(asm.StoreMem(asm.R10, slot, regAcc, asm.DWord))
	return slot, nil
}

// convert makes of the number of type from, extended to 64 bits by its sign, one of type to.
func (w *where) convert(r asm.Register, from, to integer) {
	if to.size == 8 || from == to || from.size < to.size && !from.signed {
		return
	}
	if to.size == 4 && !to.signed {
		w.emit(asm.Mov.Reg32(r, r))
		return
	}
	shift, right := int32(64-8*to.size), asm.RSh
	if to.signed {
		right = asm.ArSh
	}
	w.emit(asm.LSh.Imm(r, shift), right.Imm(r, shift))
}

// value leaves what n is in acc.
func (w *where) value(n node) (value, error) {
	switch n := n.(type) {
	case constant:
		v := n.value
		if n.typ.size == 4 && n.typ.signed {
			v = uint64(int64(int32(v)))
		} else if n.typ.size == 4 {
			v = uint64(uint32(v))
		}
		w.constant(regAcc, int64(v))
		return value{integer: n.typ}, nil
	case str:
		return value{}, errString
	case ident:
		return w.ident(n)
	case unary:
		return w.unary(n)
	case binary:
		return w.binary(n)
	case ternary:
		return w.ternary(n)
	case cast:
		return w.cast(n)
	case call:
		return w.call(n)
	}
	p, err := w.place(n)
	if err != nil {
		return value{}, err
	}
	return w.load(p)
}

func (w *where) constant(r asm.Register, v int64) {
	if v == int64(int32(v)) {
		w.emit(asm.Mov.Imm(r, int32(v)))
		return
	}
	w.emit(asm.LoadImm(r, v, asm.DWord))
}

var errString = errors.New("a string can only be compared with a char array or pointer, by == and !=")

var word64 = integer{8, false}

func (w *where) ident(n ident) (value, error) {
	if a, ok := w.types.args[n.name]; ok {
		v, err := scalar(a.Type)
		if err == nil {
			w.emit(asm.LoadMem(regAcc, regCtx, a.At, asm.DWord))
			w.convert(regAcc, word64, v.integer)
		}
		return v, err
	}
	structure := "sk_buff"
	if n.name == "current" {
		structure = "task_struct"
		w.emit(asm.FnGetCurrentTask.Call(), asm.Mov.Reg(regAcc, asm.R0))
	} else {
		w.emit(asm.Mov.Reg(regAcc, regSkb))
	}
	s, err := w.types.tagged("struct", structure)
	return value{word64, s}, err
}

func (w *where) unary(n unary) (value, error) {
	switch n.op {
	case "&":
		p, err := w.place(n.x)
		if err != nil {
			return value{}, err
		}
		if p.bits != 0 {
			return value{}, fmt.Errorf("a bit field has no address")
		}
		return value{word64, p.typ}, w.add(p.off)
	case "*":
		p, err := w.place(n)
		if err != nil {
			return value{}, err
		}
		return w.load(p)
	case "!":
		return w.truth(n)
	}
	x, err := w.number(n.x, n.op)
	if err != nil {
		return value{}, err
	}
	typ := x.promote()
	switch n.op {
	case "-":
		w.emit(asm.Neg.Imm(regAcc, 0))
	case "~":
		w.emit(asm.Xor.Imm(regAcc, -1))
	}
	w.convert(regAcc, word64, typ)
	return value{integer: typ}, nil
}

// number is a value that is no pointer.
func (w *where) number(n node, op string) (value, error) {
	v, err := w.value(n)
	if err == nil && v.target != nil {
		err = fmt.Errorf("%s does not take a pointer (%s *): cast it to u64 first", op, describe(v.target))
	}
	return v, err
}

// truth leaves 0 or 1 in acc.
func (w *where) truth(n node) (value, error) {
	yes, no, done := w.newLabel(), w.newLabel(), w.newLabel()
	if err := w.branch(n, yes, no); err != nil {
		return value{}, err
	}
	w.mark(yes)
	w.emit(asm.Mov.Imm(regAcc, 1), asm.Ja.Label(done))
	w.mark(no)
	w.emit(asm.Mov.Imm(regAcc, 0))
	w.mark(done)
	return value{integer: integer{4, true}}, nil
}

var arithmetic = map[string]asm.ALUOp{"|": asm.Or, "^": asm.Xor, "&": asm.And, "+": asm.Add, "-": asm.Sub, "*": asm.Mul}

func (w *where) binary(n binary) (value, error) {
	switch n.op {
	case "<<", ">>":
		return w.shift(n)
	case "+", "-":
		return w.sum(n)
	}
	op, ok := arithmetic[n.op]
	if !ok {
		return w.truth(n)
	}
	typ, err := w.operands(n)
	if err != nil {
		return value{}, err
	}
	w.emit(op.Reg(regAcc, asm.R1))
	w.convert(regAcc, word64, typ)
	return value{integer: typ}, nil
}

// sum adds or subtracts. A pointer moves by as many of what it points to.
func (w *where) sum(n binary) (value, error) {
	x, err := w.value(n.x)
	if err != nil {
		return value{}, err
	}
	slot, err := w.save()
	if err != nil {
		return value{}, err
	}
	y, err := w.value(n.y)
	if err != nil {
		return value{}, err
	}
	w.waiting--
	typ := x.common(y.integer)
	switch {
	case y.target != nil:
		return value{}, fmt.Errorf("%s takes a pointer only on its left: cast the other to u64 first", n.op)
	case x.target != nil:
		size, err := sizeOf(x.target)
		if err != nil {
			return value{}, err
		}
		w.emit(asm.Mul.Imm(regAcc, int32(size)))
		typ = word64
	default:
		w.convert(regAcc, y.integer, typ)
	}
	w.emit(asm.LoadMem(asm.R1, asm.R10, slot, asm.DWord))
	w.convert(asm.R1, x.integer, typ)
	w.emit(arithmetic[n.op].Reg(asm.R1, regAcc), asm.Mov.Reg(regAcc, asm.R1))
	w.convert(regAcc, word64, typ)
	return value{typ, x.target}, nil
}

func (w *where) shift(n binary) (value, error) {
	x, err := w.number(n.x, n.op)
	if err != nil {
		return value{}, err
	}
	typ := x.promote()
	slot, err := w.save()
	if err != nil {
		return value{}, err
	}
	if _, err := w.number(n.y, n.op); err != nil {
		return value{}, err
	}
	w.waiting--
	op := asm.LSh
	if n.op == ">>" && typ.signed {
		op = asm.ArSh
	} else if n.op == ">>" {
		op = asm.RSh
	}
	w.emit(
		asm.LoadMem(asm.R1, asm.R10, slot, asm.DWord),
		op.Reg(asm.R1, regAcc),
		asm.Mov.Reg(regAcc, asm.R1),
	)
	w.convert(regAcc, word64, typ)
	return value{integer: typ}, nil
}

func (w *where) ternary(n ternary) (value, error) {
	yes, no, done := w.newLabel(), w.newLabel(), w.newLabel()
	if err := w.branch(n.cond, yes, no); err != nil {
		return value{}, err
	}
	w.mark(yes)
	x, err := w.value(n.yes)
	if err != nil {
		return value{}, err
	}
	at := len(w.ins)
	w.emit(asm.Ja.Label(done))
	w.mark(no)
	y, err := w.value(n.no)
	if err != nil {
		return value{}, err
	}
	if x.target != nil || y.target != nil {
		if x.target == nil {
			x.target = y.target
		}
		w.mark(done)
		return value{word64, x.target}, nil
	}
	// The other branch has its own conversion, in front of its jump.
	typ := x.common(y.integer)
	w.convert(regAcc, y.integer, typ)
	w.mark(done)
	if x.size < typ.size || x.signed != typ.signed {
		if x.integer.signed && !typ.signed && typ.size == 4 {
			jump := w.ins[at]
			w.ins = append(w.ins[:at], append(asm.Instructions{asm.Mov.Reg32(regAcc, regAcc).WithSymbol(jump.Symbol()),
				asm.Ja.Label(done)}, w.ins[at+1:]...)...)
		}
	}
	return value{integer: typ}, nil
}

func (w *where) cast(n cast) (value, error) {
	x, err := w.value(n.x)
	if err != nil {
		return value{}, err
	}
	to, err := scalar(n.to)
	if err != nil {
		return value{}, fmt.Errorf("nothing can be cast to %s", describe(n.to))
	}
	if t, ok := btf.UnderlyingType(n.to).(*btf.Int); ok && t.Encoding == btf.Bool {
		// 1 for all that is not 0: the sign of v | -v.
		w.emit(asm.Mov.Reg(asm.R1, regAcc), asm.Neg.Imm(asm.R1, 0), asm.Or.Reg(regAcc, asm.R1), asm.RSh.Imm(regAcc, 63))
		return to, nil
	}
	w.convert(regAcc, x.integer, to.integer)
	return to, nil
}

func (w *where) call(n call) (value, error) {
	if _, err := w.number(n.x, n.function); err != nil {
		return value{}, err
	}
	size := byteOrder[n.function]
	w.emit(asm.HostTo(asm.BE, regAcc, sizes[size]))
	return value{integer: integer{size, false}}, nil
}

// place finds where n is: acc + off.
func (w *where) place(n node) (place, error) {
	switch n := n.(type) {
	case field:
		return w.field(n)
	case index:
		v, err := w.sum(binary{"+", n.x, n.i})
		if err == nil && v.target == nil {
			err = fmt.Errorf("only arrays and pointers have elements")
		}
		return place{location: location{typ: v.target}}, err
	case unary:
		if n.op == "*" {
			v, err := w.value(n.x)
			if err == nil && v.target == nil {
				err = fmt.Errorf("only what a pointer points to can be had by *")
			}
			return place{location: location{typ: v.target}}, err
		}
	}
	return place{}, fmt.Errorf("only fields and elements have an address")
}

func (w *where) field(n field) (place, error) {
	var p place
	if n.arrow {
		v, err := w.value(n.x)
		if err != nil {
			return p, err
		}
		if v.target == nil {
			return p, fmt.Errorf("->%s: what is left of it is no pointer", n.name)
		}
		p.typ = v.target
		i, ok := n.x.(ident)
		p.sure = ok && (i.name == "skb" || i.name == "current")
	} else {
		var err error
		if i, ok := n.x.(ident); ok {
			return p, fmt.Errorf("%s is a pointer: use ->%s", i.name, n.name)
		}
		if p, err = w.place(n.x); err != nil {
			return p, err
		}
	}
	members, ok := membersOf(p.typ)
	if _, pointer := btf.UnderlyingType(p.typ).(*btf.Pointer); pointer && !n.arrow {
		return p, fmt.Errorf(".%s: what is left of it is a pointer: use ->%s", n.name, n.name)
	}
	if !ok {
		return p, fmt.Errorf("%s has no fields that this kernel's BTF knows", describe(p.typ))
	}
	l, ok := lookup(members, n.name)
	if !ok {
		return p, fmt.Errorf("no field %q in %s%s", n.name, describe(btf.UnderlyingType(p.typ)),
			suggest(n.name, fieldNames(members)))
	}
	p.off += int64(l.bitOff / 8)
	l.bitOff %= 8
	p.location = l
	return p, nil
}

func (w *where) add(off int64) error {
	if off != int64(int32(off)) {
		return fmt.Errorf("an offset of %d is too large", off)
	}
	if off != 0 {
		w.emit(asm.Add.Imm(regAcc, int32(off)))
	}
	return nil
}

// load reads what is at p. An array stays where it is: its value is its address.
func (w *where) load(p place) (value, error) {
	if a, ok := btf.UnderlyingType(p.typ).(*btf.Array); ok {
		return value{word64, a.Type}, w.add(p.off)
	}
	v, err := scalar(p.typ)
	if err != nil {
		return v, err
	}
	size := v.size
	if p.bits != 0 {
		for size = 1; uint32(8*size) < p.bitOff+p.bits; size *= 2 {
		}
	}
	if size > 8 {
		return v, fmt.Errorf("a number of %d bytes is not supported", size)
	}
	if err := w.add(p.off); err != nil {
		return v, err
	}
	if w.direct && p.sure {
		w.emit(
			asm.Mov.Reg(asm.R1, regAcc),
			asm.Call.Label("packet_window"),
			asm.LoadMem(regAcc, asm.R0, 0, loadSizes[size]),
		)
	} else {
		w.read(asm.FnProbeReadKernel, size)
		w.emit(
			asm.JNE.Imm(asm.R0, 0, w.fault),
			asm.LoadMem(regAcc, asm.R10, slotText, loadSizes[size]),
		)
	}
	if p.bits != 0 {
		right := asm.RSh
		if v.signed {
			right = asm.ArSh
		}
		w.emit(asm.LSh.Imm(regAcc, int32(64-p.bitOff-p.bits)), right.Imm(regAcc, int32(64-p.bits)))
		// C promotes what fits into an int to one.
		if p.bits < 32 {
			v.integer = integer{4, true}
		}
		return v, nil
	}
	if v.signed {
		w.convert(regAcc, word64, v.integer)
	}
	return v, nil
}

// le is the byte order of all that skb-collect is built for. (binary is a node here.)
var le = binaryenc.LittleEndian

var loadSizes = map[int]asm.Size{1: asm.Byte, 2: asm.Half, 4: asm.Word, 8: asm.DWord}

// read copies n bytes from acc to slotText, by one of the kernel's functions for that.
func (w *where) read(by asm.BuiltinFunc, n int) {
	w.emit(
		asm.Mov.Reg(asm.R1, asm.R10),
		asm.Add.Imm(asm.R1, slotText),
		asm.Mov.Imm(asm.R2, int32(n)),
		asm.Mov.Reg(asm.R3, regAcc),
		by.Call(),
	)
}

// compareText jumps to yes when the char array or pointer n holds the string s.
func (w *where) compareText(n node, s string, yes, no string) error {
	for i := range s {
		if s[i] == 0 {
			return fmt.Errorf("a string ends at its first NUL byte")
		}
	}
	if len(s) > maxText {
		return fmt.Errorf("a string can have %d bytes at most, not %d", maxText, len(s))
	}
	v, err := w.value(n)
	if err != nil {
		return err
	}
	if v.target == nil {
		return fmt.Errorf("only a char array or pointer can be compared with a string")
	}
	if i, ok := btf.UnderlyingType(v.target).(*btf.Int); !ok || i.Size != 1 {
		return fmt.Errorf("a pointer to %s can't be compared with a string", describe(v.target))
	}
	// One more byte than s and its NUL need: a longer string is then told by its length.
	w.read(asm.FnProbeReadKernelStr, len(s)+2)
	w.emit(
		asm.JSLT.Imm(asm.R0, 0, w.fault),
		asm.JNE.Imm(asm.R0, int32(len(s)+1), no),
	)
	for off, size := 0, 8; off < len(s); {
		for size > len(s)-off {
			size /= 2
		}
		var b [8]byte
		copy(b[:], s[off:off+size])
		w.emit(asm.LoadMem(asm.R1, asm.R10, int16(slotText+off), loadSizes[size]))
		w.constant(asm.R2, int64(le.Uint64(b[:])))
		w.emit(asm.JNE.Reg(asm.R1, asm.R2, no))
		off += size
	}
	w.emit(asm.Ja.Label(yes))
	return nil
}

// scalar is the value that something of type t has.
func scalar(t btf.Type) (value, error) {
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Int:
		return value{integer: integer{int(t.Size), t.Encoding&btf.Signed != 0}}, nil
	case *btf.Enum:
		return value{integer: integer{int(t.Size), t.Signed}}, nil
	case *btf.Pointer:
		return value{word64, t.Target}, nil
	case *btf.Struct, *btf.Union:
		return value{}, fmt.Errorf("%s is no number: name one of its fields", describe(t))
	}
	return value{}, fmt.Errorf("%s is no number", describe(t))
}

// sizeOf is the size in bytes of what a pointer points to; as in GNU C, 1 for void.
func sizeOf(t btf.Type) (int, error) {
	switch btf.UnderlyingType(t).(type) {
	case *btf.Void, *btf.FuncProto:
		return 1, nil
	}
	n, err := btf.Sizeof(t)
	if err != nil || n > math.MaxInt32 {
		return 0, fmt.Errorf("this kernel's BTF doesn't say how large %s is", describe(t))
	}
	return n, nil
}
