package track

import (
	"bytes"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// A hop is what is found of the event at hand.
type hop struct {
	probe      uint32
	class      kfunc.Class
	keys       contentKeys // --infer
	bufferless bool        // the event is of a packet in a capture, not of an sk_buff
	branch     uint32
	b          *branch
	j          *journey
	is         []byte // the packet's headers, packed
	rewritten  bool   // they are others than at the hop before
	track      format.Track
}

// onItsWay reports whether the event tells where the packet is: not those where sk_buffs are freed,
// or where functions return.
func (h *hop) onItsWay() bool { return h.class == kfunc.Passing || h.class >= kfunc.Receive }

// event tracks an event.
func (t *tracker) event(r format.Raw) {
	v := &t.view
	v.decode(r)
	t.advance(v.ts)
	var h hop
	if !t.read(v, &h) {
		t.write(r)
		return
	}
	t.locate(v, &h)
	t.describe(v, &h)
	t.step(v, &h)
	t.section = h.track.AppendMsgpack(t.section[:0])
	t.record = wire.Extend(t.record[:0], r, "track", t.section)
	t.write(t.record)
	t.conclude(v, &h)
}

// read reads what the event is found and compared by. It is false where there is nothing to track:
// an earlier skb-track has done so, or the event is of no packet that can be told from others.
func (t *tracker) read(v *view, h *hop) bool {
	h.bufferless = v.has&(hasAddr|hasID) == 0
	if v.track != 0 || h.bufferless && t.infer == nil {
		t.packets = max(t.packets, v.track)
		return false
	}
	t.packed = t.packed[:0]
	if v.headers(&t.parsed) {
		t.packed = t.parsed.pack(t.packed)
	}
	h.probe = t.names.number(v.probe)
	h.class = t.names.class(h.probe)
	if v.frame && len(v.verdict) > 0 {
		var dropped bool
		if dropped, h.class = v.decided(); dropped {
			v.dropped, v.reason, v.location = true, v.verdict, bytes.TrimPrefix(v.probe, []byte(kfunc.Return))
		}
	}
	if t.infer == nil {
		return true
	}
	h.keys = t.contentKeys(v)
	if h.bufferless {
		v.addr, v.has = h.keys.packet, v.has|hasAddr // of a capture: the packet itself is all there is
		return h.keys.packet != 0
	}
	return true
}

// locate finds the event's branch, and makes a journey of a new one.
func (t *tracker) locate(v *view, h *hop) {
	handedOver := h.class == kfunc.Transmit && v.handedOver()
	if handedOver {
		h.class = kfunc.Neutral // the packet may be further by now
	}
	h.branch = t.find(v, h.class, h.keys)
	b := t.branches.at(h.branch)
	if handedOver {
		t.sent(b, h.probe)
		if b.flags&hasDevs != 0 {
			v.has &^= hasDev
			v.netns = 0
		}
	}
	if h.class == kfunc.Read && v.fromDevice(b.class == kfunc.Transmit) {
		h.class = kfunc.Neutral
	}
	j := t.journeys.at(b.journey)
	h.b, h.j = b, j
	h.track.Resent = uint32(t.sentAt(b, h.probe))
	if j.packet == 0 {
		t.begin(j, v.ts)
	}
	t.touch(b.journey, v.ts)
}

// describe fills in what the event tells of the packet: where it is on its journey, and what differs
// from the hop before.
func (t *tracker) describe(v *view, h *hop) {
	b, j := h.b, h.j
	track := &h.track
	track.Packet, track.Branch, track.Hop, track.Total = j.packet, b.number, b.hop, since(v.ts, j.first)
	track.Inferred = b.flags&inferredBranch != 0
	was := t.headers.get(b.headers)
	h.is = was
	if len(t.packed) > 0 {
		h.is = mergePacked(t.merged[:0], was, t.packed)
	}
	h.rewritten = string(h.is) != string(was)
	if b.hop > 0 {
		track.Since = since(v.ts, b.last)
		j.slowest = max(j.slowest, track.Since)
		if b.fromWord != 0 {
			track.From = format.From{How: t.names.text(b.fromWord), Branch: b.fromBranch, Packet: b.fromPacket}
		}
		track.Changed = t.changes(v, h, b, was)
	}
	if t.infer != nil {
		t.overWire(b, j, v, h.class, h.bufferless, h.keys, track)
	}
	switch {
	case h.bufferless:
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
	if v.held || v.has&hasID == 0 && t.group.heldIn(j, v.ts) {
		j.flags |= lacking
	}
	track.Uncertain = j.flags&(alike|lacking) != 0 || t.group.lossy && t.doubt(t.group, j, v.ts)&^(1<<lossFree) != 0
}

// changes are the differences from the hop before, whose headers were was, as they are written;
// nil if there are none.
func (t *tracker) changes(v *view, h *hop, b *branch, was []byte) []byte {
	t.diff.reset()
	t.compare(b, v)
	if h.rewritten && len(was) > 0 {
		t.diff.headers(was, h.is, t.names.text(b.fromWord))
		if t.diff.into && b.class == kfunc.Transmit {
			t.group.encapsulates(b.netns, b.dev)
		}
	}
	changed := t.diff.appendTo(t.changed)
	if changed != nil {
		t.changed = changed
	}
	return changed
}

// step makes the event the last hop of its branch.
func (t *tracker) step(v *view, h *hop) {
	b, j := h.b, h.j
	t.learn(b, j, v, h.is, h.rewritten)
	b.last = v.ts
	b.hop++
	j.hops++
	j.last = max(j.last, v.ts)
	b.fromWord, b.fromID, b.fromPacket, b.fromBranch = 0, 0, 0, 0
	if len(t.packed) > 0 && t.parsed.discovery {
		b.flags |= discovery
	}
	if !h.onItsWay() {
		return
	}
	b.flags = b.flags&^copied | seen
	b.class, b.probe = h.class, h.probe
	if len(t.packed) > 0 {
		t.answers(h.branch)
	}
	b.unclear = t.unclearAt(b, v, h.probe, h.class)
}

// conclude ends the branch where the event tells that it ended, and keeps by what --infer finds it.
func (t *tracker) conclude(v *view, h *hop) {
	if t.infer != nil {
		t.remember(h.branch, v, h.class, h.keys)
	}
	if h.class == kfunc.Read {
		h.b.comm, h.b.tgid = t.names.number(v.comm), v.tgid
	}
	if v.dropped || h.class == kfunc.Freed || h.class == kfunc.Freeing && v.has&hasUsers != 0 && v.users == 1 {
		t.freedBy(h.branch, v)
	}
}

// sent notes that a device or its queue has taken b, at a tracepoint that says so afterwards.
func (t *tracker) sent(b *branch, probe uint32) {
	switch {
	case b.flags&ended != 0 && b.end == consumed:
		b.end, b.probe = transmitted, probe
	case b.flags&ended == 0 && b.class == kfunc.Passing:
		b.class, b.probe = kfunc.Transmit, probe
	}
}

// since is how long ts is after before, in ns; 0 where it is not.
func since(ts, before uint64) uint64 {
	if ts < before {
		return 0
	}
	return ts - before
}

// begin gives a journey its number, at its first event.
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
	if used, end, u := t.group.usedAsDrop(b, v.location, v.reason); v.dropped && used {
		b.end, b.unclear = end, u
		if end == delivered {
			b.comm, b.tgid = t.names.number(v.comm), v.tgid
		}
	} else if v.dropped && !bytes.HasPrefix(v.location, []byte(kfunc.ReleaseData+"+")) {
		b.end, b.reason, b.location = dropped, t.names.number(v.reason), t.names.number(v.location)
	} else if b.end = b.outcome(); b.flags&(ended|copied) != 0 {
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
	case kfunc.Transmit:
		if b.unclear == plainEnd {
			return transmitted
		}
	case kfunc.Deliver, kfunc.Read:
		return delivered
	case kfunc.Handed:
		if b.unclear == plainEnd {
			return delivered
		}
	}
	if b.flags&answered != 0 {
		return delivered
	}
	return consumed
}

// compare finds what differs from the hop before.
func (t *tracker) compare(b *branch, v *view) {
	d := &t.diff
	if v.has&hasDev != 0 && b.flags&hasDevs != 0 && t.names.text(b.dev) != string(v.dev) && b.dev != 0 {
		d.pair("dev")
		d.buf = wire.AppendStr(d.buf, t.names.text(b.dev))
		d.buf = wire.AppendStr(d.buf, v.dev)
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
	if j.from == 0 && hasIP(is) {
		j.from = t.headers.set(0, is)
	}
}
