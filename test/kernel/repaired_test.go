//go:build kernel

package kerneltest

import (
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// A repairedTCP is a TCP socket of ns1 that is in a connection without a handshake (TCP_REPAIR, net/ipv4/tcp.c). So a
// test can write the other end's segments itself: the first one that the socket takes has the number 1000, and they
// acknowledge 1, as those of tcp4 do. The other end is 10.0.0.1, which must not answer with a reset.
type repairedTCP struct {
	port, peer int // of 10.0.0.2 and of 10.0.0.1
	window     int // bytes that it has announced
	buffer     int // SO_RCVBUF, if not 0: then the kernel does not change it
	held       int // bytes that wait in it
}

// The first numbers of the two directions.
const (
	repairedReceives = 1000
	repairedSends    = 1
)

func (r repairedTCP) open(t *testing.T, net *network) {
	t.Helper()
	// include/uapi/linux/tcp.h
	const on, offNoProbe, receive, send = 1, -1, 1, 2
	net.open(1, unix.AF_INET, unix.SOCK_STREAM, 0, func(fd int) error {
		set := func(level, option, value int) error {
			if err := unix.SetsockoptInt(fd, level, option, value); err != nil {
				return fmt.Errorf("TCP socket of port %d, option %d of level %d: %w", r.port, option, level, err)
			}
			return nil
		}
		if r.buffer != 0 {
			if err := set(unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, r.buffer); err != nil {
				return err
			}
		}
		for _, o := range [][2]int{
			{unix.TCP_REPAIR, on},
			{unix.TCP_REPAIR_QUEUE, send}, {unix.TCP_QUEUE_SEQ, repairedSends},
			{unix.TCP_REPAIR_QUEUE, receive}, {unix.TCP_QUEUE_SEQ, repairedReceives},
		} {
			if err := set(unix.SOL_TCP, o[0], o[1]); err != nil {
				return err
			}
		}
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{10, 0, 0, 2}, Port: r.port}); err != nil {
			return err
		}
		if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: [4]byte{10, 0, 0, 1}, Port: r.peer}); err != nil {
			return err
		}
		// struct tcp_repair_window: the sender's window and its place, the largest one, ours and its place.
		var window []byte
		for _, n := range []int{repairedReceives, 1000, 1000, r.window, repairedReceives} {
			window = binary.NativeEndian.AppendUint32(window, uint32(n))
		}
		if err := unix.SetsockoptString(fd, unix.SOL_TCP, unix.TCP_REPAIR_WINDOW, string(window)); err != nil {
			return fmt.Errorf("TCP_REPAIR_WINDOW: %w", err)
		}
		// What is written while the queue of what is received is being repaired lies in it.
		for left := r.held; left > 0; {
			n, err := unix.Write(fd, make([]byte, min(left, 1<<16)))
			if err != nil {
				return fmt.Errorf("%d bytes left of those that wait: %w", left, err)
			}
			left -= n
		}
		return set(unix.SOL_TCP, unix.TCP_REPAIR, offNoProbe)
	})
}
