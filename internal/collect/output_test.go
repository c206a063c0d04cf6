//go:build linux && (amd64 || arm64)

package collect

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// TestRotate: each file is a stream of its own, no larger than asked for, and together
// they hold every record in order.
func TestRotate(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.skb")
	const limit = 1000
	out, err := openOutput(&Options{Write: name, Rotate: limit}, io.Discard,
		func() []format.Raw { return []format.Raw{(&format.Start{TS: 1}).AppendMsgpack(nil)} },
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
		func() []format.Raw { return []format.Raw{(&format.Start{TS: 1}).AppendMsgpack(nil)} }, nil)
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

// TestRotatedWhole: the end of each file counts what that file holds, whatever the collector
// counted, and what ends the last does not begin another.
func TestRotatedWhole(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.skb")
	out, err := openOutput(&Options{Write: name, Rotate: 500}, io.Discard,
		func() []format.Raw { return []format.Raw{(&format.Start{TS: 1}).AppendMsgpack(nil)} },
		func() format.Raw { return (&format.End{TS: 2, Events: 7, Cause: "rotate"}).AppendMsgpack(nil) })
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		for _, r := range []format.Appender{&format.Event{TS: uint64(i), Probe: "p"}, &format.Free{TS: uint64(i), How: "consumed"}, &format.Loss{Count: uint64(i), What: "event", Cause: "c"}} {
			if err := out.Write(r.AppendMsgpack(nil)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := out.Write((&format.End{TS: 3, Events: 40, Frees: 40, Lost: 780, Cause: "signal"}).AppendMsgpack(nil)); err != nil {
		t.Fatal(err)
	}
	files := out.File()
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if files < 5 {
		t.Errorf("only %d files", files)
	}
	var events uint64
	for n := range files {
		path := name
		if n > 0 {
			path = fmt.Sprintf("%s.%d", name, n)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var c format.Checker
		cause := ""
		for d := format.NewDecoder(bytes.NewReader(b)); ; {
			r, err := d.Next()
			if err != nil {
				break
			}
			if err := c.Take(r, 0); err != nil {
				t.Fatal(err)
			}
			if r.Type() == format.TypeEnd {
				var e format.End
				_ = e.Decode(r)
				events, cause = events+e.Events, e.Cause
			}
		}
		if err := c.Err(); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if want := map[bool]string{true: "signal", false: "rotate"}[n == files-1]; cause != want {
			t.Errorf("%s ends by %q, want %q", path, cause, want)
		}
	}
	if events != 40 {
		t.Errorf("the ends count %d events, want 40", events)
	}
}

// TestRemoved: that a file was removed while it was written is an error at the end.
func TestRemoved(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.skb")
	out, err := openOutput(&Options{Write: name}, io.Discard, func() []format.Raw { return []format.Raw{(&format.Start{TS: 1}).AppendMsgpack(nil)} }, nil)
	if err != nil {
		t.Fatal(err)
	}
	os.Remove(name)
	if err := out.Close(); err == nil || !strings.Contains(err.Error(), name+" was removed or replaced while it was written") {
		t.Errorf("%v", err)
	}
}
