//go:build linux && (amd64 || arm64)

package collect

import (
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

// startMemory is what a start keeps to as long as it can, in bytes, the runtime's own included, and
// with Go values of all types of the kernel.
const (
	startMemory = 32 << 20
	typesMemory = 160 << 20
)

// frugal has a start do without what is for long runs: a start makes little garbage, and to collect
// it would be a tenth of it; and of huge pages, which the kernel clears when their first byte is
// written, a half would never be used. settled ends that, also for the commands that are started from
// then on; garbage is collected from a second later on, when many a run has ended, and before only where
// there is more than the memory's limit: else a start took 25 million instructions more, or none, as it
// happened to come.
func frugal(types bool) (settled func()) {
	_ = unix.Prctl(unix.PR_SET_THP_DISABLE, 1, 0, 0, 0)
	memory := int64(startMemory)
	if types {
		memory = typesMemory
	}
	limit, percent := debug.SetMemoryLimit(memory), debug.SetGCPercent(-1)
	return func() {
		_ = unix.Prctl(unix.PR_SET_THP_DISABLE, 0, 0, 0, 0)
		time.AfterFunc(time.Second, func() {
			debug.SetGCPercent(percent)
			debug.SetMemoryLimit(limit)
		})
	}
}
