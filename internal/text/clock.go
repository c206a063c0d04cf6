package text

import (
	"strconv"
	"time"
)

// clock turns a record's ts into the text of the time column.
type clock struct {
	mode   string // Options.Time
	offset int64  // clock_offset of the last start record
	wall   bool   // there was one

	last    uint64 // ts of the line before
	begun   bool
	second  int64 // the wall-clock second that hms is of
	hms     [8]byte
	hmsTrue bool
}

// append adds the time of a record at ts, nanoseconds of CLOCK_MONOTONIC.
func (c *clock) append(dst []byte, ts uint64) []byte {
	last, begun := c.last, c.begun
	c.last, c.begun = ts, true
	if c.mode == "delta" {
		switch {
		case !begun:
			last = ts
		case ts < last:
			return appendSeconds(append(dst, '-'), last-ts)
		}
		return appendSeconds(append(dst, '+'), ts-last)
	}
	return c.appendTime(dst, ts)
}

// appendTime adds the point in time ts, which in delta mode is told as mono.
func (c *clock) appendTime(dst []byte, ts uint64) []byte {
	if !c.wall || c.mode == "mono" || c.mode == "delta" {
		return appendSeconds(dst, ts)
	}
	wall := int64(ts) + c.offset
	second, ns := wall/1e9, wall%1e9
	if ns < 0 {
		second, ns = second-1, ns+1e9
	}
	// The time zone's rules are looked up once a second of the stream.
	if !c.hmsTrue || second != c.second {
		c.second, c.hmsTrue = second, true
		c.time(ts).AppendFormat(c.hms[:0], time.TimeOnly)
	}
	dst = append(dst, c.hms[:]...)
	return appendNanoseconds(append(dst, '.'), uint64(ns))
}

// time is the wall-clock time of ts in the zone asked for.
func (c *clock) time(ts uint64) time.Time {
	t := time.Unix(0, int64(ts)+c.offset)
	if c.mode == "utc" {
		return t.UTC()
	}
	return t
}

// start takes the offset of a start record: the lines after it are timed by
// its host's clock.
func (c *clock) start(offset int64, ok bool) {
	c.offset, c.wall, c.begun, c.hmsTrue = offset, ok, false, false
}

func appendSeconds(dst []byte, ns uint64) []byte {
	dst = strconv.AppendUint(dst, ns/1e9, 10)
	return appendNanoseconds(append(dst, '.'), ns%1e9)
}

func appendNanoseconds(dst []byte, ns uint64) []byte {
	for unit := uint64(1e8); unit > 0; unit /= 10 {
		dst = append(dst, '0'+byte(ns/unit%10))
	}
	return dst
}

// appendDuration adds ns in the unit that leaves one to three digits before
// the point, and three digits in all: 84ns, 12.1µs, 3.04ms, 15s, 120s.
func appendDuration(dst []byte, ns uint64) []byte {
	if ns < 1000 {
		return append(strconv.AppendUint(dst, ns, 10), "ns"...)
	}
	unit, v := "µs", float64(ns)/1e3
	switch {
	case ns >= 999_500_000:
		unit, v = "s", float64(ns)/1e9
	case ns >= 999_500:
		unit, v = "ms", float64(ns)/1e6
	}
	digits := 0
	switch {
	case v < 9.995:
		digits = 2
	case v < 99.95:
		digits = 1
	}
	return append(strconv.AppendFloat(dst, v, 'f', digits, 64), unit...)
}
