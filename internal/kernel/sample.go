//go:build linux && (amd64 || arm64)

package kernel

import (
	"fmt"

	"github.com/cilium/ebpf"
)

// applySample sets which packets are reported at all (bpf/sample.h).
func (s *Settings) applySample(spec *ebpf.CollectionSpec) error {
	values := map[string]any{"picks": s.First > 0 || s.Sample > 1}
	if s.Sample > 1 {
		values["sampled"], values["by_flow"], values["sample_below"] = true, s.ByFlow, sampleBelow(s.Sample)
	}
	for name, value := range values {
		if err := spec.Variables[name].Set(value); err != nil {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return nil
}

// sampleBelow is how many of the numbers of 32 bits are those of one packet of n.
func sampleBelow(n uint32) uint64 { return (1<<32 + uint64(n)/2) / uint64(n) }
