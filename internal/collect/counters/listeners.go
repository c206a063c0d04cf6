//go:build linux

package counters

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// listeners reads the drops of listening TCP sockets by INET_DIAG.
type listeners struct{ diag *netlink.Conn }

// open asks only a kernel that can answer: else the kernel would load what answers, and skb-collect changes nothing.
func (l *listeners) open(diag bool) (err error) {
	if !diag {
		return nil
	}
	l.diag, err = netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
	return err
}

func (l *listeners) close() {
	if l.diag != nil {
		l.diag.Close()
	}
}

func (l *listeners) read(r *Reader, netns uint32) error {
	if l.diag == nil {
		return nil
	}
	// struct inet_diag_req_v2 and inet_diag_msg, include/uapi/linux/inet_diag.h.
	const sizeofRequest, sizeofAnswer, skmeminfo, drops, listen = 56, 72, 7, 8, 10
	for _, family := range [...]byte{unix.AF_INET, unix.AF_INET6} {
		request := make([]byte, sizeofRequest)
		request[0], request[1], request[2] = family, unix.IPPROTO_TCP, 1<<(skmeminfo-1)
		binary.NativeEndian.PutUint32(request[4:], 1<<listen)
		answers, whole, err := dump(l.diag, unix.SOCK_DIAG_BY_FAMILY, request)
		if err != nil {
			return fmt.Errorf("reading the listening sockets: %w", err)
		}
		if !whole {
			r.torn[key{source: "tcp", netns: netns}] = true
		}
		for _, m := range answers {
			each(m, sizeofAnswer, func(a *netlink.AttributeDecoder) {
				b := a.Bytes()
				if a.Type() != skmeminfo || len(b) < 4*(drops+1) {
					return
				}
				socket := key{source: "tcp", netns: netns, index: binary.NativeEndian.Uint32(m.Data[68:])}
				r.find(socket)
				socket.name = "drops"
				r.put(socket, reading{value: uint64(binary.NativeEndian.Uint32(b[4*drops:])), sock: "tcp " + local(m.Data)})
			})
		}
	}
	return nil
}

// local is the address and port that a socket of a struct inet_diag_msg is bound to.
func local(msg []byte) string {
	addr := netip.AddrFrom16([16]byte(msg[8:24]))
	if msg[0] == unix.AF_INET {
		addr = netip.AddrFrom4([4]byte(msg[8:12]))
	}
	return netip.AddrPortFrom(addr, binary.BigEndian.Uint16(msg[4:])).String()
}
