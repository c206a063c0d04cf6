// stream writes a stream as skb-collect does with default sections: packets of some
// hundred flows that arrive, go through ten probes on four CPUs, and are freed. It is the
// same for the same flags. Or it repeats the events of a recorded one.
package main

import (
	"bufio"
	"container/heap"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
)

var probes = [...]string{"net:netif_receive_skb", "ip_rcv", "ip_rcv_core", "ip_rcv_finish_core", "ip_forward",
	"ip_output", "ip_finish_output2", "net:net_dev_queue", "dev_hard_start_xmit", "net:net_dev_start_xmit"}

func main() {
	events := flag.Int("events", 2e6, "number of events")
	size := flag.Int64("bytes", 0, "go on until the stream has so many bytes")
	seed := flag.Uint64("seed", 1, "of the random numbers")
	recorded := flag.String("repeat", "", "a recorded stream whose events to repeat instead")
	tracked := flag.Bool("tracked", false, "as behind skb-track: with its sections and records")
	flag.Parse()
	w := bufio.NewWriterSize(os.Stdout, 1<<20)
	g := &generator{random: rand.New(rand.NewPCG(*seed, 0)), enc: format.NewEncoder(w), tracked: *tracked, now: 3600e9,
		burst: 3600e9}
	var err error
	if *recorded != "" {
		err = repeat(*recorded, *events, g.enc)
	} else {
		err = g.run(*events, *size)
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "stream:", err)
		os.Exit(1)
	}
}

// A packet is under way.
type packet struct {
	next, first, last uint64 // ns
	id, flow          uint64
	hop               int
	length            uint32
	data              [256]byte
}

type generator struct {
	random   *rand.Rand
	enc      *format.Encoder
	tracked  bool
	now      uint64 // ns
	burst    uint64 // when the next packets come, ns
	underway underway
	spare    []*packet
	event    format.Event
	record   []byte
	events   uint64
	packets  uint64
	bytes    int64
	held     format.Held
}

func (g *generator) run(events int, size int64) error {
	start := format.Start{TS: g.now, ClockOffset: 1.7e18, Host: "bench", Kernel: "6.12.0", Arch: "amd64", Tool: "stream",
		BootID: "00000000-0000-0000-0000-000000000000", CPUs: 4, Snaplen: 256, Probes: uint32(len(probes))}
	if err := g.write(start.AppendMsgpack(g.record[:0])); err != nil {
		return err
	}
	for g.events < uint64(events) || g.bytes < size {
		// Packets come in bursts, as from a device that is polled: 60,000 a second.
		for len(g.underway) == 0 || g.burst <= g.underway[0].next {
			g.now = max(g.now, g.burst)
			for range 1 + g.random.IntN(16) {
				g.arrive()
			}
			g.burst += g.random.Uint64N(280_000)
		}
		p := g.underway[0]
		g.now = p.next
		if err := g.hop(p); err != nil {
			return err
		}
	}
	end := format.End{TS: g.now, Cause: "count"} // what is held counts itself
	if err := g.write(end.AppendMsgpack(g.record[:0])); err != nil {
		return err
	}
	return g.enc.Flush()
}

func (g *generator) write(r []byte) error {
	g.record = r
	r = g.held.Gives(r)
	g.bytes += int64(len(r)) + 4
	return g.enc.WriteRaw(r)
}

func (g *generator) arrive() {
	var p *packet
	if n := len(g.spare); n > 0 {
		p, g.spare = g.spare[n-1], g.spare[:n-1]
	} else {
		p = new(packet)
	}
	g.packets++
	p.id, p.flow, p.hop = g.packets, g.random.Uint64N(300), 0
	p.next = g.now + 500 + g.random.Uint64N(40_000)
	p.first = 0
	p.length = []uint32{66, 66, 66, 90, 150, 590, 1514, 1514}[g.random.IntN(8)]
	g.frame(p)
	heap.Push(&g.underway, p)
}

// frame is Ethernet, IPv4, TCP or UDP, and a payload.
func (g *generator) frame(p *packet) {
	d := p.data[:min(p.length, 256)]
	copy(d, "\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01\x08\x00\x45\x00")
	binary.BigEndian.PutUint16(d[16:], uint16(p.length-14))
	binary.BigEndian.PutUint16(d[18:], uint16(p.id))
	d[22], d[23] = 64, 6
	if p.flow%3 == 0 {
		d[23] = 17
	}
	copy(d[26:], []byte{10, 0, byte(p.flow >> 8), byte(p.flow), 10, 1, 0, 1})
	binary.BigEndian.PutUint16(d[34:], uint16(30000+p.flow))
	binary.BigEndian.PutUint16(d[36:], 443)
	binary.BigEndian.PutUint32(d[38:], uint32(p.id))
	if d[23] == 17 {
		binary.BigEndian.PutUint16(d[38:], uint16(p.length-34))
	}
	d[46], d[47] = 0x50, 0x18
	for i := 54; i < len(d); i++ {
		d[i] = byte(p.id) + byte(i)
	}
}

func (g *generator) hop(p *packet) error {
	// The clock is read before the place in the buffer is had.
	late := g.random.Uint64N(3000)
	if g.random.IntN(2000) == 0 {
		late = g.random.Uint64N(300_000)
	}
	ts := max(g.now-late, p.last+1)
	if p.hop == 0 {
		ts = g.now - late
		p.first, p.last = ts, ts
	}
	cpu := uint32(p.flow % 4)
	g.fill(p, ts, cpu)
	r := g.event.AppendMsgpack(g.record[:0])
	if g.tracked {
		t := format.Track{Packet: p.id, Hop: uint32(p.hop), Since: ts - p.last, Total: ts - p.first}
		r = wire.Splice(nil, r, "track", t.AppendMsgpack(nil))
	}
	if err := g.write(r); err != nil {
		return err
	}
	g.events++
	p.last = ts
	if p.hop++; p.hop < len(probes) {
		p.next += 300 + g.random.Uint64N(4000)
		heap.Fix(&g.underway, 0)
		return nil
	}
	heap.Pop(&g.underway)
	g.spare = append(g.spare, p)
	free := format.Free{TS: ts + 700, CPU: cpu, How: "consumed", Skb: g.buffer(p), Last: true}
	if err := g.write(free.AppendMsgpack(g.record[:0])); err != nil || !g.tracked {
		return err
	}
	j := format.Journey{Packet: p.id, First: p.first, Last: ts + 700, Hops: uint32(len(probes)), Branches: 1,
		Slowest: 4000, End: format.JourneyEnd{How: "transmitted", TS: ts + 700, Record: "free", Probe: probes[len(probes)-1],
			Dev: "eth1"}}
	return g.write(j.AppendMsgpack(g.record[:0]))
}

func (g *generator) buffer(p *packet) format.Buffer {
	return format.Buffer{Addr: 0xffff888100000000 + p.id%4096*256, Head: 0xffff888200000000 + p.id%4096*1024, ID: p.id}
}

func (g *generator) fill(p *packet, ts uint64, cpu uint32) {
	e, b := &g.event, g.buffer(p)
	e.Reset()
	e.TS, e.CPU, e.Probe = ts, cpu, probes[p.hop]
	e.Process = format.Process{Comm: "swapper/0"}
	if p.flow%5 == 0 {
		e.Process = format.Process{PID: 812, TGID: 812, Comm: "nginx"}
	}
	set := e.Skb.Set
	set(format.SkbAddr, b.Addr)
	set(format.SkbHead, b.Head)
	set(format.SkbID, b.ID)
	set(format.SkbLen, uint64(p.length-14))
	set(format.SkbDataLen, 0)
	set(format.SkbMacLen, 14)
	set(format.SkbProtocol, 0x0800)
	set(format.SkbPktType, 0)
	set(format.SkbIPSummed, 1)
	set(format.SkbMark, 0)
	set(format.SkbPriority, 0)
	set(format.SkbHash, p.flow*2654435761&0xffffffff)
	set(format.SkbQueue, uint64(cpu)+1)
	set(format.SkbNapiID, 8193+uint64(cpu))
	set(format.SkbUsers, 1)
	set(format.SkbDataref, 1)
	set(format.SkbCloned, 0)
	set(format.SkbNrFrags, 0)
	set(format.SkbMacHeader, 64)
	set(format.SkbNetworkHeader, 78)
	set(format.SkbTransportHeader, 98)
	e.Dev = format.Dev{Name: "eth0", Ifindex: 2, RxIfindex: 2, Type: 1}
	if p.hop > 4 {
		e.Dev = format.Dev{Name: "eth1", Ifindex: 3, RxIfindex: 2, Type: 1}
	}
	e.Netns = format.Netns{Inum: 4026531840, Cookie: 1}
	e.Packet = format.Packet{Len: p.length, At: "mac", Data: p.data[:min(p.length, 256)]}
}

// underway are packets by the time of their next event.
type underway []*packet

func (u underway) Len() int           { return len(u) }
func (u underway) Less(i, j int) bool { return u[i].next < u[j].next }
func (u underway) Swap(i, j int)      { u[i], u[j] = u[j], u[i] }
func (u *underway) Push(x any)        { *u = append(*u, x.(*packet)) }
func (u *underway) Pop() any {
	o := *u
	x := o[len(o)-1]
	*u = o[:len(o)-1]
	return x
}
