package pipe

import (
	"os"
	"sync"
	"time"
)

// An alarm is what a reader can wait for.
type alarm struct {
	once sync.Once
	c    chan struct{}
}

// rung is closed by ring.
func (a *alarm) rung() <-chan struct{} {
	a.once.Do(func() { a.c = make(chan struct{}) })
	return a.c
}

func (a *alarm) ring() {
	a.rung()
	close(a.c)
}

// A waitingFile is one whose reading may have to wait for a writer. Windows can't wait for a pipe and
// for something else at once, so each read that has to wait is one of another goroutine.
type waitingFile struct {
	*os.File
	buf     []byte
	reading bool
	done    chan result
	have    []byte // was read, and nobody has taken it yet
	err     error  // came behind have
	over    bool
}

type result struct {
	n   int
	err error
}

func newWaitingFile(f *os.File) *waitingFile {
	return &waitingFile{File: f, buf: make([]byte, 64<<10), done: make(chan result, 1)}
}

func (w *waitingFile) Read(p []byte) (int, error) {
	if len(w.have) == 0 && w.err == nil {
		if err := w.fill(); err != nil {
			return 0, w.end(err)
		}
	}
	if len(w.have) == 0 {
		return 0, w.end(w.err)
	}
	n := copy(p, w.have)
	w.have = w.have[n:]
	return n, nil
}

// fill waits for the next read's result; ErrInterrupted if a signal ends the waiting before.
func (w *waitingFile) fill() error {
	if !w.reading {
		w.reading = true
		go func() {
			n, err := w.File.Read(w.buf)
			w.done <- result{n, err}
		}()
	}
	var silent <-chan time.Time
	firstRung := first.rung()
	for {
		if stopped.Load() {
			return ErrInterrupted
		}
		select {
		case r := <-w.done:
			w.reading, w.have, w.err = false, w.buf[:r.n], r.err
			return nil
		case <-firstRung:
			firstRung, silent = nil, time.After(patience)
		case <-second.rung():
			return ErrInterrupted
		case <-silent:
			return ErrInterrupted
		}
	}
}

func (w *waitingFile) end(err error) error {
	if !w.over {
		w.over = true
		waiting.Add(-1)
	}
	return err
}
