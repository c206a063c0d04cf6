package sort

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// recorded is a stream of one boot, of so many events of about 2 kB, whose times go back by
// up to so much; with stacks and a `start` that comes again where they are wanted.
func recorded(r *rand.Rand, start uint64, events int, back uint64, extras bool) []byte {
	var b bytes.Buffer
	e := format.NewEncoder(&b)
	s := format.Start{TS: start, Host: "h", BootID: "1"}
	_ = e.Write(&s)
	for i := range events {
		ts := start + 1e6 + uint64(i)*1000 - r.Uint64N(back)
		_ = e.Write(&format.Event{TS: ts, Probe: fmt.Sprint(i), Packet: format.Packet{Len: 1, At: "mac", Data: make([]byte, r.IntN(4000))}})
		if extras && r.IntN(500) == 0 {
			_ = e.Write(&s)
			stack, _ := format.FromJSON(nil, []byte(fmt.Sprintf(`{"type":"stack","id":%d}`, i)))
			_ = e.WriteRaw(stack)
		}
	}
	_ = e.Flush()
	return b.Bytes()
}

// TestAhead: files larger than the memory come out as they do in memory; and when they are
// nearly in order, without any disk.
func TestAhead(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for _, c := range []struct {
		name    string
		streams [][]byte
		disk    bool
	}{
		{"in order", [][]byte{recorded(r, 0, 4000, 1, false)}, false},
		{"nearly in order", [][]byte{recorded(r, 0, 4000, 50_000, false)}, false},
		{"one file after the other", [][]byte{recorded(r, 0, 2000, 5000, false), recorded(r, 1e9, 2000, 5000, false)}, false},
		{"files the other way round", [][]byte{recorded(r, 1e9, 2000, 5000, false), recorded(r, 0, 2000, 5000, false)}, true},
		{"files at the same time", [][]byte{recorded(r, 0, 2000, 5000, false), recorded(r, 100, 2000, 5000, false)}, true},
		{"out of order", [][]byte{recorded(r, 0, 4000, 1_000_000, true)}, true},
		{"with stacks", [][]byte{recorded(r, 0, 4000, 50_000, true)}, true},
		{"another host", [][]byte{recorded(r, 0, 2000, 50, false), recording("2", true, 1, 2)}, true},
		{"no start in the second", [][]byte{recorded(r, 0, 2000, 50, false), events(every(5, 1, 5000)...)}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := sortFiles(t, Options{By: "auto", Memory: 1e9}, c.streams...)
			o := Options{By: "auto", Memory: minMemory}
			if !c.disk {
				o.TempDir = "/nowhere"
			}
			if got := sortFiles(t, o, c.streams...); !bytes.Equal(got, want) {
				t.Error("another output than in memory")
			}
		})
	}
}
