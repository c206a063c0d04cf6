package format

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestStartsOfManyBytes: what a reader keeps of starts is bounded by their bytes, too, and what
// a Merger writes never goes back to one that is not kept.
func TestStartsOfManyBytes(t *testing.T) {
	var raws []Raw
	for _, host := range []string{"a", "b", "c", "d", "e", "f"} {
		raws = append(raws, (&Start{Host: host, Cmdline: []string{strings.Repeat(host, 5<<20)}}).AppendMsgpack(nil))
	}
	small := Raw((&Start{Host: "small"}).AppendMsgpack(nil))
	raws = append(raws, small, (&Start{Host: "large", Cmdline: []string{strings.Repeat("x", MaxStartBytes)}}).AppendMsgpack(nil))
	var m Merger
	var s Starts[int]
	r := rand.New(rand.NewPCG(1, 2))
	current, resumes := -1, 0
	for range 200 {
		want := r.IntN(len(raws))
		switch w := m.To(raws[want]); w.Type() {
		case TypeStart:
			s.Set(w, want)
			current = want
		case TypeResume:
			of, ok := s.Resume(w)
			if !ok {
				t.Fatal("a resume names no start that is kept")
			}
			current = of
			resumes++
		}
		if current != want {
			t.Fatalf("start %d is in force, want %d", current, want)
		}
		if len(s.recent) > 4 || len(s.recent) > 1 && s.bytes > MaxStartBytes {
			t.Fatalf("%d starts of %d bytes are kept", len(s.recent), s.bytes)
		}
	}
	if resumes < 30 {
		t.Errorf("%d resumes: those that fit are to be kept", resumes)
	}
}
