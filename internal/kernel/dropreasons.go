//go:build linux && (amd64 || arm64)

package kernel

import (
	"strings"

	"github.com/cilium/ebpf/btf"
)

// DropReasons are the names of this kernel's drop reasons; none on kernels before 5.17.
// The core's are without the prefix, which the kernel's own messages leave out too. Those
// of subsystems hold the subsystem in the upper 16 bits of their value; each has an enum
// NAME_drop_reason, if it has names at all (include/net/dropreason.h).
func (k *Kernel) DropReasons() map[uint32]string {
	reasons := map[uint32]string{}
	scans, err := k.scans()
	if err != nil {
		return reasons
	}
	for _, s := range scans {
		for _, enum := range s.reasons {
			addReasons(reasons, enum)
		}
	}
	return reasons
}

func addReasons(reasons map[uint32]string, enum *btf.Enum) {
	core := enum.Name == "skb_drop_reason"
	for _, v := range enum.Values {
		number, name := uint32(v.Value), v.Name
		if short, ok := strings.CutPrefix(name, "SKB_DROP_REASON_"); core && ok {
			name = short
		} else if core {
			name = strings.TrimPrefix(name, "SKB_") // SKB_CONSUMED
		}
		if core == (number>>16 == 0) && !strings.HasPrefix(name, "__") && !isMarker(name) {
			if _, known := reasons[number]; !known {
				reasons[number] = name
			}
		}
	}
}

// isMarker tells the enum's own bookkeeping from reasons.
func isMarker(name string) bool {
	return name == "MAX" || strings.HasSuffix(name, "_MAX") || strings.HasPrefix(name, "SUBSYS_") ||
		strings.Contains(name, "_MASK")
}
