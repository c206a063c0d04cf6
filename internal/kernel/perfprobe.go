//go:build linux && (amd64 || arm64)

package kernel

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// perfSource is the perf event source of kprobes, include/uapi/linux/perf_event.h.
type perfSource struct {
	number    uint32 // perf_event_attr.type
	retprobes uint64 // what in perf_event_attr.config asks for a return
}

const perfSourceDir = "/sys/bus/event_source/devices/kprobe/"

func readPerfSource() (s perfSource, err error) {
	number, err := os.ReadFile(perfSourceDir + "type")
	if err != nil {
		return s, fmt.Errorf("looking for the perf events of kprobes: %w", err)
	}
	format, err := os.ReadFile(perfSourceDir + "format/retprobe")
	if err != nil {
		return s, fmt.Errorf("looking for the perf events of returns: %w", err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(number)), 10, 32)
	bit, ok := strings.CutPrefix(strings.TrimSpace(string(format)), "config:")
	b, bitErr := strconv.ParseUint(bit, 10, 6)
	if err != nil || !ok || bitErr != nil {
		return s, fmt.Errorf("%s: type %q, retprobe %q: a number and config:BIT were expected", perfSourceDir, number, format)
	}
	return perfSource{uint32(n), 1 << b}, nil
}

// A perfProbe is a kprobe by a perf event: its file descriptor, with which it goes.
type perfProbe int

func (p perfProbe) Close() error { return unix.Close(int(p)) }

// attach puts p on the entry of the function at addr, or on its return. By its address,
// because a kernel before 6.2 looks a name up by going through all that it has, three times
// over.
func (s perfSource) attach(p *ebpf.Program, addr uint64, atExit bool) (perfProbe, error) {
	attr := unix.PerfEventAttr{Type: s.number, Size: unix.PERF_ATTR_SIZE_VER1, Ext2: addr}
	if atExit {
		attr.Config = s.retprobes
	}
	// Of whichever cpu and process: the program runs at all hits.
	fd, err := unix.PerfEventOpen(&attr, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return 0, err
	}
	err = unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_SET_BPF, p.FD())
	if err == nil {
		err = unix.IoctlSetInt(fd, unix.PERF_EVENT_IOC_ENABLE, 0)
	}
	if err != nil {
		unix.Close(fd)
		return 0, err
	}
	return perfProbe(fd), nil
}
