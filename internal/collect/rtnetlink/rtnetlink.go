//go:build linux

// Package rtnetlink has what is needed to read the devices and queueing disciplines of a network namespace, and what
// else the kernel tells in messages of a fixed header with attributes behind it.
package rtnetlink

import (
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// How many bytes the headers have, struct ifinfomsg and tcmsg (include/uapi/linux/rtnetlink.h).
const (
	SizeofIfinfomsg = 16
	SizeofTcmsg     = 20
)

// Links is the request of RTM_GETLINK for devices without their statistics.
func Links() ([]byte, error) {
	const skipStats = 1 << 3 // RTEXT_FILTER_SKIP_STATS, include/uapi/linux/rtnetlink.h
	e := netlink.NewAttributeEncoder()
	e.Uint32(unix.IFLA_EXT_MASK, skipStats)
	mask, err := e.Encode()
	return append(make([]byte, SizeofIfinfomsg), mask...), err
}

// Attributes of an answer are behind its header of so many bytes; nil if it is too short.
func Attributes(answer netlink.Message, header int) *netlink.AttributeDecoder {
	if len(answer.Data) < header {
		return nil
	}
	a, err := netlink.NewAttributeDecoder(answer.Data[header:])
	if err != nil {
		return nil
	}
	return a
}
