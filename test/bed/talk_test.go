//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"
)

// told has a guest say the lines and returns what it was told, a line each.
func told(q *queue, lines ...string) (*talk, []string) {
	var in strings.Builder
	t := &talk{queue: q, changed: func() {}, alive: func() {}, known: func() map[string]float64 { return nil }}
	t.begin(0, &in)
	for _, l := range lines {
		// A serial line brings parts, and may add carriage returns.
		for part := range strings.SplitAfterSeq(l+"\r\n", " ") {
			t.Write([]byte(part))
		}
	}
	return t, strings.Fields(in.String())
}

var list = []string{"=== TESTS", "TestA", "TestZZ", "TestB", "=== NEXT"}

func TestTalk(t *testing.T) {
	q := &queue{kernel: &kernel{}, failed: []string{"TestB", "TestOther"}}
	guest, got := told(q, append(list,
		"TestB", "=== RUN   TestB", "    b_test.go:7: --- PASS: no", "--- FAIL: TestB (1.00s)", "FAIL", "=== COST   TestB starts=1 collect=1 busy=0", "=== NEXT",
		"=== RUN   TestA", "--- PASS: TestA (1.00s)", "PASS", "=== COST   TestA starts=3 collect=30 busy=40", "=== NEXT",
		"--- SKIP: TestZZ (0.00s)", "=== COST   TestZZ starts=0 collect=0 busy=9", "=== NEXT")...)
	if want := []string{"TestB", "TestA", "TestZZ", "end"}; !slices.Equal(got, want) || !guest.ended {
		t.Errorf("told %v, want %v", got, want)
	}
	var passed []string
	starts := 0
	for _, r := range q.done {
		if starts += r.starts; r.passed {
			passed = append(passed, r.test)
		}
	}
	if !slices.Equal(passed, []string{"TestA", "TestZZ"}) || len(q.done) != 3 || starts != 4 {
		t.Errorf("results %+v", q.done)
	}
}

// TestShared: two guests share the tests, each runs once, and none after the one that comes last.
func TestShared(t *testing.T) {
	q := &queue{kernel: &kernel{}}
	one, got := told(q, append(list, "--- PASS: TestA", "=== COST   TestA ", "=== NEXT", "--- PASS: TestB", "=== COST   TestB ", "=== NEXT")...)
	if want := []string{"TestA", "TestB", "TestZZ"}; !slices.Equal(got, want) {
		t.Errorf("one is told %v, want %v", got, want)
	}
	// Another one died in a test, which comes back.
	if !q.again("TestC") || q.again("TestC") {
		t.Error("a test runs again once")
	}
	one.said("--- PASS: TestZZ")
	one.said("=== COST   TestZZ ")
	one.said("=== NEXT")
	if !one.ended {
		t.Error("a guest goes on after the last test")
	}
	if open, _, left := q.open(); !open || left != 1 {
		t.Errorf("%d tests left, open %v", left, open)
	}
	if _, got := told(q, append(list, "--- PASS: TestC", "=== COST   TestC ", "=== NEXT")...); !slices.Equal(got, []string{"TestC", "end"}) {
		t.Errorf("the other is told %v", got)
	}
}

// TestFailedOnce: a test that fails ends its guest, and runs once more, before all others of the next
// guest; what fails again, or after two others, has failed.
func TestFailedOnce(t *testing.T) {
	q := &queue{kernel: &kernel{}}
	for i, fail := range [][]string{{"TestA"}, {"TestA", "TestB"}, {"TestB", "TestZZ"}} {
		lines := slices.Clone(list)
		for _, test := range fail {
			lines = append(lines, "--- FAIL: "+test, "=== COST   "+test+" ", "=== NEXT")
		}
		if _, got := told(q, lines...); !slices.Equal(got, append(fail, "end")) {
			t.Errorf("guest %d is told %v, want %v", i, got, fail)
		}
	}
	if len(q.done) != 3 || slices.ContainsFunc(q.done, func(r result) bool { return r.passed }) {
		t.Errorf("results %+v", q.done)
	}
	// It does not run in a guest that others used.
	q = &queue{kernel: &kernel{}}
	told(q, append(list, "--- FAIL: TestA", "=== COST   TestA ")...)
	if got := q.take(nil, false); got != "TestB" {
		t.Errorf("a used guest gets %s", got)
	}
}

// TestSlowestFirst: what cost most elsewhere comes first, but for those that must be first or last.
func TestSlowestFirst(t *testing.T) {
	q := &queue{kernel: &kernel{}}
	q.list([]string{"TestA", "TestB", "TestZZ", "TestC", "TestAA"}, nil)
	cost := map[string]float64{"TestA": 1, "TestB": 3, "TestZZ": 9, "TestC": 2}
	var got []string
	for name := q.take(cost, true); name != ""; name = q.take(cost, true) {
		got = append(got, name)
	}
	if want := []string{"TestAA", "TestB", "TestC", "TestA", "TestZZ"}; !slices.Equal(got, want) {
		t.Errorf("in the order %v, want %v", got, want)
	}
}
