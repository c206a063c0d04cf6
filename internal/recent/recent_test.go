package recent

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestOldestGoesFirst: beyond the limit the oldest key is forgotten, whatever was asked for since.
func TestOldestGoesFirst(t *testing.T) {
	m := New[string, int](3)
	for i, k := range []string{"a", "b", "c"} {
		m.Set(k, i)
	}
	m.Set("a", 10) // known already: as old as before
	if v, ok := m.Get("a"); !ok || v != 10 {
		t.Errorf("a is %d, %v; want 10", v, ok)
	}
	m.Set("d", 3)
	if m.Has("a") || !m.Has("b") || !m.Has("c") || !m.Has("d") || m.Len() != 3 {
		t.Errorf("a, b, c, d are there: %v %v %v %v", m.Has("a"), m.Has("b"), m.Has("c"), m.Has("d"))
	}
	if v, ok := m.Get("a"); ok || v != 0 {
		t.Errorf("what was forgotten is %d, %v", v, ok)
	}
}

// TestComesAgain: a key that was deleted and came again is as old as its coming again.
func TestComesAgain(t *testing.T) {
	m := New[int, struct{}](3)
	m.Set(1, struct{}{})
	m.Delete(1)
	if m.Has(1) {
		t.Fatal("a deleted key is there")
	}
	m.Delete(1) // not there: nothing happens
	m.Set(2, struct{}{})
	m.Set(1, struct{}{})
	m.Set(3, struct{}{})
	if !m.Has(1) {
		t.Fatal("the place where the key was before made it the oldest")
	}
	m.Set(4, struct{}{})
	m.Set(5, struct{}{})
	if m.Has(1) || !m.Has(3) || !m.Has(4) || !m.Has(5) {
		t.Error("the oldest is not forgotten")
	}
}

// TestLikeAList holds the map against one that is a list, in random use.
func TestLikeAList(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const limit = 8
	type added struct{ key, value int } // deleted ones keep their place in the list
	var list []added
	m := New[int, int](limit)
	live := func(k int) int {
		for i := len(list) - 1; i >= 0; i-- {
			if list[i].key == k {
				return i
			}
		}
		return -1
	}
	for range 100_000 {
		k, v := r.IntN(20), r.Int()
		switch i := live(k); {
		case r.IntN(4) == 0:
			m.Delete(k)
			if i >= 0 {
				list[i].key = -1
			}
		case i >= 0:
			m.Set(k, v)
			list[i].value = v
		default:
			m.Set(k, v)
			list = append(list, added{k, v})
			list = list[max(0, len(list)-limit):]
		}
		count := 0
		for k := range 20 {
			v, ok := m.Get(k)
			i := live(k)
			if ok != (i >= 0) || ok && v != list[i].value {
				t.Fatalf("key %d is %d, %v; the list is %v", k, v, ok, list)
			}
			if ok {
				count++
			}
		}
		if m.Len() != count {
			t.Fatalf("%d keys, want %d", m.Len(), count)
		}
	}
	if !slices.ContainsFunc(list, func(a added) bool { return a.key >= 0 }) {
		t.Error("nothing was left to compare")
	}
}

// TestGrowsWithUse: a map whose limit is large takes no memory for it before it is needed.
func TestGrowsWithUse(t *testing.T) {
	m := New[uint64, struct{}](1 << 30)
	m.Set(1, struct{}{})
	if cap(m.keys) > 64 {
		t.Errorf("%d places for one key", cap(m.keys))
	}
}

// BenchmarkSet: an operation is a new key in a full map.
func BenchmarkSet(b *testing.B) {
	const limit = 1 << 16
	m := New[uint64, uint64](limit)
	for i := range uint64(limit) {
		m.Set(i, i)
	}
	b.ReportAllocs()
	n := uint64(limit)
	for b.Loop() {
		m.Set(n, n)
		n++
	}
}
