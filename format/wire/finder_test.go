package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"testing"
)

// recordedEvents is the events of streams that were recorded.
func recordedEvents(b testing.TB, files ...string) (events [][]byte) {
	for _, file := range files {
		in, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		for len(in) >= 4 {
			n := 4 + int(binary.BigEndian.Uint32(in))
			if bytes.Contains(in[4:n], []byte("\xa4type\xa5event")) {
				events = append(events, in[4:n])
			}
			in = in[n:]
		}
	}
	return events
}

// An event whose like has been seen is not walked through.
func TestFinderAgrees(t *testing.T) {
	events := recordedEvents(t, "../../internal/pcap/testdata/nat.skb", "../../internal/drops/testdata/drops/receive-7.2.skb")
	f := NewFinder("ts", "probe", "skb.id", "packet.data", "drop.name")
	for range 2 {
		f.agreed = 0
		for _, e := range events {
			if err := f.Find(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	if f.agreed < len(events)*9/10 || len(events) < 100 {
		t.Errorf("%d of %d events had a layout that was known", f.agreed, len(events))
	}
}

// Others beyond a number take no room.
func TestOthersRoom(t *testing.T) {
	f := NewFinder("end")
	f.CollectOthers("type")
	r := AppendMap(nil, 100_000)
	for i := range 100_000 {
		r = AppendUint(AppendStr(r, fmt.Sprint("k", i)), 1)
	}
	if err := f.Find(r); err != nil || f.Others() >= 0 || cap(f.others) > 2*MaxOthers {
		t.Errorf("%v: %d others, room for %d", err, f.Others(), cap(f.others))
	}
}

// Layouts that never come again, or are enormous, are given up: memory is bounded, and
// every record is read all the same.
func TestFinderBounds(t *testing.T) {
	f := NewFinder("a", "a.a", "end")
	for i := range 200_000 {
		r := AppendMap(nil, 3)
		r = AppendStr(AppendStr(r, "type"), "event")
		r = AppendUint(AppendStr(r, fmt.Sprint("k", i)), uint64(i))
		r = AppendUint(AppendStr(r, "end"), uint64(i))
		checkFindEnd(t, f, r, uint64(i))
	}
	if f.kept > maxSegments || f.tries > freeTries+f.agreed {
		t.Errorf("%d segments, %d tries, %d agreed", f.kept, f.tries, f.agreed)
	}
	kept := f.kept
	long := AppendStr(AppendStr(AppendMap(nil, 3), "type"), "event")
	long = AppendArray(AppendStr(long, "a"), 10000)
	for i := range 10000 {
		long = AppendUint(long, uint64(i))
	}
	long = AppendUint(AppendStr(long, "end"), 7)
	f.tries = 0
	checkFindEnd(t, f, long, 7)
	if f.kept != kept || cap(f.learner.mask) > 8*maxStructure {
		t.Errorf("of a record of %d bytes %d segments were kept", len(long), f.kept-kept)
	}
}

func checkFindEnd(t *testing.T, f *Finder, r []byte, want uint64) {
	t.Helper()
	if err := f.Find(r); err != nil {
		t.Fatal(err)
	}
	if got, ok := f.Uint(2); !ok || got != want {
		t.Fatalf("%d %v, want %d", got, ok, want)
	}
}

// An op is one record: with its layout known, without, and learned each time.
func BenchmarkFind(b *testing.B) {
	events := recordedEvents(b, "../../internal/pcap/testdata/nat.skb", "../../internal/drops/testdata/drops/receive-7.2.skb")
	for _, how := range []string{"known", "unknown", "learned"} {
		b.Run(how, func(b *testing.B) {
			b.ReportAllocs()
			f := NewFinder("ts", "probe", "skb.id", "skb.len", "dev.name", "netns.inum", "packet.len", "packet.data", "drop.name", "track.packet")
			for i := 0; b.Loop(); i++ {
				switch how {
				case "unknown":
					f.tries, f.first = 1<<62, nil
				case "learned":
					f.tries, f.first = 0, nil
				}
				if err := f.Find(events[i%len(events)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
