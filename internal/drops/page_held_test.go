package drops

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/internal/page"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/test/pagetest"
)

// TestPageHeld: a page has all drops of the summary, also those that were counted in the place of events.
func TestPageHeld(t *testing.T) {
	const end = `{"type":"end","ts":2000,"events":1,"links":0,"frees":0,"lost":0,"cause":"signal"}` + "\n"
	event := quietHost + dropAt(150, "NO_SOCKET", "__udp4_lib_rcv", "udp,10.0.0.1:4000,10.0.0.2:53")
	d := pageData(t, event+`{"type":"held","ts":500,"since":200,"count":7,"cause":"limit","probe":"skb:kfree_skb"}`+"\n"+end)
	caused, drawn := uint64(0), uint64(0)
	for _, c := range d.Causes {
		caused += c.Count
	}
	for _, cells := range d.Series.Counts {
		for _, n := range cells {
			drawn += n
		}
	}
	if caused != 8 || drawn != 8 || !slices.Equal(d.Causes[len(d.Causes)-1].Values, []string{"other"}) {
		t.Errorf("%d drops have causes, %d are in the chart, want 8: %+v %+v", caused, drawn, d.Causes, d.Series)
	}
	if !d.Whole || !slices.ContainsFunc(d.Sure, func(s string) bool { return strings.HasPrefix(s, "7 of the drops were counted in the kernel") }) {
		t.Errorf("whole %v: %q", d.Whole, d.Sure)
	}
	// Lookups of Open vSwitch may have told of drops: the page's head says so.
	d = pageData(t, event+`{"type":"held","ts":500,"since":200,"count":9,"cause":"limit","probe":"ret:ovs_flow_tbl_lookup_stats"}`+"\n"+end)
	if d.Whole || !strings.HasPrefix(d.Sure[0], "9 events by which Open vSwitch's drops are known were held back") {
		t.Errorf("whole %v: %q", d.Whole, d.Sure)
	}
}

// pageData is what the page of a stream in JSON shows.
func pageData(t *testing.T, in string) page.Data {
	t.Helper()
	o := Options{Options: pipe.Options{Output: "text"}, HTML: filepath.Join(t.TempDir(), "x.html")}
	if err := Run(context.Background(), o, strings.NewReader(in), &bytes.Buffer{}, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	html, err := os.ReadFile(o.HTML)
	if err != nil {
		t.Fatal(err)
	}
	var d page.Data
	if err := json.Unmarshal(pagetest.Data(html), &d); err != nil {
		t.Fatal(err)
	}
	return d
}
