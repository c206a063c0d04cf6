//go:build kernel

package kerneltest

import (
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	bpflink "github.com/cilium/ebpf/link"
)

// What programs of XDP return (include/uapi/linux/bpf.h).
const (
	xdpDrop     = 1
	xdpPass     = 2
	xdpRedirect = 4
)

// returning is a BPF program that does nothing but return a number; of spec it takes the type and what else is wanted.
func returning(t *testing.T, spec ebpf.ProgramSpec, n int32) *ebpf.Program {
	t.Helper()
	spec.License, spec.Instructions = "GPL", asm.Instructions{asm.Mov.Imm(asm.R0, n), asm.Return()}
	program, err := ebpf.NewProgram(&spec)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// cgroupRefusing makes a cgroup whose BPF program lets nothing pass in one direction.
func cgroupRefusing(t *testing.T, name string, way ebpf.AttachType) (cgroup string) {
	t.Helper()
	program := returning(t, ebpf.ProgramSpec{Type: ebpf.CGroupSKB, AttachType: way}, 0)
	defer program.Close() // its attachment holds it
	cgroup = newCgroup(t, name)
	attached, err := bpflink.AttachCgroup(bpflink.CgroupOptions{Path: cgroup, Attach: way, Program: program})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { attached.Close() })
	return cgroup
}
