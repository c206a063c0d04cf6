//go:build linux && (amd64 || arm64)

package filter

import "github.com/cilium/ebpf/asm"

// The largest distance of a jump, in instructions: 16 bits signed. The loader would cut a
// larger one silently.
const maxJump = 1<<15 - 1

// maxPending is the number of branches that the verifier keeps to come back to
// (BPF_COMPLEXITY_LIMIT_JMP_SEQ, kernel/bpf/verifier.c).
const maxPending = 8192

// checkSize reports a function that the loader or the verifier of any kernel would refuse
// for its size. All jumps go forward.
func checkSize(ins asm.Instructions) error {
	if n := ins.Size() / asm.InstructionSize; n > maxJump {
		return errTooLarge{int(n), "instructions", maxJump}
	}
	target, err := ins.SymbolOffsets()
	if err != nil {
		return err
	}
	// pending[i] is the most branches on a way from i to the end.
	pending := make([]int, len(ins)+1)
	for i := len(ins) - 1; i >= 0; i-- {
		pending[i] = pending[i+1]
		switch op := ins[i].OpCode; {
		case op.Class().IsJump() && op.JumpOp() == asm.Exit:
			pending[i] = 0
		case op.Class().IsJump() && op.JumpOp() == asm.Call:
		case op.Class().IsJump() && op.JumpOp() == asm.Ja:
			pending[i] = pending[target[ins[i].Reference()]]
		case op.Class().IsJump():
			pending[i] = 1 + max(pending[i+1], pending[target[ins[i].Reference()]])
		}
	}
	if pending[0] > maxPending {
		return errTooLarge{pending[0], "comparisons in a row", maxPending}
	}
	return nil
}
