package skbpcap

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// collected is what skb-collect writes of a packet with default sections and -s 96.
func collected(i int) *format.Event {
	probes := [...]string{"net:netif_receive_skb", "ip_rcv", "ip_local_deliver", "udp_rcv", "net:net_dev_start_xmit"}
	e := &format.Event{TS: 1_000_000_000 + uint64(i)*1000, CPU: uint32(i % 4), Probe: probes[i%len(probes)],
		Process: format.Process{PID: 4242, TGID: 4242, Comm: "nginx"},
		Dev:     format.Dev{Name: "eth0", Ifindex: 2, RxIfindex: 2, Type: 1},
		Netns:   format.Netns{Inum: 4026531840, Cookie: 1},
		Packet:  format.Packet{Len: 1514, At: "mac", Data: bytes.Repeat([]byte{byte(i)}, 96)}}
	for f := format.SkbAddr; f <= format.SkbTransportHeader; f++ {
		e.Skb.Set(f, 0xffff888000000000>>(2*f))
	}
	e.Skb.Set(format.SkbProtocol, 0x0800)
	e.Skb.Set(format.SkbVlanProto, 0)
	return e
}

// again reads a start and then the same events until there were n.
type again struct {
	start, events []byte
	at, left      int
}

func (a *again) Read(p []byte) (n int, err error) {
	if len(a.start) > 0 {
		n = copy(p, a.start)
		a.start = a.start[n:]
		return n, nil
	}
	for n < len(p) && a.left > 0 {
		m := copy(p[n:], a.events[a.at:])
		n += m
		if a.at += m; a.at == len(a.events) {
			a.at = 0
			a.left--
		}
	}
	if n == 0 {
		err = io.EOF
	}
	return n, err
}

func benchmark(b *testing.B, o Options) {
	const round = 1000
	var events []format.Appender
	for i := range round {
		events = append(events, collected(i))
	}
	input := again{start: stream(b, someStart()), events: stream(b, events...), left: (b.N + round - 1) / round}
	b.SetBytes(int64(len(input.events) / round))
	b.ReportAllocs()
	b.ResetTimer()
	if err := Run(context.Background(), o, &input, io.Discard, io.Discard); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// An op is one event, of 450 bytes.
func BenchmarkComments(b *testing.B)  { benchmark(b, Options{}) }
func BenchmarkNoComment(b *testing.B) { benchmark(b, Options{NoComment: true}) }
