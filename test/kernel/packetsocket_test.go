//go:build kernel

package kerneltest

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// observe has packet sockets of three programs on a device of namespace i, as tcpdump has one: two
// share what comes (PACKET_FANOUT) and read it, one never reads; its buffer has so many bytes, 0: as
// many as is usual.
func (n *network) observe(i int, dev string, buffer int) {
	n.t.Helper()
	const all = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL&0xff<<8 // in network byte order
	for reader := range 3 {
		var file *os.File
		n.within(i, func() error {
			on, err := net.InterfaceByName(dev)
			if err != nil {
				return err
			}
			fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, all)
			if err != nil {
				return err
			}
			file = os.NewFile(uintptr(fd), dev)
			if reader == 0 && buffer > 0 {
				if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer); err != nil {
					return err
				}
			}
			if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: on.Index}); err != nil || reader == 0 {
				return err
			}
			const group = 7
			return unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_FANOUT, group|unix.PACKET_FANOUT_HASH<<16)
		})
		n.t.Cleanup(func() { file.Close() })
		if reader == 0 {
			continue
		}
		go func() {
			for b := make([]byte, 1<<16); ; {
				if _, err := file.Read(b); err != nil {
					return
				}
			}
		}()
	}
}
