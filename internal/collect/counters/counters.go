//go:build linux

// Package counters reads the kernel's own counters of loss and trouble, and says what grew between two readings.
// All files and sockets are opened by Open, while the process has its capabilities: reading needs none.
package counters

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/clock"
)

// A Reader reads the counters of some network namespaces.
type Reader struct {
	spaces  []*space
	unread  []string // that could not be opened
	softnet *file    // of the whole machine

	now, last     map[key]reading
	failed        []string // of this reading
	since, before uint64   // ns: when the last reading began, and how long it took; 0: there was none
}

// A key names a counter.
type key struct {
	source, name string
	netns, index uint32 // index: of the device, or the inode of the socket
	what         string // qdisc or socket
}

type reading struct {
	value, limit uint64
	dev          string
}

// A space is a network namespace.
type space struct {
	netns uint32
	files []*file
	devices
	listeners
}

// Open opens what is to be read: of the network namespace of this process and those of the files netns. diag: the
// kernel has the module tcp_diag; else asking would load it. What can't be opened is told by each record of Read.
func Open(netns []string, diag bool) *Reader {
	r := &Reader{now: map[key]reading{}, last: map[key]reading{}}
	own := r.open("/proc/thread-self/ns/net", diag)
	if own != nil {
		r.softnet = r.file(0, "softnet_stat", "/proc/thread-self/net/softnet_stat", (*file).softnet)
	}
	for _, path := range netns {
		if err := within(path, func() error { r.open("/proc/thread-self/ns/net", diag); return nil }); err != nil {
			r.unread = append(r.unread, fmt.Sprintf("network namespace %s: %v", path, plain(err)))
		}
	}
	return r
}

// plain is an error without the path of a file that everybody can guess.
func plain(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// within calls f with its thread in another network namespace.
func within(path string, f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with this goroutine
		done <- func() error {
			ns, err := os.Open(path)
			if err != nil {
				return err
			}
			defer ns.Close()
			if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
				return err
			}
			return f()
		}()
	}()
	return <-done
}

// open opens the namespace that this thread is in, whose file is ns. It returns nil if it is open already.
func (r *Reader) open(ns string, diag bool) *space {
	info, err := os.Stat(ns)
	if err != nil {
		r.unread = append(r.unread, fmt.Sprintf("network namespace: %v", err))
		return nil
	}
	inum := uint32(info.Sys().(*syscall.Stat_t).Ino)
	if slices.ContainsFunc(r.spaces, func(s *space) bool { return s.netns == inum }) {
		return nil
	}
	s := &space{netns: inum}
	r.spaces = append(r.spaces, s)
	for _, p := range procFiles {
		if f := r.file(inum, p.source, p.path, p.parse); f != nil {
			s.files = append(s.files, f)
		}
	}
	if err := s.devices.open(); err != nil {
		r.unread = append(r.unread, fmt.Sprintf("link, qdisc: %v", err))
	}
	if err := s.ethtool.open(); err != nil {
		r.unread = append(r.unread, fmt.Sprintf("ethtool: %v", err))
	}
	if err := s.listeners.open(diag); err != nil {
		r.unread = append(r.unread, fmt.Sprintf("tcp: %v", err))
	}
	return s
}

// Close closes what Open opened.
func (r *Reader) Close() {
	if r.softnet != nil {
		r.softnet.close()
	}
	for _, s := range r.spaces {
		for _, f := range s.files {
			f.close()
		}
		s.devices.close()
		s.ethtool.close()
		s.listeners.close()
	}
}

// Read reads all counters. The record has those that grew since the call before; that of the first call has none.
// Drops is for the caller to set.
func (r *Reader) Read() *format.Counters {
	c := &format.Counters{TS: clock.Monotonic()}
	r.failed = append(r.failed[:0], r.unread...)
	r.now, r.last = r.last, r.now
	clear(r.now)
	if r.softnet != nil {
		r.softnet.read(r)
	}
	for _, s := range r.spaces {
		c.Netns = append(c.Netns, s.netns)
		for _, f := range s.files {
			f.read(r)
		}
		r.fail("link", s.devices.read(r, s))
		r.fail("tcp", s.listeners.read(r, s.netns))
	}
	c.Took = clock.Monotonic() - c.TS
	c.Unread = slices.Clone(r.failed)
	if r.since != 0 {
		c.Since, c.Before = format.Some(r.since), r.before
		c.Grew = r.grew()
	}
	for _, s := range r.spaces {
		s.devices.knows()
	}
	r.since, r.before = c.TS, c.Took
	return c
}

func (r *Reader) fail(source string, err error) {
	if err != nil {
		r.failed = append(r.failed, fmt.Sprintf("%s: %v", source, plain(err)))
	}
}

// put takes a counter that is not zero.
func (r *Reader) put(k key, v reading) {
	if v.value != 0 {
		r.now[k] = v
	}
}

// grew has what is more than it was, and levels near their limits.
func (r *Reader) grew() (all []format.Counter) {
	for k, v := range r.now {
		last := r.last[k].value
		near := v.limit != 0 && v.value >= v.limit-v.limit/10
		if v.value <= last && !near || v.limit != 0 && !near {
			continue
		}
		c := format.Counter{Name: k.name, Source: k.source, Netns: k.netns, Dev: v.dev, From: format.Some(last),
			To: v.value, Limit: v.limit}
		switch k.source {
		case "link", "ethtool":
			if r.isNew(k) {
				c.From = format.Opt[uint64]{}
			}
		case "qdisc":
			c.Qdisc = k.what
		default:
			c.Sock = k.what
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b format.Counter) int {
		return cmp.Or(cmp.Compare(a.Netns, b.Netns), cmp.Compare(a.Source, b.Source), cmp.Compare(a.Dev, b.Dev),
			cmp.Compare(a.Qdisc, b.Qdisc), cmp.Compare(a.Sock, b.Sock), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// isNew says that a counter's device was not there at the reading before: it may have counted elsewhere.
func (r *Reader) isNew(k key) bool {
	for _, s := range r.spaces {
		if s.netns == k.netns {
			return !s.known[k.index]
		}
	}
	return true
}
