//go:build hosts

package hosts

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/skb-tools/skb-tools/format"
)

// A part is one packet on one host, as skb-track --infer tells it.
type part struct {
	host, name string // name: what it is, by its bytes
	journey    format.Journey
	first      format.Track
	from       *part // on another host, by skb-track
	into       int   // how many it is the from of
}

// joined runs skb-sort and skb-track --infer on streams, and returns the packets of all hosts in the order in which
// they were first seen.
func joined(t *testing.T, streams []string) (parts []*part, wires []format.Wire) {
	t.Helper()
	out := pipeline(t, "skb-sort -o stream "+strings.Join(streams, " ")+" | skb-track --infer -o stream")
	var starts format.Starts[string]
	host := ""
	byNumber := map[uint64]*part{}
	d := format.NewDecoder(bytes.NewReader(out))
	for {
		r, err := d.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch r.Type() {
		case format.TypeStart:
			var s format.Start
			if err := s.Decode(r); err != nil {
				t.Fatal(err)
			}
			host = s.Host
			starts.Set(r, host)
		case format.TypeResume:
			host, _ = starts.Resume(r)
		case format.TypeLoss:
			t.Errorf("%s lost records: %s", host, r)
		case format.TypeEvent:
			var e format.Event
			if err := e.Decode(r); err != nil {
				t.Fatal(err)
			}
			var track format.Track
			track.Decode(slices.Clone(r.Get("track"))) // its changes are part of the record
			p := byNumber[track.Packet]
			if p == nil {
				p = &part{host: host, first: track}
				byNumber[track.Packet] = p
				parts = append(parts, p)
			}
			if p.name == "" {
				p.name = nameOf(&e.Packet)
			}
			if p.host != host {
				t.Errorf("packet %d is on %s and on %s", track.Packet, p.host, host)
			}
		case format.TypeJourney:
			var j format.Journey
			if err := j.Decode(r); err != nil {
				t.Fatal(err)
			}
			if p := byNumber[j.Packet]; p != nil {
				p.journey = j
			}
		case format.TypeWire:
			var w format.Wire
			if err := w.Decode(r); err != nil {
				t.Fatal(err)
			}
			wires = append(wires, w)
		}
	}
	join := func(from, to *part) {
		if from == nil || to == nil || to.from != nil {
			t.Errorf("joined with a packet that is not there, or twice: %v, %v", from, to)
			return
		}
		to.from = from
		from.into++
	}
	for _, p := range parts {
		if p.first.From.How == "wire" {
			join(byNumber[p.first.From.Packet], p)
		}
		if e := &p.journey.End; e.How == "transmitted" && e.Into != 0 {
			join(p, byNumber[e.Into])
		}
	}
	for _, p := range parts {
		if f := p.from; f != nil {
			if f.name != p.name || f.host == p.host {
				t.Errorf("%q of %s was joined with %q of %s", p.name, p.host, f.name, f.host)
			}
			if one := map[bool]*part{true: p, false: f}[p.first.From.How == "wire"]; !one.journey.Inferred {
				t.Errorf("%q of %s was joined and is not marked", one.name, one.host)
			}
		}
	}
	return parts, wires
}

// nameOf tells what a packet is, without addresses that a router may have rewritten.
func nameOf(p *format.Packet) string {
	var first gopacket.Decoder = layers.LayerTypeEthernet
	if p.At == "network" {
		first = layers.LayerTypeIPv4
		if len(p.Data) > 0 && p.Data[0]>>4 == 6 {
			first = layers.LayerTypeIPv6
		}
	}
	name := ""
	for _, l := range gopacket.NewPacket(p.Data, first, gopacket.Default).Layers() {
		switch l := l.(type) {
		case *layers.UDP:
			name = string(l.Payload)
		case *layers.VXLAN:
			name = ""
		case *layers.TCP:
			name = fmt.Sprintf("tcp %d > %d, %d %d", l.SrcPort, l.DstPort, l.Seq, len(l.Payload))
			if l.SYN && !l.ACK {
				name = fmt.Sprintf("syn %d", l.DstPort)
			}
		case *layers.ICMPv4:
			return fmt.Sprintf("icmp %s id=%d seq=%d", l.TypeCode, l.Id, l.Seq)
		case *layers.ICMPv6:
			return "icmpv6 " + l.TypeCode.String()
		}
	}
	return strings.TrimSpace(name)
}

// named returns the packets on a host whose name has this in it.
func named(parts []*part, host, name string) []*part {
	return slices.DeleteFunc(slices.Clone(parts), func(p *part) bool {
		return p.host != host || !strings.Contains(p.name, name)
	})
}

// crossed tests that n packets of that name left one host and are one journey with those that came in at the other.
func crossed(t *testing.T, parts []*part, from, to, name string, n int) []*part {
	t.Helper()
	sent, received := named(parts, from, name), named(parts, to, name)
	if len(sent) != n || len(received) != n {
		t.Errorf("%q: %d left %s and %d came in at %s, want %d", name, len(sent), from, len(received), to, n)
	}
	for _, p := range received {
		if p.from == nil || p.from.host != from {
			t.Errorf("%q on %s was joined with none of %s: %+v", p.name, to, from, p)
		}
	}
	return received
}

// equals tests that of equal packets none was joined but the first one of both hosts, with each other.
func equals(t *testing.T, parts []*part, from, to, name string, left, came int) {
	t.Helper()
	sent, received := named(parts, from, name), named(parts, to, name)
	if len(sent) < left || len(received) < came {
		t.Errorf("%q: %d left %s and %d came in at %s, want %d and %d", name, len(sent), from, len(received), to, left, came)
	}
	for i, p := range received {
		if p.from != nil && (i > 0 || len(sent) == 0 || p.from != sent[0]) {
			t.Errorf("number %d of equal packets %q was joined", i, name)
		}
	}
}
