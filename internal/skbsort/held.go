package skbsort

import (
	"cmp"
	"slices"
)

// A key is what records are ordered by. Records of the same boot of a host share a clock;
// those of different boots are kept apart, group after group, since a record belongs to
// the `start` before it.
type key struct {
	group uint32
	ts    uint64 // ns
}

func (a key) compare(b key) int {
	if a.group != b.group {
		return cmp.Compare(a.group, b.group)
	}
	return cmp.Compare(a.ts, b.ts)
}

// held are the records in memory: their bytes in chunks, and an entry for each.
type held struct {
	chunks  [][]byte // each of chunkSize; the last is being filled
	spare   [][]byte
	entries []entry
	bytes   int
	sorted  bool // entries are in order
}

type entry struct {
	key
	chunk, off, len uint32
}

// chunkSize is the unit in which memory is taken, in bytes; larger records get a chunk of
// their own.
const chunkSize = 1 << 20

func (h *held) add(k key, record []byte) {
	last := len(h.chunks) - 1
	if last < 0 || len(h.chunks[last])+len(record) > cap(h.chunks[last]) {
		h.chunks = append(h.chunks, h.chunk(len(record)))
		last++
	}
	c := h.chunks[last]
	if n := len(h.entries); n == 0 {
		h.sorted = true
	} else if k.compare(h.entries[n-1].key) < 0 {
		h.sorted = false
	}
	h.entries = append(h.entries, entry{k, uint32(last), uint32(len(c)), uint32(len(record))})
	h.chunks[last] = append(c, record...)
	h.bytes += len(record)
}

func (h *held) chunk(n int) []byte {
	if n > chunkSize {
		return make([]byte, 0, n)
	}
	if i := len(h.spare) - 1; i >= 0 {
		c := h.spare[i]
		h.spare = h.spare[:i]
		return c[:0]
	}
	return make([]byte, 0, chunkSize)
}

func (h *held) record(e *entry) []byte { return h.chunks[e.chunk][e.off : e.off+e.len] }

// size is the memory taken, in bytes.
func (h *held) size() int { return len(h.chunks)*chunkSize + cap(h.entries)*entrySize }

const entrySize = 32

// sort orders the entries; equal ones stay as they came. Streams are nearly in order
// (each cpu's records are, and the cpus are close to each other), so entries are moved
// back one by one as long as that is cheap.
func (h *held) sort() {
	if h.sorted {
		return
	}
	h.sorted = true
	e := h.entries
	moves := 16 * len(e)
	for i := 1; i < len(e); i++ {
		if e[i].compare(e[i-1].key) >= 0 {
			continue
		}
		x, j := e[i], i
		for ; j > 0 && x.compare(e[j-1].key) < 0; j-- {
			e[j] = e[j-1]
		}
		e[j] = x
		if moves -= i - j; moves < 0 {
			slices.SortStableFunc(e, func(a, b entry) int { return a.compare(b.key) })
			return
		}
	}
}

// drop forgets the first n entries, and moves what is left to the front of fresh chunks.
func (h *held) drop(n int) {
	old, chunks := h.entries[n:], h.chunks
	h.chunks, h.bytes = nil, 0
	left := make([]entry, 0, len(old))
	h.entries = left
	for i := range old {
		h.add(old[i].key, chunks[old[i].chunk][old[i].off:old[i].off+old[i].len])
	}
	h.recycle(chunks)
}

// clear forgets everything.
func (h *held) clear() {
	h.recycle(h.chunks)
	h.chunks, h.entries, h.bytes = h.chunks[:0], h.entries[:0], 0
}

func (h *held) recycle(chunks [][]byte) {
	for _, c := range chunks {
		if cap(c) == chunkSize {
			h.spare = append(h.spare, c)
		}
	}
}
