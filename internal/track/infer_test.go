package track

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/dissect"
)

// A scene writes streams by hand.
type scene struct {
	b   bytes.Buffer
	enc *format.Encoder
	ts  uint64
}

func newScene() *scene {
	s := &scene{ts: 1e9}
	s.enc = format.NewEncoder(&s.b)
	return s
}

func (s *scene) start(host string, offset int64) {
	s.enc.Write(&format.Start{TS: s.ts, Host: host, BootID: host, ClockOffset: offset})
}

// event is one of UDP with a payload; every event comes 10 µs after the one before.
func (s *scene) event(probe, dev string, id uint64, tgid uint32, h wireHeaders, payload string) {
	s.ts += 10_000
	e := format.Event{TS: s.ts, Probe: probe, Process: format.Process{PID: tgid, TGID: tgid, Comm: "socat"},
		Packet: format.Packet{At: "network", Data: append(h.bytes(), payload...)}}
	if dev != "" {
		e.Dev = format.Dev{Name: dev, Ifindex: 1, Type: 1}
	}
	e.Skb.Set(format.SkbAddr, id<<8)
	e.Skb.Set(format.SkbID, id)
	e.Skb.Set(format.SkbLen, 28)
	e.Skb.Set(format.SkbProtocol, uint64(dissect.EtherIPv4))
	s.enc.Write(&e)
}

func (s *scene) free(id uint64) {
	s.ts += 1000
	s.enc.Write(&format.Free{TS: s.ts, How: "consumed", Skb: format.Buffer{Addr: id << 8, ID: id}, Last: true})
}

func (s *scene) end() {
	s.enc.Write(&format.End{TS: s.ts, Events: 1 << 32, Links: 1 << 32, Frees: 1 << 32, Lost: 1 << 32})
}

// tracked returns the tracks of all events, and the journeys.
func (s *scene) tracked(t *testing.T, infer bool) (tracks []format.Track, journeys []format.Journey, wires []format.Wire) {
	t.Helper()
	s.enc.Flush()
	o := options()
	o.Infer = infer
	each(t, runTrack(t, o, s.b.Bytes()), func(r format.Raw) {
		switch r.Type() {
		case format.TypeEvent:
			var x format.Track
			x.Decode(append(wire.Value(nil), r.Get("track")...))
			tracks = append(tracks, x)
		case format.TypeJourney:
			var x format.Journey
			x.Decode(r)
			journeys = append(journeys, x)
		case format.TypeWire:
			var x format.Wire
			x.Decode(r)
			wires = append(wires, x)
		}
	})
	return tracks, journeys, wires
}

// The same packet that comes in after it left, in another buffer, is the same journey with
// --infer, marked; another packet of the flow is not, nor one that only left.
func TestInferContent(t *testing.T) {
	s := newScene()
	s.start("a", 0)
	h := wireHeaders{src: [4]byte{10, 0, 0, 1}, dst: [4]byte{10, 0, 0, 2}, sport: 1, dport: 2, ttl: 64, ipid: 7}
	s.event("ip_output", "tap0", 1, 5, h, "hello")
	s.event("net:net_dev_start_xmit", "tap0", 1, 5, h, "hello")
	s.free(1)
	h.ttl = 63
	s.event("net:netif_receive_skb", "tap1", 2, 5, h, "hello")
	s.event("udp_queue_rcv_skb", "tap1", 2, 5, h, "hello")
	s.free(2)
	h.ipid = 8
	s.event("net:netif_receive_skb", "tap1", 3, 5, h, "hello")
	s.free(3)
	s.event("ip_output", "tap0", 4, 5, h, "hello")
	s.end()
	if _, journeys, _ := s.tracked(t, false); len(journeys) != 4 {
		t.Errorf("%d journeys without --infer, want 4", len(journeys))
	}
	tracks, journeys, _ := s.tracked(t, true)
	if len(journeys) != 3 {
		t.Fatalf("%d journeys, want 3", len(journeys))
	}
	x := tracks[2]
	if x.Packet != tracks[0].Packet || x.Branch != 1 || x.Hop != 2 || x.From != (format.From{How: "content"}) || !x.Inferred || x.Since != 11_000 ||
		x.Changed.Get("ttl") == nil || x.Changed.Get("dev") == nil {
		t.Errorf("where it came in: %+v", x)
	}
	if tracks[0].Inferred || tracks[1].Inferred || !tracks[3].Inferred || tracks[4].Inferred || tracks[5].Inferred {
		t.Error("the mark is at the wrong events")
	}
	for _, j := range journeys {
		if first := j.Packet == tracks[0].Packet; j.Inferred != first || first && (j.End.How != "delivered" || j.Hops != 4 || j.Branches != 2) {
			t.Errorf("journey %+v", j)
		}
	}
}

// What a process reads and sends on is one journey with --infer; what another process
// sends, or with another payload, is not.
func TestInferProxy(t *testing.T) {
	s := newScene()
	s.start("a", 0)
	in := wireHeaders{src: [4]byte{10, 0, 0, 1}, dst: [4]byte{10, 0, 0, 2}, sport: 1, dport: 2, ttl: 64, ipid: 7}
	out := wireHeaders{src: [4]byte{10, 0, 1, 1}, dst: [4]byte{10, 0, 1, 2}, sport: 3, dport: 4, ttl: 64, ipid: 9}
	s.event("ip_rcv", "eth0", 1, 0, in, "hello")
	s.event("skb_consume_udp", "", 1, 5, in, "hello")
	s.free(1)
	s.event("ip_output", "eth1", 2, 6, out, "hello")
	s.event("ip_output", "eth1", 3, 5, out, "other")
	s.event("ip_output", "eth1", 4, 5, out, "hello")
	s.end()
	if _, journeys, _ := s.tracked(t, false); len(journeys) != 4 {
		t.Errorf("%d journeys without --infer, want 4", len(journeys))
	}
	tracks, journeys, _ := s.tracked(t, true)
	if len(journeys) != 3 || tracks[4].Packet != tracks[0].Packet || tracks[4].From.How != "proxy" || !tracks[4].Inferred {
		t.Errorf("%d journeys, %+v", len(journeys), tracks)
	}
}

// merge writes streams by the wall clock, as skb-sort does: with a start record wherever
// another one's records begin.
func (s *scene) merge(t *testing.T, streams ...[]byte) {
	type record struct {
		wall int64
		of   int
		raw  format.Raw
	}
	var all []record
	starts := make([]format.Raw, len(streams))
	for i, stream := range streams {
		var start format.Start
		each(t, stream, func(r format.Raw) {
			r = slices.Clone(r)
			if r.Type() == format.TypeStart {
				start.Decode(r)
				starts[i] = r
				return
			}
			ts, _ := r.Time()
			all = append(all, record{int64(ts) + start.ClockOffset, i, r})
		})
	}
	slices.SortStableFunc(all, func(a, b record) int { return cmp.Compare(a.wall, b.wall) })
	of := -1
	for _, r := range all {
		if r.of != of {
			of = r.of
			s.enc.WriteRaw(starts[of])
		}
		s.enc.WriteRaw(r.raw)
	}
}

// inOrder ends the streams of a and b, and puts them into one: "a b", "b a" or "merged".
func inOrder(t *testing.T, order string, streams map[string]*scene) *scene {
	t.Helper()
	both := newScene()
	for _, s := range streams {
		s.end()
		s.enc.Flush()
	}
	if order == "merged" {
		both.merge(t, streams["a"].b.Bytes(), streams["b"].b.Bytes())
	} else {
		both.b.Write(streams[order[:1]].b.Bytes())
		both.b.Write(streams[order[2:]].b.Bytes())
	}
	return both
}

// Packets that two hosts saw are joined, whichever stream comes first and whatever their
// clocks say, and the clocks' offset is found from both directions.
func TestInferTwoHosts(t *testing.T) {
	const offset = 5_000_000_000 // b's clock is ahead of a's
	for _, order := range []string{"a b", "b a", "merged"} {
		rng := rand.New(rand.NewPCG(seed(t), 0))
		streams := map[string]*scene{"a": newScene(), "b": newScene()}
		for host, s := range streams {
			s.ts = 1e9
			s.start(host, map[string]int64{"a": 1e18, "b": 1e18 + offset}[host])
		}
		const packets = 300
		var least [2]uint64
		least[0], least[1] = 1e9, 1e9
		for i := range packets {
			from, to, direction := streams["a"], streams["b"], 0
			if i%2 == 1 {
				from, to, direction = to, from, 1
			}
			h := wireHeaders{src: [4]byte{10, 0, 0, byte(1 + direction)}, dst: [4]byte{10, 0, 0, byte(2 - direction)}, sport: 1, dport: 2, ttl: 64, ipid: uint16(i + 1)}
			now := 2e9 + uint64(i)*1_000_000
			wire := 100_000 + uint64(rng.IntN(50_000))
			least[direction] = min(least[direction], wire)
			from.ts = now - 10_000
			from.event("net:net_dev_start_xmit", "eth0", uint64(i+1), 0, h, "hello")
			from.free(uint64(i + 1))
			to.ts = now + wire - 10_000
			to.event("net:netif_receive_skb", "eth0", uint64(i+1), 0, h, "hello")
			to.event("udp_queue_rcv_skb", "eth0", uint64(i+1), 0, h, "hello")
			to.free(uint64(i + 1))
		}
		tracks, journeys, wires := inOrder(t, order, streams).tracked(t, true)
		if len(journeys) != 2*packets {
			t.Errorf("%s: %d journeys, want %d", order, len(journeys), 2*packets)
		}
		joined := map[uint64]int{}
		for _, x := range tracks {
			if x.From.How == "wire" {
				joined[x.From.Packet]++
			}
		}
		for _, j := range journeys {
			if j.End.How == "transmitted" && j.End.Into != 0 {
				if !j.Inferred {
					t.Error("a journey that was joined is not marked")
				}
				joined[j.End.Into]++
			}
		}
		if len(joined) != packets {
			t.Errorf("%s: %d of %d packets were joined", order, len(joined), packets)
		}
		for _, n := range joined {
			if n != 1 {
				t.Errorf("%s: a packet was joined %d times", order, n)
			}
		}
		wrong := (int64(least[0]) - int64(least[1])) / 2 // what no estimate can know
		if len(wires) != 2 {
			t.Fatalf("%d wires, want 2", len(wires))
		}
		for _, w := range wires {
			want := int64(offset) + wrong
			if w.From == "b" {
				want = -want
			}
			mean := (int64(least[0]) + int64(least[1])) / 2
			if d := abs(w.Offset.V - want + wrong*map[string]int64{"a": 1, "b": -1}[w.From]); !w.Error.OK || d > w.Error.V || w.Error.V > mean+1 {
				t.Errorf("%s: the offset is wrong by %d ns, and said to be by %d at most", order, d, w.Error.V)
			}
			if w.Packets != packets/2 || !w.Offset.OK || abs(w.Offset.V-want) > 1 || abs(w.Min-mean) > 1 || w.P50 < w.Min || w.Max < w.P99 || w.Max > mean+51_000 {
				t.Errorf("%s: %+v, want an offset of %d and at least %d", order, w, want, mean)
			}
		}
	}
}

// Packets of a capture have no buffers: with --infer they are known by their bytes, and
// join the journey on the host that sent them.
func TestInferCapture(t *testing.T) {
	s := newScene()
	s.start("a", 0)
	h := wireHeaders{src: [4]byte{10, 0, 0, 1}, dst: [4]byte{10, 0, 0, 2}, sport: 1, dport: 2, ttl: 64, ipid: 7}
	s.event("net:net_dev_start_xmit", "eth0", 1, 5, h, "hello")
	s.free(1)
	s.end()
	s.start("router", 0)
	for _, dev := range []string{"port1", "port2"} {
		s.ts += 100
		e := format.Event{TS: s.ts, Probe: dev, Packet: format.Packet{At: "network", Data: append(h.bytes(), "hello"...)}}
		e.Skb.Set(format.SkbProtocol, uint64(dissect.EtherIPv4))
		s.enc.Write(&e)
	}
	s.end()
	tracks, journeys, _ := s.tracked(t, false)
	if len(journeys) != 1 || tracks[1].Packet != 0 {
		t.Errorf("without --infer %d journeys, %+v", len(journeys), tracks)
	}
	tracks, journeys, _ = s.tracked(t, true)
	if len(journeys) != 2 || tracks[1].From != (format.From{How: "wire", Packet: tracks[0].Packet}) || tracks[1].By != "content" || !tracks[1].Inferred ||
		tracks[2].Packet != tracks[1].Packet || tracks[2].Hop != 1 || !tracks[2].Inferred || journeys[1].By != "content" || !journeys[1].Inferred {
		t.Errorf("%d journeys, %+v", len(journeys), tracks)
	}
}

// Of equal packets none is joined with another, as no one can tell which of them it is: 10,000 of a flood, each tenth of
// which is lost on the wire, whatever the clocks say and in whatever order the streams come. The packets between them that
// are like no other are joined.
func TestInferEqual(t *testing.T) {
	for _, offset := range []int64{-3e9, 0, 3e9} {
		for _, order := range []string{"a b", "b a", "merged"} {
			streams := map[string]*scene{"a": newScene(), "b": newScene()}
			for host, s := range streams {
				s.start(host, map[string]int64{"a": 1e18, "b": 1e18 + offset}[host])
			}
			const packets, others = 10_000, 100
			h := wireHeaders{src: [4]byte{10, 0, 0, 1}, dst: [4]byte{10, 0, 0, 2}, sport: 1, dport: 2, ttl: 64}
			send := func(i int, id uint64, h wireHeaders, lost bool) {
				a, b := streams["a"], streams["b"]
				a.ts = 2e9 + uint64(i)*1e6 + id%2*5e5
				a.event("net:net_dev_queue", "eth0", id, 0, h, "hello") // several events of one packet are no several packets
				a.event("net:net_dev_start_xmit", "eth0", id, 0, h, "hello")
				a.free(id)
				if lost {
					return
				}
				b.ts = max(b.ts, a.ts+100_000)
				b.event("net:netif_receive_skb", "eth0", id, 0, h, "hello")
				b.free(id)
			}
			for i := range packets {
				send(i, uint64(2*i+2), h, i%10 == 0)
				if i%(packets/others) == 0 {
					other := h
					other.ipid = uint16(i + 1)
					send(i, uint64(2*i+3), other, false)
				}
			}
			tracks, journeys, wires := inOrder(t, order, streams).tracked(t, true)
			joined := joinedByWire(tracks, journeys)
			if len(journeys) != packets+packets*9/10+2*others || joined != others || len(wires) != 1 || wires[0].Packets != others {
				t.Errorf("%s, clocks %d s apart: %d journeys, %d joined, want %d; %+v", order, offset/1e9, len(journeys), joined, others, wires)
			}
		}
	}
}

// A packet that is sent again with nothing in it that differs, as many datagrams are, is not joined with one that was
// received before it was sent, or long after, as soon as others tell what the clocks are. Before that it may be, and the
// offset is not by it. Here the first of them left before one host collected, and each is received a millisecond after it
// left. What neighbours send again and again is never joined.
func TestInferSentAgain(t *testing.T) {
	const offset, wire = 3_000_000_000, 1_000_000
	for _, order := range []string{"a b", "b a", "merged"} {
		for _, last := range []bool{false, true} { // the packets that tell the clocks come last
			streams := map[string]*scene{"a": newScene(), "b": newScene()}
			for host, s := range streams {
				s.start(host, map[string]int64{"a": 1e18, "b": 1e18 + offset}[host])
			}
			id := uint64(0)
			packet := func(ts uint64, from, to string, h wireHeaders, sees ...string) {
				id++
				for _, host := range sees {
					s, probe := streams[host], "net:net_dev_start_xmit"
					s.ts = ts - 10_000
					if host == to {
						s.ts, probe = s.ts+wire, "net:netif_receive_skb"
					}
					s.event(probe, "eth0", id, 0, h, "hello")
					s.free(id)
				}
			}
			there := wireHeaders{src: [4]byte{10, 0, 0, 1}, dst: [4]byte{10, 0, 0, 2}, sport: 1, dport: 2, ttl: 64}
			back := wireHeaders{src: there.dst, dst: there.src, sport: 2, dport: 1, ttl: 64}
			clocks := func(ts uint64) {
				for i := range uint64(3) {
					there.ipid, back.ipid = uint16(i+1), uint16(i+1)
					packet(ts+i*1e7, "a", "b", there, "a", "b")
					packet(ts+i*1e7+5e6, "b", "a", back, "b", "a")
				}
			}
			again := func(ts uint64) {
				h := there
				h.ipid, h.dport = 0, 9
				packet(ts, "a", "b", h, "b")
				packet(ts+8e9, "a", "b", h, "a")
			}
			if last {
				again(2e9)
				clocks(20e9)
			} else {
				clocks(2e9)
				again(3e9)
			}
			tracks, journeys, wires := inOrder(t, order, streams).tracked(t, true)
			joined := joinedByWire(tracks, journeys)
			if joined < 6 || joined > 6 && !last {
				t.Errorf("%s: %d joined, want 6", order, joined)
			}
			for _, w := range wires {
				if !w.Offset.OK || abs(abs(w.Offset.V)-offset) > 1000 || w.Error.V > 2*wire || w.Min < 0 || w.Max > 2*wire {
					t.Errorf("%s, %v: %+v", order, last, w)
				}
			}
			if len(wires) != 2 {
				t.Errorf("%s: %d wires", order, len(wires))
			}
		}
	}
}

// A clock that was set between the packets makes an offset that no clock had: none is told.
func TestInferClockSet(t *testing.T) {
	s := newScene()
	h := wireHeaders{src: [4]byte{10, 0, 0, 1}, dst: [4]byte{10, 0, 0, 2}, sport: 1, dport: 2, ttl: 64, ipid: 1}
	for i, way := range []struct {
		from, to string
		offset   int64 // of to's clock, as its start says
	}{{"a", "b", -1e9}, {"b", "a", -1e9}} {
		h.ipid = uint16(i + 1)
		s.start(way.from, 1e18)
		s.event("net:net_dev_start_xmit", "eth0", uint64(2*i+1), 0, h, "hello")
		s.free(uint64(2*i + 1))
		s.end()
		s.start(way.to, 1e18+way.offset)
		s.event("net:netif_receive_skb", "eth0", uint64(2*i+2), 0, h, "hello")
		s.free(uint64(2*i + 2))
		s.end()
	}
	_, _, wires := s.tracked(t, true)
	if len(wires) != 2 {
		t.Fatalf("%+v", wires)
	}
	for _, w := range wires {
		if w.Packets != 1 || w.Offset.OK || w.Error.OK || w.Min > -9e8 {
			t.Errorf("%+v", w)
		}
	}
}

func abs(n int64) int64 { return max(n, -n) }

// joinedByWire is how many packets were joined with one of another host, from either side.
func joinedByWire(tracks []format.Track, journeys []format.Journey) (n int) {
	for _, x := range tracks {
		if x.From.How == "wire" {
			n++
		}
	}
	for _, j := range journeys {
		if j.End.Into != 0 {
			n++
		}
	}
	return n
}
