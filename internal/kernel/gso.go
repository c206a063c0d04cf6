package kernel

import (
	"math/bits"
	"strings"

	"github.com/cilium/ebpf/btf"
)

// GSOTypes are the names of the bits SKB_GSO_* on this kernel, without the prefix; "": no
// name. The enum has none itself.
func (k *Kernel) GSOTypes() (names [32]string) {
	for t, err := range k.types.All() {
		e, ok := t.(*btf.Enum)
		if err != nil || !ok || len(e.Values) == 0 || e.Values[0].Name != "SKB_GSO_TCPV4" {
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
