package drops

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// someDrops is a summary of n drops, a second apart, at a place with a long name.
func someDrops(tb testing.TB, n int) *summary {
	tb.Helper()
	by, err := parseBy(nil)
	if err != nil {
		tb.Fatal(err)
	}
	s := newSummary(by, true)
	f := facts{host: &host{}, parsed: true, location: []byte("netif_receive_generic_xdp+0x12")}
	f.verdict.severity, f.verdict.name = Fault, []byte("UNICAST_IN_L2_MULTICAST")
	for i := range n {
		t := uint64(i+1) * 1e9
		s.seen(t)
		s.add(&f, t, 1, 0)
	}
	return s
}

// On a narrow terminal the columns that are missed least go; the reason and the place stay.
func TestTableFits(t *testing.T) {
	for _, c := range []struct {
		width int
		head  string
	}{
		{0, "SEVERITY COUNT SHARE RATE FIRST LAST REASON LOCATION"},
		{200, "SEVERITY COUNT SHARE RATE FIRST LAST REASON LOCATION"},
		{100, "SEVERITY COUNT SHARE RATE FIRST REASON LOCATION"},
		{90, "SEVERITY COUNT SHARE RATE REASON LOCATION"},
		{80, "SEVERITY COUNT RATE REASON LOCATION"},
		{74, "SEVERITY COUNT REASON LOCATION"},
	} {
		var b bytes.Buffer
		if err := someDrops(t, 30).writeText(&b, c.width); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(b.String(), "\n")
		if head := strings.Join(strings.Fields(lines[0]), " "); head != c.head {
			t.Errorf("in %d columns: %s, want %s", c.width, head, c.head)
		}
		for _, l := range lines[:2] {
			if n := utf8.RuneCountInString(l); c.width > 0 && n > c.width {
				t.Errorf("%d characters in %d columns: %q", n, c.width, l)
			}
		}
		if !strings.HasSuffix(lines[1], "UNICAST_IN_L2_MULTICAST  netif_receive_generic_xdp+0x12") {
			t.Errorf("in %d columns: %q", c.width, lines[1])
		}
	}
}

// The same for --live, whose bars get narrower before they go.
func TestDrawKeepsThePlace(t *testing.T) {
	for _, c := range []struct {
		width      int
		share, bar bool
	}{{140, true, true}, {102, true, true}, {92, false, true}, {80, false, false}, {76, false, false}} {
		s := someDrops(t, 30)
		for range 30 {
			s.tick()
		}
		var b bytes.Buffer
		if err := s.draw(&b, c.width, 20, time.Second); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.ReplaceAll(b.String(), "\x1b[K", ""), "\r\n")
		if !strings.HasSuffix(lines[3], "UNICAST_IN_L2_MULTICAST  netif_receive_generic_xdp+0x12") || utf8.RuneCountInString(lines[3]) > c.width {
			t.Errorf("in %d columns: %q", c.width, lines[3])
		}
		if strings.Contains(lines[2], "SHARE") != c.share || strings.Contains(lines[2], "RATE OVE") != c.bar {
			t.Errorf("in %d columns: %q", c.width, lines[2])
		}
	}
}

// A burst tells nothing of a second, unless it is known how long was looked.
func TestRates(t *testing.T) {
	drop := func(ts int) string {
		return fmt.Sprintf(`{"type":"event","ts":%d,"probe":"skb:kfree_skb","drop":{"name":"NOMEM","location":"a+1"}}`+"\n", ts)
	}
	burst := drop(5e9) + drop(5e9+1000) + drop(5e9+2000)
	for _, c := range []struct{ in, rate string }{
		{burst, "-"},
		{`{"type":"start","ts":4000000000,"version":1}` + "\n" + burst, "3.0/s"},
		{`{"type":"start","ts":5000000000,"version":1}` + "\n" + burst + `{"type":"end","ts":11000000000}` + "\n", "0.5/s"},
		{`{"type":"start","ts":2000000000,"version":1}` + "\n" + burst + `{"type":"end","ts":12000000000}` + "\n", "0.3/s"},
		{drop(5e9) + drop(7e9), "1.0/s"},
		{drop(5e9), "-"},
	} {
		out := summarize(t, Options{Options: pipe.Options{Output: "text"}}, strings.NewReader(c.in))
		if row := strings.Fields(strings.Split(out, "\n")[1]); row[3] != c.rate {
			t.Errorf("rate %s, want %s, of\n%s", row[3], c.rate, c.in)
		}
	}
}

// The rate that --live shows falls when drops stop, in a saved stream too.
func TestLiveRateFalls(t *testing.T) {
	s := someDrops(t, 10)
	shown := func() string {
		var b bytes.Buffer
		if err := s.draw(&b, 200, 20, 2*time.Second); err != nil {
			t.Fatal(err)
		}
		return strings.Fields(strings.Split(b.String(), "\r\n")[3])[3]
	}
	s.tick()
	if got := shown(); got != "5.0/s" {
		t.Errorf("10 drops in 2 s: %s", got)
	}
	s.tick()
	if got := shown(); got != "-" {
		t.Errorf("none in 2 s: %s", got)
	}
}

// Which groups are folded does not depend on chance, and the largest stay.
func TestFoldIsDeterministic(t *testing.T) {
	left := func() []string {
		s := newSummary(nil, true)
		for i := range 1001 {
			s.groups[fmt.Sprint(i)] = &group{count: uint64(i % 3)}
		}
		s.fold()
		var keys []string
		for key, g := range s.groups {
			if g.count == 0 {
				t.Errorf("%s stayed, which has the fewest", key)
			}
			keys = append(keys, key)
		}
		slices.Sort(keys)
		return keys
	}
	first := left()
	if len(first) != 501 {
		t.Errorf("%d groups stay", len(first))
	}
	for range 5 {
		if !slices.Equal(left(), first) {
			t.Fatal("another time others stay")
		}
	}
}

// A drop more takes no memory more: so ten million take what the first thousand took.
func TestDropsTakeNoMemory(t *testing.T) {
	for _, o := range []Options{{Summary: true}, {Summary: true, By: []string{"reason", "flow"}}, {Options: pipe.Options{Output: "stream"}}} {
		r, err := newRun(o, discard{}, discard{})
		if err != nil {
			t.Fatal(err)
		}
		d := format.NewDecoder(bytes.NewReader(dropStream(t, 1000)))
		var records []format.Raw
		for raw, err := d.Next(); err == nil; raw, err = d.Next() {
			records = append(records, bytes.Clone(raw))
		}
		pass := func() {
			for _, raw := range records[1:] { // all but the start
				if err := r.facts.find.Find(raw); err != nil {
					t.Fatal(err)
				}
				if err := r.record(raw); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := r.record(records[0]); err != nil {
			t.Fatal(err)
		}
		pass()
		if n := testing.AllocsPerRun(10, pass); n > 0 {
			t.Errorf("%+v: %v allocations in %d drops", o, n, len(records)-1)
		}
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
