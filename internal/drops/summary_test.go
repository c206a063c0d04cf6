package drops

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/screen"
)

func summarize(tb testing.TB, o Options, in io.Reader) string {
	tb.Helper()
	o.Summary = true
	var out bytes.Buffer
	o.Part = true
	if err := Run(tb.Context(), o, in, &out, io.Discard); err != nil {
		tb.Fatal(err)
	}
	return out.String()
}

// A million groups take the memory of maxGroups, every drop is still counted, and the
// groups that matter are there whenever they began.
func TestSummaryIsBounded(t *testing.T) {
	s := newSummary([]*field{{id: fieldDport, name: "dport"}, {id: fieldSport, name: "sport"}}, false)
	var f facts
	f.parsed, f.packet.hasPorts = true, true
	f.verdict.severity = Suspect
	const n, heavy = 300000, 3
	most := 0
	for i := range n {
		f.packet.dport, f.packet.sport = uint16(i), uint16(i>>16)
		s.add(&f, uint64(i), 1, 0)
		if i > n/2 { // begins when all places are taken
			f.packet.dport, f.packet.sport = 7, 65535
			for range heavy {
				s.add(&f, uint64(i), 1, 0)
			}
		}
		most = max(most, len(s.groups))
	}
	if most > maxGroups {
		t.Errorf("%d groups at once", most)
	}
	sum := s.folded[Suspect]
	for _, g := range s.groups {
		sum += g.count
	}
	if sum != s.total || s.total < n {
		t.Errorf("%d drops in groups and other, %d in all", sum, s.total)
	}
	if g := s.sorted()[0]; g.values[0] != "7" || g.values[1] != "65535" || g.count < (n/2-1)*heavy {
		t.Errorf("the largest group is %+v", g)
	}
}

func TestLongValuesAreCut(t *testing.T) {
	s := newSummary([]*field{{id: fieldPath, name: "x", path: []string{"x"}, find: -1}}, true)
	long := strings.Repeat("ä", 1000)
	f := facts{find: format.NewFinder(paths[:]...)}
	r := record(t, fmt.Sprintf(`{"type":"event","ts":1,"drop":{},"x":%q}`, long))
	if err := f.find.Find(r); err != nil {
		t.Fatal(err)
	}
	f.set(r, &host{})
	f.setDrop()
	s.add(&f, 1, 1, 0)
	if v := s.sorted()[0].values[0]; v != long[:maxValue] {
		t.Errorf("%q", v)
	}
}

func TestSpark(t *testing.T) {
	for _, c := range []struct {
		history []uint32
		want    string
	}{
		{nil, ""},
		{[]uint32{0, 1, 50, 100}, " ▁▄█"},
		{[]uint32{0, 0}, "  "},
		{[]uint32{1<<32 - 1}, "█"},
	} {
		want := strings.Repeat(" ", sparkTicks-len([]rune(c.want))) + c.want
		if got := spark(c.history); got != want {
			t.Errorf("spark(%v) = %q, want %q", c.history, got, want)
		}
	}
}

// What is on the screen fits it, and every line is cleared to its end.
func TestDrawFits(t *testing.T) {
	s := newSummary([]*field{{id: fieldReason, name: "reason"}, {id: fieldDport, name: "dport"}}, true)
	var f facts
	f.parsed, f.packet.hasPorts = true, true
	f.verdict.severity, f.verdict.name = Fault, []byte("SOCKET_RCVBUFF")
	for i := range 500 {
		f.packet.dport = uint16(i % 50)
		s.seen(uint64(i+1) * 1e9)
		s.add(&f, uint64(i+1)*1e9, 1, 0)
	}
	s.tick()
	var b bytes.Buffer
	if err := s.draw(&b, 60, 20, time.Second); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), screen.ClearBelow), "\r\n")
	if len(lines) > 20 {
		t.Errorf("%d lines on 20", len(lines))
	}
	for i, l := range lines[:len(lines)-1] {
		l, ok := strings.CutSuffix(strings.TrimPrefix(l, screen.Home), "\x1b[K")
		if n := len([]rune(l)); n > 60 || !ok {
			t.Errorf("line %d has %d characters: %q", i, n, l)
		}
	}
	if !strings.Contains(b.String(), "█") || !strings.Contains(b.String(), "and 35 groups more") {
		t.Errorf("%s", b.String())
	}
}

// Summaries of intervals follow the stream's time, not the time of reading.
func TestIntervals(t *testing.T) {
	var in bytes.Buffer
	fmt.Fprintln(&in, `{"type":"start","ts":0,"version":1}`)
	for _, ms := range []int{100, 200, 1150, 5000, 5001, 5002} {
		fmt.Fprintf(&in, `{"type":"event","ts":%d000000,"probe":"skb:kfree_skb","drop":{"name":"NOMEM","location":"a+1"}}`+"\n", ms)
	}
	var out bytes.Buffer
	o := Options{Options: pipe.Options{Output: "json"}, Interval: 1e9}
	o.Part = true
	if err := Run(t.Context(), o, &in, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var counts []uint64
	for line := range bytes.Lines(out.Bytes()) {
		var l totalJSON
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatal(err)
		}
		if l.Type == "total" {
			counts = append(counts, l.Count)
		}
	}
	if fmt.Sprint(counts) != "[2 1 3]" {
		t.Errorf("%v", counts)
	}
}

// An interval that ends while no input comes is written then.
func TestIntervalEndsWithoutInput(t *testing.T) {
	pr, pw := io.Pipe()
	or, ow := io.Pipe()
	done := make(chan error, 1)
	go func() {
		o := Options{Options: pipe.Options{Output: "json"}, Interval: 10e6}
		o.Part = true
		err := Run(t.Context(), o, pr, ow, io.Discard)
		ow.Close()
		done <- err
	}()
	fmt.Fprintln(pw, `{"type":"event","ts":1,"probe":"skb:kfree_skb","drop":{"name":"NOMEM","location":"a+1"}}`)
	d := json.NewDecoder(or)
	for { // blocks until the interval is over
		var l totalJSON
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		if l.Type == "total" {
			if l.Count != 1 {
				t.Errorf("%+v", l)
			}
			break
		}
	}
	pw.Close()
	_, _ = io.Copy(io.Discard, or)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// What the timer could not write is told, even if no input comes any more.
func TestIntervalNotWritten(t *testing.T) {
	pr, pw := io.Pipe()
	or, ow := io.Pipe()
	or.CloseWithError(syscall.ENOSPC)
	done := make(chan error, 1)
	go func() {
		done <- Run(t.Context(), Options{Input: pipe.Input{Part: true}, Interval: 10e6}, pr, &signalling{ow, pw}, io.Discard)
	}()
	fmt.Fprintln(pw, `{"type":"event","ts":1,"probe":"skb:kfree_skb","drop":{"name":"NOMEM","location":"a+1"}}`)
	if err := <-done; !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("ended with %v", err)
	}
}

// A signalling writer closes the input after the first write.
type signalling struct {
	io.Writer
	input io.Closer
}

func (s *signalling) Write(b []byte) (int, error) {
	defer s.input.Close()
	return s.Writer.Write(b)
}

// dropStream is n drops: those of a recorded stream over and over, but for the ones that
// Unix sockets make by the way.
func dropStream(tb testing.TB, n int) []byte {
	tb.Helper()
	f, err := os.Open("testdata/drops/receive-7.2.skb")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var b bytes.Buffer
	e := format.NewEncoder(&b)
	write := func(r format.Raw) {
		if err := e.WriteRaw(r); err != nil {
			tb.Fatal(err)
		}
	}
	var drops []format.Raw
	for d := format.NewDecoder(f); ; {
		r, err := d.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		switch at, _ := r.Get("drop", "location").Str(); {
		case r.Type() == format.TypeStart:
			write(r)
		case r.Type() == format.TypeEvent && at != nil && !bytes.HasPrefix(at, []byte("unix_")):
			drops = append(drops, bytes.Clone(r))
		}
	}
	for i := range n {
		write(drops[i%len(drops)])
	}
	if err := e.Flush(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func benchmark(b *testing.B, o Options) {
	const n = 100000
	in := dropStream(b, n)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		o.Part = true
		if err := Run(b.Context(), o, bytes.NewReader(in), io.Discard, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "drops/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/drop")
}

func BenchmarkFilter(b *testing.B) {
	benchmark(b, Options{Options: pipe.Options{Output: "stream"}})
}

func BenchmarkSummary(b *testing.B) { benchmark(b, Options{Summary: true}) }

func BenchmarkSummaryByFlow(b *testing.B) {
	benchmark(b, Options{Summary: true, By: []string{"reason", "flow"}})
}
