package wire

import (
	"hash/maphash"
	"slices"

	"github.com/skb-tools/skb-tools/internal/escape"
)

// A KeySet finds a key that stands twice in a map, by comparing what has the same few bits
// only: most keys of a map are told apart by them. It is for maps of FewKeys at most.
type KeySet struct {
	seen [4]uint64
	at   [FewKeys]int32 // where keys stand, in msgpack
	n    int
}

// FewKeys is how many keys a KeySet can have.
const FewKeys = 32

// Add takes the key that stands at b[at:], a whole msgpack string, and reports whether it
// is there already.
func (k *KeySet) Add(b []byte, at int) bool {
	key := keyAt(b, at)
	h := uint(len(key)) * 29
	if n := len(key); n > 0 {
		h += uint(key[0])*3 + uint(key[n-1])*17 + uint(key[n/2])*5
	}
	word, bit := &k.seen[h>>6&3], uint64(1)<<(h&63)
	if *word&bit != 0 {
		for _, other := range k.at[:k.n] {
			if string(keyAt(b, int(other))) == string(key) {
				return true
			}
		}
	}
	*word |= bit
	k.at[k.n&(FewKeys-1)] = int32(at)
	k.n++
	return false
}

// keyAt returns the content of the string at b[at:].
func keyAt(b []byte, at int) []byte {
	if c := b[at]; c&0xe0 == 0xa0 {
		return b[at+1 : at+1+int(c&0x1f)]
	}
	n, content, _ := Head(b[at:])
	return b[at+n : at+n+content]
}

// Twice returns where a key stands for the second time in the map of many keys that begins
// at b[at:], which is whole; -1 if none does.
func Twice(b []byte, at int) int {
	n, _, values := Head(b[at:])
	first := at + n
	seed := maphash.MakeSeed()
	hashes := make([]uint64, 0, values/2)
	each := func(f func(hash uint64, at int) bool) {
		at := first
		for i := 0; i < values; i += 2 {
			if !f(maphash.Bytes(seed, keyAt(b, at)), at) {
				return
			}
			at += Size(b[at:])
			at += Size(b[at:])
		}
	}
	each(func(hash uint64, _ int) bool {
		hashes = append(hashes, hash)
		return true
	})
	slices.Sort(hashes)
	again := map[uint64]int{} // where what is there twice stands first, -1: not yet known
	for i := 1; i < len(hashes) && len(again) < FewKeys; i++ {
		if hashes[i] == hashes[i-1] {
			again[hashes[i]] = -1
		}
	}
	found := -1
	if len(again) == 0 {
		return found
	}
	each(func(hash uint64, at int) bool {
		switch before, some := again[hash]; {
		case !some:
		case before < 0:
			again[hash] = at
		case string(keyAt(b, before)) == string(keyAt(b, at)):
			found = at
		}
		return found < 0
	})
	return found
}

// ErrTwice is the error of the key at b[at:], which stands twice in its map.
func ErrTwice(offset int, b []byte, at int) error {
	return syntaxError(offset, "`%s` stands twice in one map", escape.String(string(keyAt(b, at))))
}
