package metrics

// bounds are the upper ends of buckets, in ns: 1 µs to 10 s, by 1, 2 and 5.
var bounds = func() (b [22]uint64) {
	decade := uint64(1000)
	for i := 0; i < len(b); i += 3 {
		for j, n := range [3]uint64{1, 2, 5} {
			if i+j < len(b) {
				b[i+j] = n * decade
			}
		}
		decade *= 10
	}
	return b
}()

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
