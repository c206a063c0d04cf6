//go:build linux && (amd64 || arm64)

package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// A Ring reads records out of a ring buffer of the BPF programs, as kernel/bpf/ringbuf.c lays it
// out: a page with the position up to which it was read, a page with the one up to which it was
// written, and the data, in which each record has a header of 8 bytes. Its mapping has the data
// once, where the library's has them twice so that no record is in two parts: a start does not
// fill tables for as many pages again, nor count them as its memory.
type Ring struct {
	mu                 sync.Mutex
	consumed, produced *uint64
	data               []byte
	next               uint64 // the position behind what was given out last
	joined             []byte // a record that is in two parts

	epoll, flush int // file descriptors
	waited       error
	mayHave      bool
	closed       bool
}

// ErrFlushed is what Next returns after Flush, when nothing is left.
var ErrFlushed = errors.New("the ring buffer was flushed")

// Of a record's header, struct bpf_ringbuf_hdr: its first 4 bytes are the length in bytes and
// these two bits (include/uapi/linux/bpf.h).
const (
	ringHeader  = 8
	ringBusy    = 1 << 31
	ringDiscard = 1 << 30
)

// NewRing opens a map that is a ring buffer. There can be one reader of each.
func NewRing(events *ebpf.Map) (*Ring, error) {
	page, size := os.Getpagesize(), int(events.MaxEntries())
	consumer, err := unix.Mmap(events.FD(), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping the ring buffer: %w", err)
	}
	producer, err := unix.Mmap(events.FD(), int64(page), page+size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		_ = unix.Munmap(consumer)
		return nil, fmt.Errorf("mapping the ring buffer: %w", err)
	}
	r := newRing(consumer, producer, producer[page:])
	if err := r.openPoll(events.FD()); err != nil {
		_ = unix.Munmap(consumer)
		_ = unix.Munmap(producer)
		return nil, fmt.Errorf("waiting for the ring buffer: %w", err)
	}
	return r, nil
}

func newRing(consumer, producer, data []byte) *Ring {
	r := &Ring{consumed: (*uint64)(unsafe.Pointer(&consumer[0])), produced: (*uint64)(unsafe.Pointer(&producer[0])),
		data: data}
	r.next = atomic.LoadUint64(r.consumed)
	return r
}

func (r *Ring) openPoll(fd int) (err error) {
	if r.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if r.flush, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		unix.Close(r.epoll)
		return err
	}
	for _, fd := range []int{fd, r.flush} {
		in := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if err = unix.EpollCtl(r.epoll, unix.EPOLL_CTL_ADD, fd, &in); err != nil {
			unix.Close(r.epoll)
			unix.Close(r.flush)
			return err
		}
	}
	return nil
}

// Next returns the next record, which is valid until Next is called again, and how many bytes
// are in the buffer behind it. When there is none it waits for one until deadline, and then
// returns os.ErrDeadlineExceeded; or until Flush is called. os.ErrClosed: it was closed.
func (r *Ring) Next(deadline time.Time) (record []byte, remaining uint64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if r.closed {
			return nil, 0, os.ErrClosed
		}
		if !r.mayHave {
			if err := r.waited; err != nil {
				r.waited = nil
				return nil, 0, err
			}
			// What was written before that is still to be had.
			if r.waited, err = r.wait(deadline); err != nil {
				return nil, 0, err
			}
			r.mayHave = true
		}
		if record, remaining, err = r.take(); record != nil || err != nil {
			return record, remaining, err
		}
		r.mayHave = false
	}
}

// take returns a record if there is one.
func (r *Ring) take() (record []byte, remaining uint64, err error) {
	mask := uint64(len(r.data) - 1)
	for spins := 0; ; {
		// What was given out before may be overwritten from now on.
		atomic.StoreUint64(r.consumed, r.next)
		produced := atomic.LoadUint64(r.produced)
		if produced == r.next {
			return nil, 0, nil
		}
		at := r.next & mask
		header := atomic.LoadUint32((*uint32)(unsafe.Pointer(&r.data[at])))
		if header&ringBusy != 0 {
			// A program is writing it just now, on another cpu.
			if spins++; spins > 1000 {
				time.Sleep(10 * time.Microsecond)
			}
			continue
		}
		size := uint64(header &^ ringDiscard)
		next := r.next + ringHeader + (size+7)&^7
		if produced-r.next < next-r.next {
			return nil, 0, fmt.Errorf("a record of %d bytes, of which %d are in the buffer", size, produced-r.next)
		}
		r.next = next
		if header&ringDiscard != 0 {
			continue
		}
		at = (at + ringHeader) & mask
		record = r.data[at:]
		if uint64(len(record)) < size {
			r.joined = append(append(r.joined[:0], record...), r.data[:size-uint64(len(record))]...)
			return r.joined, produced - next, nil
		}
		return record[:size:size], produced - next, nil
	}
}

// wait waits for a record. ended: the deadline, or a flush, came first.
func (r *Ring) wait(deadline time.Time) (ended, err error) {
	var events [2]unix.EpollEvent
	for {
		left := time.Until(deadline)
		n, err := unix.EpollWait(r.epoll, events[:], max(0, int((left+time.Millisecond-1)/time.Millisecond)))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range events[:n] {
			if int(e.Fd) == r.flush {
				var count [8]byte
				_, _ = unix.Read(r.flush, count[:])
				ended = ErrFlushed
			}
		}
		if n == 0 {
			ended = os.ErrDeadlineExceeded
		}
		return ended, nil
	}
}

// Flush has Next return what the buffer holds, and then ErrFlushed.
func (r *Ring) Flush() error {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, err := unix.Write(r.flush, one[:])
	return err
}

// Close ends reading. The mapping stays: what was given out may be in use still.
func (r *Ring) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return os.ErrClosed
	}
	r.closed = true
	unix.Close(r.flush)
	return unix.Close(r.epoll)
}
