package track

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/dissect"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// A world makes streams of journeys that are known: packets that are cloned, copied,
// segmented, fragmented, joined, given other headers, delivered, sent and dropped, in
// random order, with memory that is used again at once, by the rules by which skb-collect
// writes records.
type world struct {
	rng     *rand.Rand
	now     uint64
	records []made
	addrs   []uint64 // free addresses, the last used first
	nextID  uint64
	live    []*sim
	packets []*truth
	late    []made // returns still to come
	losing  uint64 // until then, with what
	lose    [3]bool
	lossNo  [3]uint64
	since   uint64
	lossAt  uint64
	odd     map[uint64]bool // times taken by late records
}

// A made record is one with the truth about it.
type made struct {
	ts     uint64
	at     uint64 // when it arrives
	raw    []byte
	packet int // of an event; -1
	branch int
	hop    int
}

// truth is what happened to a packet.
type truth struct {
	id       int
	branches int
	ends     map[string]int
	ended    int
}

// A data buffer of the world.
type data struct {
	id      uint64
	holders int
}

// sim is a live sk_buff.
type sim struct {
	addr   uint64
	data   *data
	packet *truth
	branch int
	hop    int
	tx     bool // its last probe was one of sending
	copied bool // since then a copy was made of it, which will take its place if it ends now
	h      wireHeaders
}

type wireHeaders struct {
	src, dst     [4]byte
	sport, dport uint16
	ttl          byte
	ipid         uint16
}

func (h *wireHeaders) bytes() []byte {
	b := make([]byte, 28)
	b[0], b[8], b[9] = 0x45, h.ttl, byte(dissect.ProtoUDP)
	binary.BigEndian.PutUint16(b[4:], h.ipid)
	copy(b[12:], h.src[:])
	copy(b[16:], h.dst[:])
	binary.BigEndian.PutUint16(b[20:], h.sport)
	binary.BigEndian.PutUint16(b[22:], h.dport)
	return b
}

func newWorld(seed uint64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), now: 1e9, lossAt: 1.01e9, odd: map[uint64]bool{}}
	for i := range uint64(1024) {
		w.addrs = append(w.addrs, 0xffff888000000000+i*256)
	}
	return w
}

func (w *world) put(rec format.Appender, packet, branch, hop int) {
	kind := 0
	switch rec.(type) {
	case *format.Link:
		kind = 1
	case *format.Free:
		kind = 2
	}
	if w.now < w.losing && w.lose[kind] && w.rng.IntN(3) == 0 {
		w.lossNo[kind]++
		return
	}
	w.records = append(w.records, made{ts: w.now, raw: rec.AppendMsgpack(nil), packet: packet, branch: branch, hop: hop})
}

// tick lets time go on, by an even number: odd times are for late records.
func (w *world) tick() { w.now += 2 * uint64(25+w.rng.IntN(1000)) }

func (w *world) data() *data {
	w.nextID++
	return &data{id: w.nextID, holders: 1}
}

func (w *world) addr() uint64 {
	a := w.addrs[len(w.addrs)-1]
	w.addrs = w.addrs[:len(w.addrs)-1]
	return a
}

func (w *world) birth() {
	if len(w.addrs) < 200 {
		return
	}
	t := &truth{id: len(w.packets), branches: 1, ends: map[string]int{}}
	w.packets = append(w.packets, t)
	s := &sim{addr: w.addr(), data: w.data(), packet: t}
	s.h = wireHeaders{src: [4]byte{10, 0, 0, byte(t.id)}, dst: [4]byte{10, 1, 0, 1}, sport: uint16(t.id), dport: 53, ttl: 64, ipid: uint16(t.id)}
	w.live = append(w.live, s)
	w.event(s, false)
}

var passingProbes = []string{"ip_rcv", "ip_forward", "nf_hook_slow", "br_handle_frame"}

func (w *world) event(s *sim, tx bool) {
	w.tick()
	probe := passingProbes[w.rng.IntN(len(passingProbes))]
	if tx {
		probe = "dev_hard_start_xmit"
	}
	s.tx, s.copied = tx, false
	w.emit(s, probe, false)
}

func (w *world) emit(s *sim, probe string, gone bool) {
	e := format.Event{TS: w.now, CPU: uint32(w.rng.IntN(4)), Probe: probe}
	e.Skb.Set(format.SkbAddr, s.addr)
	e.Skb.Set(format.SkbID, s.data.id)
	if !gone {
		e.Skb.Set(format.SkbLen, 28)
		e.Skb.Set(format.SkbProtocol, uint64(dissect.EtherIPv4))
		e.Dev = format.Dev{Name: fmt.Sprint("veth", w.rng.IntN(3)), Ifindex: 2, Type: 1}
		e.Packet = format.Packet{Len: 28, At: "network", Data: s.h.bytes()}
	}
	w.put(&e, s.packet.id, s.branch, s.hop)
	s.hop++
}

func (s *sim) ref() format.Buffer {
	return format.Buffer{Addr: s.addr, Head: s.data.id << 12, ID: s.data.id}
}

func (w *world) link(how string, from, to format.Buffer) {
	w.tick()
	w.put(&format.Link{TS: w.now, CPU: uint32(w.rng.IntN(4)), How: how, From: from, To: to}, -1, 0, 0)
}

// child makes another sk_buff of s's packet.
func (w *world) child(s *sim, how string) {
	if len(w.addrs) < 100 {
		return
	}
	c := &sim{addr: w.addr(), data: s.data, packet: s.packet, branch: s.packet.branches, hop: s.hop, h: s.h}
	s.packet.branches++
	if how == "clone" {
		s.data.holders++
	} else {
		c.data = w.data()
		c.tx = s.tx && (how == "segment" || how == "fragment")
	}
	s.copied = s.copied || how == "copy"
	w.link(how, s.ref(), c.ref())
	w.live = append(w.live, c)
}

func (w *world) expand(s *sim) {
	from := s.ref()
	if s.data.holders > 1 {
		s.data.holders--
		s.data = w.data()
	}
	w.link("expand", from, s.ref())
}

// end ends s.
func (w *world) end(i int, how string) {
	s := w.live[i]
	w.live = slices.Delete(w.live, i, i+1)
	outcome := how
	switch {
	case how == "consumed" && s.copied:
		outcome = "merged"
	case how == "consumed" && s.tx:
		outcome = "transmitted"
	case how == "delivered":
		w.tick()
		w.emit(s, "udp_queue_rcv_skb", false)
	}
	s.data.holders--
	w.tick()
	f := &format.Free{TS: w.now, CPU: uint32(w.rng.IntN(4)), How: "consumed", Skb: s.ref(), Last: s.data.holders == 0}
	if how == "dropped" {
		f.How, f.Drop = "dropped", format.Drop{Reason: 3, Name: "NO_SOCKET", Location: "udp_rcv+0x1"}
	}
	w.put(f, -1, 0, 0)
	s.packet.ends[outcome]++
	s.packet.ended++
	w.addrs = append(w.addrs, s.addr)
	if s.data.holders == 0 && w.rng.IntN(4) == 0 {
		// A function that the packet was in returns only now.
		at := w.now
		for w.now |= 1; w.now == at|1 || w.odd[w.now]; {
			w.now += 2 * uint64(1+w.rng.IntN(250_000))
		}
		w.odd[w.now] = true
		n := len(w.records)
		w.emit(s, "ret:ip_rcv", true)
		w.late = append(w.late, w.records[n:]...)
		w.records, w.now = w.records[:n], at
	}
}

// join ends s in another packet, as GRO and the queue of a TCP socket do. Clones may hold its
// data still.
func (w *world) join(i, k int) {
	s, d := w.live[i], w.live[k]
	if s.data == d.data {
		return
	}
	w.link("gro", s.ref(), d.ref())
	w.tick()
	s.data.holders--
	w.put(&format.Free{TS: w.now, How: "merged", Skb: s.ref(), Last: s.data.holders == 0}, -1, 0, 0)
	s.packet.ends["merged"]++
	s.packet.ended++
	d.hop = max(d.hop, s.hop)
	w.addrs = append(w.addrs, s.addr)
	w.live = slices.Delete(w.live, i, i+1)
}

// reassemble joins what there is of s's packet into one.
func (w *world) reassemble(p *truth) {
	var parts []*sim
	for _, s := range w.live {
		if s.packet == p && s.data.holders == 1 {
			parts = append(parts, s)
		}
	}
	if len(parts) < 2 {
		return
	}
	whole := &sim{addr: parts[0].addr, data: w.data(), packet: p, branch: p.branches, h: parts[0].h}
	p.branches++
	for _, s := range parts {
		w.link("reassemble", s.ref(), format.Buffer{ID: whole.data.id})
		whole.hop = max(whole.hop, s.hop)
		p.ends["merged"]++
		p.ended++
	}
	w.link("reassemble", parts[0].ref(), whole.ref())
	for _, s := range parts[1:] {
		w.tick()
		w.put(&format.Free{TS: w.now, How: "consumed", Skb: s.ref(), Last: true}, -1, 0, 0)
		w.addrs = append(w.addrs, s.addr)
	}
	w.live = slices.DeleteFunc(w.live, func(s *sim) bool { return slices.Contains(parts, s) })
	w.live = append(w.live, whole)
}

// step lets something happen.
func (w *world) step(births bool) {
	if len(w.live) == 0 {
		if births {
			w.birth()
		}
		return
	}
	i := w.rng.IntN(len(w.live))
	s := w.live[i]
	switch n := w.rng.IntN(100); {
	case n < 15 && births:
		w.birth()
	case n < 22:
		w.child(s, []string{"clone", "copy", "pskb_copy", "fragment", "segment", "clone"}[w.rng.IntN(6)])
	case n < 25:
		w.expand(s)
	case n < 27:
		if k := w.rng.IntN(len(w.live)); k != i {
			w.join(i, k)
		}
	case n < 29:
		w.reassemble(s.packet)
	case n < 33:
		s.h.dst, s.h.dport = [4]byte{10, 2, byte(w.rng.IntN(9)), 1}, uint16(w.rng.IntN(9))
	case n < 36:
		s.h.ttl--
	case n < 45:
		w.event(s, true)
	case n < 75:
		w.event(s, false)
	case n < 82:
		w.end(i, "delivered")
	case n < 88:
		w.end(i, "dropped")
	default:
		w.end(i, "consumed")
	}
}

// lossy makes the world lose records now and then, and say so.
func (w *world) lossy(last bool) {
	if w.now < w.losing && !last {
		return
	}
	if w.losing > 0 {
		for kind, n := range w.lossNo {
			if n > 0 {
				w.records = append(w.records, made{ts: w.losing, packet: -1,
					raw: (&format.Loss{TS: w.losing, Since: w.since, Count: n, What: format.LossKinds[kind], Cause: "test",
						CPU: format.Some(uint32(8 + kind))}).AppendMsgpack(nil)})
			}
		}
		w.lossNo, w.losing = [3]uint64{}, 0
	}
	if w.now >= w.lossAt {
		w.since, w.losing = w.now, w.now+1e6+uint64(w.rng.IntN(1e6))
		w.lossAt = w.now + 50e6 + uint64(w.rng.IntN(50e6))
		w.lose = [3]bool{w.rng.IntN(2) == 0, w.rng.IntN(2) == 0, true}
	}
}

// make runs the world until it has had n packets and all have ended.
func (w *world) make(n int, lossy bool) []made {
	for len(w.packets) < n || len(w.live) > 0 {
		if lossy {
			w.lossy(false)
		}
		w.step(len(w.packets) < n)
	}
	if lossy {
		w.now = max(w.now, w.losing)
		w.lossy(true)
	}
	w.records = append(w.records, w.late...)
	slices.SortStableFunc(w.records, func(a, b made) int { return cmp.Compare(a.ts, b.ts) })
	return w.records
}

// stream writes records, as they arrive when each may be late by up to jitter.
func (w *world) stream(records []made, jitter int) []byte {
	arriving := slices.Clone(records)
	for i := range arriving {
		arriving[i].at = arriving[i].ts
		if jitter > 0 {
			arriving[i].at += uint64(w.rng.IntN(jitter))
		}
	}
	slices.SortStableFunc(arriving, func(a, b made) int { return cmp.Compare(a.at, b.at) })
	var b bytes.Buffer
	e := format.NewEncoder(&b)
	e.Write(&format.Start{TS: 1e9, Host: "h", BootID: "b"})
	for _, m := range arriving {
		e.WriteRaw(m.raw)
	}
	e.Write(&format.End{TS: w.now, Events: 1 << 32, Links: 1 << 32, Frees: 1 << 32, Lost: 1 << 32})
	e.Flush()
	return b.Bytes()
}

func options() Options {
	return Options{Options: pipe.Options{Output: "stream"}, MaxOpen: 1_000_000, Idle: 30 * time.Second, Window: 10 * time.Millisecond}
}

// runTrack runs skb-track over a stream.
func runTrack(t testing.TB, o Options, in []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	o.Part = true
	if err := Run(context.Background(), o, bytes.NewReader(in), &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func each(t testing.TB, stream []byte, f func(format.Raw)) {
	t.Helper()
	d := format.NewDecoder(bytes.NewReader(stream))
	for {
		r, err := d.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		f(r)
	}
}

func journeysPerRun() int {
	if testing.Short() {
		return 10_000
	}
	return 100_000
}

func seed(t *testing.T) uint64 {
	s := rand.Uint64()
	t.Logf("seed %#x", s)
	return s
}

// Where nothing is lost every identity is right, hop by hop, and every end.
func TestTruth(t *testing.T) {
	w := newWorld(seed(t))
	records := w.make(journeysPerRun(), false)
	out := runTrack(t, options(), w.stream(records, 1_000_000))
	checkTruth(t, w, records, out)
}

func checkTruth(t *testing.T, w *world, records []made, out []byte) {
	t.Helper()
	packetOf := map[uint64]int{} // tracked to true
	seen := map[int]uint64{}
	branchOf := map[[2]uint64]int{}
	events := slices.DeleteFunc(slices.Clone(records), func(m made) bool { return m.packet < 0 })
	journeys, wrong := 0, 0
	each(t, out, func(r format.Raw) {
		if wrong > 10 {
			return
		}
		switch r.Type() {
		case format.TypeEvent:
			m := events[0]
			events = events[1:]
			var track format.Track
			track.Decode(r.Get("track"))
			if is, ok := packetOf[track.Packet]; ok && is != m.packet {
				t.Errorf("event at %d of packet %d is tracked as one of packet %d", m.ts, m.packet, is)
				wrong++
			}
			packetOf[track.Packet] = m.packet
			if was, ok := seen[m.packet]; ok && was != track.Packet {
				t.Errorf("event at %d of packet %d is in a journey of its own", m.ts, m.packet)
				wrong++
			}
			seen[m.packet] = track.Packet
			key := [2]uint64{track.Packet, uint64(track.Branch)}
			if is, ok := branchOf[key]; ok && is != m.branch {
				t.Errorf("event at %d of branch %d.%d is tracked as one of branch %d", m.ts, m.packet, m.branch, is)
				wrong++
			}
			branchOf[key] = m.branch
			if int(track.Hop) != m.hop || track.Uncertain || track.By != "" {
				t.Errorf("event at %d: %+v, want hop %d", m.ts, track, m.hop)
				wrong++
			}
		case format.TypeJourney:
			var j format.Journey
			if err := j.Decode(r); err != nil {
				t.Fatal(err)
			}
			journeys++
			p := w.packets[packetOf[j.Packet]]
			ends := map[string]int{}
			for i, n := range j.Ends {
				if n > 0 {
					ends[format.EndNames[i]] = int(n)
				}
			}
			if j.Branches == 1 {
				ends[j.End.How] = 1
			}
			if fmt.Sprint(ends) != fmt.Sprint(p.ends) || int(j.Branches) != p.branches || j.Note != "" || j.Uncertain != nil {
				t.Errorf("journey of packet %d: %+v ends %v, want %d branches, %v", p.id, j, ends, p.branches, p.ends)
				wrong++
			}
		}
	})
	if journeys != len(w.packets) && wrong == 0 {
		t.Errorf("%d journeys, want %d", journeys, len(w.packets))
	}
}

// A stream whose records arrive in another order, within the window, is the same one.
func TestShuffled(t *testing.T) {
	w := newWorld(seed(t))
	records := w.make(2000, true)
	want := runTrack(t, options(), w.stream(records, 0))
	for range 5 {
		got := runTrack(t, options(), w.stream(records, 1_000_000))
		if !bytes.Equal(got, want) {
			t.Fatalf("tracked in another order, the stream is another one")
		}
	}
}

// Where records were lost, whatever is wrong is marked.
func TestTruthWithLosses(t *testing.T) {
	for _, s := range []uint64{
		seed(t),
		0x2e7faa28f54dabe,  // GRO joins a packet to one whose only event so far is lost
		0xc291a8af52b8bd91, // all events of a packet that GRO joins to another are lost, long before
	} {
		truthWithLosses(t, s)
	}
}

func truthWithLosses(t *testing.T, seed uint64) {
	w := newWorld(seed)
	records := w.make(journeysPerRun(), true)
	o := options()
	o.Idle = 25 * time.Millisecond // of the world's time, or all of it would be in doubt
	out := runTrack(t, o, w.stream(records, 1_000_000))
	events := slices.DeleteFunc(slices.Clone(records), func(m made) bool { return m.packet < 0 })
	type of struct{ tracked, is uint64 }
	pairs := map[of]bool{}
	journeysOf, packetsIn := map[int]int{}, map[uint64]int{}
	marked := map[uint64]bool{}
	var journeys []format.Journey
	each(t, out, func(r format.Raw) {
		switch r.Type() {
		case format.TypeEvent:
			m := events[0]
			events = events[1:]
			var track format.Track
			track.Decode(r.Get("track"))
			if p := (of{track.Packet, uint64(m.packet)}); !pairs[p] {
				pairs[p] = true
				journeysOf[m.packet]++
				packetsIn[track.Packet]++
			}
			if track.Uncertain {
				marked[track.Packet] = true
			}
		case format.TypeJourney:
			var j format.Journey
			if err := j.Decode(r); err != nil {
				t.Fatal(err)
			}
			journeys = append(journeys, j)
			if len(j.Uncertain) > 0 {
				marked[j.Packet] = true
			}
		}
	})
	wrong, doubted := 0, 0
	first := map[uint64]uint64{} // the first journey of a packet may be right
	for p := range pairs {
		if f, ok := first[p.is]; !ok || p.tracked < f {
			first[p.is] = p.tracked
		}
	}
	for p := range pairs {
		if packetsIn[p.tracked] > 1 || journeysOf[int(p.is)] > 1 && first[p.is] != p.tracked {
			wrong++
			if !marked[p.tracked] {
				t.Errorf("journey %d is wrong about packet %d and not marked", p.tracked, p.is)
			}
		}
	}
	truthOf := map[uint64]int{}
	for p := range pairs {
		truthOf[p.tracked] = int(p.is)
	}
	for _, j := range journeys {
		p := w.packets[truthOf[j.Packet]]
		if marked[j.Packet] {
			doubted++
		} else if int(j.Branches) != p.branches || p.ends[j.End.How] == 0 {
			t.Errorf("journey %d ended %s with %d branches, truly %v with %d, and is not marked", j.Packet, j.End.How, j.Branches, p.ends, p.branches)
		}
	}
	if wrong == 0 && !testing.Short() || doubted == 0 || doubted > len(journeys)*9/10 {
		t.Errorf("of %d journeys %d are wrong and %d in doubt: the test shows nothing", len(journeys), wrong, doubted)
	}
}

// Tracked again, a stream stays as it is; so it does by way of JSON.
func TestTwice(t *testing.T) {
	w := newWorld(seed(t))
	in := w.stream(w.make(2000, true), 1_000_000)
	once := runTrack(t, options(), in)
	if !bytes.Equal(runTrack(t, options(), once), once) {
		t.Error("skb-track | skb-track changes something")
	}
	var json []byte
	each(t, once, func(r format.Raw) {
		var err error
		if json, err = format.AppendJSON(json, r); err != nil {
			t.Fatal(err)
		}
		json = append(json, '\n')
	})
	if !bytes.Equal(runTrack(t, options(), json), once) {
		t.Error("by way of JSON something changes")
	}
	again := options()
	again.Again = true
	if !bytes.Equal(runTrack(t, again, once), once) {
		t.Error("tracked anew it is another stream")
	}
}
