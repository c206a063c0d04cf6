package format

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/skb-tools/skb-tools/format/wire"
)

// walk lists what a Cursor finds in a record, two maps deep.
func walk(c wire.Cursor) (found []string) {
	for n := c.Map(); n > 0; n-- {
		key := string(c.Key())
		switch peek := c; {
		case wire.Value(peek.Value()).Kind() == wire.Map:
			for m := c.Map(); m > 0; m-- {
				found = append(found, fmt.Sprintf("%s.%s=%x", key, c.Key(), []byte(c.Value())))
			}
		default:
			found = append(found, fmt.Sprintf("%s=%x", key, []byte(c.Value())))
		}
	}
	return found
}

// A Cursor and Each find the same.
func TestCursorSameAsEach(t *testing.T) {
	for _, rec := range records() {
		r := Raw(rec.AppendMsgpack(nil))
		var want []string
		_ = r.Each(func(key []byte, v wire.Value) bool {
			if v.Kind() != wire.Map {
				want = append(want, fmt.Sprintf("%s=%x", key, []byte(v)))
				return true
			}
			_ = v.Each(func(inner []byte, v wire.Value) bool {
				want = append(want, fmt.Sprintf("%s.%s=%x", key, inner, []byte(v)))
				return true
			})
			return true
		})
		if got := walk(r.Cursor()); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s\n%s\nwant\n%s", r.Type(), got, want)
		}
	}
}

// Values of every form are read as Value reads them, and stepped over as a whole.
func TestCursorValues(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 70000)
	values := []wire.Value{{0xc0}, {0xc2}, {0xca, 1, 2, 3, 4}, {0xcb, 1, 2, 3, 4, 5, 6, 7, 8}, {0xd4, 1, 2}, {0xd8, 17: 0}, {0xc7, 2, 1, 9, 9},
		wire.AppendUint(wire.AppendMap(nil, 0), 1)[:1], wire.AppendStr(wire.AppendUint(wire.AppendMap(nil, 1), 1), "x"), wire.AppendUint(wire.AppendArray(nil, 1), 5)}
	for _, n := range []int{0, 1, 31, 32, 255, 256, 65535, 65536} {
		values = append(values, wire.AppendStr(nil, long[:n]), wire.AppendBin(nil, long[:n]))
	}
	for shift := range 64 {
		values = append(values, wire.AppendUint(nil, 1<<shift), wire.AppendInt(nil, -1<<shift))
	}
	for _, v := range values {
		at := func() wire.Cursor { return wire.At(append(v[:len(v):len(v)], 0x2a)) }
		follows := func(c wire.Cursor, read string) {
			t.Helper()
			if u, ok := c.Uint(); !ok || u != 0x2a {
				t.Errorf("%x: %s left %d, %v behind it", v, read, u, ok)
			}
		}
		c := at()
		u, ok := c.Uint()
		if wantU, want := v.Uint(); ok != want || ok && u != wantU {
			t.Errorf("%x: Uint is %d, %v", v, u, ok)
		}
		follows(c, "Uint")
		c = at()
		s, ok := c.Str()
		if wantS, want := v.Str(); ok != want || !bytes.Equal(s, wantS) {
			t.Errorf("%x: Str is %q, %v", v, s, ok)
		}
		follows(c, "Str")
		c = at()
		b, ok := c.Bin()
		if wantB, want := v.Bin(); ok != want || !bytes.Equal(b, wantB) {
			t.Errorf("%x: Bin is %q, %v", v, b, ok)
		}
		follows(c, "Bin")
		c = at()
		c.Skip()
		follows(c, "Skip")
		if v.Kind() != wire.Map {
			c = at()
			if n := c.Map(); n != 0 {
				t.Errorf("%x: a map of %d", v, n)
			}
			follows(c, "Map")
		}
	}
}

// Whatever the bytes are, a walk ends, and reads nothing beyond them.
func FuzzCursor(f *testing.F) {
	for _, rec := range records() {
		f.Add(rec.AppendMsgpack(nil))
	}
	f.Add([]byte{0xdf, 0xff, 0xff, 0xff, 0xff, 0xa1})
	f.Add([]byte{0x81, 0xa5, 'a'})
	f.Fuzz(func(t *testing.T, data []byte) {
		if n := len(walk(Raw(data).Cursor())); n > len(data) {
			t.Errorf("%d pairs in %d bytes", n, len(data))
		}
	})
}
