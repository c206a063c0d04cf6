package streamtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/drops"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/sort"
	"github.com/skb-tools/skb-tools/internal/track"
)

// changing is a stream of a host on which a firewall comes at 5 s. Its `change` comes behind events of later,
// as one that was found by comparing.
func changing(host string) []byte {
	var out bytes.Buffer
	enc := format.NewEncoder(&out)
	_ = enc.Write(&format.Start{TS: 1e9, Host: host, Kernel: "6.1.0", Netns: format.Netns{Inum: 7}, Firewall: map[string]string{}, DropReasons: map[uint32]string{3: "NETFILTER_DROP"}})
	event := func(ts uint64, id uint64, dropped bool) {
		e := &format.Event{TS: ts, Probe: "ip_rcv", Netns: format.Netns{Inum: 7}, Dev: format.Dev{Name: "e0", Ifindex: 2}}
		e.Skb.Set(format.SkbID, id)
		e.Skb.Set(format.SkbAddr, id)
		e.Skb.Set(format.SkbHead, id)
		if dropped {
			e.Probe = "skb:kfree_skb"
			e.Drop = format.Drop{Reason: 3, Name: "NETFILTER_DROP", Location: "nf_hook_slow+0x1"}
		}
		_ = enc.Write(e)
	}
	event(2e9, 1, false)
	event(3e9, 2, true)
	event(6e9, 1, true) // the packet came before the rule, and is dropped by it
	event(7e9, 3, true)
	_ = enc.Write(&format.Change{TS: 4e9, Seen: format.Some(uint64(8e9)), Keys: []string{"firewall"}, Facts: format.Facts{"firewall": {"nft inet t c": wire.AppendStr(nil, "input")}}})
	event(9e9, 4, true)
	_ = enc.Write(&format.End{TS: 10e9, Events: 5, Cause: "signal"})
	_ = enc.Flush()
	return out.Bytes()
}

// TestChangeKept: skb-track and skb-sort hand `change` records on, each with its own start, and where they stand
// skb-drops says of no drop behind the change that there was no rule.
func TestChangeKept(t *testing.T) {
	sorting := func(by string) func(in io.Reader, out io.Writer) error {
		return func(in io.Reader, out io.Writer) error {
			return sort.Run(context.Background(), sort.Options{Options: pipe.Options{Output: "stream"}, Memory: 1 << 20, By: by}, in, out, io.Discard)
		}
	}
	tracked := func(in io.Reader, out io.Writer) error {
		return track.Run(context.Background(), tracking(), in, out, io.Discard)
	}
	two := append(changing("a"), changing("b")...)
	for name, c := range map[string]struct {
		steps []func(in io.Reader, out io.Writer) error
		known int // drops of each host of which it is known that there was no rule
	}{
		"skb-sort":                         {[]func(io.Reader, io.Writer) error{sorting("time")}, 1},
		"skb-track | skb-sort":             {[]func(io.Reader, io.Writer) error{tracked, sorting("time")}, 1},
		"skb-track | skb-sort --by":        {[]func(io.Reader, io.Writer) error{tracked, sorting("journey")}, 0},
		"skb-track | skb-sort --by packet": {[]func(io.Reader, io.Writer) error{tracked, sorting("packet")}, 0},
		"skb-sort | skb-sort":              {[]func(io.Reader, io.Writer) error{sorting("time"), sorting("time")}, 1},
		"--ended": {[]func(io.Reader, io.Writer) error{func(in io.Reader, out io.Writer) error {
			o := tracking()
			o.Ended = []string{"dropped"}
			return track.Run(context.Background(), o, in, out, io.Discard)
		}, sorting("time")}, 1},
	} {
		stream := two
		for _, step := range c.steps {
			var out bytes.Buffer
			if err := step(bytes.NewReader(stream), &out); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			stream = out.Bytes()
			if n := bytes.Count(stream, []byte("\xa6change")); n != 2 {
				t.Errorf("%s: %d changes of 2", name, n)
			}
			if err := Whole(spec(t), stream); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		var out bytes.Buffer
		if err := drops.Run(context.Background(), drops.Options{Options: pipe.Options{Output: "json"}}, bytes.NewReader(stream), &out, io.Discard); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		none := 0
		for line := range strings.Lines(out.String()) {
			if !strings.Contains(line, "no rule of nftables or iptables was there") {
				continue
			}
			if none++; !strings.Contains(line, fmt.Sprint(`"ts":`, int(3e9))) {
				t.Errorf("%s: no rule: %s", name, line)
			}
		}
		if drops := strings.Count(out.String(), `"type":"event"`); drops != 8 || none != 2*c.known {
			t.Errorf("%s: %d drops, of %d of which it is known that there was no rule; want 8 and %d", name, drops, none, 2*c.known)
		}
	}
}

// TestCountersKept: skb-track and skb-sort hand `counters` records on, and where they stand skb-drops finds the drops
// that they count.
func TestCountersKept(t *testing.T) {
	var stream bytes.Buffer
	enc := format.NewEncoder(&stream)
	_ = enc.Write(&format.Start{TS: 1e9, Host: "a", Kernel: "6.12.0", Netns: format.Netns{Inum: 7}, DropReasons: map[uint32]string{3: "SOCKET_RCVBUFF"}})
	_ = enc.Write(&format.Counters{TS: 3e9, Took: 1, Drops: true, Netns: []uint32{7}})
	for i, probe := range []string{"ip_rcv", "skb:kfree_skb", "skb:kfree_skb"} {
		e := &format.Event{TS: 2e9 + 2e9*uint64(i), Probe: probe, Netns: format.Netns{Inum: 7}, Dev: format.Dev{Name: "e0", Ifindex: 2}}
		e.Packet = format.Packet{Len: 28, At: "network", Data: []byte{0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 1, 0, 53, 0, 8, 0, 0}}
		e.Skb.Set(format.SkbProtocol, 0x0800)
		id := uint64(1 + i/2) // the first packet came before the reading
		e.Skb.Set(format.SkbID, id)
		e.Skb.Set(format.SkbAddr, id)
		e.Skb.Set(format.SkbHead, id)
		if i > 0 {
			e.Drop = format.Drop{Reason: 3, Name: "SOCKET_RCVBUFF", Location: "udp_queue_rcv_one_skb+0x1"}
		}
		_ = enc.Write(e)
	}
	grew := format.Counter{Source: "snmp", Name: "UdpRcvbufErrors", Netns: 7, From: format.Some(uint64(1)), To: 3}
	_ = enc.Write(&format.Counters{TS: 8e9, Took: 1, Since: format.Some(uint64(3e9)), Before: 1, Drops: true, Netns: []uint32{7}, Grew: []format.Counter{grew}})
	_ = enc.Write(&format.End{TS: 10e9, Events: 3, Cause: "signal"})
	_ = enc.Flush()
	for _, by := range []string{"", "time", "journey", "packet"} {
		var tracked, sorted, out bytes.Buffer
		if err := track.Run(context.Background(), tracking(), bytes.NewReader(stream.Bytes()), &tracked, io.Discard); err != nil {
			t.Fatal(err)
		}
		if by == "" {
			sorted = tracked
		} else if err := sort.Run(context.Background(), sort.Options{Options: pipe.Options{Output: "stream"}, Memory: 1 << 20, By: by}, &tracked, &sorted, io.Discard); err != nil {
			t.Fatal(err)
		}
		o := drops.Options{Options: pipe.Options{Output: "text"}, Summary: true}
		if err := drops.Run(context.Background(), o, &sorted, &out, io.Discard); err != nil {
			t.Fatal(err)
		}
		if text := out.String(); !strings.Contains(text, "among the drops above: UdpRcvbufErrors +2\nno other counter of lost packets that was read grew") {
			t.Errorf("skb-track | skb-sort --by %q: %s", by, text)
		}
	}
}
