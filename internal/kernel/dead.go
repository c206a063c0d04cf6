//go:build linux && (amd64 || arm64)

package kernel

import (
	"encoding/binary"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// The programs are written for all kernels and settings, and the verifier takes out what this one's
// settings turn off. Before it does, it goes over all instructions several times; so what can't be
// reached is taken out here, by no more than it would see too: a branch on a setting.

// A known is what is known of a register.
type known struct {
	kind  knownKind
	value uint64 // a number, or an offset in .rodata
}

type knownKind uint8

const (
	anything knownKind = iota
	number
	setting // the address of one
)

// registers are R0 to R9.
type registers [10]known

// meet leaves what is known either way, and tells whether that is less than it was.
func (r *registers) meet(o *registers) (less bool) {
	for i := range r {
		if r[i].kind != anything && r[i] != o[i] {
			r[i] = known{}
			less = true
		}
	}
	return less
}

// dropDead returns the instructions that can be reached when .rodata holds settings; all of them, if
// there is one that it does not know.
func dropDead(ins asm.Instructions, settings []byte) asm.Instructions {
	w := walk{ins: ins, settings: settings, reached: make([]way, len(ins)), state: make([]int32, len(ins)),
		symbols: map[string]int{}}
	w.at = make([]uint32, len(ins)+1)
	for i := range ins {
		if s := ins[i].Symbol(); s != "" {
			w.symbols[s] = i
		}
		w.at[i+1] = w.at[i] + uint32(ins[i].Width())
	}
	w.index = make([]int32, w.at[len(ins)])
	for i := range ins {
		w.index[w.at[i]] = int32(i) + 1
	}
	if !w.join(0) {
		return ins
	}
	for i := range ins {
		if !w.joins(i) {
			return ins
		}
	}
	w.to(0, &registers{})
	for len(w.todo) > 0 {
		i := w.todo[len(w.todo)-1]
		w.todo = w.todo[:len(w.todo)-1]
		if !w.from(i) {
			return ins
		}
	}
	return w.rest()
}

// A way is how an instruction is left; none: it is not reached.
type way uint8

const (
	onward way = 1 << iota
	branch
)

// A walk goes over all instructions that can be reached.
type walk struct {
	ins      asm.Instructions
	settings []byte
	symbols  map[string]int
	at       []uint32 // where each instruction is, in units of 8 bytes
	index    []int32  // and which is there, from 1; 0: none begins there

	reached []way
	state   []int32     // which of states belongs to an instruction that one comes to from elsewhere; 0: none
	states  []registers // what is known there, whichever way one came
	came    []bool
	todo    []int
}

// target is where the jump i goes to.
func (w *walk) target(i int) (int, bool) {
	in := &w.ins[i]
	if in.Offset == -1 && in.Reference() != "" {
		to, ok := w.symbols[in.Reference()]
		return to, ok
	}
	at := int64(w.at[i+1]) + int64(in.Offset)
	if at < 0 || at >= int64(len(w.index)) || w.index[at] == 0 {
		return 0, false
	}
	return int(w.index[at]) - 1, true
}

// join has i be an instruction that one comes to from elsewhere.
func (w *walk) join(i int) bool {
	if i >= len(w.ins) {
		return false
	}
	if w.state[i] == 0 {
		w.states, w.came = append(w.states, registers{}), append(w.came, false)
		w.state[i] = int32(len(w.states))
	}
	return true
}

// joins does that for where i leads to besides the next. False: that is not understood.
func (w *walk) joins(i int) bool {
	in := &w.ins[i]
	switch {
	case in.IsFunctionCall() || in.IsLoadOfFunctionPointer():
		to, ok := w.symbols[in.Reference()]
		return ok && w.join(to)
	case isBranch(in):
		if in.OpCode.JumpOp() == asm.Ja && in.OpCode.Class() != asm.JumpClass {
			return false // a long jump, whose target is elsewhere
		}
		to, ok := w.target(i)
		return ok && w.join(to)
	}
	return true
}

func isBranch(in *asm.Instruction) bool {
	if !in.OpCode.Class().IsJump() {
		return false
	}
	op := in.OpCode.JumpOp()
	return op != asm.Call && op != asm.Exit
}

// to notes that i, which is come to from elsewhere, is reached with r.
func (w *walk) to(i int, r *registers) {
	n := w.state[i] - 1
	if !w.came[n] {
		w.came[n], w.states[n] = true, *r
	} else if !w.states[n].meet(r) {
		return
	}
	w.todo = append(w.todo, i)
}

// from goes on from there, up to where one joins others. False: it leads out of the program.
func (w *walk) from(i int) bool {
	r := w.states[w.state[i]-1]
	for {
		in := &w.ins[i]
		ways := onward
		switch class := in.OpCode.Class(); {
		case isBranch(in):
			taken, sure := w.taken(in, &r)
			if ways = onward | branch; sure && taken {
				ways = branch
			} else if sure {
				ways = onward
			}
			if ways&branch != 0 {
				to, _ := w.target(i)
				w.to(to, &r)
			}
		case class.IsJump() && in.OpCode.JumpOp() == asm.Exit:
			w.reached[i] = onward
			return true
		case class.IsJump():
			if in.IsFunctionCall() {
				w.to(w.symbols[in.Reference()], &registers{})
			}
			for n := range 6 {
				r[n] = known{}
			}
		case class == asm.StXClass && in.OpCode.Mode() == asm.AtomicMode:
			// Some put what they found into a register.
			r[0] = known{}
			set(&r, in.Src, known{})
		case class == asm.StClass || class == asm.StXClass:
		default:
			if in.IsLoadOfFunctionPointer() {
				w.to(w.symbols[in.Reference()], &registers{})
			}
			set(&r, in.Dst, w.result(in, &r))
		}
		w.reached[i] |= ways
		if ways&onward == 0 {
			return true
		}
		if i++; i >= len(w.ins) {
			return false
		}
		if w.state[i] != 0 {
			w.to(i, &r)
			return true
		}
	}
}

func set(r *registers, to asm.Register, v known) {
	if int(to) < len(r) {
		r[to] = v
	}
}

// taken tells whether a branch is taken, and whether that is known.
func (w *walk) taken(in *asm.Instruction, r *registers) (taken, sure bool) {
	op := in.OpCode.JumpOp()
	if op == asm.Ja {
		return true, true
	}
	a, b := of(r, in.Dst), known{number, uint64(in.Constant)}
	if in.OpCode.Source() == asm.RegSource {
		b = of(r, in.Src)
	}
	if a.kind != number || b.kind != number || in.OpCode.Class() != asm.JumpClass {
		return false, false
	}
	x, y := a.value, b.value
	switch op {
	case asm.JEq:
		return x == y, true
	case asm.JNE:
		return x != y, true
	case asm.JGT:
		return x > y, true
	case asm.JGE:
		return x >= y, true
	case asm.JLT:
		return x < y, true
	case asm.JLE:
		return x <= y, true
	case asm.JSet:
		return x&y != 0, true
	}
	return false, false
}

// relocated: CO-RE has a say in what in does.
func relocated(in *asm.Instruction) bool { return btf.CORERelocationMetadata(in) != nil }

func of(r *registers, n asm.Register) known {
	if int(n) < len(r) {
		return r[n]
	}
	return known{}
}

// result is what is known of the register that in, no jump or store, writes to.
func (w *walk) result(in *asm.Instruction, r *registers) known {
	op := in.OpCode
	if relocated(in) {
		return known{}
	}
	switch op.Class() {
	case asm.LdClass:
		switch {
		case in.IsLoadFromMap() && in.Src == asm.PseudoMapValue && in.Reference() == ".rodata":
			return known{setting, uint64(in.Constant) >> 32}
		case in.IsConstantLoad(asm.DWord) && in.Reference() == "":
			return known{number, uint64(in.Constant)}
		}
	case asm.LdXClass:
		if a := of(r, in.Src); a.kind == setting && op.Mode() == asm.MemMode {
			return w.load(int64(a.value)+int64(in.Offset), op.Size())
		}
	case asm.ALUClass, asm.ALU64Class:
		b := known{number, uint64(in.Constant)}
		if op.Source() == asm.RegSource {
			b = of(r, in.Src)
		}
		if op.ALUOp() == asm.Mov && in.Offset == 0 {
			if op.Class() == asm.ALU64Class {
				return b
			}
			if b.kind == number {
				return known{number, uint64(uint32(b.value))}
			}
			return known{}
		}
		if a := of(r, in.Dst); a.kind == number && b.kind == number && in.Offset == 0 {
			return calculate(op, a.value, b.value)
		}
	}
	return known{}
}

// load is the setting at an offset of .rodata.
func (w *walk) load(at int64, size asm.Size) known {
	if at < 0 || at+int64(size.Sizeof()) > int64(len(w.settings)) {
		return known{}
	}
	b := w.settings[at:]
	switch size {
	case asm.Byte:
		return known{number, uint64(b[0])}
	case asm.Half:
		return known{number, uint64(binary.NativeEndian.Uint16(b))}
	case asm.Word:
		return known{number, uint64(binary.NativeEndian.Uint32(b))}
	case asm.DWord:
		return known{number, binary.NativeEndian.Uint64(b)}
	}
	return known{}
}

func calculate(op asm.OpCode, a, b uint64) known {
	bits := uint64(63)
	if op.Class() == asm.ALUClass {
		a, b, bits = uint64(uint32(a)), uint64(uint32(b)), 31
	}
	var v uint64
	switch op.ALUOp() {
	case asm.Add:
		v = a + b
	case asm.Sub:
		v = a - b
	case asm.And:
		v = a & b
	case asm.Or:
		v = a | b
	case asm.Xor:
		v = a ^ b
	case asm.LSh:
		v = a << (b & bits)
	case asm.RSh:
		v = a >> (b & bits)
	default:
		return known{}
	}
	if op.Class() == asm.ALUClass {
		v = uint64(uint32(v))
	}
	return known{number, v}
}

// rest returns what was reached, with the jumps as they then are.
func (w *walk) rest() asm.Instructions {
	now := make([]uint32, len(w.ins)+1) // where each instruction is then
	left := 0
	for i := range w.ins {
		now[i+1] = now[i]
		if w.reached[i] != 0 {
			now[i+1] += uint32(w.ins[i].Width())
			left++
		}
	}
	out := make(asm.Instructions, 0, left)
	for i := range w.ins {
		ways := w.reached[i]
		if ways == 0 {
			continue
		}
		in := w.ins[i]
		if isBranch(&in) {
			to, _ := w.target(i)
			if ways == onward {
				to = i + 1
			}
			if ways != onward|branch {
				in.OpCode, in.Dst, in.Src, in.Constant = asm.Ja.Op(asm.ImmSource), 0, 0, 0
			}
			// By its offset, whatever it was by.
			if in.Reference() != "" {
				in = in.WithReference("")
			}
			in.Offset = int16(int64(now[to]) - int64(now[i+1]))
		}
		out = append(out, in)
	}
	return out
}
