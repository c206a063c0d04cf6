//go:build linux && (amd64 || arm64)

package host

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/internal/collect/rtnetlink"
)

// A discipline is a queueing discipline as RTM_GETQDISC tells of it.
type discipline struct {
	ifindex, handle uint32
	kind            string
	root            bool
}

// disciplines are those of the devices of this network namespace; nil if the kernel does
// not tell.
func disciplines(conn *netlink.Conn) []discipline {
	answers := dump(conn, unix.RTM_GETQDISC, make([]byte, rtnetlink.SizeofTcmsg))
	if answers == nil {
		return nil
	}
	all := make([]discipline, 0, len(answers))
	for _, answer := range answers {
		if q := readDiscipline(answer); q.kind != "" {
			all = append(all, q)
		}
	}
	return all
}

// qdiscs are their kinds by device, the root's first. What queues nothing is left out.
func qdiscs(names map[uint32]string, all []discipline) map[string]string {
	if all == nil {
		return nil
	}
	kinds := map[string][]string{}
	for _, q := range all {
		name := names[q.ifindex]
		switch {
		case name == "" || q.kind == "noqueue":
		case q.root:
			kinds[name] = append([]string{q.kind}, slices.DeleteFunc(kinds[name], func(k string) bool { return k == q.kind })...)
		case !slices.Contains(kinds[name], q.kind):
			kinds[name] = append(kinds[name], q.kind)
		}
	}
	joined := map[string]string{}
	for name, k := range kinds {
		joined[name] = strings.Join(k, " ")
	}
	return joined
}

// readDiscipline reads an answer to RTM_GETQDISC.
func readDiscipline(answer netlink.Message) (q discipline) {
	a := rtnetlink.Attributes(answer, rtnetlink.SizeofTcmsg)
	if a == nil {
		return q
	}
	for a.Next() {
		if a.Type() == unix.TCA_KIND {
			q.kind = a.String()
		}
	}
	const tcHRoot = 0xffffffff // TC_H_ROOT, include/uapi/linux/pkt_sched.h
	q.ifindex, q.handle = binary.NativeEndian.Uint32(answer.Data[4:]), binary.NativeEndian.Uint32(answer.Data[8:])
	q.root = binary.NativeEndian.Uint32(answer.Data[12:]) == tcHRoot
	return q
}
