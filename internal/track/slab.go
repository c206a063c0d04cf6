package track

import "unsafe"

// A slab holds values by number, in chunks, so that growing copies nothing and what is
// freed is used again. Number 0 is no value.
type slab[T any] struct {
	chunks [][]T
	free   []uint32
	used   uint32 // numbers ever given
}

const slabChunk = 1 << 10

func (s *slab[T]) at(i uint32) *T { return &s.chunks[i/slabChunk][i%slabChunk] }

// take returns the number of a value, which holds what it held when it was freed.
func (s *slab[T]) take() uint32 {
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		return i
	}
	s.used++
	if int(s.used/slabChunk) >= len(s.chunks) {
		s.chunks = append(s.chunks, make([]T, slabChunk))
	}
	return s.used
}

func (s *slab[T]) give(i uint32) { s.free = append(s.free, i) }

// live is how many values are in use.
func (s *slab[T]) live() int { return int(s.used) - len(s.free) }

// grows tells whether the next take needs new memory.
func (s *slab[T]) grows() bool { return len(s.free) == 0 && int(s.used+1)%slabChunk == 0 }

// size is in bytes.
func (s *slab[T]) size() int {
	var v T
	return len(s.chunks)*slabChunk*int(unsafe.Sizeof(v)) + cap(s.free)*4
}
