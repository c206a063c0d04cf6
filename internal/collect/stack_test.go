//go:build linux && (amd64 || arm64)

package collect

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

func symbol(addr uint64) string { return fmt.Sprintf("f%d+0x1", addr) }

// Equal stacks have one number, others have others, and the depth is kept.
func TestStacksOnce(t *testing.T) {
	s := stacks{depth: 2, known: map[string]*stack{}}
	a := s.of([]uint64{1, 2, 3}, symbol, symbol)
	if b := s.of([]uint64{1, 2, 3}, symbol, symbol); a != b {
		t.Error("the same stack is another")
	}
	if b := s.of([]uint64{1, 2, 4}, symbol, symbol); a.ID == b.ID {
		t.Error("another stack has the same number")
	}
	if want := []string{"f1+0x1", "f2+0x1"}; !slices.Equal(a.Frames, want) {
		t.Errorf("frames %v, want %v", a.Frames, want)
	}
	addrs := []uint64{1, 2, 3}
	if n := testing.AllocsPerRun(100, func() { s.of(addrs, symbol, symbol) }); n != 0 {
		t.Errorf("%v allocations for a known stack", n)
	}
}

func TestOwnFrames(t *testing.T) {
	for _, c := range []struct {
		frames []string
		own    int
	}{
		{[]string{"tcp_drop+0x0", "tcp_rcv_established+0x1"}, 0},
		{[]string{"0xffffffffc0001234", "0xffffffffc0001235", "bpf_trace_run2+0x3e", "kfree_skb+0x72", "icmp_rcv+0x16f"}, 3},
		{[]string{"0xffffffffc0001234", "bpf_trace_run4+0x92", "__traceiter_kfree_skb+0x37", "sk_skb_reason_drop+0x94"}, 3},
		{nil, 0},
	} {
		if own := ownFrames(c.frames); own != c.own {
			t.Errorf("%v: %d own, want %d", c.frames, own, c.own)
		}
	}
}

// Of numbered files each has the stacks that its events refer to, before them.
func TestStacksInEachFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.skb")
	mark := func() format.Raw { return (&format.End{}).AppendMsgpack(nil) }
	f := &files{name: name, limit: 300, begin: func() []format.Raw { return []format.Raw{mark()} }, finish: mark}
	if err := f.open(); err != nil {
		t.Fatal(err)
	}
	s := stacks{depth: 9, known: map[string]*stack{}}
	c := &collector{out: f, decoder: &decoder{}}
	const events = 40
	for i := range events {
		c.decoder.stack = s.of([]uint64{uint64(i % 3), 2}, symbol, symbol)
		if err := c.writeRecord(&format.Event{Probe: "p", Stack: c.decoder.stack.ID}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for n := range f.File() {
		path := name
		if n > 0 {
			path = fmt.Sprintf("%s.%d", name, n)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 300+52 {
			t.Errorf("%s has %d bytes", path, len(b))
		}
		have := map[uint64]int{}
		d := format.NewDecoder(bytes.NewReader(b))
		for {
			raw, err := d.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			switch raw.Type() {
			case format.TypeStack:
				id, _ := raw.Get("id").Uint()
				if have[id]++; have[id] > 1 {
					t.Errorf("%s: stack %d twice", path, id)
				}
			case format.TypeEvent:
				seen++
				if id, _ := raw.Get("stack").Uint(); have[id] == 0 {
					t.Errorf("%s: an event refers to stack %d, which is not there", path, id)
				}
			}
		}
	}
	if seen != events || f.File() < 3 {
		t.Errorf("%d events in %d files", seen, f.File())
	}
}
