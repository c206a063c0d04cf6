// Package read turns captures, of skb-pcap and of others, into a stream.
package read

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/compress"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
	"github.com/skb-tools/skb-tools/internal/pcapng"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/spell"
)

// Run turns the capture in, which is called name, into a stream. host is what it is of where it does not say
// so itself; part: that a stream in it was not whole is no error.
func Run(in io.Reader, name, host string, part bool, stdout, stderr io.Writer) error {
	sink, err := pipe.NewSink(pipe.Options{Output: "auto"}, stdout)
	if err != nil {
		return err
	}
	s := &streamer{sink: sink, leftOut: map[uint16]uint64{}, part: part, host: host, notes: map[*pcapng.Section]*notes{}}
	err = s.capture(in, name)
	if err == nil && s.halves > 0 {
		err = &HalfError{name}
	}
	if ferr := sink.Flush(); err == nil {
		err = ferr
	}
	for _, line := range s.left() {
		pipe.Say(stderr, "skb-pcap", line)
	}
	return err
}

// A HalfError is that of a capture of a stream that was not whole.
type HalfError struct{ name string }

func (e *HalfError) Error() string {
	return e.name + ": is not of a whole stream, as skb-pcap wrote into it, or was killed before its end: no end record " +
		"is written (--part writes one)"
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

// A whole reader is one of a file that ends with io.ErrUnexpectedEOF where its compression is cut off.
type whole struct{ *compress.Reader }

func (w whole) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err == io.EOF && w.Cut() {
		err = io.ErrUnexpectedEOF
	}
	return n, err
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
	case packet.StreamOpen:
		n.opened = n.opened || !n.packets
	case packet.StreamWhole:
		n.whole = true
	case packet.StreamPart:
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
	names        map[uint64]name // of network namespaces
}

// capture reads to the end of in.
func (s *streamer) capture(in io.Reader, name string) error {
	r := bufio.NewReaderSize(whole{compress.NewReader(idler{pipe.Interruptible(in), s.sink.Flush})}, 256<<10)
	magic, err := r.Peek(4)
	switch {
	case err == io.EOF && len(magic) == 0:
		return fmt.Errorf("%s: is empty: no capture, whose header alone has 24 bytes", name)
	case err == nil && binary.LittleEndian.Uint32(magic) == 0x0a0d0d0a:
		err = s.pcapng(pcapng.NewReader(r))
	case err == nil && (binary.LittleEndian.Uint32(magic) == modifiedPcap ||
		binary.BigEndian.Uint32(magic) == modifiedPcap):
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

// isStream reports whether in begins as a stream does (format/FORMAT.md): with the length of a record, which is a map
// of msgpack, or with an object of JSON.
func isStream(in *bufio.Reader) bool {
	b, _ := in.Peek(5)
	return len(b) > 0 && b[0] == '{' || len(b) == 5 && b[0] == 0 && (b[4]&0xf0 == 0x80 || b[4] == 0xde || b[4] == 0xdf)
}

// pcap reads the older format, which knows one interface without a name.
func (s *streamer) pcap(in *bufio.Reader) error {
	if isStream(in) {
		return errors.New("this is a stream and no capture: name it without --read")
	}
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

// left says what is not in the stream.
func (s *streamer) left() (lines []string) {
	var types []uint16
	for t := range s.leftOut {
		types = append(types, t)
	}
	slices.Sort(types)
	for _, t := range types {
		lines = append(lines, fmt.Sprintf("%s left out: too short, or of link type %d, which holds no packets of Linux",
			spell.Count(s.leftOut[t], "packet"), t))
	}
	return lines
}
