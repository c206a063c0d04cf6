package pcap

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/kfunc"
	"github.com/skb-tools/skb-tools/internal/pcapng"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/spell"
)

// readCapture turns the capture o.Read into a stream.
func readCapture(o *Options, stdin io.Reader, stdout, stderr io.Writer) error {
	in, name := stdin, "stdin"
	if o.Read != "-" {
		f, err := os.Open(o.Read)
		if err != nil {
			return fmt.Errorf("--read %s: %w", o.Read, errors.Unwrap(err))
		}
		defer f.Close()
		in, name = f, o.Read
	}
	out, err := openOutput(o, stdout, pipe.Identify(in))
	if err != nil {
		return err
	}
	to := stdout // a stream, whose records are no blocks
	if out.file != nil {
		to = out.file
	}
	sink, err := pipe.NewSink(pipe.Options{Output: "auto"}, to)
	if err != nil {
		return err
	}
	s := &streamer{sink: sink, leftOut: map[uint16]uint64{}, part: o.Part, notes: map[*pcapng.Section]*notes{}}
	if o.Read != "-" {
		s.host, _, _ = strings.Cut(filepath.Base(o.Read), ".")
	}
	err = s.capture(in, name)
	if err == nil && s.halves > 0 {
		err = &halfError{name}
	}
	if ferr := sink.Flush(); err == nil {
		err = ferr
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	for _, line := range s.left() {
		pipe.Say(stderr, "skb-pcap", line)
	}
	return err
}

// A halfError is that of a capture of a stream that was not whole.
type halfError struct{ name string }

func (e *halfError) Error() string {
	return e.name + ": is not of a whole stream, as skb-pcap wrote into it, or was killed before its end: no end record is written (--part writes one)"
}

// modifiedPcap begins a pcap file whose packets have longer headers, of an old patch for
// libpcap.
const modifiedPcap = 0xa1b2cd34

// An idler calls idle before each read, which may have to wait.
type idler struct {
	io.Reader
	idle func() error
}

func (i idler) Read(p []byte) (int, error) {
	if err := i.idle(); err != nil {
		return 0, err
	}
	return i.Reader.Read(p)
}

// A streamer turns packets of a capture into records.
type streamer struct {
	sink    pipe.Sink
	section *pcapng.Section
	host    string // of captures that do not say theirs: the name of the file
	ours    bool   // skb-pcap wrote the section
	mixed   bool   // another tool did, from captures of which some are ours
	part    bool   // that a stream was not whole is no error
	notes   map[*pcapng.Section]*notes
	seen    *notes    // of the section
	halves  int       // sections that are not of whole streams
	count   uint64    // packets of others
	sources []*source // of the section
	ofIface map[*pcapng.Interface]*source
	merger  format.Merger
	comment comments
	loss    []byte
	buf     []byte
	leftOut map[uint16]uint64          // packets by link type
	ifaces  func() []*pcapng.Interface // of the section, as far as they were read
	dropped []dropped
	read    event // the packet that is read: one for all, so that none is allocated
}

// Notes are what a section says of the stream that it was made of: that one begins which is to
// be whole, that it was, that it was not; and whether a packet has come. Wireshark's tools,
// where they make another file of a capture, put the first of these behind the packets or
// nowhere: then nobody knows, as with captures of others.
type notes struct{ opened, whole, half, packets bool }

func (s *streamer) notesOf(section *pcapng.Section) *notes {
	if s.notes[section] == nil {
		s.notes[section] = &notes{}
	}
	return s.notes[section]
}

func (s *streamer) note(section *pcapng.Section, comment string) {
	n := s.notesOf(section)
	switch comment {
	case streamOpen:
		n.opened = n.opened || !n.packets
	case streamWhole:
		n.whole = true
	case streamPart:
		n.half = true
	}
}

// A dropped is how many packets of an interface were, as its statistics say.
type dropped struct {
	section *pcapng.Section
	iface   *pcapng.Interface
	packets uint64
}

// A source is a host of which a section has packets.
type source struct {
	host, os     string
	ours         bool   // skb-pcap says so
	start        []byte // record
	events, lost uint64
	last         uint64            // ns, the time of the last event
	stacks       map[string]uint64 // numbers of stack records, by their calls
	lastStack    uint64
}

// capture reads to the end of in.
func (s *streamer) capture(in io.Reader, name string) error {
	r := bufio.NewReaderSize(idler{pipe.Interruptible(in), s.sink.Flush}, 256<<10)
	if magic, _ := r.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		z, err := gzip.NewReader(r)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		r = bufio.NewReaderSize(z, 256<<10)
	}
	magic, err := r.Peek(4)
	switch {
	case err == io.EOF && len(magic) == 0:
		return fmt.Errorf("%s: is empty: no capture, whose header alone has 24 bytes", name)
	case err == nil && binary.LittleEndian.Uint32(magic) == 0x0a0d0d0a:
		err = s.pcapng(pcapng.NewReader(r))
	case err == nil && (binary.LittleEndian.Uint32(magic) == modifiedPcap || binary.BigEndian.Uint32(magic) == modifiedPcap):
		err = errors.New("modified pcap (a1b2cd34), which is not read here: 'editcap FILE NEW' makes pcapng of it")
	case err == nil:
		err = s.pcap(r)
	}
	if errors.Is(err, pipe.ErrInterrupted) {
		return pipe.SayPart(name, 0, 0)
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = errors.New("the file is cut off")
	}
	var write *os.PathError
	if err == nil || errors.As(err, &write) && write.Op == "write" {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

func (s *streamer) pcapng(r *pcapng.Reader) error {
	var p pcapng.Captured
	s.ifaces = r.Interfaces
	r.Dropped = func(i *pcapng.Interface, packets uint64) {
		for n, d := range s.dropped {
			if d.iface == i {
				s.dropped[n].packets = packets // up to there, what came before included
				return
			}
		}
		s.dropped = append(s.dropped, dropped{r.Section(), i, packets})
	}
	r.Noted = func(comment string) { s.note(r.Section(), comment) }
	for {
		err := r.Next(&p)
		if err == nil {
			err = s.packet(&p)
		}
		if err == io.EOF {
			if err := s.open(r.Section(), 0); err != nil {
				return err
			}
			return s.end()
		}
		if err != nil {
			return err
		}
	}
}

// pcap reads the older format, which knows one interface without a name.
func (s *streamer) pcap(in *bufio.Reader) error {
	r, err := pcapgo.NewReader(in)
	if err != nil {
		return fmt.Errorf("no capture, neither pcapng nor pcap: %w", err)
	}
	p := pcapng.Captured{Section: &pcapng.Section{}, Interface: &pcapng.Interface{LinkType: uint16(r.LinkType())}}
	for {
		_, err := in.Peek(1) // which the reader's own does not tell from an end behind a packet's header
		if err == io.EOF {
			if err := s.open(p.Section, 0); err != nil {
				return err
			}
			return s.end()
		}
		data, ci, err := r.ZeroCopyReadPacketData()
		if err != nil {
			return err
		}
		p.Data, p.Original, p.Time = data, uint32(ci.Length), uint64(ci.Timestamp.UnixNano())
		if err := s.packet(&p); err != nil {
			return err
		}
	}
}

// packet writes one packet as an event, behind the start of its host and the loss before
// it.
func (s *streamer) packet(p *pcapng.Captured) error {
	if err := s.open(p.Section, p.Time); err != nil {
		return err
	}
	s.seen.packets = true
	src := s.sourceOf(p.Interface, p.Time)
	if err := s.begin(src); err != nil {
		return err
	}
	src.last = max(src.last, p.Time)
	if p.DropCount > 0 {
		src.lost += p.DropCount
		loss := format.Loss{TS: p.Time, Count: p.DropCount, What: "event", Cause: "the capture counts them as dropped"}
		s.loss = loss.AppendMsgpack(s.loss[:0])
		if err := s.sink.Write(s.loss); err != nil {
			return err
		}
	}
	dst, ok, err := s.event(s.buf[:0], src, p)
	s.buf = dst
	if err != nil {
		return err
	}
	if !ok {
		s.leftOut[p.Interface.LinkType]++
		return nil
	}
	src.events++
	return s.sink.Write(dst)
}

// sourceOf returns the host of an interface. Of one of ours it says that itself, since the
// section may be another tool's.
func (s *streamer) sourceOf(i *pcapng.Interface, ts uint64) *source {
	src, known := s.ofIface[i]
	if !known {
		switch ours := isOurs(i); {
		case s.ours || ours:
			src = s.source(s.hostOf(i), i.OS, ts, true)
		case s.mixed:
			src = s.source("", "", ts, false)
		default:
			src = s.source(comment(s.section.Comments, "host="), s.osOf(), ts, false)
		}
		s.ofIface[i] = src
	}
	return src
}

// osOf is the section's operating system if that is of the host which captured, and not of
// the one where Wireshark's tools made another file of a capture. Only dumpcap captures.
func (s *streamer) osOf() string {
	for _, tool := range [...]string{"Mergecap", "Editcap", "Reordercap", "TShark", "Text2pcap", "Wireshark"} {
		if rest, ok := strings.CutPrefix(s.section.Application, tool); ok && strings.HasPrefix(rest, " (Wireshark)") {
			return ""
		}
	}
	return s.section.OS
}

// isOurs reports whether skb-pcap wrote an interface: it names its host, or what kind of
// place a probe is. mergecap and its like copy that into sections of their own.
func isOurs(i *pcapng.Interface) bool {
	if i.Description != "" && i.Description == describe([]byte(i.Name)) {
		return true
	}
	return namesHost(i)
}

func namesHost(i *pcapng.Interface) bool {
	return slices.ContainsFunc(i.Comments, func(c string) bool { return strings.HasPrefix(c, "host=") })
}

// hostOf is the host of one of our interfaces; in sections of ours, older ones say it only
// where it is not the section's.
func (s *streamer) hostOf(i *pcapng.Interface) string {
	if s.ours && !namesHost(i) {
		return comment(s.section.Comments, "host=")
	}
	return comment(i.Comments, "host=")
}

// open writes the start of a section, unless it is the one before.
func (s *streamer) open(section *pcapng.Section, ts uint64) error {
	if section == s.section {
		return nil
	}
	if err := s.end(); err != nil {
		return err
	}
	s.section, s.sources, s.ofIface = section, nil, map[*pcapng.Interface]*source{}
	s.seen = s.notesOf(section)
	s.ours = strings.HasPrefix(section.Application, "skb-pcap ")
	s.mixed = !s.ours && slices.ContainsFunc(s.interfaces(), isOurs)
	if !s.ours {
		return nil // its interfaces say
	}
	return s.begin(s.source(comment(section.Comments, "host="), section.OS, ts, true))
}

// begin writes a start unless it is the one in force.
func (s *streamer) begin(src *source) error {
	if r := s.merger.To(src.start); r != nil {
		return s.sink.Write(r)
	}
	return nil
}

// lateLosses writes as losses what the statistics of the section count and no packet did.
func (s *streamer) lateLosses() error {
	total := map[*source]uint64{}
	for _, d := range s.dropped {
		if d.section == s.section {
			total[s.sourceOf(d.iface, 0)] += d.packets
		}
	}
	s.dropped = slices.DeleteFunc(s.dropped, func(d dropped) bool { return d.section == s.section })
	for _, src := range s.sources {
		if total[src] <= src.lost {
			continue
		}
		if err := s.begin(src); err != nil {
			return err
		}
		loss := format.Loss{TS: src.last, Count: total[src] - src.lost, What: "event", Cause: "the capture counts them as dropped"}
		src.lost = total[src]
		if err := s.sink.Write(loss.AppendMsgpack(nil)); err != nil {
			return err
		}
	}
	return nil
}

// end closes what the section began, unless it says that something is missing at its end: a
// stream without end records is not whole.
func (s *streamer) end() error {
	if s.section == nil {
		return nil
	}
	if len(s.sources) == 0 {
		if err := s.begin(s.source(comment(s.section.Comments, "host="), s.osOf(), 0, false)); err != nil {
			return err
		}
	}
	if err := s.lateLosses(); err != nil {
		return err
	}
	n := s.seen
	delete(s.notes, s.section)
	if (n.half || n.opened && !n.whole) && !s.part {
		s.halves++
		return nil
	}
	for _, src := range s.sources {
		if err := s.begin(src); err != nil {
			return err
		}
		end := format.End{TS: src.last, Events: src.events, Lost: src.lost, Cause: "file"}
		if err := s.sink.Write(end.AppendMsgpack(nil)); err != nil {
			return err
		}
	}
	return nil
}

// source returns a host of the section; ours: skb-pcap says which. Times of a capture are the
// wall clock's, so the offset of its clock is 0.
func (s *streamer) source(host, os string, ts uint64, ours bool) *source {
	for _, src := range s.sources {
		if src.host == host && src.os == os && src.ours == ours {
			return src
		}
	}
	start := format.Start{TS: ts, Host: host, Snaplen: pcapng.SnapLen, Capture: true}
	if kernel, ok := strings.CutPrefix(os, "Linux "); ok {
		start.Kernel = kernel
	}
	cmdline := ""
	if ours {
		s.speeds(&start, host)
		for _, i := range s.interfaces() {
			if (s.ours || isOurs(i)) && s.hostOf(i) == host && i.OS == os {
				start.Arch = cmp.Or(start.Arch, i.Hardware)
				start.Tool = cmp.Or(start.Tool, comment(i.Comments, "tool="))
				cmdline = cmp.Or(cmdline, comment(i.Comments, "cmdline="))
			}
		}
	} else if host == "" && !s.mixed {
		start.Host = s.host
	}
	if len(s.sources) == 0 && !s.mixed { // it is what the section is of
		start.Arch = cmp.Or(s.section.Hardware, start.Arch)
		start.Tool = cmp.Or(comment(s.section.Comments, "tool="), start.Tool, s.section.Application)
		cmdline = cmp.Or(comment(s.section.Comments, "cmdline="), cmdline)
	}
	if cmdline != "" {
		start.Cmdline = strings.Split(cmdline, " ")
	}
	src := &source{host: host, os: os, ours: ours, start: start.AppendMsgpack(nil), last: ts}
	s.sources = append(s.sources, src)
	return src
}

// interfaces are those of the section that are known by now.
func (s *streamer) interfaces() []*pcapng.Interface {
	if s.ifaces == nil {
		return nil
	}
	return s.ifaces()
}

// speeds fills in those of the host's devices, and of which network namespace they are.
func (s *streamer) speeds(start *format.Start, host string) {
	for _, i := range s.interfaces() {
		namespace, ok := strings.CutPrefix(i.Description, "network namespace ")
		inum, err := strconv.ParseUint(namespace, 10, 32)
		if !s.ours || i.Speed < 1e6 || !ok || err != nil || s.hostOf(i) != host {
			continue
		}
		if start.Speed == nil {
			start.Speed = map[string]uint64{}
		}
		name, ok := unescape(nil, []byte(i.Name))
		if !ok {
			continue
		}
		start.Netns.Inum = uint32(inum)
		start.Speed[string(name)] = i.Speed / 1e6
	}
}

// comment returns what stands behind key in the first comment that begins with it.
func comment(comments []string, key string) string {
	for _, c := range comments {
		if v, ok := strings.CutPrefix(c, key); ok {
			// mergecap adds lines of its own; in ours a line's end is escaped.
			v, _, _ = strings.Cut(v, " \n")
			if plain, ok := unescape(nil, []byte(v)); ok {
				v = string(plain)
			}
			return v
		}
	}
	return ""
}

// left says what is not in the stream.
func (s *streamer) left() (lines []string) {
	var types []uint16
	for t := range s.leftOut {
		types = append(types, t)
	}
	slices.Sort(types)
	for _, t := range types {
		lines = append(lines, fmt.Sprintf("%s left out: too short, or of link type %d, which holds no packets of Linux", spell.Count(s.leftOut[t], "packet"), t))
	}
	return lines
}

// event appends p, of a source, as an event; false if it is none.
func (s *streamer) event(dst []byte, src *source, p *pcapng.Captured) ([]byte, bool, error) {
	e := &s.read
	*e = event{ts: p.Time}
	s.comment.parse(e, p)
	if !s.link(e, p) {
		return dst, false, nil
	}
	ours := s.ours || e.probe != nil || isOurs(p.Interface) // of a section, a packet, an interface
	if ours {
		if e.probe == nil {
			e.probe = []byte(p.Interface.Name)
			if plain, ok := unescape(nil, e.probe); ok {
				e.probe = plain
			}
		}
	} else {
		s.tap(e, p)
	}
	s.fromOptions(e, p, ours)
	if s.comment.stack != nil {
		id, err := s.stack(src, s.comment.stack)
		if err != nil {
			return dst, false, err
		}
		e.stack = opt{id, true}
	}
	return e.append(dst, &s.comment), true, nil
}

// tap fills in what is known of the place where others capture: a device, where packets
// come in or leave. Each packet is a buffer of its own, so that skb-track can follow it.
func (s *streamer) tap(e *event, p *pcapng.Captured) {
	s.count++
	if !e.skb.id.ok {
		e.skb.id = opt{s.count, true}
	}
	if e.dev == nil && len(p.Interface.Name) > 0 && !e.ifindex.ok {
		e.dev = []byte(p.Interface.Name)
	}
	if e.probe != nil {
		return
	}
	direction := p.Flags & pcapng.DirectionMask
	if e.skb.pktType.ok { // of a cooked header
		direction = pcapng.Inbound
		if e.skb.pktType.v == packetOutgoing {
			direction = pcapng.Outbound
		}
	}
	switch {
	case direction == pcapng.Inbound:
		e.probe = tapIn
	case direction == pcapng.Outbound:
		e.probe = tapOut
	case len(p.Interface.Name) > 0:
		e.probe = []byte(p.Interface.Name)
	default:
		e.probe = tapUnknown
	}
}

// Where AF_PACKET sees packets: net/core/dev.c, __netif_receive_skb_core and xmit_one.
var (
	tapIn      = []byte(kfunc.TraceNetifReceiveSkb)
	tapOut     = []byte(kfunc.TraceNetDevStartXmit)
	tapUnknown = []byte("capture")
)

// fromOptions fills in what pcapng says of a packet.
func (s *streamer) fromOptions(e *event, p *pcapng.Captured, ours bool) {
	if p.HasID && ours && !e.packet.ok {
		e.packet = opt{p.ID, true}
	}
	if p.HasFlags && !e.skb.pktType.ok {
		switch p.Flags & pcapng.ReceptionMask {
		case pcapng.Unicast:
			e.skb.pktType = opt{0, true}
		case pcapng.Broadcast:
			e.skb.pktType = opt{1, true}
		case pcapng.Multicast:
			e.skb.pktType = opt{2, true}
		case pcapng.Promiscuous:
			e.skb.pktType = opt{3, true}
		case 0:
			if p.Flags&pcapng.DirectionMask == pcapng.Outbound {
				e.skb.pktType = opt{packetOutgoing, true}
			}
		}
	}
	if (p.HasFlags || ours) && e.epbFlags() != p.Flags {
		e.flags = opt{uint64(p.Flags), true}
	}
	if p.HasQueue {
		switch p.Flags & pcapng.DirectionMask {
		case pcapng.Inbound:
			e.skb.queue = opt{uint64(p.Queue) + 1, true}
		case pcapng.Outbound:
			e.skb.queue = opt{uint64(p.Queue), true}
		}
	}
}
