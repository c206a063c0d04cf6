package format

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/skb-tools/skb-tools/format/wire"
)

// benchEvent is an event as a busy host makes them: 20 fields and 96 packet bytes.
func benchEvent() *Event {
	e := &Event{TS: 5_000_000_123, CPU: 1, Probe: "net:netif_receive_skb",
		Process: Process{PID: 4711, TGID: 4711, Comm: "ksoftirqd/1"},
		Dev:     Dev{Name: "eth0", Ifindex: 2, RxIfindex: 2, Type: 1}, Netns: Netns{4026531840, 1},
		Packet: Packet{Len: 1514, At: "mac", Data: bytes.Repeat([]byte{0x45, 0, 5, 0xdc}, 24)}}
	for f := range skbFields {
		if f != SkbHash && f != SkbTstamp && f != SkbNapiID && f != SkbVlanTCI && f != SkbVlanProto {
			e.Skb.Set(f, uint64(f)+7)
		}
	}
	e.Skb.Set(SkbAddr, 0xffff888003a1c200)
	e.Skb.Set(SkbHead, 0xffff888003a1d000)
	e.Skb.Set(SkbCloned, 0)
	return e
}

func BenchmarkEncodeEvent(b *testing.B) {
	e := benchEvent()
	enc := NewEncoder(io.Discard)
	b.ReportAllocs()
	for b.Loop() {
		if err := enc.Write(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeEvent(b *testing.B) {
	one, two := benchEvent(), benchEvent()
	two.Probe, two.Dev.Name, two.Process.Comm = "ip_rcv", "veth1", "swapper/0"
	raws := [2]Raw{one.AppendMsgpack(nil), two.AppendMsgpack(nil)}
	var e Event
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := e.Decode(raws[i&1]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTypeAndTime(b *testing.B) {
	r := Raw(benchEvent().AppendMsgpack(nil))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := r.Time(); !ok || r.Type() != TypeEvent {
			b.Fatal("no event")
		}
	}
}

func BenchmarkValid(b *testing.B) {
	r := Raw(benchEvent().AppendMsgpack(nil))
	b.ReportAllocs()
	for b.Loop() {
		if err := Valid(r); err != nil {
			b.Fatal(err)
		}
	}
}

// A Decoder's cost per frame, the check of each included.
func BenchmarkNext(b *testing.B) {
	one := stream(benchEvent())
	b.ReportAllocs()
	d := NewDecoder(&endless{one: bytes.Repeat(one, 100)})
	for b.Loop() {
		if _, err := d.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

// endless is a stream that repeats.
type endless struct {
	one []byte
	at  int
}

func (r *endless) Read(p []byte) (int, error) {
	n := copy(p, r.one[r.at:])
	r.at = (r.at + n) % len(r.one)
	return n, nil
}

func BenchmarkSplice(b *testing.B) {
	r := Raw(benchEvent().AppendMsgpack(nil))
	value := binary.BigEndian.AppendUint64([]byte{0xcf}, 1)
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = wire.Splice(dst[:0], r, "track", value)
	}
}

func BenchmarkRemove(b *testing.B) {
	r := Raw(wire.Splice(nil, benchEvent().AppendMsgpack(nil), "track", []byte{1}))
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = wire.Remove(dst[:0], r, "track")
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	r := Raw(benchEvent().AppendMsgpack(nil))
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = AppendJSON(dst[:0], r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFromJSON(b *testing.B) {
	line, err := AppendJSON(nil, benchEvent().AppendMsgpack(nil))
	if err != nil {
		b.Fatal(err)
	}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		if dst, err = FromJSON(dst[:0], line); err != nil {
			b.Fatal(err)
		}
	}
}
