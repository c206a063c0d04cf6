package drops

import (
	"fmt"
	"strconv"

	"github.com/skb-tools/skb-tools/internal/sampled"
)

// A sampling is what a summary knows of `skb-collect --sample`: each drop that the stream has stands for as many as its
// start says. Counts are estimates then.
type sampling struct {
	most    uint64 // one packet in so many was looked at, at least; 0: all
	several bool   // not in each stream the same
	byFlow  bool   // packets of one flow stand together in the sample or are left out together
}

// stands is how many drops the one in f stands for. What the tracepoints of group xdp count is not sampled.
func (h *host) stands(f *facts) uint64 {
	if f.dropped > 0 {
		return 1
	}
	return h.sample.Stands()
}

// estimated returns n drops times what each stands for, and adds to *noise, the variance of that estimate.
func estimated(n, w uint64, noise *float64) uint64 {
	*noise += float64(n) * sampled.Variance(w)
	return n * w
}

// of takes a host whose drops are counted.
func (s *sampling) of(h *host) {
	if h.sample.N < 2 {
		s.several = s.several || s.most > 0
		return
	}
	s.several = s.several || s.most > 0 && s.most != h.sample.N
	s.most = max(s.most, h.sample.N)
	s.byFlow = s.byFlow || h.sample.ByFlow
}

// about writes a count with its error, if it is an estimate.
func about(n uint64, noise float64) string {
	if noise == 0 {
		return strconv.FormatUint(n, 10)
	}
	return fmt.Sprintf("%d ±%d", n, sampled.Error(noise))
}

// totalWords tells how many drops there were.
func (s *summary) totalWords() string {
	if s.noise == 0 {
		return drops(s.total)
	}
	return "about " + about(s.total, s.noise) + " drops"
}

// words say how counts were found.
func (s *sampling) words() string {
	if s.most == 0 {
		return ""
	}
	return sampled.Words(s.most, s.several, s.byFlow)
}
