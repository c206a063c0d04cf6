package sort

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/skb-tools/skb-tools/format"
)

// starts are the `start` records seen. What follows one belongs to it; where records of
// several are mixed, each is written again in front of its own, and read back as the same.
type starts struct {
	boot   string // the id of this boot of this host
	list   []start
	known  map[uint64]uint32 // by hash of the record
	seed   maphash.Seed
	bytes  int
	boots  []boot
	ranked []int // their indexes, in the order of the output

	merger format.Merger // of what is written
}

type start struct {
	record []byte // nil: of what no start came before
	ts     uint64 // ns
	offset int64  // to the wall clock, ns
	boot   uint32
	own    bool // of this boot of this host
	wrote  bool
}

// A boot of a host has one clock.
type boot struct {
	host, id string
	began    int64  // by the wall clock, ns
	rank     int    // in the output
	written  uint64 // ts of the last record written, ns
}

// So many starts are told apart, of so many bytes together. Those beyond are records like
// any other.
const (
	maxStarts     = 4096
	maxStartBytes = 16 << 20
)

func newStarts(boot string) *starts {
	s := &starts{boot: boot, known: map[uint64]uint32{}, seed: maphash.MakeSeed()}
	s.list = []start{{boot: s.bootOf("", "", 0)}}
	return s
}

// add takes a start record and returns its number, and whether it was known.
func (s *starts) add(r format.Raw) (number uint32, known, ok bool) {
	hash := maphash.Bytes(s.seed, r)
	if n, same := s.known[hash]; same && bytes.Equal(s.list[n].record, r) {
		return n, true, true
	}
	if len(s.list) == maxStarts || s.bytes+len(r) > maxStartBytes {
		return 0, false, false
	}
	host, _ := r.Get("host").Str()
	id, _ := r.Get("boot_id").Str()
	ts, _ := r.Time()
	offset, _ := r.Get("clock_offset").Int()
	number = uint32(len(s.list))
	s.known[hash] = number
	s.bytes += len(r)
	s.list = append(s.list, start{record: bytes.Clone(r), ts: ts, offset: offset,
		boot: s.bootOf(string(host), string(id), offset), own: s.boot != "" && string(id) == s.boot})
	return number, false, true
}

// bootOf returns the number of a boot. Boots are written in the order of hosts and times,
// which does not depend on how they came.
func (s *starts) bootOf(host, id string, began int64) uint32 {
	for i := range s.boots {
		if b := &s.boots[i]; b.host == host && b.id == id {
			return uint32(i)
		}
	}
	s.boots = append(s.boots, boot{host: host, id: id, began: began})
	added := len(s.boots) - 1
	at, _ := slices.BinarySearchFunc(s.ranked, added, func(i, j int) int {
		a, b := &s.boots[i], &s.boots[j]
		return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.began, b.began), cmp.Compare(a.id, b.id))
	})
	s.ranked = slices.Insert(s.ranked, at, added)
	for rank, i := range s.ranked[at:] {
		s.boots[i].rank = at + rank
	}
	return uint32(len(s.boots) - 1)
}

// compare orders entries.
func (s *starts) compare(a, b *entry) int {
	if a.start != b.start {
		if x, y := s.list[a.start].boot, s.list[b.start].boot; x != y {
			return cmp.Compare(s.boots[x].rank, s.boots[y].rank)
		}
	}
	if a.key.a != b.key.a { // most are decided by this
		return cmp.Compare(a.key.a, b.key.a)
	}
	if c := a.key.compare(&b.key); c != 0 {
		return c
	}
	return cmp.Compare(a.input, b.input)
}
