//go:build linux && (amd64 || arm64)

package collect

import (
	"context"
	"errors"
	"testing"
	"time"
)

// Once a minute what was not seen for ten minutes is forgotten; when identities are being
// lost, sooner. A walk that goes on is not begun again, and its error is told.
func TestStale(t *testing.T) {
	asked, answer := make(chan uint64, 1), make(chan error)
	began := time.Now()
	const now = uint64(time.Hour)
	s := stale{last: began, clock: func() uint64 { return now }, collect: func(ctx context.Context, before uint64) (int, error) {
		asked <- before
		select {
		case err := <-answer:
			return 0, err
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}}
	poll := func(after time.Duration, lost uint64, want bool) {
		t.Helper()
		if err := s.poll(began.Add(after), lost); err != nil {
			t.Fatal(err)
		}
		if (s.walking != nil) != want {
			t.Fatalf("after %v, %d lost: a walk goes on: %v", after, lost, !want)
		}
	}
	poll(staleEvery-1, 0, false)
	poll(staleEvery, 0, true)
	if before := <-asked; before != now-uint64(staleAfter) {
		t.Errorf("asked for buffers from before %d", before)
	}
	poll(3*staleEvery, 0, true) // the same
	answer <- errors.New("no such map")
	for s.walking != nil { // it is told with the first poll behind its end
		if err := s.poll(began.Add(staleEvery+1), 0); err != nil {
			break
		}
	}
	poll(staleEvery+staleEveryWhenFull, 0, false)
	poll(staleEvery+staleEveryWhenFull, 5, true)
	if before := <-asked; before != now-uint64(staleAfterWhenFull) {
		t.Errorf("asked for buffers from before %d, the map being full", before)
	}
	s.stop()
}
