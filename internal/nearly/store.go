package nearly

import "slices"

// A Store is records in chunks and their entries. What an entry is, its user says: it has a
// Place, and by what it is ordered.
type Store[E any] struct {
	Chunks
	Entries []E
	sorted  int // of the entries, from the first
	scratch []E
	moving  E // not a variable of its function: compare is not known to the compiler, which would allocate it
	compare func(a, b *E) int
}

// New returns an empty store whose chunks take so many bytes, and whose entries are in the
// order of compare, which returns less than 0 where a comes before b.
func New[E any](chunkSize int, compare func(a, b *E) int) *Store[E] {
	return &Store[E]{Chunks: Chunks{Size: chunkSize}, compare: compare}
}

// Push puts an entry behind the others.
func (s *Store[E]) Push(e E) {
	if len(s.Entries) == cap(s.Entries) {
		// Twice as many: by append's steps of a quarter, four times as much is left to the
		// collector, which does not come before there is as much again.
		s.Entries = slices.Grow(s.Entries, max(len(s.Entries), 1024))
	}
	s.Entries = append(s.Entries, e)
	if n := len(s.Entries) - 1; s.sorted == n && (n == 0 || s.compare(&s.Entries[n-1], &s.Entries[n]) <= 0) {
		s.sorted++
	}
}

// Sorted says that the first n entries are in order, and others may not be.
func (s *Store[E]) Sorted(n int) { s.sorted = n }

// Drop takes the first n entries out, whose records have been forgotten.
func (s *Store[E]) Drop(n int) {
	s.Entries = s.Entries[:copy(s.Entries, s.Entries[n:])]
	s.sorted = max(s.sorted-n, 0)
}

// Clear forgets all records and their entries.
func (s *Store[E]) Clear() {
	s.Entries, s.sorted = s.Entries[:0], 0
	s.clear()
}

// Sort puts the entries in order. Equal ones stay as they came.
func (s *Store[E]) Sort() {
	if s.sorted == len(s.Entries) {
		return
	}
	s.mergeSort(s.Entries[s.sorted:])
	s.merge(s.Entries, s.sorted)
	s.sorted = len(s.Entries)
}

// mergeSort costs little where entries are nearly in order, as those of a stream are: each
// cpu's are, and the cpus are close to each other. For events of four cpus it takes a quarter of
// what slices.SortStableFunc takes (BenchmarkSort).
func (s *Store[E]) mergeSort(e []E) {
	if len(e) <= 16 {
		for i := 1; i < len(e); i++ {
			if s.compare(&e[i-1], &e[i]) <= 0 {
				continue
			}
			s.moving = e[i]
			j := i
			for ; j > 0 && s.compare(&s.moving, &e[j-1]) < 0; j-- {
				e[j] = e[j-1]
			}
			e[j] = s.moving
		}
		return
	}
	s.mergeSort(e[:len(e)/2])
	s.mergeSort(e[len(e)/2:])
	s.merge(e, len(e)/2)
}

// merge merges e[:mid] and e[mid:], touching only where they overlap. The shorter side is
// looked through for how far that is by steps that double, as the overlap is short in a
// stream that is nearly in order.
func (s *Store[E]) merge(e []E, mid int) {
	if mid == 0 || mid == len(e) || s.compare(&e[mid-1], &e[mid]) <= 0 {
		return
	}
	low := overlap(mid, func(n int) bool { return s.compare(&e[mid-n], &e[mid]) > 0 })
	high := overlap(len(e)-mid, func(n int) bool { return s.compare(&e[mid+n-1], &e[mid-1]) < 0 })
	e, mid = e[mid-low:mid+high], low
	if low <= high {
		s.scratch = append(s.scratch[:0], e[:mid]...)
		left, right, to := s.scratch, e[mid:], 0
		for len(left) > 0 && len(right) > 0 {
			if s.compare(&left[0], &right[0]) <= 0 {
				e[to], left = left[0], left[1:]
			} else {
				e[to], right = right[0], right[1:]
			}
			to++
		}
		copy(e[to:], left)
		return
	}
	s.scratch = append(s.scratch[:0], e[mid:]...)
	left, right, to := e[:mid], s.scratch, len(e)
	for len(left) > 0 && len(right) > 0 {
		to--
		if l, r := len(left)-1, len(right)-1; s.compare(&left[l], &right[r]) <= 0 {
			e[to], right = right[r], right[:r]
		} else {
			e[to], left = left[l], left[:l]
		}
	}
	copy(e[:to], right)
}

// overlap returns the largest n in 1..limit that is in, which 1 is, and each below one that is.
func overlap(limit int, in func(n int) bool) int {
	yes, no := 1, 2
	for ; no <= limit && in(no); no *= 2 {
		yes = no
	}
	no = min(no, limit+1)
	for no-yes > 1 {
		if m := (yes + no) / 2; in(m) {
			yes = m
		} else {
			no = m
		}
	}
	return yes
}
