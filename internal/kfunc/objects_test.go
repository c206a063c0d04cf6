//go:build linux && (amd64 || arm64)

package kfunc

import (
	"testing"

	"github.com/cilium/ebpf"

	"github.com/skb-tools/skb-tools/bpf"
)

// TestHooked compares with the BPF programs that are attached to functions of their own.
func TestHooked(t *testing.T) {
	spec, err := bpf.LoadPrograms()
	if err != nil {
		t.Fatal(err)
	}
	hooked := map[string]bool{}
	for name, p := range spec.Programs {
		if p.Type != ebpf.Tracing || p.AttachType == ebpf.AttachTraceIter || p.AttachTo == "program" {
			continue
		}
		hooked[p.AttachTo] = true
		if !Lookup(p.AttachTo).Is(Links | Lifetime) {
			t.Errorf("bpf/: %s is attached to %s, whose row says neither Links nor Lifetime", name, p.AttachTo)
		}
	}
	for _, f := range All() {
		if f.Is(Links|Lifetime) && !hooked[f.Name] {
			t.Errorf("%s: no BPF program is attached to it", f.Name)
		}
	}
}
