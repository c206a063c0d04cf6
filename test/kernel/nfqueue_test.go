//go:build kernel

package kerneltest

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"
)

// acceptQueued is a program that accepts what the firewall of namespace i gives to a queue of
// NFQUEUE. It ends with the test.
func (n *network) acceptQueued(i int, queue uint16) {
	n.t.Helper()
	// include/uapi/linux/netfilter/nfnetlink_queue.h
	const subsystem, packet, verdict, config = unix.NFNL_SUBSYS_QUEUE << 8, 0, 1, 2
	const cfgCmd, cfgParams, packetHeader, verdictHeader = 1, 2, 1, 2
	header := func() []byte { // struct nfgenmsg
		return binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, 0}, queue)
	}
	var s netlink
	n.within(i, func() (err error) {
		if s, err = openNetlink(unix.NETLINK_NETFILTER); err != nil {
			return err
		}
		const bind, copyPacket = 1, 2
		if _, err := s.ask(subsystem|config, slices.Concat(header(), attr(cfgCmd, []byte{bind, 0, 0, unix.AF_INET}))); err != nil {
			return err
		}
		_, err = s.ask(subsystem|config, slices.Concat(header(), attr(cfgParams, []byte{0, 0, 0xff, 0xff, copyPacket})))
		return err
	})
	ended := make(chan bool)
	stop := make(chan bool)
	n.t.Cleanup(func() { close(stop); <-ended })
	go func() {
		defer close(ended)
		defer unix.Close(int(s))
		b := make([]byte, 1<<16)
		for {
			select {
			case <-stop:
				return
			default:
			}
			fds := []unix.PollFd{{Fd: int32(s), Events: unix.POLLIN}}
			if count, _ := unix.Poll(fds, 100); count <= 0 {
				continue
			}
			length, _, err := unix.Recvfrom(int(s), b, 0)
			if err != nil || length < 20 || binary.NativeEndian.Uint16(b[4:]) != subsystem|packet {
				continue
			}
			eachAttr(b[20:length], func(kind uint16, value []byte) {
				if kind != packetHeader {
					return
				}
				v := binary.BigEndian.AppendUint32(nil, 1) // NF_ACCEPT
				v = slices.Concat(header(), attr(verdictHeader, append(v, value[:4]...)))
				m := binary.NativeEndian.AppendUint32(nil, uint32(16+len(v)))
				m = binary.NativeEndian.AppendUint16(m, subsystem|verdict)
				m = binary.NativeEndian.AppendUint16(m, unix.NLM_F_REQUEST)
				m = append(append(m, make([]byte, 8)...), v...)
				if err := unix.Sendto(int(s), m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
					n.t.Errorf("a verdict: %v", err)
				}
			})
		}
	}()
}
