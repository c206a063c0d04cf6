package skbpcap

import (
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pcapng"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// A writer turns records into pcapng.
type writer struct {
	o     *Options
	w     io.Writer
	head  []byte // the section header and what interfaces were met before the first write
	buf   []byte
	opt   []byte // scratch for an option
	start format.Start

	begun      bool // there is a section header
	written    bool // and it was written
	interfaces map[string]uint32
	chosen     map[string]bool // probes that --probe has decided on
	lost       uint64          // since the last packet
	without    map[string]uint64
	event      event
	frame      frame
}

func newWriter(o *Options, w io.Writer) *writer {
	return &writer{o: o, w: w, interfaces: map[string]uint32{}, chosen: map[string]bool{}, without: map[string]uint64{}}
}

// flushSize is when the blocks gathered are written, in bytes; firstFlushSize when they
// are for the first time, unless the input pauses before. Interfaces that are met by then
// stand in front of all packets: reordercap of Wireshark 4.0 fails on later ones.
const (
	flushSize      = 64 << 10
	firstFlushSize = 1 << 20
)

func (w *writer) record(r format.Raw) error {
	switch r.Type() {
	case format.TypeStart:
		if err := w.start.Decode(r); err != nil {
			return err
		}
	case format.TypeLoss:
		if what, _ := r.Get("what").Str(); string(what) == "event" {
			n, _ := r.Get("count").Uint()
			w.lost += n
		}
	case format.TypeEvent:
		w.event.decode(r)
		w.packet(&w.event)
	}
	if len(w.buf) >= firstFlushSize || w.written && len(w.buf) >= flushSize {
		return w.flush()
	}
	return nil
}

func (w *writer) packet(e *event) {
	if !w.wanted(e.probe) {
		return
	}
	if !e.frame(&w.frame) {
		w.without[string(e.probe)]++
		return
	}
	f := &w.frame
	iface := w.iface(e.probe)
	captured := f.captured()
	dst, block := pcapng.BeginPacket(w.buf, iface, e.ts+uint64(w.start.ClockOffset), uint32(captured), f.original)
	dst = append(dst, f.header[:f.headerLen]...)
	dst = pcapng.Pad(append(dst, f.rest...))
	if flags := direction(e); flags != 0 {
		dst = pcapng.AppendFlags(dst, flags)
	}
	if w.lost > 0 {
		dst = pcapng.AppendDropCount(dst, w.lost)
		w.lost = 0
	}
	if e.tracked {
		dst = pcapng.AppendPacketID(dst, e.packet)
	}
	if e.hasQueue {
		dst = pcapng.AppendQueue(dst, uint32(e.queue))
	}
	if !w.o.NoComment {
		dst = w.comments(dst, e)
	}
	w.buf = block.End(dst)
}

// comments appends one option for each key=value, so that a filter on a whole comment
// matches exactly.
func (w *writer) comments(dst []byte, e *event) []byte {
	dst = w.comment(dst, "probe=", e.probe)
	if e.dev != nil {
		dst = w.comment(dst, "dev=", e.dev)
	}
	if e.netns != 0 {
		w.opt = strconv.AppendUint(append(w.opt[:0], "netns="...), e.netns, 10)
		dst = appendComment(dst, w.opt)
	}
	if e.tracked {
		w.opt = strconv.AppendUint(append(w.opt[:0], "packet="...), e.packet, 10)
		dst = appendComment(dst, w.opt)
		w.opt = strconv.AppendUint(append(w.opt[:0], "hop="...), e.hop, 10)
		dst = appendComment(dst, w.opt)
	}
	if e.reason != nil {
		dst = w.comment(dst, "drop=", e.reason)
	}
	if e.location != nil {
		dst = w.comment(dst, "location=", e.location)
	}
	if w.frame.synthetic {
		dst = append(dst, syntheticComment...)
	}
	return dst
}

var syntheticComment = appendComment(nil, []byte("l2=synthetic"))

func (w *writer) comment(dst []byte, key string, value []byte) []byte {
	w.opt = append(append(w.opt[:0], key...), value...)
	return appendComment(dst, w.opt)
}

func appendComment(dst, text []byte) []byte {
	text = text[:min(len(text), 1<<16-1)]
	dst = append(dst, pcapng.OptComment, 0, byte(len(text)), byte(len(text)>>8))
	return pcapng.Pad(append(dst, text...))
}

// direction is seen from the host: what comes in from a device is inbound.
func direction(e *event) uint32 {
	switch {
	case string(e.probe) == "net:netif_receive_skb" || string(e.probe) == "net:netif_rx":
		return pcapng.Inbound
	case string(e.probe) == "net:net_dev_start_xmit" || string(e.probe) == "net:net_dev_queue" || e.pktType == 4:
		return pcapng.Outbound
	}
	return 0
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
	w.chosen[string(probe)] = yes
	return yes
}

// iface returns the number of the probe's interface, which it describes when it is new.
func (w *writer) iface(probe []byte) uint32 {
	if n, ok := w.interfaces[string(probe)]; ok {
		return n
	}
	w.begin()
	n := uint32(len(w.interfaces))
	w.interfaces[string(probe)] = n
	i := pcapng.Interface{Name: string(probe)}
	if w.written {
		w.buf = i.Append(w.buf)
	} else {
		w.head = i.Append(w.head)
	}
	return n
}

// begin writes the section header, once.
func (w *writer) begin() {
	if w.begun {
		return
	}
	w.begun = true
	s := pcapng.Section{Hardware: w.start.Arch, Application: "skb-pcap " + pipe.Version}
	if w.start.Kernel != "" {
		s.OS = "Linux " + w.start.Kernel
		s.Comments = []string{"host=" + w.start.Host, "cmdline=" + strings.Join(w.start.Cmdline, " ")}
	}
	w.head = s.Append(w.head)
}

// idle hands on what there is. Readers want to see an interface before they wait for
// packets, so there is one by then, whether or not a packet has come.
func (w *writer) idle() error {
	if len(w.interfaces) == 0 && w.start.Kernel != "" {
		w.iface([]byte("skb"))
	}
	return w.flush()
}

func (w *writer) flush() error {
	if !w.written && len(w.head) > 0 {
		w.written = true
		if _, err := w.w.Write(w.head); err != nil {
			return err
		}
	}
	if len(w.buf) == 0 {
		return nil
	}
	_, err := w.w.Write(w.buf)
	w.buf = w.buf[:0]
	return err
}

// finish ends the file: one interface at least, or tcpdump calls it an error.
func (w *writer) finish() error {
	if len(w.interfaces) == 0 {
		w.iface([]byte("skb"))
	}
	return w.flush()
}

// left says which events are not in the file, one line, "" when all are.
func (w *writer) left() string {
	if len(w.without) == 0 {
		return ""
	}
	var total uint64
	most, where := uint64(0), ""
	for probe, n := range w.without {
		total += n
		if n > most || n == most && probe < where {
			most, where = n, probe
		}
	}
	return fmt.Sprintf("%d events left out: no packet bytes, or no header to read them by yet (most at %s, %d)", total, where, most)
}
