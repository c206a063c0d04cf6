//go:build linux && (amd64 || arm64)

package kernel

import (
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// A writer writes to a ring as the kernel does.
type writer struct {
	ring     *Ring
	position uint64
}

func newWriter(t *testing.T, size int) *writer {
	t.Helper()
	r := newRing(make([]byte, 8), make([]byte, 8), make([]byte, size))
	if err := r.openPoll(0); err == nil { // stdin, if it can be polled, or else
		t.Cleanup(func() { r.Close() })
		return &writer{ring: r}
	}
	fds := [2]*os.File{}
	var err error
	if fds[0], fds[1], err = os.Pipe(); err != nil {
		t.Fatal(err)
	}
	if err := r.openPoll(int(fds[0].Fd())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); fds[0].Close(); fds[1].Close() })
	return &writer{ring: r}
}

func (w *writer) write(flags uint32, record string) {
	at := func(i uint64) *byte { return &w.ring.data[i&uint64(len(w.ring.data)-1)] }
	var header [8]byte
	binary.NativeEndian.PutUint32(header[:], uint32(len(record))|flags)
	for i, b := range append(header[:], record...) {
		*at(w.position + uint64(i)) = b
	}
	w.position += 8 + (uint64(len(record))+7)&^7
	*w.ring.produced = w.position
}

// Records of any length come out as they went in, wherever in the buffer they begin and end; those
// that were discarded do not, and room is given back once the next one is asked for.
func TestRing(t *testing.T) {
	w := newWriter(t, 256)
	for n := range 300 {
		first, second := strings.Repeat("a", n%100+1), fmt.Sprint("b", n)
		before := *w.ring.consumed
		w.write(0, first)
		w.write(ringDiscard, "discarded")
		w.write(0, second)
		b, more, err := w.ring.Next(time.Now())
		if err != nil || string(b) != first || more == 0 {
			t.Fatalf("%d: %q, %d, %v", n, b, more, err)
		}
		if *w.ring.consumed != before {
			t.Fatalf("%d: the record that was given out may be overwritten", n)
		}
		b, more, err = w.ring.Next(time.Now())
		if err != nil || string(b) != second || more != 0 {
			t.Fatalf("%d: %q, %d, %v", n, b, more, err)
		}
		if _, _, err := w.ring.Next(time.Now()); err != os.ErrDeadlineExceeded || *w.ring.consumed != w.position {
			t.Fatalf("%d: %v; read up to %d of %d", n, err, *w.ring.consumed, w.position)
		}
	}
}

// All that was written before a flush comes before it is told.
func TestRingFlush(t *testing.T) {
	w := newWriter(t, 256)
	w.write(0, "one")
	w.write(0, "two")
	if err := w.ring.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"one", "two"} {
		if b, _, err := w.ring.Next(time.Now().Add(time.Hour)); err != nil || string(b) != want {
			t.Fatalf("%q, %v; want %s", b, err, want)
		}
	}
	if _, _, err := w.ring.Next(time.Now().Add(time.Hour)); err != ErrFlushed {
		t.Error(err)
	}
	w.ring.Close()
	if _, _, err := w.ring.Next(time.Now()); err != os.ErrClosed {
		t.Error(err)
	}
}

// A length that the buffer does not hold is an error, no crash.
func TestRingDamaged(t *testing.T) {
	w := newWriter(t, 256)
	w.write(0, "one")
	binary.NativeEndian.PutUint32(w.ring.data, 1<<29)
	if b, _, err := w.ring.Next(time.Now()); err == nil {
		t.Errorf("%q", b)
	}
}
