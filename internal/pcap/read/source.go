package read

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
	"github.com/skb-tools/skb-tools/internal/pcapng"
)

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
	if i.Description != "" && i.Description == packet.Describe([]byte(i.Name)) {
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
		loss := format.Loss{TS: src.last, Count: total[src] - src.lost, What: "event",
			Cause: "the capture counts them as dropped"}
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
		namespace, _, _ = strings.Cut(namespace, " ") // its name
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
