package flowrules

import (
	"fmt"
	"strings"
	"testing"
)

// TestMany: the rules of ever more flows, or of ever more answers about one, take bounded memory; the latest are there.
func TestMany(t *testing.T) {
	for name, ufid := range map[string]func(i int) string{
		"flows":   func(i int) string { return fmt.Sprint(i) },
		"answers": func(int) string { return "u" },
		"both":    func(i int) string { return fmt.Sprint(i * i % 1000) },
	} {
		var a Answers
		for i := range 3*maxAnswers + 1 {
			a.keep(ufid(i), Answer{TS: uint64(i), Rules: fmt.Sprint(i)})
		}
		n := 0
		for _, list := range a.of {
			n += len(list)
		}
		if n != maxAnswers || len(a.of) > maxAnswers || len(a.ufids) > 3*maxAnswers {
			t.Errorf("%s: %d answers about %d flows are kept, of %d", name, n, len(a.of), len(a.ufids))
		}
		for i := 2*maxAnswers + 1; i <= 3*maxAnswers; i++ {
			if got := a.At([]byte(ufid(i)), uint64(i)); got.Rules != fmt.Sprint(i) {
				t.Fatalf("%s: the answer for %d is %+v", name, i, got)
			}
		}
	}
}

// TestLarge: a few flows with very many rules do not take more than others.
func TestLarge(t *testing.T) {
	const each = maxSize / 10
	var a Answers
	for i := range 100 {
		a.keep(fmt.Sprint(i), Answer{TS: uint64(i), Rules: strings.Repeat(fmt.Sprint(i%10), each)})
	}
	held := 0
	for _, list := range a.of {
		for _, n := range list {
			held += len(n.Rules)
		}
	}
	if held != a.size || held > maxSize || held < maxSize/2 {
		t.Errorf("%d bytes are held, and %d said to be", held, a.size)
	}
	if a.At([]byte("99"), 99).Rules == "" || a.At([]byte("1"), 99).Rules != "" {
		t.Error("it is not the latest that are kept")
	}
}
