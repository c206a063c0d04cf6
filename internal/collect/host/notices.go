//go:build linux && (amd64 || arm64)

package host

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/internal/kernel"
)

// A notices is a socket on which the kernel tells, unasked, that something of this network namespace
// changes.
type notices struct {
	fd     int
	notice func(m notice)
	lost   func() // there was no room for some
}

// A notice is one message.
type notice struct {
	kind uint16 // of the message: RTM_NEWLINK
	data []byte // behind the header; of the kernel's device model: all of it
}

// listen opens a socket of a netlink protocol and joins its groups.
func listen(protocol int, groups ...int) (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		return -1, err
	}
	// Without the capability for it, there is room for less.
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, roomForNotices)
	err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	for _, g := range groups {
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, g)
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// maxNotices bounds how many are read at once, roomForNotices the bytes that wait to be read, as the kernel
// counts them.
const (
	maxNotices     = 4096
	roomForNotices = 1 << 20
)

// read takes what there is.
func (n *notices) read(buf []byte) {
	for range maxNotices {
		size, from, err := unix.Recvfrom(n.fd, buf, unix.MSG_DONTWAIT|unix.MSG_TRUNC)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return
		case err != nil || size > len(buf): // ENOBUFS: the kernel had no room
			n.lost()
			continue
		}
		if a, ok := from.(*unix.SockaddrNetlink); !ok || a.Pid != 0 {
			continue // not of the kernel
		}
		if bytes.HasPrefix(buf[:size], []byte("add@")) || bytes.HasPrefix(buf[:size], []byte("remove@")) {
			n.notice(notice{data: buf[:size]})
			continue
		}
		for rest := buf[:size]; len(rest) >= unix.SizeofNlMsghdr; {
			length := int(binary.NativeEndian.Uint32(rest))
			if length < unix.SizeofNlMsghdr || length > len(rest) {
				break
			}
			n.notice(notice{binary.NativeEndian.Uint16(rest[4:]), rest[unix.SizeofNlMsghdr:length]})
			rest = rest[min((length+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1), len(rest)):]
		}
	}
	n.lost() // what comes faster than it is read is not waited for
}

// routeGroups are those of rtnetlink that tell of what the start record has
// (include/uapi/linux/rtnetlink.h).
var routeGroups = []int{
	unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE,
	unix.RTNLGRP_TC, unix.RTNLGRP_IPV4_NETCONF, unix.RTNLGRP_IPV6_NETCONF,
}

// routeKeys are what a device or what belongs to it has in the start record.
var routeKeys = []string{"sysctl", "qdisc", "devices", "tc_filters", "tc_actions", "ip_rules"}

// routeChanges are the keys that a message of rtnetlink is about.
func routeChanges(kind uint16) []string {
	switch kind {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		return routeKeys[:5]
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		return []string{"devices"}
	case unix.RTM_NEWRULE, unix.RTM_DELRULE:
		return []string{"ip_rules"}
	case unix.RTM_NEWNETCONF, unix.RTM_DELNETCONF:
		return []string{"sysctl"}
	case unix.RTM_NEWQDISC, unix.RTM_DELQDISC:
		return []string{"qdisc", "tc_filters", "tc_actions"}
	}
	return []string{"tc_filters", "tc_actions"} // filters, chains of them, classes, actions
}

// Of include/uapi/linux/xfrm.h, whose groups golang.org/x/sys has not: of IPsec's states and policies, and
// of those whose time is over. Acquire (group 1), which tells that a state is wanted, changes nothing.
var xfrmGroups = []int{2, 3, 4}

var xfrmKeys = []string{"xfrm", "xfrm_spis"}

// moduleOf is the module that a message of the device model (lib/kobject_uevent.c) says was loaded or
// removed; "" if it is about something else.
func moduleOf(m notice) string {
	first, _, _ := bytes.Cut(m.data, []byte{0})
	_, path, _ := strings.Cut(string(first), "@")
	name, ok := strings.CutPrefix(path, "/module/")
	if !ok {
		return ""
	}
	return name
}

// moduleChanges are the keys that a module has a part in.
func moduleChanges(name string) []string {
	switch name {
	case "xfrm_user", "af_key":
		return xfrmKeys
	case "nf_tables", "ip_tables", "ip6_tables", "arp_tables", "ebtables":
		return firewallKeys
	}
	for _, of := range [...]string{"iptable_", "ip6table_", "arptable_", "ebtable_"} {
		if strings.HasPrefix(name, of) {
			return firewallKeys
		}
	}
	return nil
}

var firewallKeys = []string{"firewall"}

// A chainNotice is what a message of nf_tables says of the chains that the start record has.
type chainNotice struct {
	table string // "nft inet filter ": with what names of its chains begin
	chain string // "": the table
	hook  string // of a base chain
	base  bool
	gone  bool
}

// chainOf reads one; ok is false if the message is about nothing that the start record has. Numbers
// are those of include/uapi/linux/netfilter/nf_tables.h.
func chainOf(m notice) (c chainNotice, ok bool) {
	const newTable, delTable, newChain, delChain = 0, 2, 3, 5
	const tableName, chainTable, chainName, chainHook, hookNum = 1, 1, 3, 4, 1
	message := m.kind & 0xff // behind the subsystem's number
	if message != delTable && message != newChain && message != delChain || m.kind>>8 != unix.NFNL_SUBSYS_NFTABLES ||
		len(m.data) < 4 {
		return c, false
	}
	a, err := netlink.NewAttributeDecoder(m.data[4:])
	if err != nil {
		return c, false
	}
	family := kernel.NFTFamilies[m.data[0]]
	table := ""
	for a.Next() {
		switch {
		case a.Type() == tableName && message == delTable, a.Type() == chainTable && message != delTable:
			table = a.String()
		case message == delTable:
		case a.Type() == chainName:
			c.chain = a.String()
		case a.Type() == chainHook:
			a.Nested(func(a *netlink.AttributeDecoder) error {
				for a.Next() {
					if a.Type() == hookNum && len(a.Bytes()) == 4 {
						c.base, c.hook = true, hookName(family, binary.BigEndian.Uint32(a.Bytes()))
					}
				}
				return nil
			})
		}
	}
	if table == "" || strings.HasPrefix(table, OwnTable) {
		return c, false
	}
	c.table, c.gone = "nft "+family+" "+table+" ", message != newChain
	return c, c.gone || c.base
}
