//go:build kernel

package kerneltest

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// ipvs makes a service of IPVS for UDP, with one server behind it that gets the packets with its own
// address in them (masquerading), as ipvsadm(8) does; without one if its address is not valid. It runs in
// the director's namespace.
func ipvs(service, server netip.AddrPort) error {
	// include/uapi/linux/ip_vs.h
	const newService, newDest = 1, 5
	const inService, inDest = 1, 2
	const family, protocol, address, port, scheduler, flags, timeout, netmask = 1, 2, 3, 4, 6, 7, 8, 9
	const destAddress, destPort, method, weight, upper, lower = 1, 2, 3, 4, 5, 6
	addr := func(a netip.AddrPort) []byte { return append(a.Addr().AsSlice(), make([]byte, 12)...) }
	be16 := func(n uint16) []byte { return binary.BigEndian.AppendUint16(nil, n) }
	s := slices.Concat(attr16(family, unix.AF_INET), attr16(protocol, unix.IPPROTO_UDP), attr(address, addr(service)), attr(port, be16(service.Port())))
	all := slices.Concat(s, attr(scheduler, []byte("rr\x00")), attr(flags, make([]byte, 8)), attr32(timeout, 0), attr32(netmask, 0xffffffff))
	commands := [][]byte{command(newService, attr(inService|nested, all))}
	if server.IsValid() {
		d := slices.Concat(attr(destAddress, addr(server)), attr(destPort, be16(server.Port())), attr32(method, 0), attr32(weight, 1), attr32(upper, 0), attr32(lower, 0))
		commands = append(commands, command(newDest, attr(inService|nested, s), attr(inDest|nested, d)))
	}
	return genetlink("IPVS", 1, commands...)
}
