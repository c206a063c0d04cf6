package filter

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// Replace swaps the instructions of the function symbol within spec for body. It keeps the
// symbol, the type and the source line of the function's first instruction, which a
// kernel wants to know of each function.
func Replace(spec *ebpf.ProgramSpec, symbol string, body asm.Instructions) error {
	functions := split(spec.Instructions)
	for i, f := range functions {
		if f[0].Symbol() != symbol {
			continue
		}
		body = append(asm.Instructions(nil), body...)
		if body[0].Symbol() != "" {
			return fmt.Errorf("replacing %s: something jumps to the new first instruction", symbol)
		}
		body[0].Metadata = f[0].Metadata
		functions[i] = body
		spec.Instructions = join(functions)
		return nil
	}
	return fmt.Errorf("replacing %s: program %s has no such function", symbol, spec.Name)
}

// inline puts the instructions of the function symbol, which end with the only return, in the
// place of each call of it.
func inline(spec *ebpf.ProgramSpec, symbol string) {
	var body, ins asm.Instructions
	for _, f := range split(spec.Instructions) {
		if f[0].Symbol() == symbol {
			body = append(body, f[:len(f)-1]...)
		}
	}
	if body == nil {
		return
	}
	first := body[0]
	body[0] = asm.Instruction{OpCode: first.OpCode, Dst: first.Dst, Src: first.Src, Offset: first.Offset, Constant: first.Constant}
	for _, in := range spec.Instructions {
		if !in.IsFunctionCall() || in.Reference() != symbol {
			ins = append(ins, in)
			continue
		}
		at := len(ins)
		ins = append(ins, body...)
		ins[at] = ins[at].WithSymbol(in.Symbol())
	}
	spec.Instructions = ins
}

// prune drops the functions that nothing calls: the verifier takes them for an error.
func prune(spec *ebpf.ProgramSpec) {
	functions := split(spec.Instructions)
	called := map[string]bool{functions[0][0].Symbol(): true}
	for again := true; again; {
		again = false
		for _, f := range functions {
			if !called[f[0].Symbol()] {
				continue
			}
			for _, ins := range f {
				if isFunctionReference(ins) && !called[ins.Reference()] {
					called[ins.Reference()] = true
					again = true
				}
			}
		}
	}
	kept := functions[:0]
	for _, f := range functions {
		if called[f[0].Symbol()] {
			kept = append(kept, f)
		}
	}
	spec.Instructions = join(kept)
}

func isFunctionReference(ins asm.Instruction) bool {
	return ins.Reference() != "" && (ins.IsFunctionCall() || ins.IsLoadOfFunctionPointer())
}

// calls reports whether spec has the function symbol.
func has(spec *ebpf.ProgramSpec, symbol string) bool {
	for _, ins := range spec.Instructions {
		if ins.Symbol() == symbol {
			return true
		}
	}
	return false
}

// split cuts a program into its functions. The first instruction of each knows its type.
func split(ins asm.Instructions) []asm.Instructions {
	var functions []asm.Instructions
	start := 0
	for i := 1; i <= len(ins); i++ {
		if i == len(ins) || btf.FuncMetadata(&ins[i]) != nil {
			functions = append(functions, ins[start:i:i])
			start = i
		}
	}
	return functions
}

func join(functions []asm.Instructions) asm.Instructions {
	var ins asm.Instructions
	for _, f := range functions {
		ins = append(ins, f...)
	}
	return ins
}
