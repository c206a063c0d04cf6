package metrics

// bounds are the upper ends of buckets, in ns: 1 µs to 10 s, by 1, 2 and 5.
var bounds = [...]uint64{1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 2e7, 5e7, 1e8, 2e8, 5e8,
	1e9, 2e9, 5e9, 1e10}

// A Histogram counts times.
type Histogram struct {
	buckets [len(bounds)]uint64 // what is in each and not in the one below
	count   uint64
	sum     float64 // seconds
}

// Add takes a time, in ns.
func (h *Histogram) Add(ns uint64) {
	h.count++
	h.sum += float64(ns) / 1e9
	for i, bound := range bounds {
		if ns <= bound {
			h.buckets[i]++
			return
		}
	}
}
