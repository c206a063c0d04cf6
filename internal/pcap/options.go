// Package pcap is the skb-pcap command: it turns a stream into pcapng, and a capture
// into a stream.
package pcap

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/skb-tools/skb-tools/internal/pcap/write"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Options are skb-pcap's flags and arguments.
type Options struct {
	pipe.Input
	pipe.Habits

	Write       string   `group:"output" short:"w" placeholder:"FILE" help:"Write to FILE instead of stdout, compressed if its name ends in .zst, .gz or .lz4; - is stdout."`
	FileSize    fileSize `group:"output" short:"C" placeholder:"SIZE" help:"Start a new file (FILE1, FILE2, ...) when the current one is larger than SIZE, in millions of bytes as with tcpdump. The suffixes k, m and g are powers of 1024, which not every tcpdump has."`
	FileCount   int      `group:"output" short:"W" placeholder:"COUNT" help:"With -C: keep at most this many files, then overwrite the first. No effect without -C, as with tcpdump."`
	Probe       []string `group:"packets" short:"p" placeholder:"GLOB" help:"Only events at these probes (net:netif_receive_skb, 'tcp_*'). May be repeated."`
	ListProbes  bool     `group:"what" help:"Print the number of events at each probe, and write no capture."`
	InterfaceBy string   `group:"output" enum:"probe,dev,netns,cpu" default:"probe" placeholder:"WHAT" help:"What becomes an interface of the capture: probe (default), dev, netns or cpu."`
	Linktype    string   `group:"output" enum:"ethernet,raw,sll2" default:"ethernet" placeholder:"TYPE" help:"How packets begin: ethernet (a made-up header where a packet has none), raw (the IP header) or sll2 (Linux cooked, with ifindex and direction)."`
	Once        string   `group:"packets" enum:"first,last,all" default:"all" placeholder:"WHICH" help:"Only one event of each packet: first or last; or all (default). Works best after skb-track."`
	Names       string   `group:"output" placeholder:"FILE" help:"Add the names of addresses in FILE, which has the form of /etc/hosts, to the capture."`
	Read        string   `group:"what" placeholder:"FILE" help:"Turn the capture FILE, pcapng or pcap, back into a stream. - is stdin."`
	NoComment   bool     `group:"output" help:"Write packets without comments."`

	Files []string `arg:"" optional:"" help:"Streams to read; none or - is stdin."`
}

// Validate refuses what makes no sense together.
func (o *Options) Validate() error {
	for _, g := range o.Probe {
		if _, err := path.Match(g, ""); err != nil {
			return fmt.Errorf("--probe %s: not a valid glob", g)
		}
	}
	switch {
	case o.FileSize > 0 && (o.Write == "" || o.Write == "-"):
		return errors.New("-C needs the name of a file: -w FILE")
	case o.FileCount < 0:
		return errors.New("-W: a number of files is not negative")
	case o.Read != "" && len(o.Files) > 0:
		return errors.New("--read reads the one capture that it names, and no streams")
	case o.Read != "" && (o.ListProbes || o.shapes()):
		return errors.New("--read writes a stream: of the other flags only -w goes with it")
	case o.ListProbes && (o.Write != "" || o.shapes()):
		return errors.New("--list-probes writes no capture: none of the other flags goes with it")
	}
	return nil
}

// shapes reports whether a flag was given that says what a capture has in it, or into how many files it goes.
func (o *Options) shapes() bool {
	return o.FileSize > 0 || o.FileCount > 0 || len(o.Probe) > 0 || o.Names != "" || o.NoComment ||
		o.Once == "first" || o.Once == "last" || o.InterfaceBy != "" && o.InterfaceBy != "probe" ||
		o.Linktype != "" && o.Linktype != "ethernet"
}

// out is what of it the way out goes by.
func (o *Options) out() *write.Options {
	return &write.Options{Write: o.Write, FileSize: int64(o.FileSize), FileCount: o.FileCount, Probe: o.Probe,
		InterfaceBy: o.InterfaceBy, Linktype: o.Linktype, Once: o.Once, Names: o.Names, NoComment: o.NoComment}
}

// fileSize is tcpdump's -C, in bytes.
type fileSize int64

// UnmarshalText reads millions of bytes, or a number with a suffix k, m or g of 1024s.
func (s *fileSize) UnmarshalText(text []byte) error {
	t := strings.ToLower(string(text))
	unit := int64(1_000_000)
	switch digits := strings.TrimRight(t, "kmg"); t[len(digits):] {
	case "k":
		t, unit = digits, 1<<10
	case "m":
		t, unit = digits, 1<<20
	case "g":
		t, unit = digits, 1<<30
	}
	n, err := strconv.ParseInt(t, 10, 64)
	if err != nil || n <= 0 || n > (1<<62)/unit {
		return fmt.Errorf("%q is not a size (10: millions of bytes, 500k, 100m, 2g)", text)
	}
	*s = fileSize(n * unit)
	return nil
}
