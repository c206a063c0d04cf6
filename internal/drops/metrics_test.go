package drops

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/internal/metrics"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/test/metricstest"
)

// served is the page of --metrics when all of a stream was read and its input is still open.
func served(t *testing.T, o Options, stream []byte) string {
	t.Helper()
	o.Metrics = "localhost:0"
	o.Options.Output = "json"
	page, _ := metricstest.Served(t, "skb-drops", stream, []byte(`{"type":"behind"}`+"\n"),
		func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
			return Run(ctx, o, stdin, stdout, stderr)
		})
	return page
}

// jsonOf is a recorded stream as JSON lines.
func jsonOf(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out bytes.Buffer
	sink, err := pipe.NewSink(pipe.Options{Output: "json"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	in, err := pipe.OpenInputs(nil, f)
	if err != nil {
		t.Fatal(err)
	}
	if err := pipe.Copy(in, sink, sink.Write); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestMetrics: what is served is what a summary of the same stream counts.
func TestMetrics(t *testing.T) {
	stream := jsonOf(t, "../../testdata/traffic-6.12.skb")
	for _, by := range []string{"reason,function,dev.name", "reason,severity,netns.inum"} {
		o := Options{By: strings.Split(by, ",")}
		page := served(t, o, stream)
		var out bytes.Buffer
		o.Summary, o.Normal, o.Options.Output = true, true, "json"
		if err := Run(t.Context(), o, bytes.NewReader(stream), &out, io.Discard); err != nil {
			t.Fatal(err)
		}
		var groups int
		for line := range strings.Lines(out.String()) {
			var g map[string]any
			d := json.NewDecoder(strings.NewReader(line))
			d.UseNumber()
			if err := d.Decode(&g); err != nil {
				t.Fatal(err)
			}
			values, ok := g["by"].(map[string]any)
			if !ok {
				continue
			}
			want := fmt.Sprintf("skb_drops_total{severity=%q", g["severity"])
			for _, f := range o.By {
				v := values[f]
				if v == nil { // a value that the drop does not have
					v = ""
				}
				if f != "severity" {
					want += fmt.Sprintf(",%s=%q", metrics.LabelName(f), fmt.Sprint(v))
				}
			}
			want += fmt.Sprintf("} %v\n", g["count"])
			if !strings.Contains(page, want) {
				t.Errorf("--by %s: the page lacks %s\n%s", by, want, page)
			}
			groups++
		}
		if groups < 3 || strings.Count(page, "\nskb_drops_total{") != groups {
			t.Errorf("--by %s: %d groups, and the page has\n%s", by, groups, page)
		}
		for _, want := range []string{
			"\nskb_events_total 145\n", "\nskb_lost_total{what=\"event\"} 0\n", "\nskb_newest_record_timestamp_seconds 1.79",
			"\nskb_build_info{program=\"skb-drops\",version=",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %q:\n%s", want, page)
			}
		}
	}
	// Without --by.
	if page := served(t, Options{}, stream); !regexp.MustCompile(`skb_drops_total\{severity="suspect",reason="NO_SOCKET",function="__udp4_lib_rcv",dev_name="veth-b"} \d`).MatchString(page) {
		t.Error(page)
	}
}

// TestMetricsBounded: whatever a stream holds, series are so many at most, each only once, their labels short and
// printable, and none goes away.
func TestMetricsBounded(t *testing.T) {
	var stream bytes.Buffer
	stream.WriteString(`{"type":"start","ts":1,"version":1,"clock_offset":"1700000000000000000"}` + "\n")
	const drops = 5000
	long := strings.Repeat(`\u202e`, 40)
	for i := range drops {
		name := fmt.Sprintf(`e\u001b[31m\"\\\n%d`, i)
		if i%2 == 0 {
			name = long + fmt.Sprint(i) // the same where it is cut
		}
		if i == 7 {
			name = metrics.Other
		}
		fmt.Fprintf(&stream, `{"type":"event","ts":%d,"probe":"skb:kfree_skb","dev":{"name":"%s"},"drop":{"name":"NOMEM","location":"a+1"}}`+"\n", i+2, name)
	}
	stream.WriteString(`{"type":"loss","ts":1,"what":"\u001b","count":"9007199254740993"}` + "\n")
	page := served(t, Options{Input: pipe.Input{Part: true}, By: []string{"dev.name"}}, stream.Bytes())
	samples := regexp.MustCompile(`(?m)^skb_drops_total\{(.*)\} (\d+)$`).FindAllStringSubmatch(page, -1)
	if len(samples) < maxSeries/3 || len(samples) > maxSeries+len(severities) {
		t.Errorf("%d series", len(samples))
	}
	total := 0
	seen := map[string]bool{}
	for _, s := range samples {
		n, _ := strconv.Atoi(s[2])
		total += n
		if seen[s[1]] {
			t.Errorf("%s comes twice", s[1])
		}
		seen[s[1]] = true
		if len(s[1]) > 3*metrics.MaxLabel {
			t.Errorf("%s is long", s[1])
		}
	}
	if total != drops {
		t.Errorf("%d drops, want %d", total, drops)
	}
	if strings.ContainsAny(page, "\x1b\u202e") || !strings.Contains(page, `dev_name="(other)"`) ||
		!strings.Contains(page, `skb_lost_total{what="(other)"} 9007199254740993`) {
		t.Error(page)
	}
}

func TestMetricsUsage(t *testing.T) {
	all := "all"
	for _, c := range []struct {
		o    Options
		says string
	}{
		{Options{Metrics: "9435"}, "give HOST:PORT"},
		{Options{Metrics: "localhost:99999"}, "can't listen on localhost:99999"},
		{Options{Metrics: "localhost:0", By: []string{"dev.nam"}}, "the nearest is dev.name"},
		{Options{Metrics: "localhost:0", By: []string{"x.a_b", "x.a.b"}}, "leave one of them out of --by"},
		{Options{Metrics: "localhost:0", Explain: &all}, "leave out --metrics"},
	} {
		if err := Run(t.Context(), c.o, strings.NewReader(""), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.says)
		}
	}
}

// TestMetricsOfCapture: a stream that was read from a capture has times since 1970 and an offset of 0.
func TestMetricsOfCapture(t *testing.T) {
	for start, want := range map[string]bool{`"clock_offset":0,`: true, "": false} {
		page := served(t, Options{Input: pipe.Input{Part: true}}, []byte(`{"type":"start","ts":1700000000000000000,"version":1,`+start+`"host":"h"}`+"\n"+
			`{"type":"loss","ts":1700000000000000000,"since":1700000000000000000,"what":"event","count":1}`+"\n"))
		if got := strings.Contains(page, "\nskb_newest_record_timestamp_seconds 1.7e+09\n"); got != want {
			t.Errorf("%q: %s", start, page)
		}
	}
}
