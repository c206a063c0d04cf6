package format

import "github.com/skb-tools/skb-tools/format/wire"

// keyTable holds the keys of a section's numbers, as msgpack, by their index.
type keyTable [][]byte

func keys(names ...string) keyTable {
	t := make(keyTable, len(names))
	for i, n := range names {
		t[i] = wire.AppendStr(nil, n)
	}
	return t
}

// append appends the pairs whose bits are set in has.
func (t keyTable) append(dst []byte, has uint64, values []uint64) []byte {
	for i, key := range t {
		if has>>i&1 != 0 {
			dst = wire.AppendUint(append(dst, key...), values[i])
		}
	}
	return dst
}

// index returns the place of key in the table, -1 when it has none.
func (t keyTable) index(key []byte) int {
	for i, k := range t {
		if string(k[1:]) == string(key) {
			return i
		}
	}
	return -1
}
