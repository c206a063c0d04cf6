package format

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format/wire"
)

// finderPaths are paths that the records of the tests have: values of every kind, also
// whole sections, and some that no record has.
var finderPaths = []string{"ts", "cpu", "probe", "process.pid", "process.comm", "skb", "skb.id", "skb.len", "skb.mark", "skb.cloned",
	"skb.nowhere", "dev.name", "dev.ifindex", "netns.inum", "packet.len", "packet.at", "packet.data", "drop", "drop.name",
	"track.packet", "track.changed", "a", "a.a", "a.a.b", "end"}

// checkFind compares what a Finder says of a record with Valid and Get.
func checkFind(t *testing.T, f *Finder, r Raw) {
	t.Helper()
	got, want := f.Find(r), Valid(r)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%q: %v, Valid says %v", r, got, want)
	}
	if want != nil {
		return
	}
	for range 2 { // the first may be what the second goes by
		if got, want := f.CheckKeys(), CheckKeys(r); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %v, CheckKeys says %v", r, got, want)
		}
		if got, want := f.ValidJSON(), ValidJSON(r); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q: %v, ValidJSON says %v", r, got, want)
		}
	}
	for i, path := range finderPaths {
		v := r.Get(strings.Split(path, ".")...)
		if !bytes.Equal(f.Value(i), v) || f.Has(i) != (v != nil) {
			t.Fatalf("%q: %s is %q, Get says %q", r, path, f.Value(i), v)
		}
		u, isUint := v.Uint()
		s, isStr := v.Str()
		b, isBin := v.Bin()
		if fu, ok := f.Uint(i); ok != isUint || ok && fu != u {
			t.Fatalf("%s: %d %v, want %d %v", path, fu, ok, u, isUint)
		}
		if fs, ok := f.Str(i); !bytes.Equal(fs, s) || ok != isStr {
			t.Fatalf("%s: %q %v, want %q %v", path, fs, ok, s, isStr)
		}
		if fb, ok := f.Bin(i); !bytes.Equal(fb, b) || ok != isBin {
			t.Fatalf("%s: %q %v, want %q %v", path, fb, ok, b, isBin)
		}
	}
}

// finderKnown are paths besides finderPaths whose pairs are no others.
var finderKnown = []string{"type", "skb.head", "skb.mac_len", "process.tgid", "dev", "netns.cookie", "a.b"}

// othersOf walks through the map v, which is at path, for what neither finderPaths nor
// finderKnown lead to.
func othersOf(path string, v wire.Value) (others []string) {
	v.Each(func(key []byte, v wire.Value) bool {
		full := strings.TrimPrefix(path+"."+string(key), ".")
		leads, ends := false, false
		for _, p := range slices.Concat(finderPaths, finderKnown) {
			leads = leads || strings.HasPrefix(p, full+".")
			ends = ends || p == full
		}
		switch wanted := slices.Contains(finderPaths, full); {
		case strings.Contains(string(key), "."), !leads && !ends, leads && v.Kind() != wire.Map && !wanted:
			others = append(others, fmt.Sprintf("%s|%s=%x", path, key, v))
		case leads:
			if v.Kind() == wire.Map {
				others = append(others, othersOf(full, v)...)
			}
		}
		return true
	})
	return others
}

// checkOthers compares the others of a record with those that a walk finds.
func checkOthers(t *testing.T, f *Finder, r Raw) {
	t.Helper()
	checkFind(t, f, r)
	if Valid(r) != nil {
		return
	}
	want := othersOf("", wire.Value(r))
	if f.Others() < 0 {
		if len(want) <= wire.MaxOthers {
			t.Fatalf("%q: too many others, there are %d", r, len(want))
		}
		return
	}
	var got []string
	for i := range f.Others() {
		section, key, v := f.Other(i)
		got = append(got, fmt.Sprintf("%s|%s=%x", section, key, v))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%q: others are\n%q, want\n%q", r, got, want)
	}
}

func newOthers() *Finder {
	f := NewFinder(finderPaths...)
	f.CollectOthers(finderKnown...)
	return f
}

// recordedRaws is the records of streams that were recorded.
func recordedRaws(tb testing.TB, files ...string) (raws []Raw) {
	for _, file := range files {
		in, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		for d := NewDecoder(bytes.NewReader(in)); ; {
			r, err := d.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				tb.Fatal(err)
			}
			raws = append(raws, bytes.Clone(r))
		}
	}
	return raws
}

var finderStreams = []string{"../internal/pcap/testdata/nat.skb", "../internal/drops/testdata/drops/receive-7.2.skb"}

// What a Finder says does not depend on what it has seen before: of good records, and of
// those in which a byte is another one, one is missing or one too many.
func TestFinder(t *testing.T) {
	f, others := NewFinder(finderPaths...), newOthers()
	raws := recordedRaws(t, finderStreams...)
	for range 2 {
		for _, r := range raws {
			checkFind(t, f, r)
			checkOthers(t, others, r)
		}
	}
	known := 0
	for _, r := range raws {
		if f.Find(r) == nil && wire.Marks(&f.Finder) != nil {
			known++
		}
	}
	if known < len(raws)*9/10 {
		t.Errorf("%d of %d records had a layout that was known", known, len(raws))
	}
	damaged := raws[len(raws)/2]
	for at := range damaged {
		for _, c := range []byte{0, 1, 0x7f, 0x80, 0xa0, 0xa4, 0xc0, 0xc1, 0xc4, 0xcd, 0xdf, 0xff, damaged[at] + 1, damaged[at] ^ 0x20} {
			r := bytes.Clone(damaged)
			r[at] = c
			checkFind(t, f, r)
			checkOthers(t, others, r)
		}
		checkFind(t, f, damaged[:at])
		checkFind(t, f, slices.Delete(bytes.Clone(damaged), at, at+1))
		checkFind(t, f, slices.Insert(bytes.Clone(damaged), at, 0xa0))
		checkFind(t, f, damaged)
	}
}

// Each input is records of two bytes of length, which one Finder sees twice.
func FuzzFinder(f *testing.F) {
	f.Fuzz(func(t *testing.T, in []byte) {
		find, others := NewFinder(finderPaths...), newOthers()
		for range 2 {
			for b := in; len(b) > 2; {
				n := min(int(binary.BigEndian.Uint16(b)), len(b)-2)
				checkFind(t, find, b[2:2+n])
				checkOthers(t, others, b[2:2+n])
				b = b[2+n:]
			}
		}
	})
}

// Others are kept up to a number.
func TestManyOthers(t *testing.T) {
	f := newOthers()
	for _, n := range []int{wire.MaxOthers, wire.MaxOthers + 1, 3, 100_000, wire.MaxOthers} {
		r := wire.AppendStr(wire.AppendStr(wire.AppendMap(nil, n+1), "type"), "event")
		for i := range n {
			r = wire.AppendUint(wire.AppendStr(r, fmt.Sprint("k", i)), 1)
		}
		checkOthers(t, f, r)
		if many := f.Others() < 0; many != (n > wire.MaxOthers) {
			t.Errorf("of %d pairs, %d are others", n, f.Others())
		}
	}
}
