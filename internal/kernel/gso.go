package kernel

import (
	"math/bits"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// GSOTypes are the names of the bits SKB_GSO_* on this kernel, without the prefix; "": no
// name. The enum has none itself.
func (k *Kernel) GSOTypes() (names [32]string) {
	scans, err := k.scans()
	if err != nil {
		return names
	}
	for _, s := range scans {
		t, err := s.spec.TypeByID(s.gso)
		e, ok := t.(*btf.Enum)
		if s.gso == 0 || err != nil || !ok {
			continue
		}
		for _, v := range e.Values {
			if name, ok := strings.CutPrefix(v.Name, "SKB_GSO_"); ok {
				names[bits.TrailingZeros32(uint32(v.Value))&31] = name
			}
		}
	}
	return names
}
