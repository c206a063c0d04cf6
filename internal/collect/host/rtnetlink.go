//go:build linux && (amd64 || arm64)

package host

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/internal/collect/rtnetlink"
)

// dump gives the answers to a request for all of a kind; nil if the kernel does not tell.
func dump(conn *netlink.Conn, kind netlink.HeaderType, request []byte) []netlink.Message {
	answers, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: kind, Flags: netlink.Request | netlink.Dump},
		Data:   request,
	})
	if err != nil {
		return nil
	}
	return answers
}

// ipRules counts the rules of ip-rule(8) of one family beside those that each namespace
// begins with: of priority 0, 32766 and 32767 for the tables local, main and default, and
// the one that the kernel adds with the first VRF (1000, net/core/fib_rules.c and
// drivers/net/vrf.c).
func ipRules(conn *netlink.Conn, family byte) (n uint64, ok bool) {
	const sizeofFibRule = 12 // struct fib_rule_hdr, include/uapi/linux/fib_rules.h
	request := make([]byte, sizeofFibRule)
	request[0] = family
	answers := dump(conn, unix.RTM_GETRULE, request)
	for _, answer := range answers {
		a := rtnetlink.Attributes(answer, sizeofFibRule)
		if a == nil {
			return 0, false
		}
		priority, selects := uint32(0), answer.Data[1] != 0 || answer.Data[2] != 0
		for a.Next() {
			switch a.Type() {
			case unix.FRA_PRIORITY:
				priority = a.Uint32()
			case unix.FRA_IIFNAME, unix.FRA_OIFNAME, unix.FRA_FWMARK, unix.FRA_UID_RANGE:
				selects = true
			}
		}
		switch {
		case !selects && (priority == 0 || priority == 32766 || priority == 32767 || priority == 1000):
		default:
			n++
		}
	}
	return n, answers != nil
}

// xfrm is how many states and policies IPsec has, and the SPIs of the states; nil if the kernel does not tell.
// A kernel without the module that would tell has none by it, and is not made to load it.
func xfrm() (counts map[string]uint64, spis map[string]string) {
	if !netlinkHas(unix.NETLINK_XFRM) {
		if _, err := os.Stat("/sys/module/af_key"); err == nil {
			return nil, nil // states can have been made by PF_KEY, which does not count them
		}
		return map[string]uint64{"states": 0, "policies": 0}, map[string]string{}
	}
	conn, err := netlink.Dial(unix.NETLINK_XFRM, nil)
	if err != nil {
		return nil, nil
	}
	defer conn.Close()
	// XFRM_MSG_GETSADINFO and XFRM_MSG_GETSPDINFO with their flags, answered by
	// XFRMA_SAD_CNT, and by a struct xfrmu_spdinfo of six counts in XFRMA_SPD_INFO
	// (include/uapi/linux/xfrm.h): in, out and forwarded, and the same of sockets.
	states, ok := xfrmInfo(conn, 0x23, 1)
	if !ok || len(states) < 4 {
		return nil, nil
	}
	policies, ok := xfrmInfo(conn, 0x25, 1)
	if !ok || len(policies) < 12 {
		return nil, nil
	}
	n := binary.NativeEndian.Uint32(policies) + binary.NativeEndian.Uint32(policies[4:]) +
		binary.NativeEndian.Uint32(policies[8:])
	counts = map[string]uint64{"states": uint64(binary.NativeEndian.Uint32(states)), "policies": uint64(n)}
	if counts["states"] <= maxSPIs {
		spis = xfrmSPIs(conn)
	}
	return counts, spis
}

// maxSPIs bounds the states that are looked at one by one.
const maxSPIs = 4096

// xfrmSPIs reads the states, of which nothing but their SPIs is kept.
func xfrmSPIs(conn *netlink.Conn) map[string]string {
	// XFRM_MSG_GETSA, answered by struct xfrm_usersa_info: a selector of 56 bytes, then
	// the address, of 16, the SPI and the protocol (include/uapi/linux/xfrm.h).
	const getSA, addrAt, spiAt, familyAt, size = 0x12, 56, 72, 212, 224
	answers, err := conn.Execute(netlink.Message{Header: netlink.Header{Type: getSA,
		Flags: netlink.Request | netlink.Dump}})
	if err != nil {
		return nil
	}
	spis := map[string]string{}
	for _, a := range answers {
		if len(a.Data) < size {
			continue
		}
		addr := netip.AddrFrom16([16]byte(a.Data[addrAt:]))
		if binary.NativeEndian.Uint16(a.Data[familyAt:]) == unix.AF_INET {
			addr = netip.AddrFrom4([4]byte(a.Data[addrAt:]))
		}
		spis[fmt.Sprintf("0x%08x", binary.BigEndian.Uint32(a.Data[spiAt:]))] = addr.String()
	}
	return spis
}

// xfrmInfo asks one question, and gives the attribute of the answer.
func xfrmInfo(conn *netlink.Conn, kind netlink.HeaderType, attribute uint16) ([]byte, bool) {
	flags := []byte{0xff, 0xff, 0xff, 0xff}
	answers, err := conn.Execute(netlink.Message{Header: netlink.Header{Type: kind, Flags: netlink.Request}, Data: flags})
	if err != nil || len(answers) == 0 {
		return nil, false
	}
	a := rtnetlink.Attributes(answers[0], 4)
	for a != nil && a.Next() {
		if a.Type() == attribute {
			return a.Bytes(), true
		}
	}
	return nil, false
}
