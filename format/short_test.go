package format

import (
	"math"
	"testing"

	"github.com/skb-tools/skb-tools/format/wire"
)

// TestAppendShort: what is written the short way is what the long one writes.
func TestAppendShort(t *testing.T) {
	var values [][]byte
	for _, n := range []uint64{0, 9, 10, 99, 100, 127, 128, 255, 256, 65535, 65536, math.MaxUint32, math.MaxUint32 + 1, maxExact - 1, maxExact,
		maxExact + 1, math.MaxUint64} {
		values = append(values, wire.AppendUint(nil, n))
	}
	for _, n := range []int64{-1, -32, -33, -1 << 40} {
		values = append(values, wire.AppendInt(nil, n))
	}
	for _, s := range []string{"", "eth0", `a"b`, `\`, "a\nb", "\x7f", "é", "\xff", "$x", "9007199254740993", "9007199254740991", "00", "an odd name of thirty-one chars.",
		"a long text that does not fit into the short form of a string"} {
		values = append(values, wire.AppendStr(nil, s), wire.AppendBin(nil, []byte(s)))
	}
	values = append(values, wire.AppendBool(nil, true), wire.AppendMap(nil, 0), []byte{0xc0}, []byte{0xcd, 1, 0}, []byte{0xcf, 0, 0, 0, 0, 0, 0, 0, 5})
	short := 0
	for _, v := range values {
		for _, isData := range []bool{false, true} {
			got, end := appendShort([]byte("x"), v, 0, isData)
			want, wantEnd, err := appendJSON([]byte("x"), v, 0, 1, isData)
			if err != nil {
				t.Fatal(err)
			}
			if end == 0 {
				if string(got) != "x" {
					t.Errorf("%q: %s, and then the long way", v, got)
				}
				continue
			}
			short++
			if string(got) != string(want) || end != wantEnd {
				t.Errorf("%q, data %v: %s to %d, want %s to %d", v, isData, got, end, want, wantEnd)
			}
			// Where it is cut off, the long way says so.
			for n := range len(v) {
				if got, end := appendShort([]byte("x"), v[:n], 0, isData); end != 0 || string(got) != "x" {
					t.Errorf("%q of %q: %s", v[:n], v, got)
				}
			}
		}
	}
	if short < len(values)/2 {
		t.Errorf("%d of %d values take the short way", short, 2*len(values))
	}
}
