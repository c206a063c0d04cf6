package streamtest

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/drops"
	"github.com/skb-tools/skb-tools/internal/pcap"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/sort"
	"github.com/skb-tools/skb-tools/internal/track"
)

// programs are the ways to read a stream, each with its form of output.
var programs = map[string]func(in io.Reader, out io.Writer) error{
	"skb-sort": func(in io.Reader, out io.Writer) error {
		return sort.Run(context.Background(), sort.Options{Memory: 1 << 20, Window: time.Second}, in, out, io.Discard)
	},
	"skb-sort -o text": func(in io.Reader, out io.Writer) error {
		return sort.Run(context.Background(), sort.Options{Options: pipe.Options{Output: "text"}, Memory: 1 << 20}, in, out, io.Discard)
	},
	"skb-track": func(in io.Reader, out io.Writer) error {
		return track.Run(context.Background(), tracking(), in, out, io.Discard)
	},
	"skb-track --summary": func(in io.Reader, out io.Writer) error {
		o := tracking()
		o.Summary, o.Output = true, "text"
		return track.Run(context.Background(), o, in, out, io.Discard)
	},
	"skb-track --ended dropped": func(in io.Reader, out io.Writer) error {
		o := tracking()
		o.Ended = []string{"dropped"}
		return track.Run(context.Background(), o, in, out, io.Discard)
	},
	"skb-drops": func(in io.Reader, out io.Writer) error {
		return drops.Run(context.Background(), drops.Options{Options: pipe.Options{Output: "stream"}}, in, out, io.Discard)
	},
	"skb-drops --summary --fail-if fault": func(in io.Reader, out io.Writer) error {
		fault := "fault"
		return drops.Run(context.Background(), drops.Options{Summary: true, FailIf: &fault}, in, out, io.Discard)
	},
	"skb-pcap": func(in io.Reader, out io.Writer) error {
		return pcap.Run(context.Background(), pcap.Options{}, in, out, io.Discard)
	},
	"skb-pcap --list-probes": func(in io.Reader, out io.Writer) error {
		return pcap.Run(context.Background(), pcap.Options{ListProbes: true}, in, out, io.Discard)
	},
}

// spec is FORMAT.md.
func spec(t *testing.T) *Spec {
	t.Helper()
	s, err := ReadSpec("../../format/FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tracking() track.Options {
	return track.Options{Options: pipe.Options{Output: "stream"}, MaxOpen: 1000, Idle: 30 * time.Second, Window: 10 * time.Millisecond}
}

// filters write streams, which are whole when what they read is.
var filters = []string{"skb-sort", "skb-track", "skb-track --ended dropped", "skb-drops"}

// short is the beginning of a recorded stream, with an end that counts it, and whose start
// has none of its long tables: so that most mutations meet what decides.
func short(t *testing.T, file, host string, events int) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	enc, d := format.NewEncoder(&out), format.NewDecoder(bytes.NewReader(b))
	end := format.End{Cause: "signal", Lost: 3}
	for end.Events < uint64(events) {
		r, err := d.Next()
		if err != nil {
			t.Fatal(err)
		}
		switch r.Type() {
		case format.TypeStart:
			var s format.Start
			_ = s.Decode(r)
			s.Host, s.Sysctl, s.DropReasons = host, nil, nil
			_ = enc.Write(&s)
			continue
		case format.TypeEvent:
			end.Events++
		case format.TypeLink:
			end.Links++
		case format.TypeFree:
			end.Frees++
		default:
			continue
		}
		end.TS, _ = r.Time()
		_ = enc.WriteRaw(r)
		if end.Events == 3 {
			_ = enc.Write(&format.Counters{TS: end.TS - 1, Took: 1, Netns: []uint32{1}})
			_ = enc.Write(&format.Counters{TS: end.TS, Since: format.Some(end.TS - 1), Drops: true, Netns: []uint32{1},
				Grew: []format.Counter{{Name: "UdpNoPorts", Source: "snmp", Netns: 1, From: format.Some(uint64(2)), To: 9},
					{Name: "rx_missed_errors", Source: "link", Netns: 1, Dev: "eth0", To: 7}}})
			_ = enc.Write(&format.Change{TS: end.TS, Keys: []string{"firewall", "devices"}})
			_ = enc.Write(&format.Change{TS: end.TS, Seen: format.Some(end.TS + 1), Keys: []string{"firewall", "devices"}, Facts: format.Facts{
				"firewall": {"nft inet t c": wire.AppendStr(nil, "input")}, "devices": {"eth9": wire.Value("\x82\xa3mtu\xcd\x05\xdc\xa2up\xc3")}},
				Gone: map[string][]string{"devices": {"lo"}}})
		}
	}
	_ = enc.Write(&format.Loss{TS: end.TS, Count: 3, What: "event", Cause: "ring buffer full"})
	_ = enc.Write(&end)
	_ = enc.Flush()
	return out.Bytes()
}

// bases are whole streams: one, numbered files, a merge, and each of them as JSON.
func bases(t *testing.T) (all [][]byte) {
	t.Helper()
	a, b := short(t, "../../testdata/traffic-6.12.skb", "a", 12), short(t, "../../testdata/traffic-5.10.skb", "b", 9)
	var merge bytes.Buffer
	enc := format.NewEncoder(&merge)
	var m format.Merger
	var starts [2]format.Raw
	frames := [2][][]byte{Frames(a), Frames(b)}
	for i, f := range frames {
		starts[i] = f[0][4:]
	}
	for n := 1; n < max(len(frames[0]), len(frames[1])); n++ {
		for i, f := range frames {
			if n < len(f) {
				if r := m.To(starts[i]); r != nil {
					_ = enc.WriteRaw(r)
				}
				_ = enc.WriteRaw(f[n][4:])
			}
		}
	}
	_ = enc.Flush()
	all = [][]byte{a, append(bytes.Clone(a), a...), merge.Bytes(), b}
	for _, s := range all[:4] {
		var text []byte
		for _, f := range Frames(s) {
			var err error
			if text, err = format.AppendJSON(text, f[4:]); err != nil {
				t.Fatal(err)
			}
			text = append(text, '\n')
		}
		all = append(all, text)
	}
	return all
}

func recordsOf(stream []byte) [][]byte {
	if stream[0] == '{' {
		return Lines(stream)
	}
	return Frames(stream)
}

// TestWhole: a whole stream is one to each program, and what a filter makes of it is whole.
func TestWhole(t *testing.T) {
	for i, in := range bases(t) {
		if err := Whole(spec(t), in); err != nil {
			t.Fatalf("base %d: %v", i, err)
		}
		for name, run := range programs {
			var out bytes.Buffer
			if err := run(bytes.NewReader(in), &out); err != nil {
				t.Errorf("base %d, %s: %v", i, name, err)
			}
		}
		for _, first := range filters {
			for _, second := range filters {
				var one, two bytes.Buffer
				if err := programs[first](bytes.NewReader(in), &one); err != nil {
					t.Errorf("base %d, %s: %v", i, first, err)
				}
				if err := Whole(spec(t), one.Bytes()); err != nil {
					t.Errorf("base %d, behind %s: %v", i, first, err)
				}
				if err := programs[second](&one, &two); err != nil {
					t.Errorf("base %d, %s | %s: %v", i, first, second, err)
				}
				if err := Whole(spec(t), two.Bytes()); err != nil {
					t.Errorf("base %d, behind %s | %s: %v", i, first, second, err)
				}
			}
		}
	}
}

// TestMutated: of 30,000 damaged streams no program ends well with one that a reader of
// FORMAT.md does not find whole.
func TestMutated(t *testing.T) {
	n := 30000
	if testing.Short() {
		n = 3000
	}
	streams, tables := bases(t), spec(t)
	var names []string
	for _, name := range [...]string{"skb-sort", "skb-track", "skb-drops", "skb-pcap", "skb-sort -o text", "skb-track --summary", "skb-track --ended dropped",
		"skb-drops --summary --fail-if fault", "skb-pcap --list-probes"} {
		if programs[name] == nil {
			t.Fatal(name)
		}
		names = append(names, name)
	}
	r := rand.New(rand.NewPCG(13, 3))
	whole := 0
	for i := range n {
		base := streams[i%len(streams)]
		other := streams[(i+3)%4+i%len(streams)/4*4] // of the same form
		in := Mutate(r, recordsOf(base), recordsOf(other))
		verdict := Whole(tables, in)
		if verdict == nil {
			whole++
		}
		name := names[i/len(streams)%len(names)]
		err := programs[name](bytes.NewReader(in), io.Discard)
		if err != nil && verdict == nil && i%97 == 0 {
			t.Logf("stream %d: %s says %v of what is whole", i, name, err)
		}
		if err == nil && verdict != nil {
			t.Errorf("stream %d: %s ends well, and it is not whole: %v", i, name, verdict)
		}
		if t.Failed() && i > 100 {
			t.FailNow()
		}
	}
	if whole < n/50 || whole > n/2 {
		t.Errorf("%d of %d streams are whole after all: the mutations are not what they were", whole, n)
	}
	t.Logf("%d of %d are whole after all", whole, n)
}
