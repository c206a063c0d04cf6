package track

// A table finds the branches of a buffer: by identity, or by address where there is none.
// Open addressing with linear probing: Go's map of the same costs three times the memory
// and holds on to it.
type table struct {
	slots []slot
	n     int
}

type slot struct {
	key    uint64
	space  uint32 // which numbers key is of: a group's identities or its addresses
	branch uint32 // first of the buffer's; 0: free slot
}

func (t *table) home(space uint32, key uint64) int {
	h := (key ^ uint64(space)<<40) * 0x9e3779b97f4a7c15
	h ^= h >> 32
	return int((h * 0xd6e8feb86659fd93) >> 32 & uint64(len(t.slots)-1))
}

// get returns the first branch of a buffer, 0 when it is not known.
func (t *table) get(space uint32, key uint64) uint32 {
	if t.n == 0 {
		return 0
	}
	for i := t.home(space, key); t.slots[i].branch != 0; i = (i + 1) & (len(t.slots) - 1) {
		if s := &t.slots[i]; s.key == key && s.space == space {
			return s.branch
		}
	}
	return 0
}

// set makes branch, which is not 0, the first of a buffer.
func (t *table) set(space uint32, key uint64, branch uint32) {
	if t.n >= len(t.slots)/4*3 {
		t.grow()
	}
	i := t.home(space, key)
	for ; t.slots[i].branch != 0; i = (i + 1) & (len(t.slots) - 1) {
		if s := &t.slots[i]; s.key == key && s.space == space {
			s.branch = branch
			return
		}
	}
	t.slots[i] = slot{key, space, branch}
	t.n++
}

func (t *table) grow() {
	old := t.slots
	t.slots = make([]slot, max(1<<10, 2*len(old)))
	t.n = 0
	for _, s := range old {
		if s.branch != 0 {
			t.set(s.space, s.key, s.branch)
		}
	}
}

// remove forgets a buffer and closes the gap, so that what was probed past it is found.
func (t *table) remove(space uint32, key uint64) {
	if t.n == 0 {
		return
	}
	mask := len(t.slots) - 1
	i := t.home(space, key)
	for ; ; i = (i + 1) & mask {
		if s := &t.slots[i]; s.branch == 0 {
			return
		} else if s.key == key && s.space == space {
			break
		}
	}
	t.n--
	for j := (i + 1) & mask; t.slots[j].branch != 0; j = (j + 1) & mask {
		h := t.home(t.slots[j].space, t.slots[j].key)
		if (j-h)&mask >= (j-i)&mask {
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i] = slot{}
}
