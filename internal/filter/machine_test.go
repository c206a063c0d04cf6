//go:build linux && (amd64 || arm64)

package filter

import (
	binaryenc "encoding/binary"
	"fmt"
	"math/bits"

	"github.com/cilium/ebpf/asm"
)

// A machine runs what this package writes as the kernel does, as far as it is needed:
// the kernel's memory, the functions that read it, and packet_bytes of bpf/filter.h.
type machine struct {
	memory  map[uint64][]byte // by address
	current uint64            // the running task
	packet  []byte            // at packetAddr; what lies beyond linear is not in memory
	steps   int
	calls   int // of packet_bytes
}

const (
	packetAddr = 0xffff_8880_0000_1002 // an IP header behind Ethernet's is aligned to 4
	stackTop   = 0xffff_c900_0000_2000
	stackSize  = 512
)

// at returns n bytes of memory, nil where there is none.
func (m *machine) at(addr uint64, n int) []byte {
	for start, b := range m.memory {
		if addr >= start && addr+uint64(n) <= start+uint64(len(b)) && addr+uint64(n) >= addr {
			return b[addr-start:][:n]
		}
	}
	return nil
}

// run calls the function with arguments and returns what it does.
func (m *machine) run(ins asm.Instructions, args ...uint64) (int32, error) {
	symbols, err := ins.SymbolOffsets()
	if err != nil {
		return 0, err
	}
	stack := make([]byte, stackSize)
	var r [11]uint64
	for i := range r {
		r[i] = 0xdead_0000_0000_0000 + uint64(i) // the verifier refuses to read what was not written
	}
	copy(r[1:], args)
	r[asm.R10] = stackTop
	onStack := func(addr uint64, n int) []byte {
		if addr < stackTop-stackSize || addr+uint64(n) > stackTop {
			return nil
		}
		return stack[addr-(stackTop-stackSize):][:n]
	}
	direct := asm.RFP // the register that has what packet_window returned; R10: none
	for pc := 0; pc < len(ins); {
		if m.steps++; m.steps > 1<<20 {
			return 0, fmt.Errorf("it does not end")
		}
		in := ins[pc]
		pc++
		op := in.OpCode
		src := uint64(in.Constant)
		switch {
		case op.Class().IsALU():
			if op.ALUOp() == asm.Swap {
				r[in.Dst] = swap(r[in.Dst], int(in.Constant))
				break
			}
			if op.Source() == asm.RegSource {
				src = r[in.Src]
			}
			v, err := alu(op, r[in.Dst], src)
			if err != nil {
				return 0, err
			}
			r[in.Dst] = v
			if in.Src == direct && op.ALUOp() == asm.Mov {
				direct = in.Dst
			}
		case op.IsDWordLoad():
			r[in.Dst] = uint64(in.Constant)
		case op.Class() == asm.LdXClass:
			addr, n := r[in.Src]+uint64(int64(in.Offset)), op.Size().Sizeof()
			b := onStack(addr, n)
			if in.Src == direct {
				if b == nil {
					b = m.at(addr, n)
				}
				r[in.Dst] = load64(b) // zeros where there is nothing
				break
			}
			if b == nil || addr%uint64(n) != 0 {
				return 0, fmt.Errorf("%v: not on the stack, or not aligned", in)
			}
			r[in.Dst] = load64(b)
		case op.Class() == asm.StXClass:
			b := onStack(r[in.Dst]+uint64(int64(in.Offset)), op.Size().Sizeof())
			if b == nil || (r[in.Dst]+uint64(int64(in.Offset)))%uint64(len(b)) != 0 {
				return 0, fmt.Errorf("%v: not on the stack, or not aligned", in)
			}
			var w [8]byte
			binaryenc.LittleEndian.PutUint64(w[:], r[in.Src])
			copy(b, w[:len(b)])
		case op.JumpOp() == asm.Exit:
			return int32(r[0]), nil
		case op.JumpOp() == asm.Call:
			v, err := m.call(in, r[1:6], onStack)
			if err != nil {
				return 0, err
			}
			r[0] = v
			if in.Reference() == "packet_window" {
				direct = asm.R0
			}
			for i := 1; i < 6; i++ {
				r[i] = 0xdead_ca11
			}
		default:
			if op.Source() == asm.RegSource {
				src = r[in.Src]
			}
			taken, err := jumps(op, r[in.Dst], src)
			if err != nil {
				return 0, err
			}
			if taken {
				to, ok := symbols[in.Reference()]
				if !ok {
					return 0, fmt.Errorf("%v: no such label", in)
				}
				if to < pc {
					return 0, fmt.Errorf("%v: it jumps backward", in)
				}
				pc = to
			}
		}
	}
	return 0, fmt.Errorf("it runs off its end")
}

// call is a call of a helper function.
func (m *machine) call(in asm.Instruction, arg []uint64, onStack func(uint64, int) []byte) (uint64, error) {
	if in.Reference() == "packet_window" {
		return arg[0], nil
	}
	if in.Reference() == "packet_bytes" {
		m.calls++
		return m.packetBytes(arg[3], int(arg[4])), nil
	}
	if asm.BuiltinFunc(in.Constant) == asm.FnGetCurrentTask {
		return m.current, nil
	}
	to := onStack(arg[0], int(arg[1]))
	if to == nil {
		return 0, fmt.Errorf("%v: what it writes is not on the stack", in)
	}
	switch asm.BuiltinFunc(in.Constant) {
	case asm.FnProbeReadKernel:
		from := m.at(arg[2], len(to))
		if from == nil {
			clear(to)
			return ^uint64(13), nil // -EFAULT
		}
		copy(to, from)
		return 0, nil
	case asm.FnProbeReadKernelStr:
		for i := range to {
			b := m.at(arg[2]+uint64(i), 1)
			if b == nil {
				clear(to)
				return ^uint64(13), nil
			}
			to[i] = b[0]
			if i == len(to)-1 {
				to[i] = 0
			}
			if to[i] == 0 {
				return uint64(i + 1), nil
			}
		}
	}
	return 0, fmt.Errorf("%v: unknown function", in)
}

// packetBytes does what packet_bytes of bpf/filter.h promises.
func (m *machine) packetBytes(off uint64, size int) uint64 {
	var b [8]byte
	for i := range size {
		if at := off + uint64(i); at < uint64(len(m.packet)) {
			b[i] = m.packet[at]
		}
	}
	return load64(b[:size])
}

func load64(b []byte) uint64 {
	var w [8]byte
	copy(w[:], b)
	return binaryenc.LittleEndian.Uint64(w[:])
}

func swap(v uint64, width int) uint64 {
	return bits.ReverseBytes64(v) >> (64 - width)
}

func alu(op asm.OpCode, dst, src uint64) (uint64, error) {
	width := uint64(64)
	if op.Class() == asm.ALUClass {
		width, dst, src = 32, uint64(uint32(dst)), uint64(uint32(src))
	}
	switch op.ALUOp() {
	case asm.Add:
		dst += src
	case asm.Sub:
		dst -= src
	case asm.Mul:
		dst *= src
	case asm.Div:
		if src == 0 {
			return 0, fmt.Errorf("division by zero")
		}
		dst /= src
	case asm.Mod:
		if src == 0 {
			return 0, fmt.Errorf("division by zero")
		}
		dst %= src
	case asm.Or:
		dst |= src
	case asm.And:
		dst &= src
	case asm.Xor:
		dst ^= src
	case asm.LSh:
		dst <<= src % width
	case asm.RSh:
		dst >>= src % width
	case asm.ArSh:
		if width == 32 {
			dst = uint64(int32(dst) >> (src % width))
		} else {
			dst = uint64(int64(dst) >> (src % width))
		}
	case asm.Neg:
		dst = -dst
	case asm.Mov:
		dst = src
	default:
		return 0, fmt.Errorf("%v: unknown operation", op)
	}
	if width == 32 {
		dst = uint64(uint32(dst))
	}
	return dst, nil
}

func jumps(op asm.OpCode, dst, src uint64) (bool, error) {
	if op.Class() == asm.Jump32Class {
		return false, fmt.Errorf("a 32-bit jump: 5.10 has them, but nothing here should need one")
	}
	switch op.JumpOp() {
	case asm.Ja:
		return true, nil
	case asm.JEq:
		return dst == src, nil
	case asm.JNE:
		return dst != src, nil
	case asm.JGT:
		return dst > src, nil
	case asm.JGE:
		return dst >= src, nil
	case asm.JLT:
		return dst < src, nil
	case asm.JLE:
		return dst <= src, nil
	case asm.JSGT:
		return int64(dst) > int64(src), nil
	case asm.JSGE:
		return int64(dst) >= int64(src), nil
	case asm.JSLT:
		return int64(dst) < int64(src), nil
	case asm.JSLE:
		return int64(dst) <= int64(src), nil
	case asm.JSet:
		return dst&src != 0, nil
	}
	return false, fmt.Errorf("%v: unknown jump", op)
}
