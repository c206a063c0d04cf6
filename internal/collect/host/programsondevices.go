//go:build linux && (amd64 || arm64)

package host

import (
	"encoding/binary"
	"slices"

	"github.com/cilium/ebpf"
	bpflink "github.com/cilium/ebpf/link"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/internal/collect/rtnetlink"
)

// Of include/uapi/linux/if_link.h, pkt_sched.h and pkt_cls.h, where golang.org/x/sys has them not.
const (
	iflaXdpProgID    = 4
	iflaXdpDrvProgID = 5
	iflaXdpSkbProgID = 6

	tcIngress = 0xfffffff2 // TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
	tcEgress  = 0xfffffff3

	tcaBpfID = 11
)

// tcxPlaces are where programs of tcx and netkit are on a device.
var tcxPlaces = map[ebpf.AttachType]string{
	ebpf.AttachTCXIngress: " (ingress)", ebpf.AttachTCXEgress: " (egress)",
	ebpf.AttachNetkitPrimary: " (primary)", ebpf.AttachNetkitPeer: " (peer)",
}

// ProgramsOnDevices says on which devices of this network namespace BPF programs are, by their ids, as
// `eth0` for XDP, and `eth0 (ingress)` for tc and tcx. What the kernel does not tell is left out.
func ProgramsOnDevices() map[uint32][]string {
	on := map[uint32][]string{}
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return on
	}
	defer conn.Close()
	add := func(id uint32, where string) {
		if id != 0 && !slices.Contains(on[id], where) {
			on[id] = append(on[id], where)
		}
	}
	for _, answer := range dump(conn, unix.RTM_GETLINK, make([]byte, rtnetlink.SizeofIfinfomsg)) {
		l, ok := readLink(answer)
		if !ok {
			continue
		}
		for _, id := range xdpPrograms(answer) {
			add(id, l.name)
		}
		for parent, way := range map[uint32]string{tcIngress: " (ingress)", tcEgress: " (egress)"} {
			answers, _ := filtersAt(conn, l.index, parent)
			for _, answer := range answers {
				add(filterProgram(answer), l.name+way)
			}
		}
		for at, way := range tcxPlaces {
			q, err := bpflink.QueryPrograms(bpflink.QueryOptions{Target: int(l.index), Attach: at})
			if err != nil {
				continue
			}
			for _, p := range q.Programs {
				add(uint32(p.ID), l.name+way)
			}
		}
	}
	for _, where := range on {
		slices.Sort(where)
	}
	return on
}

// xdpPrograms are the ids in an answer to RTM_GETLINK.
func xdpPrograms(answer netlink.Message) (ids []uint32) {
	a := rtnetlink.Attributes(answer, rtnetlink.SizeofIfinfomsg)
	for a != nil && a.Next() {
		if a.Type() != unix.IFLA_XDP {
			continue
		}
		a.Nested(func(a *netlink.AttributeDecoder) error {
			for a.Next() {
				switch a.Type() {
				case iflaXdpProgID, iflaXdpDrvProgID, iflaXdpSkbProgID:
					ids = append(ids, a.Uint32())
				}
			}
			return nil
		})
	}
	return ids
}

// filterProgram is the id of the program of a tc filter of kind bpf; 0: it is none.
func filterProgram(answer netlink.Message) (id uint32) {
	a := rtnetlink.Attributes(answer, rtnetlink.SizeofTcmsg)
	kind := ""
	for a != nil && a.Next() {
		switch a.Type() {
		case unix.TCA_KIND:
			kind = a.String()
		case unix.TCA_OPTIONS:
			if kind != "bpf" {
				continue
			}
			a.Nested(func(a *netlink.AttributeDecoder) error {
				for a.Next() {
					if a.Type() == tcaBpfID && len(a.Bytes()) == 4 {
						id = binary.NativeEndian.Uint32(a.Bytes())
					}
				}
				return nil
			})
		}
	}
	return id
}
