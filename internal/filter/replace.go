//go:build linux && (amd64 || arm64)

package filter

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
)

// replace is body in the place of the function f. It keeps the symbol, the type and the source
// line of f's first instruction, which a kernel wants to know of each function.
func replace(f, body asm.Instructions) (asm.Instructions, error) {
	body = slices.Clone(body)
	if body[0].Symbol() != "" {
		return nil, fmt.Errorf("replacing %s: something jumps to the new first instruction", f[0].Symbol())
	}
	body[0].Metadata = f[0].Metadata
	return body, nil
}

// inline puts the instructions of the function symbol, which end with the only return, in the
// place of each call of it.
func inline(functions []asm.Instructions, symbol string) {
	at := slices.IndexFunc(functions, func(f asm.Instructions) bool { return f[0].Symbol() == symbol })
	if at < 0 {
		return
	}
	body := slices.Clone(functions[at][:len(functions[at])-1])
	first := body[0]
	body[0] = asm.Instruction{OpCode: first.OpCode, Dst: first.Dst, Src: first.Src, Offset: first.Offset,
		Constant: first.Constant}
	isCall := func(in asm.Instruction) bool { return in.IsFunctionCall() && in.Reference() == symbol }
	for i, f := range functions {
		if !slices.ContainsFunc(f, isCall) {
			continue
		}
		var ins asm.Instructions
		for _, in := range f {
			if !isCall(in) {
				ins = append(ins, in)
				continue
			}
			at := len(ins)
			ins = append(ins, body...)
			ins[at] = ins[at].WithSymbol(in.Symbol())
		}
		functions[i] = ins
	}
}

// prune drops the functions that nothing calls: the verifier takes them for an error.
func prune(functions []asm.Instructions) []asm.Instructions {
	bySymbol := map[string]int{}
	for i, f := range functions {
		bySymbol[f[0].Symbol()] = i
	}
	called := make([]bool, len(functions))
	called[0] = true
	for todo := []int{0}; len(todo) > 0; {
		f := functions[todo[len(todo)-1]]
		todo = todo[:len(todo)-1]
		for _, in := range f {
			if !in.IsFunctionCall() && !in.IsLoadOfFunctionPointer() {
				continue
			}
			if i, ok := bySymbol[in.Reference()]; ok && !called[i] {
				called[i] = true
				todo = append(todo, i)
			}
		}
	}
	var kept []asm.Instructions
	for i, f := range functions {
		if called[i] {
			kept = append(kept, f)
		}
	}
	return kept
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

func join(functions []asm.Instructions) asm.Instructions { return slices.Concat(functions...) }
