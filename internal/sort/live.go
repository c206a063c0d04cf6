package sort

import (
	"slices"
	"time"

	"github.com/skb-tools/skb-tools/format"
)

// A liveness tells an input whose stream is being made now, of which a record may only be
// held for so long, from one that was saved, which is sorted as a whole however it arrives:
// two files that are joined by cat can be seconds old, and the second one the older.
//
// What is over is not live: its `end` has been seen, and another may follow which is
// older. Else one of these shows it:
//   - a record of this very boot was made after the first one had arrived;
//   - the input paused amid the stream;
//   - the clock of a host that is not this one runs as fast as ours does.
//
// Where records were old when they arrived, only a long pause does, or a long comparison of
// the clocks.
type liveness struct {
	window uint64 // ns
	period int64  // how long a pause is, and how often clocks are compared, ns
	offset int64  // of our clock to the wall clock, ns

	live   bool
	over   bool     // nothing is open
	open   []uint32 // starts whose end is still to come
	joined bool     // times went back by more than the window
	idle   bool     // the input pauses
	stale  bool     // the newest record was old when it arrived
	opened int64    // when the input was, ns; all by CLOCK_MONOTONIC here
	began  int64    // when the first record since it was last over arrived, ns
	heard  int64    // when the last batch arrived, ns
	from   int64    // since when clocks are compared, ns
	wall   int64    // the stream's clock then

	newest int64  // the stream's clock: of the newest record, to the wall clock, ns
	own    uint64 // ts of the newest record of this boot, ns; 0: none
	high   uint64 // ts of the newest since the last `start`, ns
}

// A record that is as old as staleAge when it arrives, in ns, was hardly made for us; on
// a host whose clock is wrong it can be. Then what shows it must go on for so many times as long.
const (
	staleAge = int64(time.Minute)
	longer   = 10
)

func newLiveness(window time.Duration, now, offset int64) liveness {
	return liveness{window: uint64(window), period: int64(window) * 3 / 4, opened: now, offset: offset}
}

// hear takes a record that arrived now; ts is its time or that of the one before, and s the
// `start` that it belongs to.
func (l *liveness) hear(t format.RecordType, ts uint64, number uint32, s *start, now int64) {
	if t == format.TypeJourney || olderThanItsPlace(t) {
		return // it comes long after the time that it bears
	}
	if l.began == 0 || l.over && t == format.TypeStart {
		l.live, l.began, l.from, l.wall, l.newest, l.own = false, now, now, 0, 0, 0
	}
	switch t {
	case format.TypeStart:
		l.over, l.high = false, ts
		if !slices.Contains(l.open, number) {
			l.open = append(l.open, number)
		}
	case format.TypeEnd:
		l.open = slices.DeleteFunc(l.open, func(n uint32) bool { return n == number })
		l.over = len(l.open) == 0
	}
	if ts+l.window < l.high {
		l.joined = true
	}
	l.high = max(l.high, ts)
	l.newest = max(l.newest, int64(ts)+s.offset)
	switch {
	case s.own:
		l.own = max(l.own, ts)
		l.stale = now-int64(l.own) > staleAge
	case s.offset != 0:
		l.stale = now+l.offset-l.newest > staleAge
	}
}

// batch takes note that a batch ended here: the input pauses or not.
func (l *liveness) batch(idle bool, now int64) {
	l.heard, l.idle = now, idle
	if l.wall == 0 {
		l.wall = l.newest
	}
}

// is decides. A stream that is live stays so until another follows it. An input that has
// sent nothing for a while counts as live, so that it does not hold up others.
func (l *liveness) is(now int64) bool {
	period, slack := l.period, (now-l.from)/2
	if l.stale {
		period, slack = longer*period, slack/5
	}
	switch {
	case l.period == 0:
	case l.began == 0:
		return now-l.opened >= l.period
	case l.live || l.over || l.joined:
	case l.own > uint64(l.began), l.idle && now-l.heard >= period:
		l.live = true
	case now-l.from >= period:
		faster := l.newest - l.wall - (now - l.from)
		l.live = l.own == 0 && -slack < faster && faster < slack
		l.from, l.wall = now, l.newest
	}
	return l.live
}
