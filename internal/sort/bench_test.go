package sort

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// benchStream is events of the usual size, nearly in order, each packet's tracked.
func benchStream(events int) []byte {
	r := rand.New(rand.NewPCG(1, 1))
	var b bytes.Buffer
	e := format.NewEncoder(&b)
	_ = e.Write(&format.Start{TS: 1e9, Host: "h"})
	var buf []byte
	for i := range events {
		ts := 1e9 + uint64(i)*500 - r.Uint64N(3000)
		ev := format.Event{TS: ts, CPU: uint32(i % 4), Probe: "net:netif_receive_skb", Process: format.Process{Comm: "swapper/0"},
			Dev: format.Dev{Name: "eth0", Ifindex: 2}, Netns: format.Netns{Inum: 4026531840},
			Packet: format.Packet{Len: 1514, At: "mac", Data: make([]byte, 256)}}
		for f := range format.SkbTransportHeader {
			ev.Skb.Set(f, uint64(f)<<8)
		}
		t := format.Track{Packet: uint64(i/40*4+i%4) + 1, Hop: uint32(i / 4 % 10), Total: min(uint64(i/4%10)*2000, ts)}
		buf = wire.Splice(buf[:0], ev.AppendMsgpack(nil), "track", t.AppendMsgpack(nil))
		_ = e.WriteRaw(buf)
	}
	_ = e.Write(&format.End{TS: 1e9 + uint64(events)*500, Events: uint64(events)})
	_ = e.Flush()
	return b.Bytes()
}

// BenchmarkSort: an operation is an event.
func BenchmarkSort(b *testing.B) {
	const events = 100_000
	stream := benchStream(events)
	for _, c := range []struct {
		name string
		o    Options
	}{
		{"time", Options{By: "time", Memory: 256e6}},
		{"time, on disk", Options{By: "time", Memory: 16e6}},
		{"journey", Options{By: "journey", Memory: 256e6}},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.o.Options = pipe.Options{Output: "stream"}
			b.ReportAllocs()
			b.SetBytes(int64(len(stream) / events))
			for n := 0; n < b.N; n += events {
				if err := Run(context.Background(), c.o, bytes.NewReader(stream), io.Discard, io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
