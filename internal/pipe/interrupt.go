package pipe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// What a signal that asks for the end does to a program that reads a pipe. In a pipeline the
// writer got it too, and goes on to write what it has and to end, within moments: that is read,
// and not a word said. A writer that did not get it goes on, or is silent. So, from the first
// signal on,
//   - when nothing has come for patience, reading ends there;
//   - when reading goes on for remindAfter, it is said that another signal ends it;
//   - that one ends it at once, and a third kills, as signals do.
//
// What was read is handed on, and it is said that it is a part.
const (
	patience    = 3 * time.Second
	remindAfter = time.Second
)

var (
	interrupted atomic.Bool  // a signal asked for the end
	stopped     atomic.Bool  // another one did
	waiting     atomic.Int32 // readers of pipes that are not at their end

	first, second alarm
)

// endFilter watches for the signals that ask a filter for the end. A second SIGHUP counts for
// nothing: when a terminal goes away, the shell and the kernel both send one.
//
// A ^C at a pager is for the pager first, and may come again and again: it ends reading here, and never the program, or
// the pager and the shell would share the terminal.
func endFilter(atPager bool) {
	signals, hangup := endSignals()
	go endAt(signals, hangup, atPager)
}

func endAt(signals, hangup <-chan os.Signal, atPager bool) {
	select {
	case <-signals:
	case <-hangup:
	}
	interrupted.Store(true)
	first.ring()
	remind := time.After(remindAfter)
	for {
		select {
		case <-remind:
			if waiting.Load() > 0 {
				Say(os.Stderr, program, "interrupted: reading on until the input ends; another ^C ends now, with what has come "+
					"so far")
			}
			continue
		case <-signals:
		}
		break
	}
	signal.Reset(syscall.SIGTERM)
	if !atPager {
		signal.Reset(syscall.SIGINT)
	}
	stopped.Store(true)
	second.ring()
}

// ErrInterrupted ends reading that a signal asked to end.
var ErrInterrupted = errors.New("interrupted")

// Interruptible returns a reader of r whose error, if a signal ends it before its end, is
// ErrInterrupted.
func Interruptible(r io.Reader) io.Reader {
	f, ok := r.(*os.File)
	if !ok {
		return r
	}
	if info, err := f.Stat(); err != nil || info.Mode().IsRegular() {
		return regular{f}
	}
	waiting.Add(1)
	return newWaitingFile(f)
}

// A regular file has what it has.
type regular struct{ *os.File }

func (r regular) Read(p []byte) (int, error) {
	if interrupted.Load() {
		return 0, ErrInterrupted
	}
	return r.File.Read(p)
}

// stop says how far an input was read, now, in front of what is written of it.
func (p *Reader) stop() error {
	size := int64(0)
	if p.file != nil {
		if info, err := p.file.Stat(); err == nil {
			size = info.Size()
		}
	}
	read := p.Offset()
	if p.packed.Kind() != "" {
		read = p.packed.Packed()
	}
	return SayPart(p.name, read, size)
}

// SayPart says on stderr that reading an input was ended by a signal, in front of what is
// written of it, and returns the error to end with. size is 0 if it is not known.
func SayPart(name string, read, size int64) error {
	of := ""
	if size > 0 {
		of = fmt.Sprintf(" (%d of %d bytes were read)", read, size)
	}
	Say(os.Stderr, program, "interrupted: what follows is of a part of "+name+of)
	return ExitStatus(1)
}
