package pcap

import (
	"bytes"
	"context"
	"io"
	"os"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// again reads the same bytes some times over.
type again struct {
	bytes    []byte
	at, left int
}

func (a *again) Read(p []byte) (n int, err error) {
	for n < len(p) && a.left > 0 {
		m := copy(p[n:], a.bytes[a.at:])
		n += m
		if a.at += m; a.at == len(a.bytes) {
			a.at = 0
			a.left--
		}
	}
	if n == 0 {
		err = io.EOF
	}
	return n, err
}

// recording is testdata/nat.skb, and how many events are in it.
func recording(b testing.TB) (stream []byte, events int) {
	stream, err := os.ReadFile("testdata/nat.skb")
	if err != nil {
		b.Fatal(err)
	}
	d := format.NewDecoder(bytes.NewReader(stream))
	for r, err := d.Next(); err == nil; r, err = d.Next() {
		if r.Type() == format.TypeEvent {
			events++
		}
	}
	return stream, events
}

func benchmark(b *testing.B, o Options, in []byte, events int) {
	b.SetBytes(int64(len(in) / events))
	b.ReportAllocs()
	b.ResetTimer()
	o.Part = true
	if err := Run(context.Background(), o, &again{bytes: in, left: (b.N + events - 1) / events}, io.Discard, io.Discard); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// An op is one event.
func BenchmarkComments(b *testing.B) {
	in, events := recording(b)
	benchmark(b, Options{}, in, events)
}

func BenchmarkNoComment(b *testing.B) {
	in, events := recording(b)
	benchmark(b, Options{NoComment: true}, in, events)
}

func BenchmarkRead(b *testing.B) {
	in, events := recording(b)
	var capture bytes.Buffer
	if err := Run(context.Background(), Options{Input: pipe.Input{Part: true}}, bytes.NewReader(in), &capture, io.Discard); err != nil {
		b.Fatal(err)
	}
	benchmark(b, Options{Read: "-"}, capture.Bytes(), events)
}
