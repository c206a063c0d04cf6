package sort

import "slices"

// held are the records in memory: their bytes in chunks, and an entry for each.
type held struct {
	starts    *starts
	chunkSize int
	chunks    []chunk
	unused    []uint32 // of chunks
	spare     [][]byte
	filling   uint32
	entries   []entry
	sorted    int // entries in order, from the first
	scratch   []entry
	inUse     int // bytes of chunks
}

// An entry is a record in memory.
type entry struct {
	key
	start   uint32 // number of its `start`
	input   uint32 // number of the input that it came from
	length  uint32 // bytes, and isStart
	chunk   uint32
	off     uint32
	arrived uint32 // ms, modulo 2^32
}

const isStart = 1 << 31

// entrySize is what an entry takes, with what sorting it does, in bytes.
const entrySize = 48 + 24

func (e *entry) len() uint32 { return e.length &^ isStart }

// A chunk is memory for records; it is used again when none is left in it.
type chunk struct {
	data []byte
	live int // records
}

// fresh returns an empty chunk's memory.
func (h *held) fresh() []byte {
	if i := len(h.spare) - 1; i >= 0 {
		c := h.spare[i]
		h.spare = h.spare[:i]
		return c[:0]
	}
	return make([]byte, 0, h.chunkSize)
}

// adopt makes data, with all the records in it, a chunk.
func (h *held) adopt(data []byte) (number uint32) {
	h.inUse += cap(data)
	if i := len(h.unused) - 1; i >= 0 {
		number = h.unused[i]
		h.unused = h.unused[:i]
		h.chunks[number] = chunk{data: data}
		return number
	}
	h.chunks = append(h.chunks, chunk{data: data})
	return uint32(len(h.chunks) - 1)
}

// settle lets an adopted chunk go again when nothing of it was added.
func (h *held) settle(number uint32) {
	if h.chunks[number].live == 0 && number != h.filling {
		h.recycle(number)
	}
}

// place copies a record into the chunk that is being filled.
func (h *held) place(record []byte) (number, off uint32) {
	if len(h.chunks) == 0 || len(h.chunks[h.filling].data)+len(record) > cap(h.chunks[h.filling].data) {
		old := h.filling
		data := h.fresh()
		if len(record) > h.chunkSize {
			data = make([]byte, 0, len(record))
		}
		h.filling = h.adopt(data)
		if int(old) < len(h.chunks) && h.chunks[old].live == 0 && old != h.filling {
			h.recycle(old)
		}
	}
	c := &h.chunks[h.filling]
	off = uint32(len(c.data))
	c.data = append(c.data, record...)
	return h.filling, off
}

func (h *held) add(e entry) {
	h.chunks[e.chunk].live++
	if n := len(h.entries); h.sorted == n && (n == 0 || h.starts.compare(&h.entries[n-1], &e) <= 0) {
		h.sorted++
	}
	if len(h.entries) == cap(h.entries) {
		// Twice as many: by append's steps of a quarter, four times as much is left to the
		// collector, which does not come before there is as much again.
		h.entries = slices.Grow(h.entries, max(len(h.entries), 1024))
	}
	h.entries = append(h.entries, e)
}

func (h *held) record(e *entry) []byte { return h.chunks[e.chunk].data[e.off : e.off+e.len()] }

// forget lets the memory of a record go.
func (h *held) forget(e *entry) {
	c := &h.chunks[e.chunk]
	if c.live--; c.live == 0 && e.chunk != h.filling {
		h.recycle(e.chunk)
	}
}

func (h *held) recycle(number uint32) {
	c := &h.chunks[number]
	if c.data == nil {
		return
	}
	h.inUse -= cap(c.data)
	if cap(c.data) == h.chunkSize {
		h.spare = append(h.spare, c.data)
	}
	*c = chunk{}
	h.unused = append(h.unused, number)
}

// size is the memory in use, in bytes.
func (h *held) size() int { return h.inUse + len(h.entries)*entrySize }

// clear forgets everything.
func (h *held) clear() {
	h.entries, h.sorted = h.entries[:0], 0
	for i := range h.chunks {
		h.recycle(uint32(i))
	}
	h.chunks, h.unused, h.filling = h.chunks[:0], h.unused[:0], 0
}

// drop forgets the first n entries, whose memory has been let go.
func (h *held) drop(n int) {
	h.entries = h.entries[:copy(h.entries, h.entries[n:])]
	h.sorted = max(h.sorted-n, 0)
}

// sort orders the entries; equal ones stay as they came.
func (h *held) sort() {
	if h.sorted == len(h.entries) {
		return
	}
	h.mergeSort(h.entries[h.sorted:])
	h.merge(h.entries, h.sorted)
	h.sorted = len(h.entries)
}

// mergeSort costs little where entries are nearly in order, as those of a stream are: each
// cpu's are, and the cpus are close to each other. For events of four cpus it takes 36 ns
// each, slices.SortStableFunc 114.
func (h *held) mergeSort(e []entry) {
	if len(e) <= 16 {
		for i := 1; i < len(e); i++ {
			if h.starts.compare(&e[i-1], &e[i]) <= 0 {
				continue
			}
			x, j := e[i], i
			for ; j > 0 && h.starts.compare(&x, &e[j-1]) < 0; j-- {
				e[j] = e[j-1]
			}
			e[j] = x
		}
		return
	}
	h.mergeSort(e[:len(e)/2])
	h.mergeSort(e[len(e)/2:])
	h.merge(e, len(e)/2)
}

// merge merges e[:mid] and e[mid:], touching only where they overlap. The shorter side is
// looked through for how far that is by steps that double, as the overlap is short in a
// stream that is nearly in order.
func (h *held) merge(e []entry, mid int) {
	if mid == 0 || mid == len(e) || h.starts.compare(&e[mid-1], &e[mid]) <= 0 {
		return
	}
	low := h.overlap(mid, func(n int) bool { return h.starts.compare(&e[mid-n], &e[mid]) > 0 })
	high := h.overlap(len(e)-mid, func(n int) bool { return h.starts.compare(&e[mid+n-1], &e[mid-1]) < 0 })
	e, mid = e[mid-low:mid+high], low
	if low <= high {
		h.scratch = append(h.scratch[:0], e[:mid]...)
		left, right, to := h.scratch, e[mid:], 0
		for len(left) > 0 && len(right) > 0 {
			if h.starts.compare(&left[0], &right[0]) <= 0 {
				e[to], left = left[0], left[1:]
			} else {
				e[to], right = right[0], right[1:]
			}
			to++
		}
		copy(e[to:], left)
		return
	}
	h.scratch = append(h.scratch[:0], e[mid:]...)
	left, right, to := e[:mid], h.scratch, len(e)
	for len(left) > 0 && len(right) > 0 {
		to--
		if l, r := len(left)-1, len(right)-1; h.starts.compare(&left[l], &right[r]) <= 0 {
			e[to], right = right[r], right[:r]
		} else {
			e[to], left = left[l], left[:l]
		}
	}
	copy(e[:to], right)
}

// overlap returns the largest n in 1..limit that is in, which 1 is, and each below one that is.
func (h *held) overlap(limit int, in func(n int) bool) int {
	yes, no := 1, 2
	for ; no <= limit && in(no); no *= 2 {
		yes = no
	}
	no = min(no, limit+1)
	for no-yes > 1 {
		if m := (yes + no) / 2; in(m) {
			yes = m
		} else {
			no = m
		}
	}
	return yes
}
