package clock

import "time"

const (
	monotonic = iota
	realtime
)

// began is in the past, for Monotonic to be never 0. No stream's times are of this machine's clock:
// skb-collect does not run on Windows.
var began = time.Now().Add(-time.Second)

func read(clock int32) uint64 {
	if clock == monotonic {
		return uint64(time.Since(began))
	}
	return uint64(time.Now().UnixNano())
}
