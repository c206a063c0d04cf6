package drops

import (
	"fmt"
	"math"
	"strconv"
)

// A sampling is what a summary knows of `skb-collect --sample`: each drop that the stream has stands for as many as its
// start says. Counts are estimates then.
type sampling struct {
	most    uint64 // one packet in so many was looked at, at least; 0: all
	several bool   // not in each stream the same
	byFlow  bool   // packets of one flow stand together in the sample or are left out together
}

// maxSample bounds how many packets one stands for, whatever a stream says.
const maxSample = 1 << 20

// stands is how many drops the one in f stands for. What the tracepoints of group xdp count is not sampled.
func (h *host) stands(f *facts) uint64 {
	if h.sample < 2 || f.dropped > 0 {
		return 1
	}
	return h.sample
}

// estimated returns n drops times what each stands for, and adds to *noise, the variance of that estimate: of each that
// is chosen with the chance 1/w, w stand for one, with the variance w² - w.
func estimated(n, w uint64, noise *float64) uint64 {
	*noise += float64(n) * float64(w) * float64(w-1)
	return n * w
}

// of takes a host whose drops are counted.
func (s *sampling) of(h *host) {
	if h.sample < 2 {
		s.several = s.several || s.most > 0
		return
	}
	s.several = s.several || s.most > 0 && s.most != h.sample
	s.most = max(s.most, h.sample)
	s.byFlow = s.byFlow || h.byFlow
}

// errorOf is the standard error of an estimate of this variance.
func errorOf(noise float64) uint64 { return uint64(math.Ceil(math.Sqrt(noise))) }

// about writes a count with its error, if it is an estimate.
func about(n uint64, noise float64) string {
	if noise == 0 {
		return strconv.FormatUint(n, 10)
	}
	return fmt.Sprintf("%d ±%d", n, errorOf(noise))
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
	words := fmt.Sprintf("one packet in %d", s.most)
	if s.several {
		words += " or fewer"
	}
	words += " was looked at (skb-collect --sample): counts are estimates, ± their standard error"
	if s.byFlow {
		words += ", at least: the packets of a flow were chosen together"
	}
	return words
}
