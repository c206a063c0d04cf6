//go:build linux

package main

import (
	"fmt"
	"slices"
	"testing"
)

// TestTwoOf: each commit gives a test two kernels, all pairs come round, and tests of one commit
// are spread over the kernels.
func TestTwoOf(t *testing.T) {
	kernels := []string{"5.10", "6.1", "6.12", "7.x"}
	commit := func(i int) string { return fmt.Sprintf("%040x", uint64(i)*0x9e3779b97f4a7c15) }
	pairs := map[string]int{}
	const commits = 600
	for i := range commits {
		two := twoOf(commit(i), "TestA", kernels)
		if len(two) != 2 || !slices.Equal(two, twoOf(commit(i), "TestA", kernels)) {
			t.Fatalf("%s: %v", commit(i), two)
		}
		pairs[fmt.Sprint(two)]++
	}
	for pair, n := range pairs {
		if n < commits/12 || n > commits/3 {
			t.Errorf("%s was chosen by %d of %d commits", pair, n, commits)
		}
	}
	if len(pairs) != 6 {
		t.Errorf("only these pairs came round: %v", pairs)
	}
	tests := map[string]int{}
	for i := range 24 {
		for _, k := range twoOf(commit(1), fmt.Sprint("Test", i), kernels) {
			tests[k]++
		}
	}
	for _, k := range kernels {
		if tests[k] < 4 {
			t.Errorf("of 24 tests %d run on %s: %v", tests[k], k, tests)
		}
	}
	for _, all := range [][]string{twoOf("", "TestA", kernels), twoOf(commit(1), "TestA", kernels[:1])} {
		if len(all) != 1 && len(all) != 4 {
			t.Errorf("on %v only", all)
		}
	}
}

// TestElsewhere: a test that is for two other kernels does not run, and the report can name it;
// unless it was asked for on all.
func TestElsewhere(t *testing.T) {
	marked := []string{"=== TESTS", "TestA", "TestB", "=== SAME   TestA", "=== SAME   TestNotChosen", "=== NEXT"}
	q := &queue{kernel: &kernel{}, elsewhere: func(test string) bool { return true }}
	if _, got := told(q, append(marked, "--- PASS: TestB", "=== COST   TestB ", "=== NEXT")...); !slices.Equal(got, []string{"TestB", "end"}) || !slices.Equal(q.left, []string{"TestA"}) {
		t.Errorf("told %v, left out %v", got, q.left)
	}
	q = &queue{kernel: &kernel{}}
	if _, got := told(q, append(marked, "--- PASS: TestA", "=== COST   TestA ", "=== NEXT", "--- PASS: TestB", "=== COST   TestB ", "=== NEXT")...); !slices.Equal(got, []string{"TestA", "TestB", "end"}) || q.left != nil {
		t.Errorf("told %v, left out %v", got, q.left)
	}
}
