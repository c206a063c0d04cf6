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
	q := &queue{kernel: &kernel{}}
	guest, got := told(q, append(list,
		"TestA", "=== RUN   TestA", "--- PASS: TestA (1.00s)", "PASS", "=== COST   TestA starts=3 collect=30 busy=40", "=== NEXT",
		"=== RUN   TestB", "    b_test.go:7: --- PASS: no", "--- FAIL: TestB (1.00s)", "FAIL", "=== COST   TestB starts=1 collect=1 busy=0", "=== NEXT",
		"--- SKIP: TestZZ (0.00s)", "=== COST   TestZZ starts=0 collect=0 busy=9", "=== NEXT")...)
	if want := []string{"TestA", "TestB", "TestZZ", "end"}; !slices.Equal(got, want) || !guest.ended {
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
	one, got := told(q, append(list, "=== COST   TestA ", "=== NEXT", "=== COST   TestB ", "=== NEXT")...)
	if want := []string{"TestA", "TestB", "TestZZ"}; !slices.Equal(got, want) {
		t.Errorf("one is told %v, want %v", got, want)
	}
	// Another one died in a test, which comes back.
	if !q.again("TestC") || q.again("TestC") {
		t.Error("a test runs again once")
	}
	one.said("=== COST   TestZZ ")
	one.said("=== NEXT")
	if !one.ended {
		t.Error("a guest goes on after the last test")
	}
	if open, _, left := q.open(); !open || left != 1 {
		t.Errorf("%d tests left, open %v", left, open)
	}
	if _, got := told(q, append(list, "=== COST   TestC ", "=== NEXT")...); !slices.Equal(got, []string{"TestC", "end"}) {
		t.Errorf("the other is told %v", got)
	}
}

// TestSlowestFirst: what cost most elsewhere comes first, the one that must be last does not.
func TestSlowestFirst(t *testing.T) {
	q := &queue{kernel: &kernel{}}
	q.list([]string{"TestA", "TestB", "TestZZ", "TestC"}, nil)
	cost := map[string]float64{"TestA": 1, "TestB": 3, "TestZZ": 9, "TestC": 2}
	var got []string
	for name := q.take(cost); name != ""; name = q.take(cost) {
		got = append(got, name)
	}
	if want := []string{"TestB", "TestC", "TestA", "TestZZ"}; !slices.Equal(got, want) {
		t.Errorf("in the order %v, want %v", got, want)
	}
}
