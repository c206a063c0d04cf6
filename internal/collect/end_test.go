//go:build linux && (amd64 || arm64)

package collect

import (
	"testing"
	"testing/synctest"
	"time"
)

// A kernel that takes its time at the end is no reader that does not read.
func TestMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &collector{}
		written, moves := make(chan error, 1), make(chan bool, 1)
		c.progress.asks.Store(true)
		go func() { moves <- c.moves(written) }()
		time.Sleep(20*stuckAfter + time.Millisecond)
		c.progress.asks.Store(false)
		time.Sleep(stuckAfter / 2)
		written <- nil
		if !<-moves {
			t.Error("the reader was blamed while the kernel was asked")
		}
		<-written

		go func() { moves <- c.moves(written) }()
		time.Sleep(stuckAfter / 2)
		c.progress.taken.Add(1)
		if <-moves {
			t.Error("a write that does not come back counts as one that does")
		}
	})
}
