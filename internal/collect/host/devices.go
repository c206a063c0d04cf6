//go:build linux && (amd64 || arm64)

package host

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/collect/rtnetlink"
	"github.com/skb-tools/skb-tools/internal/kernel"
)

// A link is a device as RTM_GETLINK tells of it.
type link struct {
	index, master, below uint32
	name                 string
	device               format.Device
}

// Of include/uapi/linux/if_link.h and if_bridge.h, where golang.org/x/sys has them not.
const (
	iflaInfoSlaveKind  = 4
	iflaInfoSlaveData  = 5
	iflaVlanID         = 1
	iflaVrfTable       = 1
	iflaXdpAttached    = 2
	iflaBondSlaveState = 1
	iflaBrportState    = 1
	iflaBrportLocked   = 39
)

// links are the devices of this network namespace, without their statistics.
func links(conn *netlink.Conn) []link {
	request, err := rtnetlink.Links()
	if err != nil {
		return nil
	}
	var all []link
	for _, answer := range dump(conn, unix.RTM_GETLINK, request) {
		if l, ok := readLink(answer); ok {
			all = append(all, l)
		}
	}
	return all
}

func readLink(answer netlink.Message) (l link, ok bool) {
	a := rtnetlink.Attributes(answer, rtnetlink.SizeofIfinfomsg)
	if a == nil {
		return l, false
	}
	d := &l.device
	l.index = binary.NativeEndian.Uint32(answer.Data[4:])
	d.Up = binary.NativeEndian.Uint32(answer.Data[8:])&unix.IFF_UP != 0
	for a.Next() {
		switch a.Type() {
		case unix.IFLA_IFNAME:
			l.name = a.String()
		case unix.IFLA_ADDRESS:
			if b := a.Bytes(); len(b) > 0 {
				d.Addr = net.HardwareAddr(b).String()
			}
		case unix.IFLA_MTU:
			d.MTU = a.Uint32()
		case unix.IFLA_MASTER:
			l.master = a.Uint32()
		case unix.IFLA_LINK:
			l.below = a.Uint32()
		case unix.IFLA_LINK_NETNSID:
			l.below = 0 // the device below is in another namespace
			defer func() { l.below = 0 }()
		case unix.IFLA_CARRIER:
			if carrier := a.Uint8() != 0; d.Up {
				d.Carrier = format.Some(carrier)
			}
		case unix.IFLA_XDP:
			a.Nested(func(a *netlink.AttributeDecoder) error {
				for a.Next() {
					if a.Type() == iflaXdpAttached {
						d.XDP = a.Uint8() != 0
					}
				}
				return nil
			})
		case unix.IFLA_LINKINFO:
			a.Nested(func(a *netlink.AttributeDecoder) error {
				linkInfo(a, d)
				return nil
			})
		}
	}
	return l, l.name != "" && a.Err() == nil
}

func linkInfo(a *netlink.AttributeDecoder, d *format.Device) {
	slave := ""
	for a.Next() {
		switch a.Type() {
		case unix.IFLA_INFO_KIND:
			d.Kind = a.String()
		case iflaInfoSlaveKind:
			slave = a.String()
		case unix.IFLA_INFO_DATA:
			a.Nested(func(a *netlink.AttributeDecoder) error {
				for a.Next() {
					switch {
					case d.Kind == "vlan" && a.Type() == iflaVlanID:
						d.VLAN = a.Uint16()
					case d.Kind == "vrf" && a.Type() == iflaVrfTable:
						d.Table = a.Uint32()
					}
				}
				return nil
			})
		case iflaInfoSlaveData:
			a.Nested(func(a *netlink.AttributeDecoder) error {
				for a.Next() {
					switch {
					case slave == "bond" && a.Type() == iflaBondSlaveState:
						d.Port = kernel.NameOf(bondStates[:], int(a.Uint8()))
					case slave == "bridge" && a.Type() == iflaBrportState:
						d.Port = kernel.NameOf(bridgeStates[:], int(a.Uint8()))
					case slave == "bridge" && a.Type() == iflaBrportLocked:
						d.Locked = format.Some(a.Uint8() != 0)
					}
				}
				return nil
			})
		}
	}
}

// bondStates are BOND_STATE_* of include/uapi/linux/if_bonding.h, bridgeStates BR_STATE_* of
// if_bridge.h.
var (
	bondStates   = [...]string{"active", "backup"}
	bridgeStates = [...]string{"disabled", "listening", "learning", "forwarding", "blocking"}
)

// addresses are the IP addresses of each device, with the lengths of their networks.
func addresses(conn *netlink.Conn) map[uint32][]string {
	const sizeofIfaddrmsg = 8
	all := map[uint32][]string{}
	for _, answer := range dump(conn, unix.RTM_GETADDR, make([]byte, sizeofIfaddrmsg)) {
		a := rtnetlink.Attributes(answer, sizeofIfaddrmsg)
		if a == nil {
			continue
		}
		var addr, local netip.Addr
		for a.Next() {
			switch a.Type() {
			case unix.IFA_ADDRESS:
				addr, _ = netip.AddrFromSlice(a.Bytes())
			case unix.IFA_LOCAL: // of a point-to-point link, whose IFA_ADDRESS is the peer's
				local, _ = netip.AddrFromSlice(a.Bytes())
			}
		}
		if local.IsValid() {
			addr = local
		}
		if addr.IsValid() {
			index := binary.NativeEndian.Uint32(answer.Data[4:])
			all[index] = append(all[index], netip.PrefixFrom(addr, int(answer.Data[1])).String())
		}
	}
	return all
}

// devices are the links as the start record has them.
func devices(links []link, addrs map[uint32][]string) map[string]format.Device {
	if links == nil {
		return nil
	}
	names := map[uint32]string{}
	for _, l := range links {
		names[l.index] = l.name
	}
	all := map[string]format.Device{}
	for _, l := range links {
		d := l.device
		d.Master, d.Addrs = names[l.master], addrs[l.index]
		if l.below != l.index {
			d.Link = names[l.below]
		}
		all[l.name] = d
	}
	return all
}
