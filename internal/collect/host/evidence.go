//go:build linux && (amd64 || arm64)

package host

import (
	"errors"
	"os"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
)

// evidence is what the start record says of this network namespace besides its settings:
// what decides, in skb-drops, between causes that the kernel drops for at one place. What
// the kernel does not tell is left out. A Watch says when it is no longer so. has says whether the
// kernel has a module now.
func evidence(s *format.Start, has func(module, function string) bool) {
	s.Firewall, s.BPF = firewall(has), bpfPrograms()
	s.Xfrm, s.SPIs = xfrm()
	routes(s)
}

// routes is what rtnetlink tells.
func routes(s *format.Start) {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	all := links(conn)
	names := map[uint32]string{}
	for _, l := range all {
		names[l.index] = l.name
	}
	s.Devices = devices(all, addresses(conn))
	if q := disciplines(conn); q != nil && all != nil {
		s.Qdisc = qdiscs(names, q)
		s.Filters, s.FilterActions = filters(conn, names, q)
	}
	four, ok := ipRules(conn, unix.AF_INET)
	six, ok6 := ipRules(conn, unix.AF_INET6)
	if ok && ok6 {
		s.Rules = map[string]uint64{"inet": four, "inet6": six}
	} else if ok { // a kernel without IPv6
		s.Rules = map[string]uint64{"inet": four}
	}
}

func isNoMore(err error) bool { return errors.Is(err, os.ErrNotExist) }
