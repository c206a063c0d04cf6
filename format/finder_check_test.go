package format

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/skb-tools/skb-tools/format/wire"
)

// TestFinderKeys: records of one layout, and of such that differ in little, are told apart where
// FORMAT.md does, in whatever order they come.
func TestFinderKeys(t *testing.T) {
	event := func(pairs string, n int) Raw { return Raw(fmt.Sprintf("%c\xa4type\xa5event%s", 0x81+n, pairs)) }
	const ts, probe = "\xa2ts\x07", "\xa5probe\xa1p"
	raws := []Raw{
		event(ts+probe, 2),
		event(probe+ts, 2),
		event(ts, 1),
		event(probe, 1),
		event("\xa2ts\xce\x00\x00\x00\x07"+probe, 2),
		event("\xa2ts\xd2\x00\x00\x00\x07"+probe, 2), // may be negative, and is not
		event("\xa2ts\xd2\xff\x00\x00\x07"+probe, 2), // the same layout, and is
		event("\xa2ts\xff"+probe, 2),
		event("\xa2ts\xca\x00\x00\x00\x07"+probe, 2),
		event("\xa2ts\xa17"+probe, 2),
		event("\xa2ts\xc0"+probe, 2),
		event(ts+"\xa5probe\xc4\x01p", 2),
		event(ts+"\xa5probe\xd9\x01p", 2),
		event(ts+"\xd9\x05probe\xa1p", 2),
		event(ts+"\xa2ts\xc0"+probe, 3), // twice, once not as it should be
		event(ts+probe+"\xa3cpu\xd0\x01", 3),
		event(ts+probe+"\xa3cpu\xd0\x80", 3),
		event(ts+probe+"\xa3cpu\xa11", 3),
		event(ts+probe+"\xa5stack\xd3\x00\x00\x00\x00\x00\x00\x00\x01", 3),
		event(ts+probe+"\xa5stack\xd3\x80\x00\x00\x00\x00\x00\x00\x01", 3),
		event(ts+probe+"\xa4drop\x80", 3),
		event(ts+probe+"\xa4drop\x90", 3),
		event(ts+probe+"\xa4drop\xc0", 3),
		event(ts+probe+"\xa4drop\x81\xa5value\xd0\x80", 3),
		event(ts+probe+"\xa6caller\xa1f", 3),
		event(ts+probe+"\xa6caller\xc4\x01f", 3),
		event(ts+probe+"\xa1x\xd4\x01\x02", 3),             // has no form in JSON
		event(ts+probe+"\xa1x\xa2\xff\xfe", 3),             // has one
		event(ts+probe+"\xa1\xff\x01", 3),                  // has none
		event(ts+probe+"\xa1x\x81\xa1\xff\x01", 3),         // nor has this
		event(ts+probe+"\xa1x\x91\x81\xa2\xc3\xa9\x01", 3), // a key that is text, and not ASCII
		event(ts+probe+"\xa1x\x91\x81\xa2\xc3\x28\x01", 3),
		Raw("\x82\xa4type\xa6resume\xa4back\x01"),
		Raw("\x82\xa4type\xa6resume\xa4back\xd0\x01"),
		Raw("\x82\xa4type\xa6resume\xa4back\xd0\x81"),
		Raw("\x82\xa4type\xa6resumx\xa4back\xd0\x81"),
		Raw("\x81\xa4type\xa6resume"),
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		f := NewFinder(finderPaths...)
		for range 2 * len(raws) {
			checkFind(t, f, raws[random.IntN(len(raws))])
		}
	}
}

// swaps are values of each kind and size, to take the place of others.
var swaps = []string{"\x00", "\x7f", "\xff", "\xc0", "\xc2", "\xcc\xff", "\xcd\x01\x00", "\xce\x80\x00\x00\x00",
	"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "\xd0\x01", "\xd0\x80", "\xd1\x01\x00", "\xd1\x80\x00", "\xd2\x01\x00\x00\x00",
	"\xd2\x80\x00\x00\x00", "\xd3\x01\x00\x00\x00\x00\x00\x00\x00", "\xd3\x80\x00\x00\x00\x00\x00\x00\x00", "\xca\x3f\x80\x00\x00",
	"\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", "\xa0", "\xa3abc", "\xa2\xff\xfe", "\xd9\x01a", "\xda\x00\x01a", "\xdb\x00\x00\x00\x01a", "\xc4\x01a",
	"\xc5\x00\x01a", "\x80", "\x81\xa1a\x01", "\x81\xa1\xff\x01", "\xde\x00\x00", "\x90", "\x92\x01\xa1a", "\x91\xd4\x01\x02", "\xdc\x00\x00", "\xd4\x01\x02",
	"\xc7\x01\x01a", "\xc1"}

// swapped returns r with a random value, at any depth, or a random key, or a random byte,
// replaced or left out.
func swapped(random *rand.Rand, r Raw) Raw {
	if random.IntN(4) == 0 { // anything
		r = bytes.Clone(r)
		for range 1 + random.IntN(2) {
			r[random.IntN(len(r))] = byte(random.IntN(256))
		}
		return r
	}
	var at []int // of keys and values
	var walk func(v, n int) int
	walk = func(from, n int) int {
		for range n {
			at = append(at, from)
			size, content, values := wire.Head(r[from:])
			from = walk(from+size+content, values)
		}
		return from
	}
	size, _, values := wire.Head(r)
	walk(size, values)
	from := at[random.IntN(len(at))]
	to := from + wire.Size(r[from:])
	switch random.IntN(8) {
	case 0: // a pair, perhaps, less
		to = min(to+wire.Size(r[to:]), len(r))
		out := append(bytes.Clone(r[:from]), r[to:]...)
		if r[0]&0xf0 == 0x80 && r[0] > 0x80 {
			out[0]--
		} else if r[0] == 0xde {
			out[2]--
		}
		return out
	case 1: // the first byte alone
		out := bytes.Clone(r)
		out[from] = swaps[random.IntN(len(swaps))][0]
		return out
	}
	return append(append(bytes.Clone(r[:from]), swaps[random.IntN(len(swaps))]...), r[to:]...)
}

// TestFinderSwapped: of recorded streams in which values, keys and bytes are others, and that
// come again and again, a Finder says what the walks say, and so do Checkers by either.
func TestFinderSwapped(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 6
	}
	raws := recordedRaws(t, finderStreams...)
	random := rand.New(rand.NewPCG(3, 4))
	valid, wrong, unwritable := 0, 0, 0
	for range rounds {
		f := NewFinder(finderPaths...)
		part := random.IntN(2) == 0
		found, walked := Checker{Part: part}, Checker{Part: part}
		for i := range 3000 {
			r := raws[random.IntN(len(raws))]
			if i == 0 {
				r = raws[0]
			} else if random.IntN(3) > 0 {
				r = swapped(random, r)
			}
			again := 1 + random.IntN(3)
			for range again {
				checkFind(t, f, r)
				if Valid(r) != nil {
					break
				}
				valid++
				if CheckKeys(r) != nil {
					wrong++
				}
				if ValidJSON(r) != nil {
					unwritable++
				}
				if err := f.Find(r); err != nil {
					t.Fatal(err)
				}
				got, want := found.TakeFound(f, int64(i)), walked.Take(r, int64(i))
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("%q: %v, Take says %v", r, got, want)
				}
			}
		}
		if !reflect.DeepEqual(found.starts.by, walked.starts.by) || found.before != walked.before || found.odd != walked.odd ||
			fmt.Sprint(found.first) != fmt.Sprint(walked.first) {
			t.Fatalf("at the end: %v, by Take %v", found.Err(), walked.Err())
		}
	}
	t.Logf("%d records: %d with keys that FORMAT.md does not have so, %d without a form in JSON", valid, wrong, unwritable)
	if wrong < valid/100 || unwritable < valid/100 || wrong > valid/2 || unwritable > valid/2 {
		t.Error("too few of one kind")
	}
}

// TestFinderNoWalk: the second record of a layout is not walked through for its keys and its
// form in JSON.
func TestFinderNoWalk(t *testing.T) {
	f := NewFinder(finderPaths...)
	raws := recordedRaws(t, finderStreams...)
	events, known := 0, 0
	for i, r := range append(raws, raws...) {
		if err := f.Find(r); err != nil {
			t.Fatal(err)
		}
		if r.Type() == TypeEvent && i >= len(raws) {
			events++
			if marks := wire.Marks(&f.Finder); marks != nil && *marks&goodKeys != 0 && *marks&goodJSON != 0 {
				known++
			}
		}
		if f.CheckKeys() != nil || f.ValidJSON() != nil {
			t.Fatalf("%q: %v, %v", r, f.CheckKeys(), f.ValidJSON())
		}
	}
	if known < events || events < 100 {
		t.Errorf("of %d events, %d were known to be good", events, known)
	}
}
