//go:build linux

package counters

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/internal/counter"
)

// ethtool reads the counters of drivers by SIOCETHTOOL, include/uapi/linux/ethtool.h. Who asks for these commands needs
// no capability (net/ethtool/ioctl.c). A library for it takes a megabyte for the names of each device each time.
type ethtool struct {
	fd  int // of a socket in the network namespace; 0: there is none
	of  map[uint32]*driver
	buf []byte
}

// A driver is what is kept of how a device's driver calls its counters.
type driver struct {
	device string
	kept   []column
	count  int // of all
}

func (e *ethtool) open() (err error) {
	e.of = map[uint32]*driver{}
	e.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	return err
}

func (e *ethtool) close() {
	if e.fd > 0 {
		unix.Close(e.fd)
	}
}

// Why a driver's counters could not be read, in words.
var (
	errNoCounters = errors.New("the driver has no counters any more")
	errChanging   = errors.New("the driver's counters changed while they were read")
	errNoDevice   = errors.New("the device is gone, renamed or asleep")
)

// read reads a device's counters. A driver that never had any is no error.
func (e *ethtool) read(r *Reader, netns, index uint32, device string) error {
	if e.fd <= 0 {
		return nil // told by Open
	}
	if device == "" {
		return errors.New("a device came while the devices were read")
	}
	owner := key{source: "ethtool", netns: netns, index: index}
	n, err := e.number(device)
	if err != nil || n == 0 {
		return e.without(index, err)
	}
	d := e.of[index]
	if d == nil || d.count != n || d.device != device {
		if d, err = e.driver(device, n); err != nil {
			return e.without(index, err)
		}
		e.of[index].replaced(r, owner)
		e.of[index] = d
	}
	if len(d.kept) == 0 {
		r.find(owner)
		return nil
	}
	const head = 8 // struct ethtool_stats
	b := e.buffer(head + 8*n)
	binary.NativeEndian.PutUint32(b, unix.ETHTOOL_GSTATS)
	binary.NativeEndian.PutUint32(b[4:], uint32(n))
	if err := e.ioctl(device, b); err != nil {
		return e.without(index, err)
	}
	if int(binary.NativeEndian.Uint32(b[4:])) != n {
		d.count = -1 // its queues changed between the calls: the names are to be read again
		return errChanging
	}
	for _, c := range d.kept {
		r.put(key{source: "ethtool", name: c.name, netns: netns, index: index},
			reading{value: binary.NativeEndian.Uint64(b[head+8*c.at:]), dev: device})
	}
	r.find(owner)
	return nil
}

// replaced leaves to the last reading only what it has of a driver's counters: others come that it does not have.
func (d *driver) replaced(r *Reader, owner key) {
	if d == nil {
		return
	}
	if _, known := r.base[owner]; !known {
		return
	}
	for _, c := range d.kept {
		k := owner
		k.name = c.name
		if _, ok := r.last[k]; !ok {
			r.last[k] = reading{}
		}
	}
	delete(r.base, owner)
}

// without is the error of a driver that gave no counters: none, if it never had any.
func (e *ethtool) without(index uint32, err error) error {
	switch {
	case errors.Is(err, unix.ENODEV):
		return errNoDevice
	case err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EINVAL):
		return err
	case e.of[index] != nil:
		return errNoCounters
	}
	return nil
}

// statistics is ETH_SS_STATS, a set of strings.
const statistics = 1

// number is how many counters a device's driver has.
func (e *ethtool) number(device string) (int, error) {
	b := e.buffer(20) // struct ethtool_sset_info with one length
	binary.NativeEndian.PutUint32(b, unix.ETHTOOL_GSSET_INFO)
	binary.NativeEndian.PutUint64(b[8:], 1<<statistics)
	if err := e.ioctl(device, b); err != nil {
		return 0, err
	}
	if binary.NativeEndian.Uint64(b[8:])&(1<<statistics) == 0 {
		return 0, nil
	}
	return int(min(binary.NativeEndian.Uint32(b[16:]), 1<<16)), nil
}

func (e *ethtool) driver(device string, n int) (*driver, error) {
	const head, length = 12, 32 // struct ethtool_gstrings, ETH_GSTRING_LEN
	b := e.buffer(head + length*n)
	binary.NativeEndian.PutUint32(b, unix.ETHTOOL_GSTRINGS)
	binary.NativeEndian.PutUint32(b[4:], statistics)
	binary.NativeEndian.PutUint32(b[8:], uint32(n))
	if err := e.ioctl(device, b); err != nil {
		return nil, err
	}
	d := &driver{device: device, count: n}
	for i := range n {
		name, _, _ := bytes.Cut(b[head+length*i:head+length*(i+1)], []byte{0})
		if s := string(name); counter.Kept("ethtool", s) {
			d.kept = append(d.kept, column{i, s})
		}
	}
	return d, nil
}

// buffer is one of n bytes, all zero, with room for a counter more than was asked for.
func (e *ethtool) buffer(n int) []byte {
	if cap(e.buf) < n+32 {
		e.buf = make([]byte, n+4096)
	}
	b := e.buf[:n]
	clear(b)
	return b
}

func (e *ethtool) ioctl(device string, b []byte) error {
	// struct ifreq: the name, then a pointer in a union of 24 bytes.
	var request struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}
	copy(request.name[:unix.IFNAMSIZ-1], device)
	request.data = unsafe.Pointer(&b[0])
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(e.fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	runtime.KeepAlive(b)
	if errno != 0 {
		return errno
	}
	return nil
}
