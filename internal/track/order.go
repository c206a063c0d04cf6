package track

import (
	"cmp"
	"slices"

	"github.com/skb-tools/skb-tools/format"
)

// order holds records for a short while, so that those of other cpus which came late take
// their place. Records of one time are in the order of their cpus, and on one cpu as they
// came: so any mixing of the cpus' records gives the same order.
type order struct {
	window uint64 // ns of the stream
	limit  int    // bytes held at most

	chunks  []chunk
	filling uint32
	spare   []uint32
	entries []waiting
	sorted  int // entries in order, from the first
	late    []waiting
	seq     uint64
	newest  uint64
	size    int // bytes of the chunks
}

type waiting struct {
	ts       uint64
	seq      uint64
	cpu      uint32 // of the record, plus 1; 0: it has none
	chunk    uint32
	off, len uint32
}

func (a *waiting) compare(b *waiting) int {
	if c := cmp.Compare(a.ts, b.ts); c != 0 {
		return c
	}
	if c := cmp.Compare(a.cpu, b.cpu); c != 0 {
		return c
	}
	return cmp.Compare(a.seq, b.seq)
}

// A chunk is memory for records; it is used again when none is left in it.
type chunk struct {
	data []byte
	live int
}

const orderChunk = 128 << 10

func (o *order) add(ts uint64, cpu uint32, record []byte) {
	if len(o.chunks) == 0 || len(o.chunks[o.filling].data)+len(record) > cap(o.chunks[o.filling].data) {
		o.filling = o.fresh(len(record))
	}
	c := &o.chunks[o.filling]
	o.seq++
	o.entries = append(o.entries, waiting{ts, o.seq, cpu, o.filling, uint32(len(c.data)), uint32(len(record))})
	c.data = append(c.data, record...)
	c.live++
	o.newest = max(o.newest, ts)
}

func (o *order) fresh(n int) uint32 {
	if len(o.chunks) > 0 && o.chunks[o.filling].live == 0 {
		o.recycle(o.filling)
	}
	size := max(n, orderChunk)
	if k := len(o.spare) - 1; k >= 0 && cap(o.chunks[o.spare[k]].data) >= size {
		i := o.spare[k]
		o.spare = o.spare[:k]
		return i
	}
	o.size += size
	for i := range o.chunks {
		if o.chunks[i].data == nil {
			o.chunks[i].data = make([]byte, 0, size)
			return uint32(i)
		}
	}
	o.chunks = append(o.chunks, chunk{data: make([]byte, 0, size)})
	return uint32(len(o.chunks) - 1)
}

func (o *order) recycle(i uint32) {
	c := &o.chunks[i]
	if cap(c.data) > orderChunk { // of one large record
		o.size -= cap(c.data)
		c.data = nil
		return
	}
	c.data = c.data[:0]
	o.spare = append(o.spare, i)
}

// ready reports whether release would be worth its sort: a quarter of the window, or of
// the memory, beyond what is to be held.
func (o *order) ready() bool {
	if len(o.entries) == 0 {
		return false
	}
	return o.newest-min(o.newest, o.entries[0].ts) > o.window+o.window/4 || o.full()
}

func (o *order) full() bool { return o.used() > o.limit }

func (o *order) used() int {
	return o.size - len(o.spare)*orderChunk + len(o.entries)*40
}

// release hands on, in order, what has been held for the window, and what there is no room
// for; everything when all is set.
func (o *order) release(all bool, f func(format.Raw) error) error {
	o.sort()
	n := len(o.entries)
	if !all {
		n, _ = slices.BinarySearchFunc(o.entries, o.newest-min(o.newest, o.window), func(e waiting, ts uint64) int {
			return cmp.Compare(e.ts, ts)
		})
		if o.used() > o.limit {
			n = max(n, len(o.entries)/4+1)
		}
	}
	for i := range n {
		e := &o.entries[i]
		c := &o.chunks[e.chunk]
		if err := f(c.data[e.off : e.off+e.len]); err != nil {
			return err
		}
		if c.live--; c.live == 0 && e.chunk != o.filling {
			o.recycle(e.chunk)
		}
	}
	o.entries = o.entries[:copy(o.entries, o.entries[n:])]
	o.sorted = len(o.entries)
	return nil
}

// releaseAsCame hands on all, in the order in which it came.
func (o *order) releaseAsCame(f func(format.Raw) error) error {
	slices.SortFunc(o.entries, func(a, b waiting) int { return cmp.Compare(a.seq, b.seq) })
	for i := range o.entries { // which now counts as sorted
		o.entries[i].ts = 0
		o.entries[i].cpu = 0
	}
	o.sorted = len(o.entries)
	return o.release(true, f)
}

// sort puts what came since the last time in its place. Streams are nearly in order, so
// entries are moved back one by one as long as that is cheap.
func (o *order) sort() {
	e := o.entries
	moves := 16 * (len(e) - o.sorted)
	for i := max(o.sorted, 1); i < len(e); i++ {
		if e[i].compare(&e[i-1]) >= 0 {
			continue
		}
		x, j := e[i], i
		for ; j > 0 && x.compare(&e[j-1]) < 0; j-- {
			e[j] = e[j-1]
			moves--
		}
		e[j] = x
		if moves < 0 {
			o.sorted = i + 1
			o.merge()
			break
		}
	}
	o.sorted = len(e)
}

// merge sorts the entries behind the first that are in order, and then all.
func (o *order) merge() {
	e, n := o.entries, o.sorted
	o.late = append(o.late[:0], e[n:]...)
	late := o.late
	slices.SortFunc(late, func(a, b waiting) int { return a.compare(&b) })
	i, k := n-1, len(late)-1
	for at := len(e) - 1; k >= 0; at-- {
		if i >= 0 && e[i].compare(&late[k]) > 0 {
			e[at] = e[i]
			i--
		} else {
			e[at] = late[k]
			k--
		}
	}
}
