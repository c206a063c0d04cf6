package skbcollect

import (
	"time"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/internal/kernel"
)

// Packets wait in sockets' queues for minutes and come on. One that was not seen for that
// long has been released unseen; where the map is full, one not seen for shorter has to go.
const (
	staleAfter         = 10 * time.Minute
	staleAfterWhenFull = 10 * time.Second
	staleEvery         = time.Minute
	staleEveryWhenFull = 10 * time.Second
)

// stale makes room in the buffer map.
type stale struct {
	loader *kernel.Loader
	last   time.Time
	lost   uint64 // identities, when it was done last
}

// poll collects when it is time. lost is how many identities were lost so far.
func (s *stale) poll(now time.Time, lost uint64) error {
	age, every := staleAfter, staleEvery
	if lost > s.lost {
		age, every = staleAfterWhenFull, staleEveryWhenFull
	}
	if now.Sub(s.last) < every {
		return nil
	}
	s.last, s.lost = now, lost
	before := monotonic()
	if before < uint64(age) {
		return nil
	}
	_, err := s.loader.Collect(before - uint64(age))
	return err
}

// identities is how many identities were lost.
func (l *losses) identities() uint64 { return l.total[lossWords[bpf.LossIdentity].why] }
