package sort

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// sortFiles runs the command on files and returns its output.
func sortFiles(t *testing.T, o Options, streams ...[]byte) []byte {
	t.Helper()
	o.Files = nil
	for i, s := range streams {
		name := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := os.WriteFile(name, s, 0o600); err != nil {
			t.Fatal(err)
		}
		o.Files = append(o.Files, name)
	}
	return sorted(t, o, nil)
}

func sorted(t *testing.T, o Options, stdin io.Reader) []byte {
	t.Helper()
	var out, stderr bytes.Buffer
	if o.Memory == 0 {
		o.Memory = 64e6
	}
	if o.Output == "" {
		o.Output = "stream"
	}
	o.Part = true
	if err := Run(context.Background(), o, stdin, &out, &stderr); err != nil || stderr.Len() > 0 {
		t.Fatalf("%v %s", err, &stderr)
	}
	return out.Bytes()
}

// A made record is an event that knows where it was made.
type made struct{ start, boot, file, seq, ts int }

// mixed makes files of several recordings each, of several boots, that overlap and are
// shuffled. CPU, pid and tgid of an event say its start, its file and its place.
func mixed(r *rand.Rand, files, records, padding int) (streams [][]byte, all []made) {
	boots := [][2]string{{"b", "1"}, {"a", "2"}, {"b", "3"}}
	starts := 0
	for file := range files {
		var b bytes.Buffer
		e := format.NewEncoder(&b)
		seq := 0
		for range 1 + r.IntN(3) {
			starts++
			boot := r.IntN(len(boots))
			began := 1000 + r.IntN(1000)
			_ = e.Write(&format.Start{TS: uint64(began), Host: boots[boot][0], BootID: boots[boot][1], ClockOffset: int64(boot), Snaplen: uint32(starts)})
			for range records {
				m := made{starts, boot, file, seq, began + r.IntN(records)/3}
				seq++
				all = append(all, m)
				_ = e.Write(&format.Event{TS: uint64(m.ts), CPU: uint32(m.start), Probe: "p",
					Process: format.Process{PID: uint32(m.file), TGID: uint32(m.seq), Comm: "c"},
					Packet:  format.Packet{Len: 1, At: "mac", Data: make([]byte, r.IntN(padding))}})
			}
			_ = e.Write(&format.End{TS: 1 << 40, Events: 1 << 32, Links: 1 << 32, Frees: 1 << 32, Lost: 1 << 32})
		}
		_ = e.Flush()
		streams = append(streams, b.Bytes())
	}
	return streams, all
}

// TestSorted: the output is the input, in the order of hosts, boots and times; equal ones
// are as they came; and each record is behind its own start.
func TestSorted(t *testing.T) {
	hosts := []int{1, 0, 2} // boots in the order of their hosts' names and of their times
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 0))
		streams, want := mixed(r, 1+r.IntN(4), 1+r.IntN(200), 50)
		slices.SortStableFunc(want, func(a, b made) int {
			return cmp.Or(cmp.Compare(hosts[a.boot], hosts[b.boot]), cmp.Compare(a.ts, b.ts))
		})
		out := sortFiles(t, Options{}, streams...)
		var got []made
		start, ends := 0, 0
		var starts format.Starts[int]
		for d := format.NewDecoder(bytes.NewReader(out)); ; {
			rec, err := d.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			switch rec.Type() {
			case format.TypeStart:
				var s format.Start
				_ = s.Decode(rec)
				start = int(s.Snaplen)
				starts.Set(rec, start)
			case format.TypeResume:
				start, _ = starts.Resume(rec)
			case format.TypeEnd:
				ends++
			case format.TypeEvent:
				var e format.Event
				_ = e.Decode(rec)
				if int(e.CPU) != start {
					t.Fatalf("seed %d: an event of start %d is behind start %d", seed, e.CPU, start)
				}
				got = append(got, made{start, 0, int(e.Process.PID), int(e.Process.TGID), int(e.TS)})
			}
		}
		for i := range want {
			want[i].boot = 0
		}
		if !slices.Equal(got, want) || ends != start && ends == 0 {
			t.Fatalf("seed %d: got %v\nwant %v", seed, got, want)
		}
		for name, again := range map[string][]byte{
			"sorted again":  sortFiles(t, Options{}, out),
			"joined by cat": sorted(t, Options{}, bytes.NewReader(slices.Concat(streams...))),
			"joined, and a window": sorted(t, Options{Window: time.Minute},
				bytes.NewReader(slices.Concat(streams...))),
		} {
			if !bytes.Equal(again, out) {
				t.Errorf("seed %d: %s: another output", seed, name)
			}
		}
	}
}

// TestSortedOnDisk: with little memory the output is the same, and nothing is left behind;
// so many runs that merging them takes several passes.
func TestSortedOnDisk(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	streams, _ := mixed(r, 3, 4000, 6000)
	streams = append(streams, big(1<<21)) // a record larger than the memory
	want := sortFiles(t, Options{Memory: 1e9}, streams...)
	dir := t.TempDir()
	got := sortFiles(t, Options{Memory: minMemory, TempDir: dir}, streams...)
	if !bytes.Equal(got, want) {
		t.Error("another output than in memory")
	}
	if fan := 500_000 / runBuffer; len(got)/1_000_000 < 2*fan {
		t.Errorf("%d bytes are too few for two passes", len(got))
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func big(n int) []byte {
	var b bytes.Buffer
	e := format.NewEncoder(&b)
	_ = e.Write(&format.Event{TS: 1500, Probe: "p", Packet: format.Packet{Len: 1, At: "mac", Data: make([]byte, n)}})
	_ = e.Flush()
	return b.Bytes()
}

// TestKindsInOrder: what has no time goes where it is found.
func TestKindsInOrder(t *testing.T) {
	in := `{"type":"event","ts":50,"probe":"before any start"}
{"type":"start","ts":10,"version":1,"host":"h"}
{"type":"event","ts":30}
{"type":"ours"}
{"type":"journey","ts":30,"packet":1}
{"type":"event","ts":20,"stack":7}
{"type":"stack","id":7}
{"type":"end","ts":30}
{"type":"event","ts":30,"cpu":2}
{"type":"free","ts":5}
`
	want := `{"type":"event","ts":50,"probe":"before any start","decoded":{}}
{"type":"start","ts":10,"version":1,"host":"h"}
{"type":"free","ts":5}
{"type":"stack","id":7}
{"type":"event","ts":20,"stack":7,"decoded":{}}
{"type":"event","ts":30,"decoded":{}}
{"type":"ours"}
{"type":"event","ts":30,"cpu":2,"decoded":{}}
{"type":"journey","ts":30,"packet":1}
{"type":"end","ts":30}
`
	if got := sorted(t, Options{By: "time", Options: pipe.Options{Output: "json"}}, strings.NewReader(in)); string(got) != want {
		t.Errorf("got\n%s", got)
	}
}

// TestDamage: what was good before is handed on, the offset is named, other files go on.
func TestDamage(t *testing.T) {
	good := recording("b", true, 7, 5)
	end := len(good) - len(recording("b", false, 7, 5)) // length of its last record
	for _, c := range []struct {
		name, damage string
		at           int // behind the good
		says         string
		events       []int64
	}{
		{"cut off", string(good[:len(good)-3]), len(good) - end, "the stream is cut off", []int64{5, 5, 7, 7}},
		{"too long", "\x01\x00\x00\x00", 0, "frame of 16777216 bytes is over the limit", []int64{5, 7}},
		{"no record", "\x00\x00\x00\x01\xc0", 4, "a record is a map", []int64{5, 7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad, other := filepath.Join(t.TempDir(), "bad"), filepath.Join(t.TempDir(), "other")
			_ = os.WriteFile(bad, append(slices.Clone(good), c.damage...), 0o600)
			_ = os.WriteFile(other, events(6), 0o600)
			says := fmt.Sprintf("%s: at byte %d: %s", bad, len(good)+c.at, c.says)
			var out, stderr bytes.Buffer
			o := Options{Memory: 64e6, Options: pipe.Options{Output: "stream"}, Files: []string{bad}}
			o.Part = true
			err := Run(context.Background(), o, nil, &out, &stderr)
			if got := eventTimes(t, out.Bytes()); err == nil || !strings.HasPrefix(err.Error(), says) || !slices.Equal(got, c.events) {
				t.Errorf("alone: %v, events %v; want %s and %v", err, got, says, c.events)
			}
			// Other files go on.
			o.Files = append(o.Files, other)
			out.Reset()
			o.Part = true
			err = Run(context.Background(), o, nil, &out, &stderr)
			if got := eventTimes(t, out.Bytes()); err != pipe.ExitStatus(1) || !strings.HasPrefix(stderr.String(), "skb-sort: "+says) ||
				!slices.Equal(got, append([]int64{6}, c.events...)) {
				t.Errorf("with another: %v, says %s, events %v", err, &stderr, got)
			}
		})
	}
}

// FuzzSort: whatever comes in, nothing is lost of what can be read, and it comes out in order.
func FuzzSort(f *testing.F) {
	r := rand.New(rand.NewPCG(2, 2))
	streams, _ := mixed(r, 2, 20, 10)
	for _, s := range streams {
		f.Add(s)
		f.Add(s[:len(s)-5])
	}
	f.Add([]byte(`{"type":"start","ts":-1,"version":1}` + "\n" + `{"type":"event","ts":"18446744073709551615","track":{"packet":1,"total":5}}` + "\n" + `{"type":"journey"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		count := func(b []byte) (starts, others int) {
			c := format.Checker{Part: true}
			for d := format.NewDecoder(bytes.NewReader(b)); ; {
				r, err := d.Next()
				if err != nil || c.Take(r, 0) != nil {
					return starts, others
				}
				if r.Type() == format.TypeStart {
					starts++
				} else {
					others++
				}
			}
		}
		for _, by := range []string{"auto", "time", "journey", "packet"} {
			var out bytes.Buffer
			o := Options{By: by, Memory: minMemory, Options: pipe.Options{Output: "stream"}}
			o.Part = true
			_ = Run(context.Background(), o, bytes.NewReader(in), &out, io.Discard)
			starts, others := count(in)
			if s, n := count(out.Bytes()); n != others || s == 0 && starts > 0 {
				t.Fatalf("by %s: %d starts and %d records of %d and %d", by, s, n, starts, others)
			}
			again := bytes.NewReader(bytes.Clone(out.Bytes()))
			first := bytes.Clone(out.Bytes())
			out.Reset()
			o.Part = true
			if err := Run(context.Background(), o, again, &out, io.Discard); err != nil || !bytes.Equal(out.Bytes(), first) {
				t.Fatalf("by %s: sorted again it is another: %v", by, err)
			}
		}
	})
}
