package track

import (
	"cmp"
	"slices"
)

// A column is one place on a picture's way to the right: a point, or several that are folded
// into one mark.
type column struct {
	points []int // more than one: they are folded
	ns     uint64
	x      float64 // px
}

// How a stretch between two columns is drawn.
type stretch uint8

const (
	toScale stretch = iota
	crowded         // its ends would lie on one another: it is as wide as they are
	cutOut          // it would leave no room for the others: a part of it is not drawn
)

// Of more than maxColumns points at most maxAlone are drawn one by one.
const (
	maxColumns = 120
	maxAlone   = 60
)

// columns puts points, which are in order of time, into columns. Of too many those stay that
// weigh most, and of those that weigh the same the first; the others are folded, each run of
// them into one column.
func columns(ns []uint64, weight func(i int) uint64) []column {
	stays := make([]int, len(ns))
	for i := range stays {
		stays[i] = i
	}
	if len(ns) > maxColumns {
		slices.SortStableFunc(stays, func(a, b int) int { return cmp.Compare(weight(b), weight(a)) })
		stays = stays[:maxAlone]
		slices.Sort(stays)
	}
	var all []column
	for i, next := 0, 0; i < len(ns); i++ {
		alone := next < len(stays) && stays[next] == i
		if alone {
			next++
		}
		// What is folded goes on in the column before, unless that is a point that stays.
		if n := len(all); !alone && n > 0 && (next == 0 || stays[next-1] < all[n-1].points[0]) {
			all[n-1].points = append(all[n-1].points, i)
			continue
		}
		all = append(all, column{points: []int{i}, ns: ns[i]})
	}
	return all
}

// spread gives the columns their places, from left on, no two closer than apart, and says how
// each stretch behind a column is drawn. All that are to scale have the same scale. It returns
// where the last one is.
func spread(all []column, left, width, apart float64) (marks []stretch, right float64) {
	gaps := make([]float64, max(len(all)-1, 0))
	for i := range gaps {
		gaps[i] = float64(all[i+1].ns - all[i].ns)
	}
	width = max(width, apart*float64(len(gaps)))
	longest := width
	scale := fit(gaps, width, apart, longest)
	dense := 0
	for _, ns := range gaps {
		if ns*scale < apart {
			dense++
		}
	}
	if len(gaps) > 3 && 2*dense >= len(gaps) {
		longest = max(width/3, apart)
		scale = fit(gaps, width, apart, longest)
	}
	x := left
	for i := range all {
		all[i].x = x
		if i == len(gaps) {
			break
		}
		at := gaps[i] * scale
		switch {
		case at < apart:
			marks = append(marks, crowded)
		case at > longest*1.001: // more than an error of rounding
			marks = append(marks, cutOut)
		default:
			marks = append(marks, toScale)
		}
		x += min(max(at, apart), longest)
	}
	return marks, x
}

// fit finds the scale, px for a ns, at which the gaps take the width, each at least apart and
// at most longest px.
func fit(gaps []float64, width, apart, longest float64) float64 {
	low, high := 0.0, 0.0
	for _, ns := range gaps {
		if ns > 0 {
			high = max(high, longest/ns)
		}
	}
	for range 60 {
		middle, sum := (low+high)/2, 0.0
		for _, ns := range gaps {
			sum += min(max(ns*middle, apart), longest)
		}
		if sum > width {
			high = middle
		} else {
			low = middle
		}
	}
	return low
}
