package text

import (
	"strconv"
	"strings"
	"time"
)

// clock turns a record's ts into the text of the time column.
type clock struct {
	mode   string // Options.Time without the -ns
	ns     bool   // is told, else the time ends at the microsecond
	offset int64  // clock_offset of the last start record
	wall   bool   // there was one

	last    uint64 // ts of the line before
	begun   bool
	second  int64 // the wall-clock second that stamp is of
	stamp   [len(stampLayout)]byte
	stamped bool
}

// stampLayout is RFC 3339 without the fraction and the zone. int64 holds the ns of no year that has other than four
// digits.
const (
	stampLayout = "2006-01-02T15:04:05"
	stampDate   = len("2006-01-02T")
)

// append adds the time of a record at ts, nanoseconds of CLOCK_MONOTONIC.
func (c *clock) append(dst []byte, ts uint64) []byte {
	last, begun := c.last, c.begun
	c.last, c.begun = ts, true
	if c.mode == "delta" {
		switch {
		case !begun:
			last = ts
		case ts < last:
			return c.appendSeconds(append(dst, '-'), last-ts)
		}
		return c.appendSeconds(append(dst, '+'), ts-last)
	}
	return c.appendTime(dst, ts)
}

// appendTime adds the point in time ts, which in delta mode is told as mono.
func (c *clock) appendTime(dst []byte, ts uint64) []byte {
	if !c.wall || c.mode == "mono" || c.mode == "delta" {
		return c.appendSeconds(dst, ts)
	}
	dst, ns := c.appendStamp(dst, ts, stampDate)
	return c.appendFraction(append(dst, '.'), ns)
}

// appendUTC adds the point in time ts as RFC 3339, always with nine digits of the second, so that lines sort by it. The
// mode is utc, and the wall clock known.
func (c *clock) appendUTC(dst []byte, ts uint64) []byte {
	dst, ns := c.appendStamp(dst, ts, 0)
	return append(appendNanoseconds(append(dst, '.'), ns), 'Z')
}

// appendStamp adds the stamp of ts from a place on; ns is what ts is behind that second.
func (c *clock) appendStamp(dst []byte, ts uint64, from int) (stamp []byte, ns uint64) {
	wall := int64(ts) + c.offset
	second, behind := wall/1e9, wall%1e9
	if behind < 0 {
		second, behind = second-1, behind+1e9
	}
	// The time zone's rules are looked up once a second of the stream.
	if !c.stamped || second != c.second {
		c.second, c.stamped = second, true
		c.time(ts).AppendFormat(c.stamp[:0], stampLayout)
	}
	return append(dst, c.stamp[from:]...), uint64(behind)
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
	c.offset, c.wall, c.begun, c.stamped = offset, ok, false, false
}

// set takes Options.Time.
func (c *clock) set(time string) {
	c.mode, c.ns = strings.CutSuffix(time, "ns")
	c.mode = strings.TrimSuffix(c.mode, "-")
}

func (c *clock) appendSeconds(dst []byte, ns uint64) []byte {
	dst = strconv.AppendUint(dst, ns/1e9, 10)
	return c.appendFraction(append(dst, '.'), ns%1e9)
}

// appendFraction adds the digits of ns, which is below a second. Microseconds are cut off and not rounded, as tcpdump
// has them: no line is later than its event.
func (c *clock) appendFraction(dst []byte, ns uint64) []byte {
	dst = appendNanoseconds(dst, ns)
	if !c.ns {
		dst = dst[:len(dst)-3]
	}
	return dst
}

// appendNanoseconds adds the nine digits of ns, which is below a second.
func appendNanoseconds(dst []byte, ns uint64) []byte {
	dst = append(dst, "000000000"...)
	digits, n := dst[len(dst)-9:], uint32(ns)
	for i := range 9 { // by a constant: as dividing by each unit takes 20 ns a digit
		digits[8-i], n = '0'+byte(n%10), n/10
	}
	return dst
}

// appendDuration adds ns in the unit that leaves one to three digits before
// the point, and three digits in all: 84ns, 12.1µs, 3.04ms, 15s, 120s.
func appendDuration(dst []byte, ns uint64) []byte {
	if ns < 1000 {
		return append(strconv.AppendUint(dst, ns, 10), "ns"...)
	}
	unit, scale := "µs", uint64(1e3)
	switch {
	case ns >= 999_500_000:
		unit, scale = "s", 1e9
	case ns >= 999_500:
		unit, scale = "ms", 1e6
	}
	digits, step := 0, scale // the least that is told
	switch {
	case ns < scale*9_995/1000:
		digits, step = 2, scale/100
	case ns < scale*99_950/1000:
		digits, step = 1, scale/10
	}
	if ns > 1e12 || ns%step == step/2 {
		// What is just between two is rounded as strconv does it. For all others
		// integers are six times as fast, and this is in every hop.
		return append(strconv.AppendFloat(dst, float64(ns)/float64(scale), 'f', digits, 64), unit...)
	}
	n := (ns + step/2) / step
	switch digits {
	case 2:
		dst = append(dst, '0'+byte(n/100), '.', '0'+byte(n/10%10), '0'+byte(n%10))
	case 1:
		dst = append(dst, '0'+byte(n/100), '0'+byte(n/10%10), '.', '0'+byte(n%10))
	default:
		dst = strconv.AppendUint(dst, n, 10)
	}
	return append(dst, unit...)
}
