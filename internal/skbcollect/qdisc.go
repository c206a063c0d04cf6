package skbcollect

import (
	"encoding/binary"
	"net"
	"slices"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// qdiscs are the kinds of queueing discipline on the devices of this network namespace,
// the root's first; nil if the kernel does not tell. What queues nothing is left out.
func qdiscs() map[string]string {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return nil
	}
	defer conn.Close()
	answers, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETQDISC, Flags: netlink.Request | netlink.Dump},
		Data:   make([]byte, sizeofTcmsg),
	})
	if err != nil {
		return nil
	}
	devices, err := net.Interfaces()
	if err != nil {
		return nil
	}
	names := map[uint32]string{}
	for _, d := range devices {
		names[uint32(d.Index)] = d.Name
	}
	kinds := map[string][]string{}
	for _, a := range answers {
		dev, kind, root := qdisc(a.Data)
		name := names[dev]
		switch {
		case name == "" || kind == "" || kind == "noqueue":
		case root:
			kinds[name] = append([]string{kind}, slices.DeleteFunc(kinds[name], func(k string) bool { return k == kind })...)
		case !slices.Contains(kinds[name], kind):
			kinds[name] = append(kinds[name], kind)
		}
	}
	all := map[string]string{}
	for name, k := range kinds {
		all[name] = strings.Join(k, " ")
	}
	return all
}

// sizeofTcmsg is that of struct tcmsg (include/uapi/linux/rtnetlink.h).
const sizeofTcmsg = 20

// qdisc reads an answer to RTM_GETQDISC.
func qdisc(answer []byte) (ifindex uint32, kind string, root bool) {
	if len(answer) < sizeofTcmsg {
		return 0, "", false
	}
	attributes, err := netlink.NewAttributeDecoder(answer[sizeofTcmsg:])
	if err != nil {
		return 0, "", false
	}
	for attributes.Next() {
		if attributes.Type() == unix.TCA_KIND {
			kind = attributes.String()
		}
	}
	const tcHRoot = 0xffffffff // TC_H_ROOT, include/uapi/linux/pkt_sched.h
	return binary.NativeEndian.Uint32(answer[4:]), kind, binary.NativeEndian.Uint32(answer[12:]) == tcHRoot
}
