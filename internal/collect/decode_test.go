//go:build linux && (amd64 || arm64)

package collect

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/kernel"
)

// discard is an output to nowhere.
type discard struct{ *format.Encoder }

func (d discard) Write(r format.Raw) error { return d.WriteRaw(r) }
func (d discard) Close() error             { return d.Flush() }
func (d discard) File() int                { return 1 }
func (d discard) Fits(int) bool            { return true }
func (d discard) Next() error              { return nil }

// eventRecord is what the ring buffer holds of a packet of 96 bytes.
func eventRecord(tb testing.TB) []byte {
	tb.Helper()
	r := bpf.Event{Kind: bpf.KindEvent, At: bpf.AtMAC, Ts: 1e9, Probe: 7, Skb: 1 << 40, Head: 1 << 41, Id: 5, Pid: 9, Tgid: 9,
		Len: 98, Caplen: 96, Ifindex: 2, Netns: 0xf000_0000, NetnsCookie: 1,
		Has: bpf.HasID | bpf.HasShinfo | bpf.HasDev | bpf.HasNetns | bpf.HasCookie | bpf.HasFront}
	copy(r.Comm[:], []int8{'p', 'i', 'n', 'g'})
	copy(r.Dev[:], []int8{'e', 't', 'h', '0'})
	var b bytes.Buffer
	if err := binary.Write(&b, binary.NativeEndian, &r); err != nil {
		tb.Fatal(err)
	}
	b.Write(make([]byte, 96))
	return b.Bytes()
}

// TestTakeAllocates: from the ring buffer to the output no event takes memory of its own.
func TestTakeAllocates(t *testing.T) {
	var out bytes.Buffer
	c := &collector{options: &Options{}, out: discard{format.NewEncoder(&out)},
		decoder: &decoder{layout: &kernel.SkbLayout{}, probes: map[uint64]string{7: "ip_rcv"}, texts: map[[16]int8]string{}}}
	record := eventRecord(t)
	take := func() {
		if done, err := c.take(record); done || err != nil {
			t.Fatal(done, err)
		}
	}
	take()
	if err := c.out.Flush(); err != nil {
		t.Fatal(err)
	}
	r, err := format.NewDecoder(&out).Next()
	if err != nil {
		t.Fatal(err)
	}
	if dev, _ := r.Get("dev", "name").Str(); string(dev) != "eth0" {
		t.Fatalf("the event has no device: %v", r)
	}
	c.out = discard{format.NewEncoder(io.Discard)}
	take()
	if n := testing.AllocsPerRun(1000, take); n != 0 {
		t.Errorf("%v allocations for an event", n)
	}
}
