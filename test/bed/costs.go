//go:build linux

package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// A cost is what the emulator computed, in seconds of one of this machine's cores. Unlike the time
// that it took, that is nearly the same when others want the cores too.
type cost struct {
	seconds float64
	starts  int     // of skb-collect
	collect float64 // seconds that its processes computed, from their start to their end
}

func (c *cost) add(d cost) {
	c.seconds += d.seconds
	c.starts += d.starts
	c.collect += d.collect
}

// cpuSeconds is how long a process computed, all of its threads: utime and stime of proc(5), in
// ticks of which there are 100 a second.
func cpuSeconds(pid int) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, fields, _ := strings.Cut(string(b), ") ") // after the name
	f := strings.Fields(fields)
	var user, system float64
	if len(f) > 12 {
		fmt.Sscan(f[11], &user)
		fmt.Sscan(f[12], &system)
	}
	return (user + system) / 100
}

// writeCosts writes what the tests of each kernel cost, and which were the ten slowest.
func writeCosts(w io.Writer, queues []*queue, besides []*beside, took time.Duration) {
	fmt.Fprintf(w, "\n%-28s %5s %9s %7s %10s\n", "seconds of one core", "tests", "all", "starts", "in them")
	total := cost{}
	for _, q := range queues {
		c := q.boots
		for _, r := range q.done {
			c.add(r.cost)
		}
		total.add(c)
		fmt.Fprintf(w, "%-28s %5d %9.1f %7d %10.1f\n", q.kernel.release, len(q.done), c.seconds, c.starts, c.collect)
	}
	for _, b := range besides {
		total.add(b.cost)
		fmt.Fprintf(w, "%-28s %5s %9.1f\n", b.name(), "", b.seconds)
	}
	fmt.Fprintf(w, "%-28s %5s %9.1f %7d %10.1f   in %d:%02d minutes\n", "all", "", total.seconds, total.starts,
		total.collect, int(took.Minutes()), int(took.Seconds())%60)

	fmt.Fprintf(w, "\nThe slowest tests, seconds of one core:\n")
	const rows, width = 10, 30
	lines := make([]string, rows+1)
	for _, q := range queues {
		lines[0] += fmt.Sprintf("%-*s", width, q.kernel.name)
		done := slices.SortedFunc(slices.Values(q.done), func(a, b result) int { return cmp.Compare(b.seconds, a.seconds) })
		for i := range rows {
			cell := ""
			if i < len(done) {
				cell = fmt.Sprintf("%5.1f %s", done[i].seconds, strings.TrimPrefix(done[i].test, "Test"))
			}
			lines[i+1] += fmt.Sprintf("%-*s", width, cell)
		}
	}
	for _, l := range lines {
		if l = strings.TrimRight(l, " "); l != "" {
			fmt.Fprintln(w, l)
		}
	}
}
