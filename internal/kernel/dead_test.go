//go:build linux && (amd64 || arm64)

package kernel

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// loadSetting has r point to the setting at an offset.
func loadSetting(r asm.Register, offset int64) asm.Instruction {
	return asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: r, Src: asm.PseudoMapValue, Constant: offset << 32}.WithReference(".rodata")
}

// jump is one by its offset, as compiled programs have them.
func jump(op asm.JumpOp, r asm.Register, value int32, offset int16) asm.Instruction {
	in := op.Imm(r, value, "")
	in.Offset = offset
	return in.WithReference("")
}

// outlineOf is a program without what differs for no reason.
func outlineOf(ins asm.Instructions) string {
	var b strings.Builder
	for _, in := range ins {
		fmt.Fprintf(&b, "%v %v %v %d %d %s%s\n", in.OpCode, in.Dst, in.Src, in.Offset, in.Constant, in.Reference(), in.Symbol())
	}
	return b.String()
}

// Branches that settings decide are taken out with all behind them; others stay, whatever they come from.
func TestDropDead(t *testing.T) {
	settings := make([]byte, 16)
	settings[0] = 1
	binary.NativeEndian.PutUint32(settings[8:], 96)
	ret := func(v int32) asm.Instructions {
		return asm.Instructions{asm.Mov.Imm(asm.R0, v), asm.Return()}
	}
	read := func(r asm.Register, offset int64, size asm.Size) asm.Instructions {
		return asm.Instructions{loadSetting(r, offset), asm.LoadMem(r, r, 0, size)}
	}
	join := func(parts ...asm.Instructions) (all asm.Instructions) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	one := func(in ...asm.Instruction) asm.Instructions { return in }
	function := func(name string, v int32) asm.Instructions {
		f := ret(v)
		f[0] = btf.WithFuncMetadata(f[0].WithSymbol(name), &btf.Func{Name: name})
		return f
	}
	reloc := btf.WithCORERelocationMetadata(asm.Mov.Imm(asm.R1, 0), &btf.CORERelocation{})
	for name, c := range map[string]struct{ in, want asm.Instructions }{
		"on": {
			join(read(asm.R1, 0, asm.Byte), one(jump(asm.JEq, asm.R1, 0, 2)), ret(1), ret(2)),
			join(read(asm.R1, 0, asm.Byte), one(jump(asm.Ja, 0, 0, 0)), ret(1)),
		},
		"off": {
			join(read(asm.R1, 1, asm.Byte), one(jump(asm.JEq, asm.R1, 0, 2)), ret(1), ret(2)),
			join(read(asm.R1, 1, asm.Byte), one(jump(asm.Ja, 0, 0, 0)), ret(2)),
		},
		"a number, masked": {
			join(read(asm.R1, 8, asm.Word), one(asm.And.Imm(asm.R1, 32), jump(asm.JGT, asm.R1, 31, 2)), ret(1), ret(2)),
			join(read(asm.R1, 8, asm.Word), one(asm.And.Imm(asm.R1, 32), jump(asm.Ja, 0, 0, 0)), ret(2)),
		},
		"over a wide instruction": {
			join(read(asm.R1, 0, asm.Byte), one(jump(asm.JNE, asm.R1, 1, 4)), one(jump(asm.JEq, asm.R6, 0, 3), asm.LoadImm(asm.R0, 1<<40, asm.DWord)), one(asm.Return()), ret(2)),
			join(read(asm.R1, 0, asm.Byte), one(jump(asm.Ja, 0, 0, 0)), one(jump(asm.JEq, asm.R6, 0, 3), asm.LoadImm(asm.R0, 1<<40, asm.DWord)), one(asm.Return()), ret(2)),
		},
		"known one way only": {
			join(read(asm.R1, 0, asm.Byte), one(jump(asm.JEq, asm.R6, 0, 1), asm.Mov.Reg(asm.R1, asm.R6), jump(asm.JEq, asm.R1, 0, 2)), ret(1), ret(2)),
			nil,
		},
		"gone with a call": {
			join(read(asm.R1, 0, asm.Byte), one(asm.FnKtimeGetNs.Call(), jump(asm.JEq, asm.R1, 0, 2)), ret(1), ret(2)),
			nil,
		},
		"outside": {
			join(read(asm.R1, 16, asm.Byte), one(jump(asm.JEq, asm.R1, 0, 2)), ret(1), ret(2)),
			nil,
		},
		"added to atomically": {
			join(one(asm.Mov.Imm(asm.R1, 1), asm.FetchAdd.Mem(asm.R10, asm.R1, asm.DWord, -8), jump(asm.JEq, asm.R1, 1, 2)), ret(1), ret(2)),
			nil,
		},
		"a function that is not called": {
			join(read(asm.R1, 1, asm.Byte), one(jump(asm.JEq, asm.R1, 0, 1), asm.Call.Label("f")), ret(1), function("f", 1), function("g", 2)),
			join(read(asm.R1, 1, asm.Byte), one(jump(asm.Ja, 0, 0, 0)), ret(1)),
		},
		"functions that are called": {
			join(one(asm.Call.Label("g"), asm.Instruction{OpCode: asm.LoadImmOp(asm.DWord), Dst: asm.R2, Src: asm.PseudoFunc, Constant: -1}.WithReference("f")), ret(1), function("f", 1), function("g", 2)),
			nil,
		},
		"labels": {
			join(read(asm.R1, 0, asm.Byte), one(asm.JEq.Imm(asm.R1, 0, "no"), asm.Mov.Imm(asm.R0, 1), asm.Ja.Label("end"), asm.Mov.Imm(asm.R0, 2).WithSymbol("no"), asm.Return().WithSymbol("end"))),
			join(read(asm.R1, 0, asm.Byte), one(jump(asm.Ja, 0, 0, 0), asm.Mov.Imm(asm.R0, 1), jump(asm.Ja, 0, 0, 0), asm.Return().WithSymbol("end"))),
		},
		"a relocation": {
			join(one(reloc, jump(asm.JEq, asm.R1, 0, 2)), ret(1), ret(2)),
			nil,
		},
	} {
		want := c.want
		if want == nil {
			want = c.in
		}
		if got := dropDead(c.in, settings); outlineOf(got) != outlineOf(want) {
			t.Errorf("%s:\n%s\nbecomes\n%s\nnot\n%s", name, outlineOf(c.in), outlineOf(got), outlineOf(want))
		}
	}
}

// What is left of a program does as all of it did.
func TestDropDeadRandom(t *testing.T) {
	settings := []byte{0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0, 0}
	smaller := 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		ins := randomProgram(r)
		got := dropDead(ins, settings)
		if len(got) < len(ins) {
			smaller++
		}
		for range 8 {
			inputs := [4]uint64{r.Uint64N(3), r.Uint64N(3), r.Uint64N(3), r.Uint64N(3)}
			if a, b := interpret(ins, settings, inputs), interpret(got, settings, inputs); a != b {
				t.Fatalf("seed %d: %d, and without what is dead %d:\n%s\n%s", seed, a, b, outlineOf(ins), outlineOf(got))
			}
		}
	}
	if smaller < 1000 {
		t.Errorf("%d of 3000 programs became smaller", smaller)
	}
}

// randomProgram has settings, sums and branches in R1 to R5; R6 to R9 are its inputs.
func randomProgram(r *rand.Rand) asm.Instructions {
	var ins asm.Instructions
	for i := range asm.Register(5) {
		ins = append(ins, asm.Mov.Imm(asm.R1+i, r.Int32N(3)))
	}
	first := len(ins)
	size := 20 + r.IntN(30)
	at := []int{0}
	for range size {
		d, s := asm.R1+asm.Register(r.IntN(5)), asm.R1+asm.Register(r.IntN(9))
		var in asm.Instruction
		switch r.IntN(9) {
		case 0, 1:
			ins = append(ins, loadSetting(d, r.Int64N(9)))
			in = asm.LoadMem(d, d, 0, []asm.Size{asm.Byte, asm.Half, asm.Word, asm.DWord}[r.IntN(4)])
		case 2:
			in = asm.Mov.Reg(d, s)
		case 3:
			in = []asm.ALUOp{asm.Add, asm.Sub, asm.And, asm.Or, asm.Xor, asm.LSh, asm.RSh, asm.Mov}[r.IntN(8)].Imm(d, r.Int32N(4))
		case 4:
			in = []asm.ALUOp{asm.Add, asm.Sub, asm.And, asm.Or, asm.Xor, asm.LSh, asm.RSh, asm.Mov}[r.IntN(8)].Reg32(d, s)
		default:
			in = []asm.JumpOp{asm.JEq, asm.JNE, asm.JGT, asm.JGE, asm.JLT, asm.JLE, asm.JSet}[r.IntN(7)].Imm(d, r.Int32N(4), "")
			in.Offset = -2 // to be found
		}
		ins = append(ins, in)
	}
	for i := range asm.Register(4) {
		ins = append(ins, asm.Mov.Reg(asm.R0, asm.R1+i))
		if i > 0 {
			ins[len(ins)-1] = asm.Add.Reg(asm.R0, asm.R1+i)
		}
	}
	ins = append(ins, asm.Return())
	at = at[:0]
	offset := 0
	for i := range ins {
		at = append(at, offset)
		offset += int(ins[i].Width())
	}
	for i := range ins {
		if i >= first && ins[i].Offset == -2 {
			to := i + 1 + r.IntN(min(8, len(ins)-5-i))
			ins[i] = ins[i].WithReference("")
			ins[i].Offset = int16(at[to] - at[i] - 1)
		}
	}
	return ins
}

// interpret runs such a program.
func interpret(ins asm.Instructions, settings []byte, inputs [4]uint64) uint64 {
	var r [11]uint64
	copy(r[6:], inputs[:])
	at := map[int]int{}
	offset := 0
	var offsets []int
	for i := range ins {
		at[offset] = i
		offsets = append(offsets, offset)
		offset += int(ins[i].Width())
	}
	for i := 0; ; {
		in := &ins[i]
		i++
		v := uint64(in.Constant)
		if in.OpCode.Source() == asm.RegSource {
			v = r[in.Src]
		}
		switch in.OpCode.Class() {
		case asm.LdClass:
			r[in.Dst] = uint64(in.Constant) >> 32
		case asm.LdXClass:
			b := make([]byte, 8)
			copy(b, settings[min(r[in.Src], 15):][:min(in.OpCode.Size().Sizeof(), 16-int(min(r[in.Src], 15)))])
			r[in.Dst] = binary.NativeEndian.Uint64(b)
		case asm.ALUClass, asm.ALU64Class:
			if in.OpCode.ALUOp() == asm.Mov {
				r[in.Dst] = v
			} else {
				r[in.Dst] = calculate(in.OpCode, r[in.Dst], v).value
			}
			if in.OpCode.Class() == asm.ALUClass {
				r[in.Dst] = uint64(uint32(r[in.Dst]))
			}
		default:
			op := in.OpCode.JumpOp()
			if op == asm.Exit {
				return r[0]
			}
			x := r[in.Dst]
			if op == asm.Ja || op == asm.JEq && x == v || op == asm.JNE && x != v || op == asm.JGT && x > v || op == asm.JGE && x >= v ||
				op == asm.JLT && x < v || op == asm.JLE && x <= v || op == asm.JSet && x&v != 0 {
				i = at[offsets[i-1]+1+int(in.Offset)]
			}
		}
	}
}
