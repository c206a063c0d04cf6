//go:build linux && (amd64 || arm64)

package kernel

import (
	"math/bits"
	"strings"
)

// GSOTypes are the names of the bits SKB_GSO_* on this kernel, without the prefix; "": no
// name. The enum has none itself.
func (k *Kernel) GSOTypes() (names [32]string) {
	scans, err := k.scans()
	if err != nil {
		return names
	}
	for _, s := range scans {
		if s.gso == nil {
			continue
		}
		for _, v := range s.gso.Values {
			if name, ok := strings.CutPrefix(v.Name, "SKB_GSO_"); ok {
				names[bits.TrailingZeros32(uint32(v.Value))&31] = name
			}
		}
	}
	return names
}
