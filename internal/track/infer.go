package track

import (
	"cmp"
	"hash/maphash"
	"slices"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/dissect"
	"github.com/skb-tools/skb-tools/internal/kfunc"
	"github.com/skb-tools/skb-tools/internal/recent"
)

// An inference finds, by what packets hold, journeys that go on where no record says so:
// across a TAP or another way through user space, a proxy, or the wire to another host.
type inference struct {
	seed     maphash.Seed
	sent     *recent.Map[uint64, crossing] // packets that left a host, by content
	received *recent.Map[uint64, crossing] // packets that came in from nowhere
	wires    map[[2]uint32]*wireTimes
	hosts    []host
}

// inferTime is how long after its last event a packet may go on elsewhere on its host.
const inferTime = time.Second

// A host is what a start record says of it.
type host struct {
	number      uint32 // from 1, by boot id
	bootID      string
	name        string
	clockOffset int64 // ns
}

func (h *host) decode(r format.Raw) {
	var s format.Start
	if s.Decode(r) == nil {
		h.bootID, h.name, h.clockOffset = s.BootID, s.Host, s.ClockOffset
	}
}

func newInference() *inference {
	return &inference{seed: maphash.MakeSeed(), wires: map[[2]uint32]*wireTimes{},
		sent: recent.New[uint64, crossing](maxCrossings), received: recent.New[uint64, crossing](maxCrossings)}
}

// contentKeys tell a packet by what it holds; 0 is no key.
type contentKeys struct {
	packet  uint64 // addresses, ports, identification, sequence number, payload
	payload uint64 // only that, in the hands of a process
	plain   bool   // nothing in it is counted up from packet to packet: what sends the same again makes an equal one
}

// keyPayload is how much payload counts, in bytes: what a short snaplen has of it.
const keyPayload = 48

func (t *tracker) contentKeys(v *view) (k contentKeys) {
	h := &t.parsed
	if len(t.packed) == 0 || h.n == 0 || h.cut {
		return k
	}
	l := h.inner(0)
	if h.repeated {
		return k
	}
	k.plain = l.print>>32 == 0 && l.proto != dissect.ProtoTCP // IPv4 may leave the identification out, IPv6 has none
	payload := h.payload[:min(len(h.payload), keyPayload)]
	var m maphash.Hash
	m.SetSeed(t.infer.seed)
	m.Write(payload)
	if len(payload) > 0 {
		m.WriteByte(byte(v.tgid))
		m.WriteByte(byte(v.tgid >> 8))
		m.WriteByte(byte(v.tgid >> 16))
		k.payload = m.Sum64() | 1
	}
	m.Reset()
	m.Write(payload)
	m.Write(l.src[:])
	m.Write(l.dst[:])
	for _, n := range [...]uint64{uint64(l.sport)<<16 | uint64(l.dport), l.print, uint64(l.proto)} {
		for ; n > 0; n >>= 8 {
			m.WriteByte(byte(n))
		}
		m.WriteByte(0)
	}
	k.packet = m.Sum64() | 1
	return k
}

// inferred returns a branch for an event of no known buffer, where another's packet goes
// on in it; else 0.
func (t *tracker) inferred(v *view, class kfunc.Class, k contentKeys) uint32 {
	if t.infer == nil {
		return 0
	}
	g := t.group
	i, how := uint32(0), ""
	switch class {
	case kfunc.Receive:
		i, how = t.table.get(g.sent(), k.packet), "content"
	case kfunc.Passing, kfunc.Transmit:
		i, how = t.table.get(g.read(), k.payload), "proxy"
	}
	if k.packet == 0 || i == 0 {
		return 0
	}
	b := t.branches.at(i)
	if b.flags&ended != 0 && b.end == merged || b.last > v.ts || v.ts-b.last > uint64(inferTime) || how == "proxy" &&
		b.tgid != v.tgid {
		return 0
	}
	c := t.child(g, i, v.id, v.addr, how)
	b = t.branches.at(c)
	b.flags |= inferredBranch
	t.journeys.at(b.journey).flags |= guessed
	return c
}

// remember keeps by what it can be found again.
func (t *tracker) remember(i uint32, v *view, class kfunc.Class, k contentKeys) {
	b := t.branches.at(i)
	if k.packet == 0 {
		return
	}
	switch class {
	case kfunc.Transmit:
		if b.content != k.packet {
			t.forgetKey(t.group.sent(), b.content, i)
			b.content = k.packet
		}
		t.table.set(t.group.sent(), k.packet, i)
	case kfunc.Read:
		if k.payload == 0 {
			return
		}
		if b.payload != k.payload {
			t.forgetKey(t.group.read(), b.payload, i)
			b.payload = k.payload
		}
		t.table.set(t.group.read(), k.payload, i)
	}
}

func (t *tracker) forgetKey(space uint32, key uint64, i uint32) {
	if key != 0 && t.table.get(space, key) == i {
		t.table.remove(space, key)
	}
}

func (t *tracker) forgetContent(g *group, i uint32) {
	b := t.branches.at(i)
	t.forgetKey(g.sent(), b.content, i)
	t.forgetKey(g.read(), b.payload, i)
}

// A crossing is a packet at one end of a wire.
type crossing struct {
	packet uint64
	branch uint32
	host   uint32
	wall   int64 // ns since 1970 by that host's clock
	joined bool  // with one at the other end
	equal  bool  // another packet of this host is the same: no one can tell which of them is at the other end
}

// among returns x with what is known of it, or of a packet that is the same: was is what the key had at this end.
func (x crossing) among(was crossing, known bool) crossing {
	if !known || was.host != x.host {
		return x
	}
	x.joined, x.equal = was.joined, was.equal || was.packet != x.packet
	return x
}

// maxCrossings is how many are remembered, of each end.
const maxCrossings = 1 << 18

// wireTimes are the times from one host to another, as the two clocks have them.
type wireTimes struct {
	times
	plain times // of plain packets, before an offset was known
}

// times are those of some packets.
type times struct {
	count uint64
	least int64 // ns
	all   []int64
}

// maxTimes bounds the times of one wire that are kept for its quantiles.
const maxTimes = 100_000

func (w *times) add(ns int64) {
	if w.count == 0 {
		w.least = ns
	}
	w.least = min(w.least, ns)
	w.count++
	if len(w.all) < maxTimes {
		w.all = append(w.all, ns)
	} else {
		w.all[int(w.count%maxTimes)] = ns
	}
}

// leastOf is the least time of both directions of a wire: of plain packets only if one of them has no others.
func leastOf(there, back *wireTimes) (out, in int64, sure bool) {
	if there.count > 0 && back.count > 0 {
		return there.least, back.least, true
	}
	least := func(w *wireTimes) int64 {
		switch {
		case w.count == 0:
			return w.plain.least
		case w.plain.count == 0:
			return w.least
		}
		return min(w.least, w.plain.least)
	}
	return least(there), least(back), false
}

// maxWire is how long a plain packet may have been on the wire.
const maxWire = time.Second

// fits reports whether a time from a to b can be that of one packet, by what others tell of the clocks. It can be as
// long as nothing is known of them, and always if the packet is like no other.
func (n *inference) fits(a, b uint32, ns int64, plain bool) bool {
	if !plain {
		return true
	}
	offset, wrong, sure, ok := n.offset(a, b)
	return !ok || !sure || ns-offset >= -wrong && ns-offset <= int64(maxWire)+wrong
}

// offset is how far the second host's clock is ahead of the first's, so that the quickest packets take as long in both
// directions, and how far that can be from the truth: no packet arrives before it was sent. It is sure if it is by
// packets that are not plain. It is not ok without packets of both directions, and if they contradict each other, as
// when a clock was set in between.
func (n *inference) offset(a, b uint32) (ns, wrong int64, sure, ok bool) {
	there, back := n.wires[[2]uint32{a, b}], n.wires[[2]uint32{b, a}]
	if there == nil || back == nil {
		return 0, 0, false, false
	}
	out, in, sure := leastOf(there, back)
	if out+in < 0 {
		return 0, 0, false, false
	}
	return (out - in) / 2, (out + in + 1) / 2, sure, true
}

// hostNumber gives the current host's.
func (t *tracker) hostNumber(g *group) uint32 {
	n := t.infer
	if g.host.number == 0 {
		i := slices.IndexFunc(n.hosts, func(h host) bool {
			return h.bootID == g.host.bootID && h.name == g.host.name
		})
		if i < 0 && len(n.hosts) < maxGroups {
			i = len(n.hosts)
			n.hosts = append(n.hosts, g.host)
		}
		g.host.number = uint32(i + 1)
	}
	return g.host.number
}

// overWire joins a packet's first event with the one that left another host: by reference,
// since that one's number has been handed on long ago. Of packets that are the same in all that is compared, as those
// of a flood, none is joined as soon as it is known that there are several.
//
// A capture has no probes: there each packet may have come in, and may be sent.
func (t *tracker) overWire(b *branch, j *journey, v *view, class kfunc.Class, captured bool, k contentKeys,
	track *format.Track) {
	if k.packet == 0 || class != kfunc.Receive && class != kfunc.Transmit && !captured {
		return
	}
	n := t.infer
	h := t.hostNumber(t.group)
	if h == 0 {
		return
	}
	x := crossing{packet: j.packet, branch: b.number, host: h, wall: int64(v.ts) + t.group.host.clockOffset}
	if captured {
		defer func() {
			was, ok := n.sent.Get(k.packet)
			n.sent.Set(k.packet, x.among(was, ok))
		}()
	} else if class == kfunc.Transmit {
		was, ok := n.sent.Get(k.packet)
		x = x.among(was, ok)
		if r, ok := n.received.Get(k.packet); ok && r.host != h && !r.joined && !r.equal && !x.joined && !x.equal &&
			n.fits(h, r.host, r.wall-x.wall, k.plain) {
			// It has come in already, by the clocks or by the order of the streams.
			r.joined, x.joined = true, true
			n.received.Set(k.packet, r)
			b.into = r.packet
			j.flags |= guessed
			t.crossed(h, r.host, r.wall-x.wall, k.plain)
		}
		n.sent.Set(k.packet, x)
		return
	}
	if b.hop > 0 || b.number > 0 {
		return
	}
	was, ok := n.received.Get(k.packet)
	r := x.among(was, ok)
	s, ok := n.sent.Get(k.packet)
	if !ok || s.host == h || s.joined || s.equal || r.joined || r.equal ||
		!n.fits(s.host, h, x.wall-s.wall, k.plain) {
		n.received.Set(k.packet, r)
		return
	}
	s.joined, r.joined = true, true
	n.sent.Set(k.packet, s)
	n.received.Set(k.packet, r)
	t.crossed(s.host, h, x.wall-s.wall, k.plain)
	track.From = format.From{How: "wire", Branch: s.branch, Packet: s.packet}
	track.Inferred = true
	b.flags |= inferredBranch
	j.flags |= guessed
	if offset, _, _, ok := n.offset(s.host, h); ok {
		track.Since = uint64(max(0, x.wall-s.wall-offset))
		track.Wire = true
	}
}

func (t *tracker) crossed(from, to uint32, ns int64, plain bool) {
	n := t.infer
	key := [2]uint32{from, to}
	w := n.wires[key]
	if w == nil {
		w = &wireTimes{}
		n.wires[key] = w
	}
	if _, _, sure, ok := n.offset(from, to); plain && !(ok && sure) {
		w.plain.add(ns)
		return
	}
	w.add(ns)
}

// reportWires states the times between hosts and the offsets of their clocks.
func (t *tracker) reportWires() {
	n := t.infer
	var keys [][2]uint32
	for key := range n.wires {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b [2]uint32) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	for _, key := range keys {
		w := n.wires[key]
		all := w.all
		for _, ns := range w.plain.all {
			if w.count == 0 || n.fits(key[0], key[1], ns, true) {
				all = append(all, ns)
			}
		}
		slices.Sort(all)
		r := format.Wire{From: n.hosts[key[0]-1].name, To: n.hosts[key[1]-1].name, Packets: w.count + w.plain.count,
			Min: all[0], P50: all[(len(all)-1)/2], P99: all[(len(all)-1)*99/100], Max: all[len(all)-1]}
		if offset, wrong, _, ok := n.offset(key[0], key[1]); ok {
			r.Offset, r.Error = format.Some(offset), format.Some(wrong)
			r.Min, r.P50, r.P99, r.Max = r.Min-offset, r.P50-offset, r.P99-offset, r.Max-offset
		}
		t.record = r.AppendMsgpack(t.record[:0])
		t.write(t.record)
	}
}
