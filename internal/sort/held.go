package sort

import "github.com/skb-tools/skb-tools/internal/nearly"

// held are the records in memory.
type held struct{ nearly.Store[entry] }

func newHeld(chunkSize int, starts *starts) held {
	return held{*nearly.New(chunkSize, starts.compare)}
}

// An entry is a record in memory.
type entry struct {
	key
	nearly.Place
	start   uint32 // number of its `start`
	input   uint32 // number of the input that it came from
	length  uint32 // bytes, and isStart
	arrived uint32 // ms, modulo 2^32
}

const isStart = 1 << 31

// entrySize is what an entry takes, with what sorting it does, in bytes.
const entrySize = 48 + 24

func (e *entry) len() uint32 { return e.length &^ isStart }

func (h *held) record(e *entry) []byte { return h.Record(e.Place, e.len()) }

// size is the memory in use, in bytes.
func (h *held) size() int { return h.InUse() + len(h.Entries)*entrySize }
