//go:build linux && (amd64 || arm64)

package kernel

import (
	"runtime"

	"github.com/cilium/ebpf/btf"
)

// RegisterAt is where in struct pt_regs the n-th argument of a function is, from 0 to 5, as bpf/kernel.h has it.
func RegisterAt(n int) int16 {
	if runtime.GOARCH == "arm64" {
		return int16(8 * n)
	}
	return 8 * [...]int16{14, 13, 12, 11, 9, 8}[n] // di, si, dx, cx, r8, r9
}

// TraceProto is a tracepoint's type, without the first parameter, which is no argument; nil: not known. The types of
// what is attached to a tracepoint have no names of arguments, but the function that calls it has (DECLARE_TRACE in
// include/linux/tracepoint.h).
func (k *Kernel) TraceProto(t Tracepoint) *btf.FuncProto {
	types, err := k.module(t.Module)
	if err != nil {
		return nil
	}
	var caller *btf.Func
	if types.TypeByName("__traceiter_"+t.Name, &caller) != nil {
		return nil
	}
	proto, ok := caller.Type.(*btf.FuncProto)
	if !ok || len(proto.Params) < 2 {
		return nil
	}
	return &btf.FuncProto{Return: proto.Return, Params: proto.Params[1:]}
}
