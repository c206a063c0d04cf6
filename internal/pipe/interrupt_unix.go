//go:build unix

package pipe

import (
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// An alarm is what a poll can wait for.
type alarm struct {
	once sync.Once
	r, w *os.File
}

// fd is readable, or hung up, from ring on; -1 if there can be none.
func (a *alarm) fd() int32 {
	a.once.Do(func() { a.r, a.w, _ = os.Pipe() })
	if a.r == nil {
		return -1
	}
	return int32(a.r.Fd())
}

func (a *alarm) ring() {
	if a.fd() >= 0 {
		a.w.Close()
	}
}

// A waitingFile is one whose reading may have to wait for a writer.
type waitingFile struct {
	*os.File
	over bool
}

func newWaitingFile(f *os.File) *waitingFile { return &waitingFile{File: f} }

func (w *waitingFile) Read(p []byte) (n int, err error) {
	if err = w.wait(); err == nil {
		n, err = w.File.Read(p)
	}
	if err != nil && !w.over {
		w.over = true
		waiting.Add(-1)
	}
	return n, err
}

// wait returns when there is something to read, or the writer is gone.
func (w *waitingFile) wait() error {
	since := time.Now()
	for {
		if stopped.Load() {
			return ErrInterrupted
		}
		fds := []unix.PollFd{{Fd: int32(w.Fd()), Events: unix.POLLIN}, {Fd: first.fd(), Events: unix.POLLIN}}
		left := -1
		if interrupted.Load() {
			fds[1].Fd = second.fd()
			left = max(0, int((patience - time.Since(since)).Milliseconds()))
		}
		n, err := unix.Poll(fds, left)
		switch {
		case err == unix.EINTR:
		case err != nil || fds[0].Revents != 0:
			return nil // reading tells what is wrong
		case n == 0:
			return ErrInterrupted
		case left < 0:
			since = time.Now() // of the first signal
		}
	}
}
