package write

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
	"github.com/skb-tools/skb-tools/internal/pcapng"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/spell"
)

// A writer turns records into pcapng.
type writer struct {
	o        *Options
	out      *Output
	stderr   io.Writer // for what is said once, nil afterwards
	linkType uint16
	names    []pcapng.Name

	head    []byte // the section header and what interfaces were met before the first write
	buf     []byte
	begun   bool  // there is a section header
	written bool  // and it was written
	size    int64 // of the file, what is in head and buf not counted

	lostLate uint64 // behind the last packet

	origins     []*origin
	originBytes int // of their records
	came        format.Starts[*origin]
	origin      *origin
	ifaces      []*iface
	byKey       map[string]*iface
	others      *iface
	key         []byte          // scratch
	chosen      map[string]bool // probes that --probe has decided on
	firsts      firsts
	lasts       lasts

	told    [256]bool   // by host: an interface says what its stream was made by
	dropped [256]uint64 // by host: events that were lost in this file, as its packets say, or its end
	without map[string]uint64
	finder  *format.Finder
	event   event
	frame   frame
	tree    tree
	memos   written
	ending  ending // of the journey record that came last
}

func newWriter(o *Options) (*writer, error) {
	w := &writer{o: o, linkType: pcapng.LinkTypeEthernet, origin: &origin{},
		finder: newFinder(), byKey: map[string]*iface{}, chosen: map[string]bool{}, without: map[string]uint64{},
		firsts: newFirsts()}
	switch o.Linktype {
	case "raw":
		w.linkType = pcapng.LinkTypeRaw
	case "sll2":
		w.linkType = pcapng.LinkTypeSLL2
	}
	if o.Names != "" {
		var err error
		if w.names, err = readNames(o.Names); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// flushSize is when the blocks gathered are written, in bytes; firstFlushSize when they
// are for the first time, unless the input pauses before and somebody may wait. Interfaces that are met by then
// stand in front of all packets: reordercap of Wireshark 4.0 fails on later ones.
const (
	flushSize      = 64 << 10
	firstFlushSize = 1 << 20
)

// record takes a record that finder has just checked.
func (w *writer) record(r format.Raw) error {
	switch r.Type() {
	case format.TypeStart:
		var err error
		if w.origin, err = w.originOf(r); err != nil {
			return err
		}
		w.came.Set(r, w.origin)
	case format.TypeResume:
		if o, ok := w.came.Resume(r); ok {
			w.origin = o
		}
	case format.TypeLoss:
		if what, _ := r.Get("what").Str(); string(what) == "event" {
			n, _ := r.Get("count").Uint()
			w.origin.lost += n
		}
	case format.TypeEvent:
		w.event.decode(w.finder, !w.o.NoComment)
		return w.take(&w.event, r)
	case format.TypeNamespace:
		w.origin.names.Found(r)
	case format.TypeStack:
		if !w.o.NoComment {
			w.origin.stack(r)
		}
	case format.TypeFlow:
		if !w.o.NoComment {
			w.origin.flows.Keep(r, flowRules)
		}
	case format.TypeJourney:
		if n, ok := r.Get("packet").Uint(); ok {
			w.ended(packetKey{w.origin, true, n}, r)
			return w.release(false)
		}
	case format.TypeFree:
		if w.o.Once != "last" {
			break
		}
		if last, _ := r.Get("last").Bool(); last {
			if id, ok := r.Get("skb", "id").Uint(); ok {
				w.lasts.over(packetKey{w.origin, false, id}, nil)
				return w.release(false)
			}
		}
	}
	return nil
}

// take writes e, or not, or holds r, its record, for later.
func (w *writer) take(e *event, r format.Raw) error {
	if !w.wanted(e.Probe) {
		return nil
	}
	if !e.frame(&w.frame, w.linkType) {
		w.leaveOut(e.Probe)
		return nil
	}
	switch k, known := e.packetKey(w.origin); {
	case w.o.Once == "first" && known && !w.firsts.first(k):
		return nil
	case w.o.Once == "last" && known:
		w.lasts.hold(k, r)
		return w.release(false)
	case w.o.Once == "last" && w.lasts.behind(w.origin, r):
		return w.release(false)
	}
	return w.packet(e, w.origin)
}

// release writes what need not be held any more.
func (w *writer) release(all bool) error {
	for h := w.lasts.next(all); h != nil; h = w.lasts.next(all) {
		if err := w.finder.Find(h.record); err != nil {
			return err
		}
		w.event.decode(w.finder, !w.o.NoComment)
		w.event.frame(&w.frame, w.linkType)
		if h.ending != nil {
			w.ending = ending{h.key, h.ending}
		}
		if err := w.packet(&w.event, h.key.origin); err != nil {
			return err
		}
	}
	return nil
}

// packet writes e, whose frame is w.frame.
func (w *writer) packet(e *event, o *origin) error {
	if size := w.out.size(w.size) + int64(len(w.head)+len(w.buf)); w.o.FileSize > 0 && size > int64(w.o.FileSize) {
		if err := w.nextFile(); err != nil {
			return err
		}
	}
	if o.record == nil && w.stderr != nil {
		fmt.Fprintln(w.stderr, "skb-pcap: no start record came before the events, so times count from 1970 and not from "+
			"the host's start (jq's select drops it, too: keep .type == \"start\")")
		w.stderr = nil
	}
	f := &w.frame
	if e.Netns.OK {
		o.names.Sees(e.Netns.V, e.Cookie.V)
	}
	i := w.iface(e, o)
	ns := e.TS + uint64(o.start.ClockOffset)
	if i.packets == 0 || ns < i.first {
		i.first = ns
	}
	i.last = max(i.last, ns)
	i.packets++
	dst, block := pcapng.BeginPacket(w.buf, i.number, ns, uint32(f.captured()), f.original)
	dst = append(dst, f.header[:f.headerLen]...)
	dst = pcapng.Pad(append(dst, f.rest...))
	flags := e.EPBFlags()
	if flags != 0 {
		dst = pcapng.AppendFlags(dst, flags)
	}
	if o.lost > 0 {
		dst = pcapng.AppendDropCount(dst, o.lost)
		w.dropped[o.number] += o.lost
		o.lost = 0
	}
	if e.Packet.OK {
		dst = pcapng.AppendPacketID(dst, e.Packet.V)
	}
	switch queue := e.Skb.Queue; {
	case !queue.OK:
	case flags&pcapng.DirectionMask == pcapng.Outbound:
		dst = pcapng.AppendQueue(dst, uint32(queue.V))
	case flags&pcapng.DirectionMask == pcapng.Inbound && queue.V > 0: // skb_record_rx_queue
		dst = pcapng.AppendQueue(dst, uint32(queue.V-1))
	}
	if !w.o.NoComment {
		dst = e.comments(dst, o, f, w.finder, &w.tree, &w.memos, w.ending.of(e, o))
	}
	w.buf = block.End(dst)
	if len(w.buf) >= firstFlushSize || w.written && len(w.buf) >= flushSize {
		return w.flush()
	}
	return nil
}

// wanted applies --probe.
func (w *writer) wanted(probe []byte) bool {
	if len(w.o.Probe) == 0 {
		return true
	}
	yes, known := w.chosen[string(probe)]
	if known {
		return yes
	}
	for _, g := range w.o.Probe {
		if ok, _ := path.Match(g, string(probe)); ok {
			yes = true
		}
	}
	if len(w.chosen) < maxProbes && len(probe) <= maxName {
		w.chosen[string(probe)] = yes
	}
	return yes
}

// leaveOut counts an event that the capture has no place for.
func (w *writer) leaveOut(probe []byte) {
	if _, ok := w.without[string(probe)]; !ok && (len(w.without) >= maxProbes || len(probe) > maxName) {
		probe = []byte("others")
	}
	w.without[string(probe)]++
}

// begin writes the section header, once a file.
func (w *writer) begin() {
	if w.begun {
		return
	}
	w.begun = true
	s := pcapng.Section{Application: "skb-pcap " + pipe.Version}
	if len(w.origins) > 0 {
		o := w.origins[0]
		s.Hardware, s.OS = o.start.Arch, o.os()
		s.Comments = append([]string{says("host=", o.start.Host)}, o.madeBy()...)
	}
	w.head = s.Append(w.head)
}

// idle hands on what there is. Readers want to see an interface before they wait for
// packets, so there is one by then, whether or not a packet has come.
func (w *writer) idle() error {
	if w.out.regular && !w.written { // a live capture into a file gathers its interfaces, too
		return nil
	}
	if len(w.ifaces) == 0 && len(w.origins) > 0 {
		w.addNoIface()
	}
	return w.flush()
}

// addNoIface adds an interface that no packet is of.
func (w *writer) addNoIface() {
	d := pcapng.Interface{Name: "skb"}
	if len(w.origins) > 0 {
		d.OS, d.Hardware = w.origins[0].os(), w.origins[0].start.Arch
	}
	w.addIface(&d)
}

func (w *writer) flush() error {
	if !w.written && len(w.head) > 0 {
		w.written = true
		if len(w.names) > 0 { // behind an interface, or editcap of Wireshark 4.0 refuses the file
			w.head = pcapng.AppendNames(w.head, w.names)
		}
		w.head = pcapng.AppendNote(w.head, 0, packet.StreamOpen)
		n, err := w.out.Write(w.head)
		w.size += int64(n)
		w.head = w.head[:0]
		if err != nil {
			return err
		}
	}
	if len(w.buf) == 0 {
		return nil
	}
	n, err := w.out.Write(w.buf)
	w.size += int64(n)
	w.buf = w.buf[:0]
	return err
}

// nextFile ends the file and begins one with the same interfaces.
func (w *writer) nextFile() error {
	w.statistics()
	w.buf = pcapng.AppendNote(w.buf, 0, packet.StreamWhole)
	if err := w.flush(); err != nil {
		return err
	}
	if err := w.out.next(); err != nil {
		return err
	}
	w.begun, w.written, w.size = false, false, 0
	w.begin()
	for _, i := range w.ifaces {
		w.head = append(w.head, i.block...)
		i.first, i.last, i.packets = 0, 0, 0
	}
	clear(w.dropped[:])
	return nil
}

// statistics says of each interface with packets how many they are, and of the first of
// each host how many events were lost there: nobody knows of which interface they were.
func (w *writer) statistics() {
	for _, i := range w.ifaces {
		dropped := w.dropped[i.host]
		if i.packets == 0 && dropped == 0 {
			continue
		}
		w.dropped[i.host] = 0
		s := pcapng.Statistics{Start: i.first, End: i.last, Received: i.packets, Dropped: dropped}
		w.buf = s.Append(w.buf, i.number)
	}
}

// finish ends the capture: one interface at least, or tcpdump calls it an error. whole is
// what its streams were.
func (w *writer) finish(whole bool) error {
	err := w.release(true)
	if len(w.ifaces) == 0 {
		w.addNoIface()
	}
	w.lateLosses()
	w.statistics()
	if whole {
		w.buf = pcapng.AppendNote(w.buf, 0, packet.StreamWhole)
	} else {
		w.buf = pcapng.AppendNote(w.buf, 0, packet.StreamPart)
	}
	if ferr := w.flush(); err == nil {
		err = ferr
	}
	return err
}

// lateLosses counts what was lost behind the last packet of each origin.
func (w *writer) lateLosses() {
	for _, o := range append(w.origins, w.origin) {
		w.dropped[o.number] += o.lost
		w.lostLate += o.lost
		o.lost = 0
	}
}

// left says what is not in the capture, one line each.
func (w *writer) left() (lines []string) {
	if w.lostLate > 0 {
		lines = append(lines, spell.Count(w.lostLate, "event")+" lost after the last packet: only the interface statistics "+
			"count them")
	}
	if len(w.without) == 0 {
		return lines
	}
	var total uint64
	for _, n := range w.without {
		total += n
	}
	probes := slices.SortedFunc(maps.Keys(w.without), func(a, b string) int {
		return cmp.Or(cmp.Compare(w.without[b], w.without[a]), cmp.Compare(a, b))
	})
	var where []byte
	for i, probe := range probes {
		if i > 0 {
			where = append(where, ", "...)
		}
		where = fmt.Appendf(escape.Append(where, probe), " %d", w.without[probe])
	}
	why := "no packet bytes, or no header to read them by yet"
	if w.linkType == pcapng.LinkTypeRaw {
		why = "no packet bytes, or no IP header in them"
	}
	return append(lines, fmt.Sprintf("%s left out: %s (%s)", spell.Count(total, "event"), why, where))
}
