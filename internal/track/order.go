package track

import (
	"cmp"
	"slices"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/nearly"
)

// order holds records for a short while, so that those of other cpus which came late take
// their place. Records of one time are in the order of their cpus, and on one cpu as they
// came: so any mixing of the cpus' records gives the same order.
type order struct {
	window uint64 // ns of the stream
	limit  int    // bytes held at most
	held   *nearly.Store[waiting]
	seq    uint64
	newest uint64
}

type waiting struct {
	ts  uint64
	seq uint64
	nearly.Place
	cpu uint32 // of the record, plus 1; 0: it has none
	len uint32
}

// waitingSize is what an entry counts as, in bytes.
const waitingSize = 40

func (a *waiting) compare(b *waiting) int {
	if c := cmp.Compare(a.ts, b.ts); c != 0 {
		return c
	}
	return cmp.Compare(a.cpu, b.cpu)
}

// orderChunk is the memory for records that is taken at once, in bytes.
const orderChunk = 128 << 10

func newOrder(window uint64, limit int) order {
	return order{window: window, limit: limit, held: nearly.New(orderChunk, (*waiting).compare)}
}

func (o *order) add(ts uint64, cpu uint32, record []byte) {
	o.seq++
	o.held.Push(waiting{ts, o.seq, o.held.Add(record), cpu, uint32(len(record))})
	o.newest = max(o.newest, ts)
}

// ready reports whether release would be worth its sort: a quarter of the window, or of
// the memory, beyond what is to be held.
func (o *order) ready() bool {
	if len(o.held.Entries) == 0 {
		return false
	}
	return o.newest-min(o.newest, o.held.Entries[0].ts) > o.window+o.window/4 || o.full()
}

func (o *order) full() bool { return o.used() > o.limit }

func (o *order) used() int { return o.held.InUse() + len(o.held.Entries)*waitingSize }

// release hands on, in order, what has been held for the window, and what there is no room
// for; everything when all is set.
func (o *order) release(all bool, f func(format.Raw) error) error {
	o.held.Sort()
	entries := o.held.Entries
	n := len(entries)
	if !all {
		n, _ = slices.BinarySearchFunc(entries, o.newest-min(o.newest, o.window), func(e waiting, ts uint64) int {
			return cmp.Compare(e.ts, ts)
		})
		if o.full() {
			n = max(n, len(entries)/4+1)
		}
	}
	for i := range entries[:n] {
		e := &entries[i]
		if err := f(o.held.Record(e.Place, e.len)); err != nil {
			return err
		}
		o.held.Forget(e.Chunk)
	}
	o.held.Drop(n)
	return nil
}

// releaseAsCame hands on all, in the order in which it came.
func (o *order) releaseAsCame(f func(format.Raw) error) error {
	entries := o.held.Entries
	slices.SortFunc(entries, func(a, b waiting) int { return cmp.Compare(a.seq, b.seq) })
	for i := range entries {
		entries[i].ts, entries[i].cpu = 0, 0
	}
	o.held.Sorted(len(entries))
	return o.release(true, f)
}
