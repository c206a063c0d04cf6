package nearly

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

type entry struct {
	Place
	len  uint32
	ts   uint64
	came int
}

func compare(a, b *entry) int { return cmp.Compare(a.ts, b.ts) }

// stream is the times of n records of four cpus that are apart by up to spread, as they come.
func stream(n int, spread uint64) []uint64 {
	r := rand.New(rand.NewPCG(1, 2))
	ts := make([]uint64, n)
	for i := range ts {
		ts[i] = uint64(i/4)*20 + 10_000_000
		if spread > 0 {
			ts[i] -= r.Uint64N(spread)
		}
	}
	return ts
}

// TestSortIsStable: however far from order the records come, and however often they are sorted
// and let go of in between, they are in order, and equal ones as they came.
func TestSortIsStable(t *testing.T) {
	for _, spread := range []uint64{0, 10, 100, 10_000, 1_000_000} {
		for _, every := range []int{1, 7, 100, 5000} {
			s := New(1<<10, compare)
			var want, got []entry
			for i, ts := range stream(5000, spread) {
				e := entry{ts: ts, came: i}
				want = append(want, e)
				s.Push(e)
				if (i+1)%every == 0 {
					s.Sort()
				}
			}
			s.Sort()
			slices.SortStableFunc(want, func(a, b entry) int { return compare(&a, &b) })
			for len(s.Entries) > 0 { // in parts, so that Drop is seen to leave the rest in order
				n := min(len(s.Entries), 777)
				got = append(got, s.Entries[:n]...)
				s.Drop(n)
				s.Sort()
			}
			if !slices.Equal(got, want) {
				t.Errorf("apart by %d, sorted every %d: not in order", spread, every)
			}
		}
	}
}

// TestSorted: when what entries are ordered by has changed, all are sorted anew.
func TestSorted(t *testing.T) {
	s := New(1<<10, compare)
	for i := range 100 {
		s.Push(entry{ts: uint64(i)})
	}
	for i := range s.Entries {
		s.Entries[i].ts = uint64(100 - i)
	}
	s.Sorted(0)
	s.Sort()
	if !slices.IsSortedFunc(s.Entries, func(a, b entry) int { return compare(&a, &b) }) {
		t.Error("not in order")
	}
}

// TestMemory: a record reads as it was until it is forgotten, what is forgotten is used again,
// and InUse says what is taken.
func TestMemory(t *testing.T) {
	const size = 1 << 10
	r := rand.New(rand.NewPCG(1, 2))
	s := New(size, compare)
	content := func(e *entry) []byte { return bytes.Repeat([]byte{byte(e.came)}, int(e.len)) }
	came, most := 0, 0
	for range 20_000 {
		switch n := r.IntN(200); {
		case n == 0: // one that is larger than a chunk
			record := bytes.Repeat([]byte{byte(came)}, size+r.IntN(size))
			s.Push(entry{Place: s.Add(record), len: uint32(len(record)), came: came})
			came++
		case n < 10: // a batch, of which not all is kept
			data := append(s.Fresh(), bytes.Repeat([]byte{byte(came)}, size)...)
			number := s.Adopt(data[:size])
			for off := uint32(0); off < size; off += 100 {
				if r.IntN(2) == 0 {
					s.Keep(number)
					s.Push(entry{Place: Place{number, off}, len: min(100, size-off), came: came})
				}
			}
			s.Settle(number)
			came++
		default:
			record := bytes.Repeat([]byte{byte(came)}, r.IntN(100))
			s.Push(entry{Place: s.Add(record), len: uint32(len(record)), came: came})
			came++
		}
		most = max(most, s.InUse())
		for i := range s.Entries {
			if e := &s.Entries[i]; !bytes.Equal(s.Record(e.Place, e.len), content(e)) {
				t.Fatalf("record %d is another one's bytes", e.came)
			}
		}
		if len(s.Entries) > 50 {
			n := r.IntN(len(s.Entries))
			for i := range s.Entries[:n] {
				s.Forget(s.Entries[i].Chunk)
			}
			s.Drop(n)
		}
	}
	if most > 100*size {
		t.Errorf("up to %d bytes for about 50 records of 50: forgotten ones were not used again", most)
	}
	for i := range s.Entries {
		s.Forget(s.Entries[i].Chunk)
	}
	s.Drop(len(s.Entries))
	if n := s.InUse(); n > 2*size {
		t.Errorf("%d bytes in use for nothing", n)
	}
	s.Add(make([]byte, 10))
	s.Clear()
	if n := s.InUse(); n != 0 || len(s.Entries) != 0 {
		t.Errorf("cleared: %d bytes in use, %d entries", n, len(s.Entries))
	}
	record := []byte("as new")
	if at := s.Add(record); !bytes.Equal(s.Record(at, uint32(len(record))), record) {
		t.Error("a record added after Clear is lost")
	}
}

// TestSortAllocates: nothing but the memory that it uses again.
func TestSortAllocates(t *testing.T) {
	s := New(1<<10, compare)
	ts := stream(5000, 1000)
	sort := func() {
		s.Entries = s.Entries[:0]
		s.Sorted(0)
		for _, ts := range ts {
			s.Push(entry{ts: ts})
		}
		s.Sort()
	}
	sort()
	if n := testing.AllocsPerRun(5, sort); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkSort: an operation is an event of four cpus, of which the collector takes some at a
// time. Beside it, what the library's sort takes.
func BenchmarkSort(b *testing.B) {
	const n = 1 << 16
	for _, batch := range []int{1, 64} {
		in := make([]entry, n)
		for i := range in {
			cpu, round := i/batch%4, i/batch/4
			in[i] = entry{ts: uint64(round*batch+i%batch)*2000 + uint64(cpu)*500 + uint64(i*7919%1500), came: i}
		}
		b.Run(fmt.Sprintf("%d of a cpu", batch), func(b *testing.B) {
			s := New(1<<10, compare)
			for done := 0; done < b.N; done += n {
				s.Entries = append(s.Entries[:0], in...)
				s.Sorted(0)
				s.Sort()
			}
		})
		b.Run(fmt.Sprintf("%d of a cpu, slices.SortStableFunc", batch), func(b *testing.B) {
			var e []entry
			for done := 0; done < b.N; done += n {
				e = append(e[:0], in...)
				slices.SortStableFunc(e, func(a, b entry) int { return compare(&a, &b) })
			}
		})
	}
}
