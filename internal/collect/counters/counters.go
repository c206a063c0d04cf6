//go:build linux

// Package counters reads the kernel's own counters of loss and trouble, and says what grew between two readings.
// All files and sockets are opened by Open, while the process has its capabilities: reading needs none.
// Only what comes later, with a module, is opened later.
package counters

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/clock"
	"github.com/skb-tools/skb-tools/internal/collect/netns"
	"github.com/skb-tools/skb-tools/internal/counter"
)

// A Reader reads the counters of some network namespaces.
type Reader struct {
	spaces  []*space
	own     *space   // of this process
	unread  []string // that could not be opened
	softnet *file    // of the whole machine

	now, last     map[key]reading
	base, found   map[key]int  // owners whose counters last, and now, has: for how many readings they were missed
	torn, holed   map[key]bool // sources, without a name, that may have missed somebody: in this reading, in the last
	failed        []string     // of this reading
	since, before uint64       // ns: when the last reading began, and how long it took; 0: there was none
}

// A key names a counter. Without a name it is the counter's owner: who has the counters that are read at once.
type key struct {
	source, name string
	netns, index uint32 // index: of the device, or the inode of the socket
	what         string // qdisc
}

type reading struct {
	value, limit uint64
	dev, sock    string
}

// A space is a network namespace.
type space struct {
	netns  uint32
	files  []*file
	absent []procFile // that the kernel did not have yet
	devices
	listeners
}

func newReader() *Reader {
	return &Reader{now: map[key]reading{}, last: map[key]reading{}, base: map[key]int{}, found: map[key]int{},
		torn: map[key]bool{}, holed: map[key]bool{}}
}

// Open opens what is to be read: of the network namespace of this process and those of the files namespaces. diag: the
// kernel has the module tcp_diag; else asking would load it. What can't be opened is told by each record of Read.
func Open(namespaces []string, diag bool) *Reader {
	r := newReader()
	r.own = r.open("/proc/thread-self/ns/net", diag)
	if r.own != nil {
		r.softnet = r.file(0, "softnet_stat", "/proc/thread-self/net/softnet_stat", (*file).softnet)
	}
	for _, path := range namespaces {
		if err := netns.Within(path, func() error { r.open("/proc/thread-self/ns/net", diag); return nil }); err != nil {
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
	s.open(r)
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

// begin takes the latest reading for the last.
func (r *Reader) begin() {
	r.failed = append(r.failed[:0], r.unread...)
	r.now, r.last = r.last, r.now
	clear(r.now)
	r.base, r.found = r.found, r.base
	clear(r.found)
	r.torn, r.holed = r.holed, r.torn
	clear(r.torn)
}

// Read reads all counters. The record has those that grew since the call before; that of the first call has none.
// Drops is for the caller to set.
func (r *Reader) Read() *format.Counters {
	c := &format.Counters{TS: clock.Monotonic()}
	r.begin()
	if r.softnet != nil {
		r.softnet.read(r)
	}
	for _, s := range r.spaces {
		c.Netns = append(c.Netns, s.netns)
		s.late(r, s == r.own)
		for _, f := range s.files {
			f.read(r)
		}
		s.devices.read(r, s.netns)
		if err := s.listeners.read(r, s.netns); err != nil {
			r.miss("tcp", s.netns, err)
		}
	}
	c.Took = clock.Monotonic() - c.TS
	if r.since != 0 {
		c.Since, c.Before = format.Some(r.since), r.before
		c.Grew = r.grew()
	}
	r.carry()
	slices.Sort(r.failed)
	c.Unread = slices.Compact(slices.Clone(r.failed))
	r.since, r.before = c.TS, c.Took
	return c
}

func (r *Reader) fail(source string, err error) {
	if err != nil {
		r.failed = append(r.failed, fmt.Sprintf("%s: %v", source, plain(err)))
	}
}

// miss notes that a source was not read, or not all of it.
func (r *Reader) miss(source string, netns uint32, err error) {
	r.fail(source, err)
	r.torn[key{source: source, netns: netns}] = true
}

// put takes a counter that is not zero.
func (r *Reader) put(k key, v reading) {
	if v.value != 0 {
		r.now[k] = v
	}
}

// find notes an owner all of whose counters were read: those that are not in now are zero.
func (r *Reader) find(owner key) { r.found[owner] = 0 }

func (k key) owner() key {
	k.name = ""
	return k
}

// place is the source of an owner in its network namespace.
func (k key) place() key { return key{source: k.source, netns: k.netns} }

func (k key) isSocket() bool { return k.source == "tcp" || k.source == "udp" || k.source == "raw" }

// grew has what is more than it was, and levels near their limits.
func (r *Reader) grew() (all []format.Counter) {
	for k, v := range r.now {
		from := r.from(k)
		near := v.limit != 0 && v.value >= v.limit-v.limit/10
		if v.value <= from.V && !near || v.limit != 0 && !near {
			continue
		}
		all = append(all, format.Counter{Name: k.name, Source: k.source, Netns: k.netns, Dev: v.dev, Qdisc: k.what,
			Sock: v.sock, From: from, To: v.value, Limit: v.limit})
	}
	slices.SortFunc(all, counter.Compare)
	return all
}

// from is what a counter was when it was last read; absent if that is not known. A device may have counted in another
// network namespace before, and a queueing discipline may have been hidden. A socket begins at zero, if it would have
// been found.
func (r *Reader) from(k key) format.Opt[uint64] {
	last, ok := r.last[k]
	if _, known := r.base[k.owner()]; ok || known || k.isSocket() && !r.holed[k.place()] {
		return format.Some(last.value)
	}
	return format.Opt[uint64]{}
}

// maxMissed is for how many readings what was missed is kept, of sockets: what is gone can't be told from it.
const maxMissed = 3

// carry keeps what the last reading knows of those that this one missed: it is what they are compared with next.
func (r *Reader) carry() {
	for owner, missed := range r.base {
		if _, ok := r.found[owner]; ok || !r.stays(owner) || owner.isSocket() && missed >= maxMissed {
			continue
		}
		r.found[owner] = missed + 1
	}
	for k, v := range r.last {
		if _, ok := r.now[k]; !ok && r.found[k.owner()] > 0 {
			r.now[k] = v
		}
	}
}

// stays says that an owner that was not found may be there all the same.
func (r *Reader) stays(owner key) bool {
	switch owner.source {
	case "ethtool":
		device := owner
		device.source = "link"
		_, there := r.found[device]
		return there || r.torn[device.place()]
	case "link", "qdisc", "tcp", "udp", "raw":
		return r.torn[owner.place()]
	}
	return true // of a file
}
