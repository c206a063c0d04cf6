//go:build kernel

package kerneltest

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// fullQueues sends SYNs from ns0 to ns1 that find the accept queue of a listening socket full, at
// port, and the SYN queue of another one, at the port after that. It returns how many the kernel
// says it ignored at each (include/net/inet_connection_sock.h, inet_csk_reqsk_queue_is_full; tcp_conn_request).
func (n *network) fullQueues(port int) (ignored [2]int) {
	n.t.Helper()
	for i := range 2 {
		n.open(1, unix.AF_INET, unix.SOCK_STREAM, 0, func(fd int) error {
			if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port + i}); err != nil {
				return err
			}
			return unix.Listen(fd, 0)
		})
	}
	counters := func() (c [2]int) {
		names := []string{"TcpExtListenOverflows", "TcpExtTCPReqQFullDrop"}
		all := n.nstat(1, names...)
		for i, name := range names {
			c[i] = int(all[name])
		}
		return c
	}
	before := counters()
	// A SYN and no more: it is sent when connect returns, and a closed socket doesn't send it again.
	syn := func(port int) {
		n.t.Helper()
		n.within(0, func() error {
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
			if err != nil {
				return err
			}
			defer unix.Close(fd)
			if err := unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{10, 0, 0, 2}}); err != unix.EINPROGRESS {
				return fmt.Errorf("connect: %v", err)
			}
			return nil
		})
	}
	grown := func(i, least int) {
		n.t.Helper()
		until(n.t, fmt.Sprintf("the kernel ignores %d SYNs to port %d", least, port+i), func() (bool, string) {
			now := counters()
			ignored = [2]int{now[0] - before[0], now[1] - before[1]}
			return ignored[i] >= least, fmt.Sprint(ignored)
		})
	}

	// One connection that nobody accepts; room is for none more.
	n.sysctl(1, "ipv4/tcp_syncookies=1")
	n.open(0, unix.AF_INET, unix.SOCK_STREAM, 0, func(fd int) error {
		return unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{10, 0, 0, 2}})
	})
	until(n.t, "the connection waits to be accepted", func() (bool, string) {
		out := n.in(1, fmt.Sprint("ss -Htln sport = :", port)) // State Recv-Q Send-Q
		f := strings.Fields(out)
		return len(f) > 1 && f[1] == "1", out
	})
	syn(port)
	grown(0, 1)

	// One half-open connection, as its client never gets the SYN-ACK. 5.10 has no room for it either.
	n.sysctl(1, "ipv4/tcp_syncookies=0")
	n.in(0, fmt.Sprintf("nft 'table ip deaf { chain pre { type filter hook prerouting priority -300; tcp sport %d drop; }; }'", port+1))
	syn(port + 1)
	syn(port + 1)
	grown(1, 1)
	return ignored
}
