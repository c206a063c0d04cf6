package track

import (
	"bytes"

	"github.com/skb-tools/skb-tools/format"
)

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
	handedOver := class == transmit && v.handedOver()
	if handedOver {
		class = neutral // the packet may be further by now
	}
	i := t.find(v, class, keys)
	b := t.branches.at(i)
	if handedOver {
		t.sent(b, probe)
		if b.flags&hasDevs != 0 {
			v.has &^= hasDev
			v.netns = 0
		}
	}
	if class == read && v.fromDevice(b.class == transmit) {
		class = neutral
	}
	j := t.journeys.at(b.journey)
	resent := t.sentAt(b, probe)
	if j.packet == 0 {
		t.begin(j, v.ts)
	}
	t.touch(b.journey, v.ts)
	track := format.Track{Packet: j.packet, Branch: b.number, Hop: b.hop, Total: since(v.ts, j.first), Inferred: b.flags&inferredBranch != 0, Resent: uint32(resent)}
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
			t.diff.headers(was, is, t.names.text(b.fromWord))
			if t.diff.into && b.class == transmit {
				t.group.wraps(b.netns, b.dev)
			}
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
	if len(t.packed) > 0 && t.parsed.discovery {
		b.flags |= discovery
	}
	if class == passing || class >= receive {
		b.flags = b.flags&^copied | seen
	}
	t.section = track.AppendMsgpack(t.section[:0])
	t.record = format.Extend(t.record[:0], r, "track", t.section)
	t.write(t.record)

	if class == passing || class >= receive {
		b.class, b.probe = class, probe
		if len(t.packed) > 0 {
			t.answers(i)
		}
		b.unclear = t.unclearAt(b, v, class)
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

// sent notes that a device or its queue has taken b, at a tracepoint that says so afterwards.
func (t *tracker) sent(b *branch, probe uint32) {
	switch {
	case b.flags&ended != 0 && b.end == consumed:
		b.end, b.probe = transmitted, probe
	case b.flags&ended == 0 && b.class == passing:
		b.class, b.probe = transmit, probe
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
	} else if v.dropped && !bytes.HasPrefix(v.location, []byte("skb_release_data+")) {
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
	case transmit:
		if b.unclear == told {
			return transmitted
		}
	case deliver, read:
		return delivered
	case handed:
		if b.unclear == told {
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
	if j.from == 0 && hasIP(is) {
		j.from = t.headers.set(0, is)
	}
}
