//go:build linux && (amd64 || arm64)

package collect

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/compress"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// readPacked returns the times of the events of a compressed file, and how reading it ended.
func readPacked(t *testing.T, path string) (times []uint64, end error) {
	t.Helper()
	in, err := pipe.OpenInputs([]string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for {
		r, err := in.Next()
		if err != nil {
			return times, err
		}
		if ts, _ := r.Time(); r.Type() == format.TypeEvent {
			times = append(times, ts)
		}
	}
}

// TestRotatePacked: compressed files, too, are complete streams, no larger than asked for, and not much smaller;
// what has been flushed can be read before the end.
func TestRotatePacked(t *testing.T) {
	for _, suffix := range []string{".zst", ".gz", ".lz4"} {
		name := filepath.Join(t.TempDir(), "x.skb"+suffix)
		const limit = 100_000
		out, err := openOutput(&Options{Write: name, Rotate: limit}, io.Discard,
			func() []format.Raw { return []format.Raw{(&format.Start{TS: 1}).AppendMsgpack(nil)} },
			func() format.Raw { return (&format.End{TS: 2, Cause: "rotate"}).AppendMsgpack(nil) })
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(1, 2))
		const total = 3000
		payload := make([]byte, 400)
		for i := range total {
			for j := range payload[:100] { // the rest gets small
				payload[j] = byte(random.Uint32())
			}
			e := &format.Event{TS: uint64(i), Probe: "p", Packet: format.Packet{Len: 400, At: "mac", Data: payload}}
			if err := out.Write(e.AppendMsgpack(nil)); err != nil {
				t.Fatal(err)
			}
			if i == 100 {
				if err := out.Flush(); err != nil {
					t.Fatal(err)
				}
				if times, err := readPacked(t, name); len(times) != i+1 || err == nil || !strings.Contains(err.Error(), "cut off") {
					t.Errorf("%s: %d events before the end, %v", suffix, len(times), err)
				}
			}
		}
		if err := out.Write((&format.End{TS: 3, Events: total, Cause: "signal"}).AppendMsgpack(nil)); err != nil {
			t.Fatal(err)
		}
		files := out.File()
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		if files < 3 {
			t.Errorf("%s: only %d files", suffix, files)
		}
		next := uint64(0)
		for n := range files {
			path := name
			if n > 0 {
				path = fmt.Sprintf("%s.%d%s", strings.TrimSuffix(name, suffix), n, suffix)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if size := info.Size(); size > limit+100 || n < files-1 && size < limit*85/100 {
				t.Errorf("%s has %d bytes", path, size)
			}
			times, err := readPacked(t, path)
			if err != io.EOF {
				t.Errorf("%s: %v", path, err)
			}
			for _, ts := range times {
				if ts != next {
					t.Fatalf("%s: event %d, want %d", path, ts, next)
				}
				next++
			}
		}
		if next != total {
			t.Errorf("%s: %d of %d events", suffix, next, total)
		}
	}
}

// TestPackedName: a name that asks for a format that is not written is refused, and nothing is created.
func TestPackedName(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.skb.xz")
	if _, err := openOutput(&Options{Write: name}, io.Discard, nil, nil); err == nil ||
		!strings.Contains(err.Error(), "-w: "+name+": xz can't be written") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(name); err == nil {
		t.Error("the file was created")
	}
}

// BenchmarkWrite: what an event costs that is written to a file, as one that is compressed and one that is not;
// many: as many as the encoder gathers; each: when each is flushed, as on a quiet host.
func BenchmarkWrite(b *testing.B) {
	f, err := os.Open("../../testdata/traffic-6.12.skb")
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	var events []format.Raw
	size := 0
	for d := format.NewDecoder(compress.NewReader(f)); ; {
		r, err := d.Next()
		if err != nil {
			break
		}
		if r.Type() == format.TypeEvent {
			events = append(events, append(format.Raw(nil), r...))
			size += 4 + len(r)
		}
	}
	for _, suffix := range []string{"", ".zst", ".gz", ".lz4"} {
		for _, how := range []string{"many", "each"} {
			b.Run("x.skb"+suffix+"/"+how, func(b *testing.B) {
				name := filepath.Join(b.TempDir(), "x.skb"+suffix)
				out, err := openOutput(&Options{Write: name}, io.Discard, func() []format.Raw { return nil }, nil)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					if err := out.Write(events[n%len(events)]); err != nil {
						b.Fatal(err)
					}
					if n++; how == "each" {
						if err := out.Flush(); err != nil {
							b.Fatal(err)
						}
					}
				}
				if err := out.Close(); err != nil {
					b.Fatal(err)
				}
				info, err := os.Stat(name)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(info.Size())/float64(n), "bytes/event")
			})
		}
	}
}
