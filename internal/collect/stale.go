//go:build linux && (amd64 || arm64)

package collect

import (
	"context"
	"time"

	"github.com/skb-tools/skb-tools/bpf"
)

// Packets wait in sockets' queues for minutes and come on. One that was not seen for that
// long has been released unseen; where the map is full, one not seen for shorter has to go.
const (
	staleAfter         = 10 * time.Minute
	staleAfterWhenFull = 10 * time.Second
	staleEvery         = time.Minute
	staleEveryWhenFull = 10 * time.Second
)

// stale makes room in the buffer map. A walk over a million entries takes seconds, in which
// the ring buffer would fill: it is done beside the reading.
type stale struct {
	clock   func() uint64 // ns, of CLOCK_MONOTONIC
	collect func(ctx context.Context, before uint64) (int, error)
	last    time.Time
	lost    uint64     // identities, when it was done last
	walking chan error // of the walk that goes on; nil: none does
	cancel  context.CancelFunc
}

// poll collects when it is time. lost is how many identities were lost so far. It returns
// the error of a walk that has ended.
func (s *stale) poll(now time.Time, lost uint64) error {
	if s.walking != nil {
		select {
		case err := <-s.walking:
			s.walking = nil
			s.cancel()
			return err
		default:
			return nil
		}
	}
	age, every := staleAfter, staleEvery
	if lost > s.lost {
		age, every = staleAfterWhenFull, staleEveryWhenFull
	}
	if now.Sub(s.last) < every {
		return nil
	}
	s.last, s.lost = now, lost
	before := s.clock()
	if before < uint64(age) {
		return nil
	}
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	s.walking = make(chan error, 1)
	go func(walking chan<- error) {
		_, err := s.collect(ctx, before-uint64(age))
		walking <- err
	}(s.walking)
	return nil
}

// stop ends a walk that goes on.
func (s *stale) stop() {
	if s.walking != nil {
		s.cancel()
		//lint:ignore errcheck that of a walk which was ended
		<-s.walking
	}
}

// identities is how many identities were lost.
func (l *losses) identities() uint64 { return l.total[lossWords[bpf.LossIdentity].why] }
