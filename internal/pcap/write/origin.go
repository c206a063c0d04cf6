package write

import (
	"bytes"
	"strings"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/flowrules"
	"github.com/skb-tools/skb-tools/internal/netname"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
)

// An origin is what a start record says of the records behind it.
type origin struct {
	record  format.Raw
	start   format.Start
	number  byte              // of the host and its kernel, for interfaces
	foreign bool              // of another host than the first
	lost    uint64            // since its last packet
	stacks  map[uint64][]byte // comments, by the number that events name
	flows   flowrules.Answers // comments
	names   *netname.Names
}

// maxOrigins bounds how many starts are told apart: a merge of streams has each of its
// starts again and again. So does format.MaxStartBytes.
const maxOrigins = 255

// origin returns the origin that the start record r is, which may be one of before.
func (w *writer) originOf(r format.Raw) (*origin, error) {
	for _, o := range w.origins {
		if bytes.Equal(o.record, r) {
			return o, nil
		}
	}
	o := &origin{record: bytes.Clone(r)}
	if err := o.start.Decode(o.record); err != nil {
		return nil, err
	}
	o.names = netname.Of(o.record)
	if len(w.origins) > 0 {
		o.foreign = o.start.Host != w.origins[0].start.Host
		for _, other := range w.origins {
			o.number = max(o.number, other.number+1)
		}
	}
	for _, other := range w.origins {
		if o.start.Host == other.start.Host && o.start.Kernel == other.start.Kernel {
			o.number = other.number
		}
	}
	if len(w.origins) == 0 || len(w.origins) < maxOrigins && w.originBytes+len(r) <= format.MaxStartBytes {
		w.origins = append(w.origins, o)
		w.originBytes += len(r)
	}
	return o, nil
}

// firstOf returns the first origin of o's host and kernel.
func (w *writer) firstOf(o *origin) *origin {
	for _, first := range w.origins {
		if first.number == o.number {
			return first
		}
	}
	return o
}

func (o *origin) os() string {
	if o.start.Kernel == "" {
		return ""
	}
	return "Linux " + o.start.Kernel
}

// madeBy are comments on what wrote the stream.
func (o *origin) madeBy() []string {
	return []string{says("tool=", o.start.Tool), says("cmdline=", strings.Join(o.start.Cmdline, " "))}
}

// says is a comment on a section or an interface.
func says(key, value string) string { return string(packet.AppendEscaped([]byte(key), []byte(value))) }
