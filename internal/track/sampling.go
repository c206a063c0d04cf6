package track

import (
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/sampled"
)

// A sampling is what a summary knows of `skb-collect --sample`: each journey stands for as many as the start
// says to which it belongs. Counts are estimates then.
type sampling struct {
	now     sampled.Rate // of the start in force
	came    format.Starts[sampled.Rate]
	most    uint64 // one packet in so many was looked at, at least; 0: all
	several bool   // not in each stream the same
	flows   bool   // packets of a flow were chosen together
	noise   map[string]float64
}

// under takes a record that says what the next ones belong to.
func (s *sampling) under(r format.Raw) {
	if r.Type() == format.TypeResume {
		s.now, _ = s.came.Resume(r)
		return
	}
	s.now = sampled.Of(r)
	s.came.Set(r, s.now)
}

// stands is how many there were for each that the stream has.
func (s *sampling) stands() uint64 { return s.now.Stands() }

// byFlow tells that all packets of a flow are there, or none.
func (s *sampling) byFlow() bool { return s.now.N > 1 && s.now.ByFlow }

// journey takes how a journey ended.
func (s *sampling) journey(how string) {
	n := s.stands()
	s.several = s.several || s.most > 0 && s.most != n
	s.most = max(s.most, n)
	s.flows = s.flows || s.byFlow()
	if n == 1 {
		return
	}
	if s.noise == nil {
		s.noise = map[string]float64{}
	}
	for _, of := range [...]string{"", how} {
		if _, known := s.noise[of]; known || len(s.noise) < maxWhat {
			s.noise[of] += sampled.Variance(n)
		}
	}
}

// report says how far counts may be off.
func (s *sampling) report(r *report) {
	if s.most < 2 {
		return
	}
	r.Sample, r.ByFlow, r.several = s.most, s.flows, s.several
	r.Errors = map[string]uint64{}
	for how, noise := range s.noise {
		if n := sampled.Error(noise); how == "" {
			r.Error = n
		} else {
			r.Errors[how] = n
		}
	}
}

// sampleWords say how counts were found.
func (r *report) sampleWords() string {
	if r.Sample == 0 {
		return ""
	}
	words := sampled.Words(r.Sample, r.several, r.ByFlow)
	if r.ByFlow {
		words += "; the flows below are those chosen, with all of theirs"
	}
	return words
}
