package track

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/dissect"
)

// busy is the stream of a router: packets of 10 hops each, 64 on their way at a time on 4
// cpus, events with what skb-collect writes of each, 96 bytes of the packet.
func busy(packets int) []byte {
	probes := []string{"net:netif_receive_skb", "ip_rcv", "ip_rcv_finish", "ip_forward", "ip_forward_finish", "ip_output",
		"ip_finish_output", "net:net_dev_queue", "dev_hard_start_xmit", "net:net_dev_start_xmit"}
	var b bytes.Buffer
	enc := format.NewEncoder(&b)
	enc.Write(&format.Start{TS: 1, Host: "router"})
	ts := uint64(1e9)
	events := uint64(0)
	const lanes = 64
	for first := 0; first < packets; first += lanes {
		for hop := range len(probes) + 1 {
			for lane := range min(lanes, packets-first) {
				n := first + lane
				ts += 100
				addr, id := 0xffff888000000000+uint64(lane)*256, uint64(n+1)<<10
				if hop == len(probes) {
					enc.Write(&format.Free{TS: ts, CPU: uint32(lane % 4), How: "consumed", Skb: format.Buffer{Addr: addr, Head: addr << 1, ID: id}, Last: true})
					continue
				}
				h := wireHeaders{src: [4]byte{10, 0, byte(n >> 8), byte(n)}, dst: [4]byte{10, 9, 0, 1}, sport: uint16(n), dport: 80, ttl: 64, ipid: uint16(n)}
				dev := "eth0"
				if hop > 4 {
					h.ttl, dev = 63, "eth1"
				}
				data := make([]byte, 96)
				data[12] = 8
				copy(data[14:], h.bytes())
				e := format.Event{TS: ts, CPU: uint32(lane % 4), Probe: probes[hop], Process: format.Process{PID: 7, TGID: 7, Comm: "ksoftirqd/0"},
					Dev: format.Dev{Name: dev, Ifindex: 2, Type: 1}, Netns: format.Netns{Inum: 4026531840, Cookie: 1},
					Packet: format.Packet{Len: 1014, At: "mac", Data: data}}
				for f := format.SkbAddr; f <= format.SkbTransportHeader; f++ {
					e.Skb.Set(f, uint64(f)*100)
				}
				e.Skb.Set(format.SkbAddr, addr)
				e.Skb.Set(format.SkbHead, addr<<1)
				e.Skb.Set(format.SkbID, id)
				enc.Write(&e)
				events++
			}
		}
	}
	enc.Write(&format.End{TS: ts, Events: events, Frees: uint64(packets)})
	enc.Flush()
	return b.Bytes()
}

// BenchmarkTrack is the whole program on a stream in memory. The cost per event does not
// grow with the stream.
func BenchmarkTrack(b *testing.B) {
	for _, packets := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(packets*10), func(b *testing.B) {
			stream := busy(packets)
			o := options()
			b.SetBytes(int64(len(stream)))
			b.ReportAllocs()
			for b.Loop() {
				o.Part = true
				if err := Run(context.Background(), o, bytes.NewReader(stream), io.Discard, io.Discard); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*packets*10)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkEvent is the tracker alone, an event at a time, once all is warm.
func BenchmarkEvent(b *testing.B) {
	var records []format.Raw
	each(b, busy(20_000), func(r format.Raw) {
		if r.Type() == format.TypeEvent || r.Type() == format.TypeFree {
			records = append(records, slices.Clone(r))
		}
	})
	t := newTracker(limits{1_000_000, journeyMemory, options().Idle, lingering}, func(format.Raw) error { return nil })
	for _, r := range records {
		t.Record(r)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i == len(records) {
			// The same again, as another stream: its times and identities begin anew.
			b.StopTimer()
			t.Finish()
			t.enter([32]byte{})
			i = 0
			b.StartTimer()
		}
		t.Record(records[i])
		i++
	}
}

// BenchmarkHeaders compares headers read by hand with what they are read for: a packet of
// two layers in VXLAN.
func BenchmarkHeaders(b *testing.B) {
	h := wireHeaders{ttl: 64}
	inner := append(make([]byte, 12), append([]byte{8, 0}, h.bytes()...)...)
	outer := h.bytes()
	outer[22], outer[23] = 0x12, 0xb5 // port 4789
	packet := append(append(outer, 8, 0, 0, 0, 0, 0, 7, 0), inner...)
	var p headers
	b.ReportAllocs()
	for b.Loop() {
		p = headers{}
		p.parseNetwork(packet, uint16(dissect.EtherIPv4))
		if p.n != 2 {
			b.Fatal(p.n)
		}
	}
}
