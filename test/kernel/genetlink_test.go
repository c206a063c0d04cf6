//go:build kernel

package kerneltest

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

const nested = unix.NLA_F_NESTED

// attr is a netlink attribute.
func attr(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, -len(b)&3)...)
}

func attr16(kind, value uint16) []byte {
	return attr(kind, binary.NativeEndian.AppendUint16(nil, value))
}

func attr32(kind uint16, value uint32) []byte {
	return attr(kind, binary.NativeEndian.AppendUint32(nil, value))
}

// eachAttr goes through attributes.
func eachAttr(b []byte, use func(kind uint16, value []byte)) {
	for len(b) >= 4 {
		n := int(binary.NativeEndian.Uint16(b))
		if n < 4 || n > len(b) {
			return
		}
		use(binary.NativeEndian.Uint16(b[2:])&^unix.NLA_F_NESTED, b[4:n])
		b = b[min((n+3)&^3, len(b)):]
	}
}

// A netlink is a socket of the thread's network namespace.
type netlink int

func openNetlink(protocol int) (netlink, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err == nil {
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: int64(patience.Seconds())})
	}
	return netlink(fd), err
}

// ask sends a message of a kind and returns what is answered before the acknowledgement, without
// its header.
func (s netlink) ask(kind uint16, body []byte) (answer []byte, err error) {
	b := binary.NativeEndian.AppendUint32(nil, uint32(16+len(body)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	b = append(append(b, make([]byte, 8)...), body...)
	if err := unix.Sendto(int(s), b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	for {
		b := make([]byte, 1<<16)
		n, _, err := unix.Recvfrom(int(s), b, 0)
		if err != nil {
			return nil, fmt.Errorf("waiting for netlink's answer: %w", err)
		}
		for b = b[:n]; len(b) >= 16; {
			n := int(binary.NativeEndian.Uint32(b))
			if n < 16 || n > len(b) {
				return nil, fmt.Errorf("netlink: a message of %d bytes", n)
			}
			if binary.NativeEndian.Uint16(b[4:]) == unix.NLMSG_ERROR {
				if e := int32(binary.NativeEndian.Uint32(b[16:])); e != 0 {
					return nil, unix.Errno(-e)
				}
				return answer, nil
			}
			answer = b[16:n]
			b = b[min((n+3)&^3, len(b)):]
		}
	}
}

// genetlink sends a command to a family of generic netlink, in the thread's network namespace.
func genetlink(family string, version byte, commands ...[]byte) error {
	s, err := openNetlink(unix.NETLINK_GENERIC)
	if err != nil {
		return err
	}
	defer unix.Close(int(s))
	answer, err := s.ask(unix.GENL_ID_CTRL, append([]byte{unix.CTRL_CMD_GETFAMILY, 1, 0, 0}, attr(unix.CTRL_ATTR_FAMILY_NAME, append([]byte(family), 0))...))
	if err != nil {
		return fmt.Errorf("generic netlink's family %s: %w", family, err)
	}
	var id uint16
	eachAttr(answer[4:], func(kind uint16, value []byte) {
		if kind == unix.CTRL_ATTR_FAMILY_ID {
			id = binary.NativeEndian.Uint16(value)
		}
	})
	for _, c := range commands {
		c[1] = version
		if _, err := s.ask(id, c); err != nil {
			return fmt.Errorf("%s: command %d: %w", family, c[0], err)
		}
	}
	return nil
}

// command is one of generic netlink's, with its attributes.
func command(number byte, attrs ...[]byte) []byte {
	b := []byte{number, 0, 0, 0}
	for _, a := range attrs {
		b = append(b, a...)
	}
	return b
}
