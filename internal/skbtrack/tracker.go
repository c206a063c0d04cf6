package skbtrack

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/skb-tools/skb-tools/format"
)

// A tracker puts the events of a stream, which come in order, together to packets.
type tracker struct {
	limits limits
	out    func(format.Raw) error

	journeys slab[journey]
	branches slab[branch]
	headers  hold
	table    table
	names    *names
	joined   map[uint32][]uint64 // packets that went into a journey
	packets  uint64              // numbers given
	groups   map[[sha256.Size]byte]*group
	order    []*group // as they began
	group    *group   // that of the last start
	numbers  uint32   // of groups

	view    view
	parsed  headers
	packed  []byte
	merged  []byte
	diff    differ
	changed []byte
	section []byte
	record  []byte
	infer   *inference // nil: only what records say
	note    string
	err     error // of out
}

// limits bound what a tracker keeps.
type limits struct {
	open   int           // journeys
	memory int           // bytes
	idle   time.Duration // without a record about it a journey is let go of
	linger time.Duration // a journey that ended is kept for what is still to come
}

// lingering is how long an ended journey waits for events at returns of functions, and for
// word of losses: skb-collect looks for those every 100 ms.
const lingering = 250 * time.Millisecond

// maxLingering bounds the branches that wait so: those of 65,000 packets a second.
const maxLingering = 1 << 14

// A group is what follows one start record. Identities and times are its own.
type group struct {
	key            [sha256.Size]byte
	number         uint32
	now            uint64 // ns
	oldest, newest uint32 // open journeys, by their last record
	first, last    uint32 // queue of branches that ended
	queued         int
	losses         [len(lossKinds)]intervals
	lossy          bool
	host           host
}

// Spaces of the table.
func (g *group) ids() uint32       { return 4 * g.number }
func (g *group) addresses() uint32 { return 4*g.number + 1 }
func (g *group) sent() uint32      { return 4*g.number + 2 } // by what is in the packet
func (g *group) read() uint32      { return 4*g.number + 3 } // by its reader and payload

func newTracker(l limits, out func(format.Raw) error) *tracker {
	t := &tracker{limits: l, out: out, names: newNames(), merged: make([]byte, 0, 2*maxPacked), joined: map[uint32][]uint64{},
		groups: map[[sha256.Size]byte]*group{}}
	t.enter([sha256.Size]byte{})
	return t
}

// maxGroups bounds how many streams can be open at once.
const maxGroups = 1024

func (t *tracker) enter(key [sha256.Size]byte) {
	t.group = t.groups[key]
	if t.group != nil {
		return
	}
	if len(t.order) >= maxGroups {
		t.leave(t.order[0], noRecord, 0, "too many streams at once")
	}
	t.group = &group{key: key, number: t.numbers}
	t.numbers++
	t.groups[key] = t.group
	t.order = append(t.order, t.group)
}

// leave ends all that is open in g.
func (t *tracker) leave(g *group, record recordKind, ts uint64, note string) {
	for g.oldest != 0 {
		t.letGo(g, g.oldest, record, ts, note)
	}
	delete(t.groups, g.key)
	for i, o := range t.order {
		if o == g {
			t.order = append(t.order[:i], t.order[i+1:]...)
			break
		}
	}
}

// Record takes the next record.
func (t *tracker) Record(r format.Raw) error {
	switch r.Type() {
	case format.TypeEvent:
		t.event(r)
	case format.TypeLink:
		t.link(r)
		t.write(r)
	case format.TypeFree:
		t.write(r)
		t.free(r)
	case format.TypeStart:
		t.enter(sha256.Sum256(r))
		if t.infer != nil {
			t.group.host.decode(r)
		}
		t.write(r)
	case format.TypeLoss:
		t.loss(r)
		t.write(r)
	case format.TypeEnd:
		ts, _ := r.Time()
		t.group.advance(ts)
		key := t.group.key
		t.leave(t.group, endRecord, ts, "")
		t.write(r)
		t.enter(key)
	default:
		t.write(r)
	}
	return t.err
}

func (t *tracker) write(r format.Raw) {
	if t.err == nil {
		t.err = t.out(r)
	}
}

// Finish ends all that is open: the input has ended.
func (t *tracker) Finish() error {
	for len(t.order) > 0 {
		t.leave(t.order[0], noRecord, 0, "the stream is cut off")
	}
	if t.infer != nil {
		t.reportWires()
	}
	return t.err
}

// Tick tells that the input has been silent for a while.
func (t *tracker) Tick(silence time.Duration) error {
	t.expire(t.group, t.group.now+uint64(silence))
	return t.err
}

func (g *group) advance(ts uint64) { g.now = max(g.now, ts) }

// advance is called before each record of a time.
func (t *tracker) advance(ts uint64) {
	g := t.group
	if ts > g.now {
		g.now = ts
		t.expire(g, ts)
	}
}

// expire ends what has waited for long enough.
func (t *tracker) expire(g *group, now uint64) {
	for g.first != 0 && (t.branches.at(g.first).queuedAt+uint64(t.limits.linger) <= now || g.queued > maxLingering) {
		g.queued--
		i := g.first
		b := t.branches.at(i)
		if g.first = b.fifo; g.first == 0 {
			g.last = 0
		}
		b.fifo = 0
		b.flags &^= queued
		if b.journey == 0 { // let go of already
			t.giveBranch(i)
			continue
		}
		t.fold(g, i)
	}
	for g.oldest != 0 && t.journeys.at(g.oldest).placed+uint64(t.limits.idle) <= now {
		n := t.unseenLongest(g)
		if t.journeys.at(n).end+uint64(t.limits.idle) > now {
			break
		}
		t.letGo(g, n, noRecord, 0, fmt.Sprintf("nothing was seen of it for %v", t.limits.idle))
	}
}

// event tracks an event.
func (t *tracker) event(r format.Raw) {
	v := &t.view
	v.decode(r)
	t.advance(v.ts)
	bufferless := v.has&(hasAddr|hasID) == 0
	if v.track != 0 || bufferless && t.infer == nil {
		t.packets = max(t.packets, v.track)
		t.write(r)
		return
	}
	t.packed = t.packed[:0]
	if v.headers(&t.parsed) {
		t.packed = t.parsed.pack(t.packed)
	}
	probe := t.names.number(v.probe)
	class := t.names.class(probe)
	var keys contentKeys
	if t.infer != nil {
		keys = t.contentKeys(v)
		if bufferless && keys.packet == 0 {
			t.write(r)
			return
		}
		if bufferless {
			v.addr, v.has = keys.packet, v.has|hasAddr // of a capture: the packet itself is all there is
		}
	}
	i := t.find(v, class, keys)
	b := t.branches.at(i)
	j := t.journeys.at(b.journey)
	if j.packet == 0 {
		t.begin(j, v.ts)
	}
	t.touch(b.journey, v.ts)
	track := format.Track{Packet: j.packet, Branch: b.number, Hop: b.hop, Total: since(v.ts, j.first), Inferred: b.flags&inferredBranch != 0}
	t.diff.reset()
	was := t.headers.get(b.headers)
	is := was
	if len(t.packed) > 0 {
		is = mergePacked(t.merged[:0], was, t.packed)
	}
	rewritten := string(is) != string(was)
	if b.hop > 0 {
		track.Since = since(v.ts, b.last)
		j.slowest = max(j.slowest, track.Since)
		if b.fromWord != 0 {
			track.From = format.From{How: t.names.text(b.fromWord), Branch: b.fromBranch, Packet: b.fromPacket}
		}
		t.compare(b, v)
		if rewritten && len(was) > 0 {
			t.diff.headers(was, is)
		}
		track.Changed = t.diff.appendTo(t.changed)
		if track.Changed != nil {
			t.changed = track.Changed
		}
	}
	if t.infer != nil {
		t.overWire(b, j, v, class, bufferless, keys, &track)
	}
	switch {
	case bufferless:
		track.By = "content"
		track.Inferred = track.Inferred || b.hop > 0
		j.flags |= byContent
		if b.hop > 0 {
			j.flags |= guessed
		}
	case v.has&hasID == 0:
		track.By = "addr"
		j.flags |= byAddr
	}
	track.Uncertain = t.group.lossy && t.doubt(t.group, j, v.ts)&^(1<<lossFree) != 0
	t.learn(b, j, v, is, rewritten)
	b.last = v.ts
	b.hop++
	j.hops++
	j.last = max(j.last, v.ts)
	b.fromWord, b.fromID, b.fromPacket, b.fromBranch = 0, 0, 0, 0
	b.flags |= seen
	t.section = track.AppendMsgpack(t.section[:0])
	t.record = format.Extend(t.record[:0], r, "track", t.section)
	t.write(t.record)

	if class == passing || class >= receive {
		b.class, b.probe = class, probe
	}
	if t.infer != nil {
		t.remember(i, v, class, keys)
	}
	if class == read {
		b.comm, b.tgid = t.names.number(v.comm), v.tgid
	}
	if v.dropped || class == freed || class == freeing && v.has&hasUsers != 0 && v.users == 1 {
		t.freedBy(i, v)
	}
}

func since(ts, before uint64) uint64 {
	if ts < before {
		return 0
	}
	return ts - before
}

func (t *tracker) begin(j *journey, ts uint64) {
	t.packets++
	j.packet = t.packets
	j.first, j.last, j.end = ts, ts, max(j.end, ts)
}

// freedBy ends a branch by the event that tells of it. A free record comes too, where
// there are such records, and tells more.
func (t *tracker) freedBy(i uint32, v *view) {
	b := t.branches.at(i)
	if b.flags&ended != 0 && b.end != merged {
		return
	}
	if v.dropped && !bytes.HasPrefix(v.location, []byte("skb_release_data+")) {
		b.end, b.reason, b.location = dropped, t.names.number(v.reason), t.names.number(v.location)
	} else if b.end = b.outcome(); b.flags&ended != 0 {
		b.end = merged
	}
	b.endTS, b.record = v.ts, eventRecord
	b.flags |= ended
	if b.id == 0 {
		t.queue(t.group, i)
	} else {
		b.flags |= held
	}
}

// outcome is how a branch ended that was freed without an error.
func (b *branch) outcome() ending {
	switch b.class {
	case transmit:
		return transmitted
	case deliver, read:
		return delivered
	}
	return consumed
}

// compare finds what differs from the hop before.
func (t *tracker) compare(b *branch, v *view) {
	d := &t.diff
	if v.has&hasDev != 0 && b.flags&hasDevs != 0 && t.names.text(b.dev) != string(v.dev) && b.dev != 0 {
		d.pair("dev")
		d.buf = format.AppendStr(d.buf, t.names.text(b.dev))
		d.buf = format.AppendStr(d.buf, v.dev)
	}
	if v.netns != 0 && b.netns != 0 {
		d.number("netns", uint64(b.netns), uint64(v.netns))
	}
	if v.has&hasCPU != 0 && b.flags&hasCPUs != 0 {
		d.number("cpu", uint64(b.cpu), uint64(v.cpu))
	}
	if v.has&hasMark != 0 && b.flags&hasMarks != 0 {
		d.number("mark", uint64(b.mark), uint64(v.mark))
	}
	if b.fromID != 0 && v.has&hasID != 0 {
		d.number("buffer", b.fromID, v.id)
	}
}

// learn keeps what the next hop is compared with.
func (t *tracker) learn(b *branch, j *journey, v *view, is []byte, rewritten bool) {
	if v.has&hasDev != 0 && t.names.text(b.dev) != string(v.dev) {
		b.dev = t.names.number(v.dev)
		b.flags |= hasDevs
	}
	if v.netns != 0 {
		b.netns = v.netns
	}
	if v.has&hasCPU != 0 {
		b.cpu = v.cpu
		b.flags |= hasCPUs
	}
	if v.has&hasMark != 0 {
		b.mark = v.mark
		b.flags |= hasMarks
	}
	if v.sock != 0 {
		b.sock = v.sock
	}
	if rewritten {
		b.headers = t.headers.set(b.headers, is)
	}
	if j.from == 0 && hasNetwork(is) {
		j.from = t.headers.set(0, is)
	}
}

// find returns the branch that an event is of.
func (t *tracker) find(v *view, class class, keys contentKeys) uint32 {
	g := t.group
	if v.has&hasID == 0 {
		i := t.table.get(g.addresses(), v.addr)
		if i != 0 && t.same(i, v, class) {
			return i
		}
		if i != 0 {
			t.reused(g, i)
		}
		if i := t.inferred(v, class, keys); i != 0 {
			return i
		}
		return t.newPacket(g, 0, v.addr, v.ts)
	}
	i := t.lookup(g, v.id, v.addr)
	if i == 0 {
		i = t.table.get(g.ids(), v.id)
		if i == 0 {
			if i := t.inferred(v, class, keys); i != 0 {
				return i
			}
			i = t.newPacket(g, v.id, v.addr, v.ts)
			if v.has&hasLen == 0 {
				t.journeys.at(t.branches.at(i).journey).flags |= late
			}
			return i
		}
		return t.child(g, i, v.id, v.addr, "shared")
	}
	if b := t.branches.at(i); b.flags&ended != 0 && b.end != merged && class != neutral && class != freeing && v.ts > b.endTS {
		// The sk_buff is another one, at the address of one that was freed.
		return t.child(g, i, v.id, v.addr, "shared")
	}
	return i
}

// same tells whether an event is of a packet known by its sk_buff's address.
func (t *tracker) same(i uint32, v *view, class class) bool {
	b := t.branches.at(i)
	if b.flags&ended != 0 && class != neutral && class != freeing {
		return false
	}
	var was headers
	was.unpack(t.headers.get(b.headers))
	p, ok := was.print()
	q, now := t.parsed.print()
	return !ok || !now || len(t.packed) == 0 || p == q
}

// reused ends a branch whose address belongs to another packet now.
func (t *tracker) reused(g *group, i uint32) {
	b := t.branches.at(i)
	t.unhash(g, i)
	if b.flags&ended == 0 {
		b.end = open
		b.flags |= ended
	}
	t.queue(g, i)
}

// maxSharers bounds the sk_buffs of one data buffer that are looked through.
const maxSharers = 1024

// lookup returns the branch of an identity with the sk_buff's address; that becomes the
// first of the buffer's. addr is 0 where it is not known: then it is any, as is a branch
// whose address was not known before.
func (t *tracker) lookup(g *group, id, addr uint64) uint32 {
	first := t.table.get(g.ids(), id)
	for i, n := first, 0; i != 0 && n < maxSharers; n++ {
		b := t.branches.at(i)
		if b.addr == addr || addr == 0 || b.addr == 0 && b.flags&ended == 0 {
			if b.addr == 0 {
				b.addr = addr
			}
			if i != first {
				t.unhash(g, i)
				t.hash(g, i)
			}
			return i
		}
		i = b.next
	}
	return 0
}

// hash puts a branch into the table, in front of others of its buffer.
func (t *tracker) hash(g *group, i uint32) {
	b := t.branches.at(i)
	space, key := b.place(g)
	b.before, b.next = 0, t.table.get(space, key)
	if b.next != 0 {
		t.branches.at(b.next).before = i
	}
	t.table.set(space, key, i)
	b.flags |= hashed
}

// unhash removes a branch from the table.
func (t *tracker) unhash(g *group, i uint32) {
	b := t.branches.at(i)
	if b.flags&hashed == 0 {
		return
	}
	b.flags &^= hashed
	if b.next != 0 {
		t.branches.at(b.next).before = b.before
	}
	if b.before != 0 {
		t.branches.at(b.before).next = b.next
	} else if space, key := b.place(g); b.next != 0 {
		t.table.set(space, key, b.next)
	} else {
		t.table.remove(space, key)
	}
	b.before, b.next = 0, 0
}

// newPacket begins a journey.
func (t *tracker) newPacket(g *group, id, addr, ts uint64) uint32 {
	t.room(g)
	n := t.journeys.take()
	*t.journeys.at(n) = journey{born: ts, first: ts, end: ts, placed: ts}
	t.append(g, n)
	return t.newBranch(g, n, id, addr)
}

func (t *tracker) newBranch(g *group, n uint32, id, addr uint64) uint32 {
	i := t.branches.take()
	j := t.journeys.at(n)
	b := t.branches.at(i)
	*b = branch{id: id, addr: addr, journey: n, number: j.branches, more: j.list}
	if j.list != 0 {
		t.branches.at(j.list).prev = i
	}
	j.list = i
	j.branches++
	j.live++
	t.hash(g, i)
	return i
}

// place is where the table has a branch.
func (b *branch) place(g *group) (space uint32, key uint64) {
	if b.id != 0 {
		return g.ids(), b.id
	}
	return g.addresses(), b.addr
}

// child is a new branch that comes from branch i.
func (t *tracker) child(g *group, i uint32, id, addr uint64, how string) uint32 {
	t.room(g)
	if t.branches.at(i).journey == 0 { // it was let go of to make room
		return t.newPacket(g, id, addr, g.now)
	}
	n := t.branches.at(i).journey
	c := t.newBranch(g, n, id, addr)
	b, from := t.branches.at(c), t.branches.at(i)
	t.inherit(b, from, how)
	if h := t.headers.get(from.headers); h != nil {
		b.headers = t.headers.set(0, h)
	}
	return c
}

// inherit makes b go on from where from is.
func (t *tracker) inherit(b, from *branch, how string) {
	b.last, b.hop, b.dev, b.netns, b.mark, b.cpu, b.sock = from.last, from.hop, from.dev, from.netns, from.mark, from.cpu, from.sock
	b.flags |= from.flags & (hasDevs | hasMarks | hasCPUs | inferredBranch)
	if from.class == transmit && (how == "segment" || how == "fragment") {
		b.class, b.probe = from.class, from.probe // its parts are sent as it was
	}
	if from.flags&ended != 0 && from.end == merged {
		// What is part of another packet now stays that, however its sk_buffs come and
		// go; reassembly morphs and clones fragments.
		b.flags |= ended | held
		b.end, b.endTS, b.record, b.into, b.intoID = merged, from.endTS, from.record, from.into, from.intoID
	}
	t.comesFrom(b, from, how)
}

// comesFrom tells the next event of b where its buffer is from.
func (t *tracker) comesFrom(b, from *branch, how string) {
	b.fromWord, b.fromBranch, b.fromPacket = t.names.number([]byte(how)), from.number, 0
	if b.journey != from.journey {
		b.fromPacket = t.journeys.at(from.journey).packet
	}
	if from.id != b.id {
		b.fromID = from.id
	}
}

// queue lets a branch that ended linger before it is counted.
func (t *tracker) queue(g *group, i uint32) {
	b := t.branches.at(i)
	b.flags &^= held
	if b.flags&queued != 0 {
		return
	}
	b.flags |= queued
	b.queuedAt = g.now
	if g.last != 0 {
		t.branches.at(g.last).fifo = i
	} else {
		g.first = i
	}
	g.last = i
	g.queued++
}

// fold counts a branch that ended; the journey ends with its last one.
func (t *tracker) fold(g *group, i uint32) {
	b := t.branches.at(i)
	n := b.journey
	j := t.journeys.at(n)
	t.unhash(g, i)
	if t.infer != nil {
		t.forgetContent(g, i)
	}
	if b.prev != 0 {
		t.branches.at(b.prev).more = b.more
	} else {
		j.list = b.more
	}
	if b.more != 0 {
		t.branches.at(b.more).prev = b.prev
	}
	j.ends[b.end]++
	j.live--
	if worse := j.best; worse == 0 || b.better(t.branches.at(worse)) {
		j.best, i = i, worse
	}
	if i != 0 {
		t.giveBranch(i)
	}
	if j.live == 0 {
		t.close(g, n)
	}
}

func (t *tracker) giveBranch(i uint32) {
	b := t.branches.at(i)
	t.headers.give(b.headers)
	*b = branch{flags: b.flags & queued, queuedAt: b.queuedAt, fifo: b.fifo}
	if b.flags&queued == 0 {
		t.branches.give(i)
	}
}

// letGo ends what is open of a journey, and the journey.
func (t *tracker) letGo(g *group, n uint32, record recordKind, ts uint64, note string) {
	j := t.journeys.at(n)
	loss, lossTS := t.lossBehind(g, j)
	undecided := false
	for j.list != 0 {
		i := j.list
		b := t.branches.at(i)
		if b.flags&ended == 0 && b.class == read {
			// Who read it has it, whatever becomes of the memory: kernels put off freeing it.
			b.end, b.record, b.endTS = delivered, eventRecord, b.last
		} else if b.flags&ended == 0 {
			undecided = true
			b.end, b.record, b.endTS = open, record, ts
			if loss {
				b.end, b.record, b.endTS = lost, lossRecord, lossTS
			}
		}
		if j.live == 1 && undecided {
			t.note = note
		}
		t.fold(g, i)
	}
	t.note = ""
}
