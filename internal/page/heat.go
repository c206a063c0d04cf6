package page

import "math/bits"

// A Heat has how long hops took, over time.
type Heat struct {
	Since float64   `json:"since"` // s, of the first cell
	Width float64   `json:"width"` // s, of a cell
	Cells int       `json:"cells"`
	Rows  []HeatRow `json:"rows"`
	More  uint64    `json:"more"` // hops between other pairs of probes

	line *timeline[map[int]*times]
}

// A HeatRow is one pair of probes. Its quantiles, in ns, are those of each cell; where Count is 0 they say nothing.
// They are true to 7 %.
type HeatRow struct {
	From  string   `json:"from"`
	To    string   `json:"to"`
	Count []uint64 `json:"count"`
	P50   []uint64 `json:"p50"`
	P90   []uint64 `json:"p90"`
	P99   []uint64 `json:"p99"`
}

// times counts durations by their octave and the three bits below: 8 to an octave.
type times []uint32

func (t *times) add(ns uint64, n uint32) {
	i := bucket(ns)
	for len(*t) <= i {
		*t = append(*t, 0)
	}
	(*t)[i] += n
}

func bucket(ns uint64) int {
	if ns < 16 {
		return int(ns)
	}
	shift := bits.Len64(ns) - 4
	return shift*8 + int(ns>>shift)
}

// middle is the middle of a bucket, ns.
func middle(i int) uint64 {
	if i < 16 {
		return uint64(i)
	}
	shift := i/8 - 1
	return uint64(i%8+8)<<shift + 1<<shift/2
}

func (t times) count() (n uint64) {
	for _, c := range t {
		n += uint64(c)
	}
	return n
}

// quantile returns the time within which so many percent of n are.
func (t times) quantile(percent, n uint64) uint64 {
	want := (n*percent + 99) / 100
	for i, c := range t {
		if uint64(c) >= want {
			return middle(i)
		}
		want -= uint64(c)
	}
	return 0
}

// Bounds of a heat map.
const (
	heatCells = 64
	// HeatPairs is how many pairs of probes have numbers over time: the first that come.
	HeatPairs = 100
	// HeatRows is how many of them a page shows.
	HeatRows = 30
)

// NewHeat returns an empty heat map.
func NewHeat() *Heat {
	return &Heat{line: newTimeline(heatCells, func(a, b map[int]*times) map[int]*times {
		if a == nil {
			return b
		}
		for pair, from := range b {
			to := a[pair]
			if to == nil {
				a[pair] = from
				continue
			}
			for len(*to) < len(*from) {
				*to = append(*to, 0)
			}
			for i, n := range *from {
				(*to)[i] += n
			}
		}
		return a
	})}
}

// Add counts a hop of a pair, by its number, that was at ts and took so many ns.
func (h *Heat) Add(ts uint64, pair int, took uint64) {
	if pair >= HeatPairs {
		h.More++
		return
	}
	cell := h.line.at(ts)
	if *cell == nil {
		*cell = map[int]*times{}
	}
	t := (*cell)[pair]
	if t == nil {
		t = &times{}
		(*cell)[pair] = t
	}
	t.add(took, 1)
}

// Row makes the row of a pair.
func (h *Heat) Row(pair int, from, to string) {
	row := HeatRow{From: from, To: to}
	for _, cell := range h.line.cells {
		var n, p50, p90, p99 uint64
		if t := cell[pair]; t != nil {
			n = t.count()
			p50, p90, p99 = t.quantile(50, n), t.quantile(90, n), t.quantile(99, n)
		}
		row.Count, row.P50, row.P90, row.P99 = append(row.Count, n), append(row.P50, p50), append(row.P90, p90),
			append(row.P99, p99)
	}
	h.Rows = append(h.Rows, row)
}

// Finish makes the map what is written; its rows have been made.
func (h *Heat) Finish() *Heat {
	h.Since, h.Width = float64(h.line.low*h.line.width)/1e9, float64(h.line.width)/1e9
	h.Cells = len(h.line.cells)
	if h.Rows == nil {
		h.Rows = []HeatRow{}
	}
	return h
}
