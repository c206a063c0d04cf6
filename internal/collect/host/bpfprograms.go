//go:build linux && (amd64 || arm64)

package host

import (
	"github.com/cilium/ebpf"
)

// refusing are the types of BPF programs that can refuse a packet, as bpftool names them.
var refusing = map[ebpf.ProgramType]string{
	ebpf.CGroupSKB: "cgroup_skb", ebpf.SocketFilter: "socket_filter", ebpf.SchedCLS: "sched_cls",
	ebpf.SchedACT: "sched_act", ebpf.XDP: "xdp", ebpf.Netfilter: "netfilter", ebpf.SkSKB: "sk_skb",
	ebpf.SkReuseport: "sk_reuseport", ebpf.LSM: "lsm",
}

// maxPrograms bounds how many programs are looked at.
const maxPrograms = 4096

// bpfPrograms counts them on the whole machine; nil if the kernel does not tell, which it
// only does with CAP_SYS_ADMIN. Those of skb-collect itself are of other types.
func bpfPrograms() map[string]uint64 {
	counts := map[string]uint64{}
	for _, name := range refusing {
		counts[name] = 0
	}
	id := ebpf.ProgramID(0)
	for range maxPrograms {
		next, err := ebpf.ProgramGetNextID(id)
		if isNoMore(err) {
			return counts
		} else if err != nil {
			return nil
		}
		id = next
		p, err := ebpf.NewProgramFromID(id)
		if err != nil {
			continue // it has gone meanwhile
		}
		if name, ok := refusing[p.Type()]; ok {
			counts[name]++
		}
		p.Close()
	}
	return nil
}
