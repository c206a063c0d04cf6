//go:build linux

package main

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// A queue is the tests of a kernel, which one guest after another takes from, or several at a time.
type queue struct {
	kernel *kernel
	bin    string   // the test binary
	in     []string // what guests have besides
	// elsewhere tells of a test that is the same on all kernels whether it is for others. nil: none is.
	elsewhere func(test string) bool

	mu      sync.Mutex
	listed  bool // the tests are known: the first guest has listed them
	tests   []string
	left    []string // to other kernels
	guests  int      // at work on them now
	done    []result
	retried []string // in which the emulator tripped
	failed  []string // that failed once and run again
	boots   cost     // what guests took besides tests
	broken  bool     // no guest gets anywhere
}

// A result is how a test ended.
type result struct {
	test   string
	passed bool
	cost
}

// Such a test needs a guest in which no other ran before it.
func isFirst(test string) bool { return strings.HasPrefix(test, "TestAA") }

// Such a test leaves a guest that is good for nothing else.
func isLast(test string) bool { return strings.HasPrefix(test, "TestZZ") }

// list takes the names of all tests, from whichever guest is first to tell them. same: those that
// meet no difference between kernels.
func (q *queue) list(tests, same []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.listed {
		return
	}
	q.listed = true
	for _, test := range tests {
		if q.elsewhere != nil && slices.Contains(same, test) && q.elsewhere(test) {
			q.left = append(q.left, test)
		} else {
			q.tests = append(q.tests, test)
		}
	}
}

// slow is what a test is taken to cost that no other kernel has run yet.
const slow = 30

// take takes the test that is next, "" when there is none left for this guest: the one that cost
// most elsewhere, so that a short one is the last, for which no other guest has to wait. fresh: the
// guest has run none yet. Before all others come those that need such a guest, and one that failed
// is one of them; after all others those that leave it good for nothing.
func (q *queue) take(known map[string]float64, fresh bool) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	cost := func(test string) float64 {
		if c, ok := known[test]; ok {
			return c
		}
		return slow
	}
	const first, between, last = 0, 1, 2
	place := func(test string) int {
		switch {
		case isFirst(test) || slices.Contains(q.failed, test):
			return first
		case isLast(test):
			return last
		}
		return between
	}
	best := -1
	for i, t := range q.tests {
		if place(t) == first && !fresh {
			continue
		}
		if best < 0 || cmp.Or(cmp.Compare(place(t), place(q.tests[best])), cmp.Compare(cost(q.tests[best]), cost(t))) < 0 {
			best = i
		}
	}
	if best < 0 {
		return ""
	}
	t := q.tests[best]
	q.tests = slices.Delete(q.tests, best, best+1)
	return t
}

// ended notes how a test ended.
func (q *queue) ended(r result) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.done = append(q.done, r)
}

// again puts a test back, in which the emulator tripped. False: that was so before.
func (q *queue) again(test string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if slices.Contains(q.retried, test) {
		return false
	}
	q.retried = append(q.retried, test)
	if test != "" {
		q.tests = append(q.tests, test)
	}
	return true
}

// moreFails is how many tests of a kernel may fail once: more are no flicker.
const moreFails = 2

// failedOnce puts a test back that failed, for a guest that boots for it: what other tests left
// behind, or the hour, may be why. False: it has failed for good.
func (q *queue) failedOnce(r result) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if slices.Contains(q.failed, r.test) || len(q.failed) == moreFails {
		return false
	}
	q.failed = append(q.failed, r.test)
	q.tests = append(q.tests, r.test)
	q.boots.seconds += r.seconds
	return true
}

// open tells whether one more guest is of use, and how many are at work.
func (q *queue) open() (open bool, guests, left int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.broken {
		return false, q.guests, 0
	}
	if !q.listed {
		return q.guests == 0, q.guests, 0
	}
	// It boots while those at work take a test each.
	return len(q.tests) > 2*q.guests, q.guests, len(q.tests)
}
