package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestAllocations is the part of the budget that needs no kernel.
func TestAllocations(t *testing.T) {
	measured, err := measureAllocations()
	if err != nil {
		t.Fatal(err)
	}
	var report bytes.Buffer
	if err := check(measured, allocationUnit, true, &report); err != nil {
		t.Error(err)
	}
	t.Logf("\n%s", report.String())
}

func TestCompare(t *testing.T) {
	budget := map[string]float64{"reported": 1000, "filtered": 300, "skb-sort, allocations": 0}
	with := func(title string, n float64) map[string]float64 {
		m := map[string]float64{"reported": 1000, "filtered": 300, "skb-sort, allocations": 0}
		m[title] = n
		return m
	}
	for _, c := range []struct {
		name     string
		measured map[string]float64
		wrong    string // "": within the budget
	}{
		{"the same", budget, ""},
		{"4 % more", with("reported", 1040), ""},
		{"6 % more", with("reported", 1060), "reported: 1060, where the budget is 1000"},
		{"less", with("reported", 500), ""},
		{"an allocation in 10 events", with("skb-sort, allocations", 0.1), "skb-sort, allocations: 0.1, where the budget is 0"},
		{"the runtime's noise", with("skb-sort, allocations", 0.001), ""},
		{"not measured", map[string]float64{"reported": 1000, "filtered": 300}, "skb-sort, allocations: was not measured"},
		{"nothing measured", nil, "reported: was not measured"},
		{"a new one", with("freed", 1), "freed: has no budget"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := compare(c.measured, budget, &bytes.Buffer{})
			switch {
			case c.wrong == "" && err != nil:
				t.Error(err)
			case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong) || !strings.Contains(err.Error(), "make budget")):
				t.Errorf("got %v, want %q and what to do", err, c.wrong)
			}
		})
	}
}

func TestRead(t *testing.T) {
	got, err := read(strings.NewReader("# a comment\nsomebody says this\r\nreported: a, b\t1836\r\nskb-sort\t0.01\n"))
	if err != nil || len(got) != 2 || got["reported: a, b"] != 1836 || got["skb-sort"] != 0.01 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := read(strings.NewReader("reported\t-\n")); err == nil {
		t.Error("a case without runs is not noticed")
	}
}
