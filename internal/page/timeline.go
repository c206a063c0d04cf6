package page

// A timeline is cells of equal length in time, of which there are never more than a limit: when they would be, each two
// become one. Times may come in any order.
type timeline[T any] struct {
	limit int
	width uint64 // ns
	low   uint64 // number of the first cell: its time is low*width
	cells []T
	merge func(a, b T) T
}

func newTimeline[T any](limit int, merge func(a, b T) T) *timeline[T] {
	return &timeline[T]{limit: limit, width: 1000, merge: merge}
}

// at returns the cell that a time is in.
func (l *timeline[T]) at(ts uint64) *T {
	for {
		i := ts / l.width
		if len(l.cells) == 0 {
			l.low = i
		}
		low, high := min(l.low, i), max(l.low+uint64(len(l.cells)), i+1)
		if high-low <= uint64(l.limit) {
			if low < l.low {
				l.cells = append(make([]T, l.low-low), l.cells...)
				l.low = low
			}
			for l.low+uint64(len(l.cells)) < high {
				var none T
				l.cells = append(l.cells, none)
			}
			return &l.cells[i-l.low]
		}
		l.halve()
	}
}

// halve makes each two cells one.
func (l *timeline[T]) halve() {
	var next []T
	for i, c := range l.cells {
		if n := (l.low + uint64(i)) / 2; n == l.low/2+uint64(len(next)) {
			next = append(next, c)
		} else {
			next[len(next)-1] = l.merge(next[len(next)-1], c)
		}
	}
	l.low, l.cells, l.width = l.low/2, next, l.width*2
}

// A Series counts things by name over time.
type Series struct {
	Names  []string   `json:"names"`
	Since  float64    `json:"since"`  // s, of the first cell
	Width  float64    `json:"width"`  // s, of a cell
	Counts [][]uint64 `json:"counts"` // by name, then by cell

	line  *timeline[[]uint64]
	index map[string]int
	other string
}

// maxCells is how many cells a chart has at most, maxNames how many names: later ones are counted as the last.
const (
	maxCells = 600
	maxNames = 16
)

// NewSeries returns an empty series. What has a name beyond the first 15 is counted as other.
func NewSeries(other string) *Series {
	return &Series{index: map[string]int{}, other: other,
		line: newTimeline(maxCells, func(a, b []uint64) []uint64 {
			for len(a) < len(b) {
				a = append(a, 0)
			}
			for i, n := range b {
				a[i] += n
			}
			return a
		})}
}

// Add counts n at a time, ns.
func (s *Series) Add(ts uint64, name string, n uint64) {
	i, ok := s.index[name]
	if !ok {
		if len(s.Names) >= maxNames-1 {
			name = s.other
		}
		if i, ok = s.index[name]; !ok {
			i = len(s.Names)
			s.index[name] = i
			s.Names = append(s.Names, name)
		}
	}
	cell := s.line.at(ts)
	for len(*cell) <= i {
		*cell = append(*cell, 0)
	}
	(*cell)[i] += n
}

// Finish makes the series what is written.
func (s *Series) Finish() *Series {
	s.Since, s.Width = float64(s.line.low*s.line.width)/1e9, float64(s.line.width)/1e9
	if s.Names == nil {
		s.Names = []string{}
	}
	s.Counts = make([][]uint64, len(s.Names))
	for n := range s.Names {
		s.Counts[n] = make([]uint64, len(s.line.cells))
		for i, cell := range s.line.cells {
			if n < len(cell) {
				s.Counts[n][i] = cell[n]
			}
		}
	}
	return s
}
