package collect

import (
	"golang.org/x/sys/unix"
)

// monotonic is CLOCK_MONOTONIC in ns, the clock of bpf_ktime_get_ns.
func monotonic() uint64 { return read(unix.CLOCK_MONOTONIC) }

func read(clock int32) uint64 {
	var t unix.Timespec
	// The two clocks exist on every Linux: there is no error to have.
	_ = unix.ClockGettime(clock, &t)
	return uint64(t.Nano())
}

// clockOffset is what to add to CLOCK_MONOTONIC for the wall clock, in ns. The wall clock
// is read between two readings of the other; of several tries the closest pair counts.
func clockOffset() int64 {
	var best int64
	gap := ^uint64(0)
	for range 16 {
		before := monotonic()
		wall := read(unix.CLOCK_REALTIME)
		after := monotonic()
		if after-before < gap {
			gap = after - before
			best = int64(wall) - int64(before+gap/2)
		}
	}
	return best
}
