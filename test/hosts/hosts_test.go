//go:build hosts

package hosts

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/format"
)

// A packet that leaves one host and is dropped on another one, with another kernel and another time, is one journey; so
// is one in a tunnel between them. Equal packets are not joined. The offset of the clocks is as exact as it says.
func TestTwoHosts(t *testing.T) {
	const ahead = 3 * time.Second
	streams, said := play(t,
		machine{name: "sender", kernel: "5.10", scene: "sender", links: []string{"net"}},
		machine{name: "receiver", kernel: "7.x", scene: "receiver", links: []string{"net"}, clock: ahead})
	parts, wires := joined(t, streams)

	crossed(t, parts, "sender", "receiver", "single ", 9)
	for _, p := range crossed(t, parts, "sender", "receiver", "closed port", 1) {
		if e := p.journey.End; e.How != "dropped" || e.Reason != "NO_SOCKET" {
			t.Errorf("what was sent to a closed port ended as %+v", e)
		}
		if x := p.first; !x.Wire || x.Since == 0 || x.Since > uint64(time.Second) {
			t.Errorf("the time on the wire is %d ns (known: %v)", x.Since, x.Wire)
		}
		if p.from != nil && p.from.journey.End.How != "transmitted" {
			t.Errorf("where it left it ended as %+v", p.from.journey.End)
		}
	}
	crossed(t, parts, "receiver", "sender", "DestinationUnreachable", 1)
	tunnelled := 0
	for _, p := range named(parts, "receiver", "EchoRequest") {
		if f := p.journey.From; f.Dst.IsValid() && f.Dst.String() == "10.8.0.2" {
			tunnelled++
			if p.from == nil {
				t.Errorf("%q through the tunnel was not joined", p.name)
			}
		}
	}
	if tunnelled != 5 {
		t.Errorf("%d packets came through the tunnel, want 5", tunnelled)
	}
	equals(t, parts, "sender", "receiver", "flood", 200, 200)
	equals(t, parts, "sender", "receiver", "EchoRequest id=77 ", 6, 6)
	equals(t, parts, "sender", "receiver", "syn 7003", 1, 2) // where it is sent again, the kernel's links tell that
	offset(t, said, wires, "sender", "receiver")
}

// A packet is one journey on its way from one host through a router that gives it another address to a third one, where
// it is dropped.
func TestNAT(t *testing.T) {
	streams, said := play(t,
		machine{name: "sender", kernel: "6.12", scene: "nat-sender", links: []string{"inside"}},
		machine{name: "router", kernel: "5.10", scene: "router", links: []string{"inside", "outside"},
			clock: -3 * time.Second},
		machine{name: "receiver", kernel: "6.1", scene: "nat-receiver", links: []string{"outside"},
			clock: 3 * time.Second})
	parts, wires := joined(t, streams)
	through(t, said, wires)
	for _, name := range []string{"single ", "closed port", "EchoRequest"} {
		n := map[string]int{"single ": 9, "closed port": 1, "EchoRequest": 3}[name]
		crossed(t, parts, "sender", "router", name, n)
		for _, p := range crossed(t, parts, "router", "receiver", name, n) {
			f := p.journey.From
			if !f.Src.IsValid() || f.Src.String() != "10.9.2.254" {
				t.Errorf("%q came in from %v", p.name, f.Src)
			}
			if p.from == nil || p.from.from == nil || p.from.from.journey.From.Src.String() != "10.9.1.1" {
				t.Errorf("%q has no way back to the sender", p.name)
			}
			want := map[string]string{"single ": "delivered", "closed port": "dropped"}[name]
			if how := p.journey.End.How; want != "" && how != want {
				t.Errorf("%q ended as %+v", p.name, p.journey.End)
			}
		}
	}
	crossed(t, parts, "receiver", "router", "EchoReply", 3)
	crossed(t, parts, "router", "sender", "EchoReply", 3)
	if len(wires) != 4 {
		t.Errorf("%d wires, want both directions of two: %+v", len(wires), wires)
	}
}

// through compares the offsets from the sender's clock to the router's and from there to the receiver's with what
// sender and receiver told each other.
func through(t *testing.T, said string, wires []format.Wire) {
	t.Helper()
	both := map[string]format.Wire{}
	for _, w := range wires {
		both[w.From+" "+w.To] = w
	}
	for _, way := range [][2]string{{"sender router", "router receiver"}, {"receiver router", "router sender"}} {
		a, b := both[way[0]], both[way[1]]
		if !a.Offset.OK || !b.Offset.OK {
			t.Errorf("no offset of %v: %+v, %+v", way, a, b)
			continue
		}
		w := format.Wire{From: a.From, To: b.To, Packets: b.Packets, Min: a.Min + b.Min,
			Offset: format.Some(a.Offset.V + b.Offset.V), Error: format.Some(a.Error.V + b.Error.V)}
		wires = append(wires, w)
	}
	offset(t, said, wires[len(wires)-2:], "sender", "receiver")
}

// offset compares the offset of the clocks that skb-track tells with what the two hosts told each other: the receiver's
// clock was read after the sender's was, and before that was read again.
func offset(t *testing.T, said string, wires []format.Wire, from, to string) {
	t.Helper()
	least, most := math.Inf(-1), math.Inf(1) // s
	for line := range strings.Lines(said) {
		f := strings.Fields(line)
		if len(f) != 4 || f[0] != "clock" {
			continue
		}
		var at [3]float64
		for i := range at {
			var err error
			if at[i], err = strconv.ParseFloat(f[i+1], 64); err != nil {
				t.Fatal(err)
			}
		}
		least, most = max(least, at[1]-at[2]), min(most, at[1]-at[0])
	}
	if math.IsInf(least, 0) || least > most {
		t.Fatalf("the hosts' own word about their clocks: %v to %v s; %s", least, most, said)
	}
	told := 0
	for _, w := range wires {
		at, wrong := float64(w.Offset.V)/1e9, float64(w.Error.V)/1e9
		if w.From == to {
			at = -at
		}
		if !w.Offset.OK || w.From != from && w.To != from {
			continue
		}
		told++
		t.Logf("%s to %s: %d packets, %.6f s apart, wrong by %.6f s at most; by the hosts %.6f to %.6f s", w.From, w.To,
			w.Packets, at, wrong, least, most)
		// The hosts' word is to the microsecond.
		if at+wrong < least-1e-6 || at-wrong > most+1e-6 || w.Min < 0 {
			t.Errorf("%+v: the clocks are %v to %v s apart", w, least, most)
		}
		if math.Abs(at) < 0.5 {
			t.Errorf("the clocks are %v s apart, which tests little", at)
		}
	}
	if told != 2 {
		t.Errorf("the offset is told %d times, want 2: %+v", told, wires)
	}
}
