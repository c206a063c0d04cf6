// Package clock reads the clocks by which records are timed.
package clock

import (
	"bytes"
	"os"
)

// Monotonic is CLOCK_MONOTONIC in ns, the clock of bpf_ktime_get_ns.
func Monotonic() uint64 { return read(monotonic) }

// Offset is what to add to CLOCK_MONOTONIC for the wall clock, in ns. The wall clock
// is read between two readings of the other; of several tries the closest pair counts.
func Offset() int64 {
	var best int64
	gap := ^uint64(0)
	for range 16 {
		before := Monotonic()
		wall := read(realtime)
		after := Monotonic()
		if after-before < gap {
			gap = after - before
			best = int64(wall) - int64(before+gap/2)
		}
	}
	return best
}

// BootID is that of this boot of this host, "" when the kernel does not tell.
func BootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return string(bytes.TrimSpace(b))
}
