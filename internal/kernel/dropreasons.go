package kernel

import (
	"strings"

	"github.com/cilium/ebpf/btf"
)

// reasonEnums are the enums of drop reasons: the core's, whose names carry a prefix that
// the kernel's own messages leave out, and those of subsystems, whose values hold the
// subsystem in their upper 16 bits (include/net/dropreason.h).
var reasonEnums = []struct{ enum, prefix string }{
	{"skb_drop_reason", "SKB_DROP_REASON_"},
	{"skb_drop_reason", "SKB_"},
	{"mac80211_drop_reason", ""},
	{"ovs_drop_reason", ""},
	{"qdisc_drop_reason", ""},
}

// DropReasons are the names of this kernel's drop reasons; none on kernels before 5.17.
func (k *Kernel) DropReasons() map[uint32]string {
	reasons := map[uint32]string{}
	for _, e := range reasonEnums {
		k.eachType(func(_ string, t btf.Type) {
			enum, ok := t.(*btf.Enum)
			if !ok || enum.Name != e.enum {
				return
			}
			for _, v := range enum.Values {
				name := strings.TrimPrefix(v.Name, e.prefix)
				if strings.HasPrefix(v.Name, e.prefix) && !strings.HasPrefix(v.Name, "__") && !isMarker(name) {
					if _, known := reasons[uint32(v.Value)]; !known {
						reasons[uint32(v.Value)] = name
					}
				}
			}
		})
	}
	return reasons
}

// isMarker tells the enum's own bookkeeping from reasons.
func isMarker(name string) bool {
	return name == "MAX" || strings.HasSuffix(name, "_MAX") || strings.HasPrefix(name, "SUBSYS_") || strings.Contains(name, "_MASK")
}
