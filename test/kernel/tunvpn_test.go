//go:build kernel

package kerneltest

import (
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// tunVPN makes a device dev in namespace i, and is the program behind it: what is sent there goes,
// encrypted, to the program of a peer, by UDP; what comes from the peer is received there. It
// ends with the test.
func (n *network) tunVPN(i int, dev, listen, peer string) {
	n.t.Helper()
	var tun *os.File
	n.within(i, func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		req, err := unix.NewIfreq(dev)
		if err != nil {
			return err
		}
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
			return err
		}
		tun = os.NewFile(uintptr(fd), dev)
		return nil
	})
	n.t.Cleanup(func() { tun.Close() })
	udp := n.socket(i, listen)
	to, err := net.ResolveUDPAddr("udp4", peer)
	if err != nil {
		n.t.Fatal(err)
	}
	encrypt := func(b []byte) []byte {
		for i := range b {
			b[i] ^= 0x55
		}
		return b
	}
	go func() {
		b := make([]byte, 1<<16)
		for {
			length, err := tun.Read(b)
			if err != nil {
				return
			}
			udp.WriteTo(encrypt(b[:length]), to)
		}
	}()
	go func() {
		b := make([]byte, 1<<16)
		for {
			length, _, err := udp.ReadFrom(b)
			if err != nil {
				return
			}
			tun.Write(encrypt(b[:length]))
		}
	}()
}
