//go:build linux && (amd64 || arm64)

package collect

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/internal/compress"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// Validate refuses words that were meant for something else.
func (o *Options) Validate() error {
	if o.List || len(o.Command) == 0 || slices.Contains(os.Args, "--") {
		return nil
	}
	first, all := o.Command[0], strings.Join(o.Command, " ")
	if pipe.LooksLikeFilter(first) {
		return pipe.Usagef("%s: a filter goes behind -f: -f '%s' (and a command behind --)", first, all)
	}
	if _, err := exec.LookPath(first); err == nil {
		return nil
	}
	address := strings.Trim(first, "[]")
	if _, err := netip.ParseAddr(address); err == nil && o.Packets.Filter == "" {
		return pipe.Usagef("%s: a filter goes behind -f: -f 'host %s'", first, address)
	}
	if _, err := netip.ParsePrefix(address); err == nil && o.Packets.Filter == "" {
		return pipe.Usagef("%s: a filter goes behind -f: -f 'net %s'", first, address)
	}
	if f := o.Packets.Filter; f != "" && !strings.Contains(f, " ") && os.Args[len(os.Args)-len(o.Command)-1] == f {
		return pipe.Usagef("%s: a filter of several words needs quotes: -f '%s %s' (and a command goes behind --)",
			first, f, all)
	}
	if _, err := net.InterfaceByName(first); err == nil {
		return pipe.Usagef("%s: a device goes behind -i: -i %s (and a command behind --)", first, first)
	}
	return nil
}

// checkWrite refuses what -w can't write, and takes - for stdout, as tcpdump does.
func (o *Options) checkWrite() error {
	if o.Write == "-" {
		o.Write = ""
	}
	if o.Write == "" {
		return nil
	}
	if o.Output == "json" || o.Output == "text" {
		return pipe.Usagef("-w writes a stream: for %s leave it out: -o %s > %s", o.Output, o.Output, o.Write)
	}
	name, _ := compress.CutSuffix(o.Write)
	for _, end := range []string{".pcap", ".pcapng", ".cap"} {
		if strings.HasSuffix(strings.ToLower(name), end) {
			return pipe.Usagef("-w writes a stream, which is no capture: for %s: skb-collect ... | skb-pcap -w %s",
				o.Write, o.Write)
		}
	}
	return nil
}
