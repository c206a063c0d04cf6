package skbcollect

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// TestRotate: each file is a stream of its own, no larger than asked for, and together
// they hold every record in order.
func TestRotate(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.skb")
	const limit = 1000
	out, err := openOutput(&Options{Write: name, Rotate: limit}, io.Discard,
		func() format.Raw { return (&format.Start{TS: 1}).AppendMsgpack(nil) },
		func() format.Raw { return (&format.End{TS: 2, Cause: "rotate"}).AppendMsgpack(nil) })
	if err != nil {
		t.Fatal(err)
	}
	const total = 100
	for i := range total {
		if err := out.Write((&format.Free{TS: uint64(i), How: "consumed"}).AppendMsgpack(nil)); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	next, n := uint64(0), 0
	for ; ; n++ {
		path := name
		if n > 0 {
			path = fmt.Sprintf("%s.%d", name, n)
		}
		f, err := os.Open(path)
		if err != nil {
			break
		}
		defer f.Close()
		if info, _ := f.Stat(); info.Size() > limit+100 { // the end record may go over
			t.Errorf("%s has %d bytes", path, info.Size())
		}
		d := format.NewDecoder(f)
		for first := true; ; first = false {
			r, err := d.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if first != (r.Type() == format.TypeStart) {
				t.Errorf("%s: a %s record where a start should be, or the other way round", path, r.Type())
			}
			if ts, _ := r.Time(); r.Type() == format.TypeFree {
				if ts != next {
					t.Fatalf("%s: record %d, want %d", path, ts, next)
				}
				next++
			}
		}
	}
	if next != total || n < 4 {
		t.Errorf("%d records in %d files", next, n)
	}
}

// TestCut: what a full disk left of a frame is taken off the file.
func TestCut(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.skb")
	out, err := openOutput(&Options{Write: name}, io.Discard,
		func() format.Raw { return (&format.Start{TS: 1}).AppendMsgpack(nil) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := out.(*files)
	if err := f.Flush(); err != nil {
		t.Fatal(err)
	}
	record := (&format.Free{TS: 2, How: "consumed"}).AppendMsgpack(nil)
	whole := append(binary.BigEndian.AppendUint32(nil, uint32(len(record))), record...)
	for _, b := range [][]byte{whole, whole[:len(whole)-1]} {
		if _, err := f.f.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	f.cut()
	if info, _ := f.f.Stat(); info.Size() != f.saved+int64(len(whole)) {
		t.Errorf("%d bytes left, want %d", info.Size(), f.saved+int64(len(whole)))
	}
}
