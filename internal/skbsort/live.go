package skbsort

import (
	"bytes"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A liveness tells a stream that is being made now, of which a record may only be held
// for so long, from a saved one, which is sorted as a whole however it arrives: two
// files that are joined by cat can be seconds old, and the second one the older.
//
// What is over is not live: its `end` has been seen, and another may follow which is
// older. Else one of these shows it:
//   - a record of this very boot was made after the first one had arrived;
//   - the input paused amid the stream;
//   - the clock of a host that is not this one runs as fast as ours does.
type liveness struct {
	period int64 // how long a pause is, and how often clocks are compared, ns

	live   bool
	over   bool  // nothing is open
	joined bool  // times went back by more than the window
	idle   bool  // the input pauses
	began  int64 // when the first record since it was last over arrived, ns; all by CLOCK_MONOTONIC here
	heard  int64 // when the last batch arrived, ns
	from   int64 // since when clocks are compared, ns
	wall   int64 // the stream's clock then
	newest news
}

// news is what a batch says about its input.
type news struct {
	newest   int64  // the stream's clock: of the newest record, to the wall clock, ns; 0: none
	own      uint64 // ts of the newest record of this boot, ns; 0: none
	over     bool   // what was opened by a `start` has its `end`
	reopened bool   // a `start` came after it was over
	joined   bool   // times went back by more than the window
	idle     bool   // the input paused behind it
}

func newLiveness(window time.Duration) *liveness { return &liveness{period: int64(window) * 3 / 4} }

// hear takes the news of a batch that arrived now.
func (l *liveness) hear(n news, now int64) {
	if l.began == 0 || n.reopened {
		*l = liveness{period: l.period, joined: l.joined, began: now, from: now, wall: n.newest}
	}
	l.heard, l.idle, l.over = now, n.idle, n.over
	l.joined = l.joined || n.joined
	l.newest.newest = max(l.newest.newest, n.newest)
	l.newest.own = max(l.newest.own, n.own)
}

// is decides. A stream that is live stays so until another follows it.
func (l *liveness) is(now int64) bool {
	switch {
	case l.live || l.over || l.joined || l.period == 0 || l.began == 0:
	case l.newest.own > uint64(l.began), l.idle && now-l.heard >= l.period:
		l.live = true
	case now-l.from >= l.period:
		took, by := now-l.from, l.newest.newest-l.wall
		l.live = l.newest.own == 0 && by > took/2 && by < took*3/2
		l.from, l.wall = now, l.newest.newest
	}
	return l.live
}

// monotonic is CLOCK_MONOTONIC, by which records are timed, in ns.
func monotonic() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // fails only for unknown clocks
	return t.Nano()
}

// bootID is that of this boot of this host, "" when the kernel does not tell.
func bootID() string {
	b, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return string(bytes.TrimSpace(b))
}
