package track

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/skb-tools/skb-tools/format"
)

// A summary has the counts and quantiles that can be counted from the stream itself.
func TestSummary(t *testing.T) {
	w := newWorld(seed(t))
	stream := runTrack(t, options(), w.stream(w.make(3000, false), 0))
	var out bytes.Buffer
	s := newSummary(&out, true)
	var since []uint64
	events, endings, flows := 0, map[string]uint64{}, map[string]uint64{}
	at := map[string]string{}
	each(t, stream, func(r format.Raw) {
		switch r.Type() {
		case format.TypeEvent:
			events++
			var track format.Track
			track.Decode(r.Get("track"))
			probe, _ := r.Get("probe").Str()
			key := fmt.Sprint(track.Packet, track.Branch)
			from := at[key]
			if track.From.How != "" {
				packet := track.Packet
				if track.From.Packet != 0 {
					packet = track.From.Packet
				}
				if p := at[fmt.Sprint(packet, track.From.Branch)]; p != "" {
					from = p
				}
			}
			if from == "ip_rcv" && string(probe) == "ip_forward" {
				since = append(since, track.Since)
			}
			at[key] = string(probe)
		case format.TypeJourney:
			var j format.Journey
			j.Decode(r)
			endings[j.End.How]++
			flows[j.From.Src.String()]++
		}
		if err := s.Write(r); err != nil {
			t.Fatal(err)
		}
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	var got report
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if int(got.Events) != events || int(got.Journeys) != len(w.packets) || fmt.Sprint(got.Endings) != fmt.Sprint(endings) {
		t.Errorf("%d events, %d journeys, %v; want %d, %d, %v", got.Events, got.Journeys, got.Endings, events, len(w.packets), endings)
	}
	i := slices.IndexFunc(got.Hops, func(h reportHop) bool { return h.From == "ip_rcv" && h.To == "ip_forward" })
	if i < 0 {
		t.Fatal("no hops from ip_rcv to ip_forward")
	}
	slices.Sort(since)
	h := got.Hops[i]
	near := func(got, want uint64) bool { return max(got, want)-min(got, want) <= want/50+1 }
	n := len(since)
	quantile := func(q float64) uint64 { return since[int(q*float64(n)+0.5)-1] }
	if int(h.Count) != n || h.Max != since[n-1] || !near(h.P50, quantile(0.5)) || !near(h.P90, quantile(0.9)) {
		t.Errorf("ip_rcv to ip_forward: %+v, want %d, half within %d, 90%% within %d, all within %d", h, n, quantile(0.5), quantile(0.9), since[n-1])
	}
	for _, f := range got.Flows {
		flows[f.Src] -= f.Journeys
	}
	for src, n := range flows {
		if n != 0 {
			t.Errorf("%d of %s's journeys are in no flow", n, src)
		}
	}
	bars := uint64(0)
	for _, b := range got.Histogram {
		bars += b.Count
	}
	if int(bars) != len(w.packets) {
		t.Errorf("%d journeys are in the histogram, want %d", bars, len(w.packets))
	}
	if len(s.at) != 0 {
		t.Errorf("%d branches are remembered", len(s.at))
	}
}

// TestSummaryWidth: on a terminal that is narrow the table of hops leaves out what tells least, and
// anywhere else nothing.
func TestSummaryWidth(t *testing.T) {
	r := &report{Journeys: 1, Total: quantiles{Count: 1}, Histogram: []reportBar{{1000, 1}},
		Hops: []reportHop{{From: "net:netif_receive_skb", To: "ip_rcv", quantiles: quantiles{7, 1000, 2000, 3000, 4000}}}}
	for _, c := range []struct {
		width int
		want  string
	}{
		{0, "net:netif_receive_skb  ip_rcv      7  1.00µs  2.00µs  3.00µs  4.00µs"},
		{68, "net:netif_receive_skb  ip_rcv      7  1.00µs  2.00µs  3.00µs  4.00µs"},
		{67, "net:netif_receive_skb  ip_rcv      7  1.00µs  3.00µs  4.00µs"},
		{59, "net:netif_receive_skb  ip_rcv      7  1.00µs  4.00µs"},
		{51, "net:netif_receive_skb  ip_rcv  1.00µs  4.00µs"},
	} {
		var b bytes.Buffer
		r.text(&b, c.width)
		if !strings.Contains(b.String(), "\n"+c.want+"\n") {
			t.Errorf("%d wide:\n%s\nwant the line\n%s", c.width, b.String(), c.want)
		}
	}
}

// TestSummaryTables: on a terminal of 80 columns no table is wider, nothing of a name is lost, and a bar without
// journeys is a line.
func TestSummaryTables(t *testing.T) {
	v6 := format.Flow{Src: netip.MustParseAddr("2001:db8:1234:5678:9abc:def0:1234:5678"), Dst: netip.MustParseAddr("2001:db8:1234:5678:9abc:def0:1234:9999"),
		Sport: 41234, Dport: 443, Proto: 6}
	reasons := map[string]uint64{"NETFILTER_DROP": 7, "TCP_INVALID_SEQUENCE": 6, "SOCKET_FILTER": 5, "UDP_CSUM": 4, "NEIGH_QUEUEFULL": 3, "IP_RPFILTER": 2}
	r := &report{Journeys: 1, Branches: 1, Events: 1, Endings: map[string]uint64{"dropped": 27}, Reasons: reasons, Total: quantiles{Count: 1},
		Histogram: []reportBar{{1000, 1}, {2000, 0}, {5000, 4}},
		Hops:      []reportHop{{From: "net:netif_receive_skb", To: "net:net_dev_start_xmit", quantiles: quantiles{7777777, 1000, 2000, 3000, 4000}}},
		Flows:     []reportFlow{{flow: v6, Journeys: 12, Endings: map[string]uint64{"delivered": 5, "transmitted": 4, "dropped": 3}}}}
	var b bytes.Buffer
	r.text(&b, 80)
	text := b.String()
	for _, want := range []string{"1 journey of 1 branch, 1 event\n", "\nup to 2.00µs  0\n", "2001:db8:1234:5678:9abc:def0:1234:5678.41234 >",
		"\n  2001:db8:1234:5678:9abc:def0:1234:9999.443 TCP", "delivered 5,", "dropped 3"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for name := range reasons {
		if !strings.Contains(text, name) {
			t.Errorf("no %s in\n%s", name, text)
		}
	}
	for _, line := range strings.Split(text, "\n") {
		if utf8.RuneCountInString(line) > 80 {
			t.Errorf("a line of %d columns: %s", utf8.RuneCountInString(line), line)
		}
	}
	b.Reset()
	r.text(&b, 0)
	if !strings.Contains(b.String(), "1234:5678.41234 > 2001:db8:1234:5678:9abc:def0:1234:9999.443 TCP        12  delivered 5, transmitted 4, dropped 3\n") {
		t.Errorf("elsewhere all is in one line:\n%s", b.String())
	}
}
