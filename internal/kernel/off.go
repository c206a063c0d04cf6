//go:build linux && (amd64 || arm64)

package kernel

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// offMap is the section of `off` in bpf/maps.h.
const offMap = ".data.off"

// Off has all programs do nothing from now on, attached or not. When it returns, what they saw
// before is in the ring buffer, and no program is running any more that does not know.
func (l *Loader) Off() error {
	l.off.Do(func() {
		if err := l.maps[offMap].Put(uint32(0), uint32(1)); err != nil {
			l.offErr = fmt.Errorf("turning the BPF programs off: %w", err)
			return
		}
		// It waits for a grace period of RCU, which programs run in. With nohz_full kernels
		// refuse it; a program takes microseconds.
		const membarrierCmdGlobal = 1 // include/uapi/linux/membarrier.h
		if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, membarrierCmdGlobal, 0, 0); errno != 0 {
			time.Sleep(10 * time.Millisecond)
		}
	})
	return l.offErr
}
