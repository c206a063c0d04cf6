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

// maxFilterQuestions bounds how often the kernel is asked for a device's filters: a host of
// many devices is not to wait for them.
const maxFilterQuestions = 512

// unfiltered are the kinds of queueing discipline that look at no filters.
var unfiltered = []string{"noqueue", "pfifo_fast", "pfifo", "bfifo", "mq", "fq", "tbf", "netem", "codel", "pie", "red"}

// filters says which devices have tc filters and where, and what their actions are, as
// ingress:drop; nil if it is not known of all.
func filters(conn *netlink.Conn, names map[uint32]string, disciplines []discipline) (where, actions map[string]string) {
	where, actions = map[string]string{}, map[string]string{}
	asked := 0
	for _, q := range disciplines {
		name := names[q.ifindex]
		if name == "" || slices.Contains(unfiltered, q.kind) {
			continue
		}
		// Those of clsact are at its two parents, include/uapi/linux/pkt_sched.h.
		places := map[uint32]string{q.handle: q.kind}
		if q.kind == "clsact" || q.kind == "ingress" {
			places = map[uint32]string{0xfffffff2: "ingress"}
			if q.kind == "clsact" {
				places[0xfffffff3] = "egress"
			} else {
				places = map[uint32]string{q.handle: "ingress"}
			}
		}
		for parent, place := range places {
			if asked++; asked > maxFilterQuestions {
				return nil, nil
			}
			answers, ok := filtersAt(conn, q.ifindex, parent)
			if !ok {
				return nil, nil
			}
			if len(answers) > 0 {
				where[name] = withWord(where[name], place)
			}
			for _, answer := range answers {
				for _, action := range filterActions(answer) {
					actions[name] = withWord(actions[name], place+":"+action)
				}
			}
		}
	}
	return where, actions
}

// withWord puts a word in its place among sorted ones.
func withWord(words, word string) string {
	all := strings.Fields(words)
	if at, found := slices.BinarySearch(all, word); !found {
		all = slices.Insert(all, at, word)
	}
	return strings.Join(all, " ")
}

// filtersAt are the answers about the filters at one place.
func filtersAt(conn *netlink.Conn, ifindex, parent uint32) (answers []netlink.Message, ok bool) {
	request := make([]byte, rtnetlink.SizeofTcmsg)
	binary.NativeEndian.PutUint32(request[4:], ifindex)
	binary.NativeEndian.PutUint32(request[12:], parent)
	answers, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETTFILTER, Flags: netlink.Request | netlink.Dump},
		Data:   request,
	})
	return answers, err == nil
}
