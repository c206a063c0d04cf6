package track

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
	"time"

	"github.com/skb-tools/skb-tools/internal/metrics"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/test/metricstest"
)

// served is the page of --metrics when all of a stream was read and its input is still open, and what was handed on.
func served(t *testing.T, o Options, stream []byte) (page string, handedOn []byte) {
	t.Helper()
	o.Metrics = "localhost:0"
	return metricstest.Served(t, "skb-track", stream, []byte("\x00\x00\x00\x0d\x81\xa4type\xa6behind"),
		func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
			return Run(ctx, o, stdin, stdout, stderr)
		})
}

func metricOptions() Options {
	return Options{Options: pipe.Options{Output: "stream"}, MaxOpen: 1000, Idle: 30 * time.Second, Window: 10 * time.Millisecond}
}

// TestMetrics: what is served is what the summary of the same stream counts, and what is handed on stays the same.
func TestMetrics(t *testing.T) {
	for _, kernel := range []string{"5.10", "6.12"} {
		stream, err := os.ReadFile("../../testdata/traffic-" + kernel + ".skb")
		if err != nil {
			t.Fatal(err)
		}
		o := metricOptions()
		page, out := served(t, o, stream)
		var plain, text bytes.Buffer
		if err := Run(t.Context(), o, bytes.NewReader(stream), &plain, io.Discard); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(plain.Bytes(), out) {
			t.Errorf("%s: with --metrics %d bytes are handed on, without %d", kernel, len(out), plain.Len())
		}
		o.Summary, o.Options.Output = true, "json"
		if err := Run(t.Context(), o, bytes.NewReader(stream), &text, io.Discard); err != nil {
			t.Fatal(err)
		}
		var sum report
		if err := json.Unmarshal(text.Bytes(), &sum); err != nil {
			t.Fatal(err)
		}
		wants := []string{fmt.Sprintf("skb_events_total %d", sum.Events), fmt.Sprintf("skb_journeys_uncertain_total %d", sum.Uncertain)}
		dropped := uint64(0)
		for how, n := range sum.Endings {
			if n > 0 {
				wants = append(wants, fmt.Sprintf("skb_journey_duration_seconds_count{how=%q} %d", how, n))
			}
			if how == "dropped" {
				dropped = n
			}
		}
		for _, h := range sum.Hops {
			wants = append(wants, fmt.Sprintf("skb_hop_duration_seconds_count{from=%q,to=%q} %d", h.From, h.To, h.Count))
		}
		for _, want := range wants {
			if !strings.Contains(page, "\n"+want+"\n") {
				t.Errorf("%s: the page lacks %s", kernel, want)
			}
		}
		for reason, n := range sum.Reasons {
			if want := fmt.Sprintf("skb_journeys_dropped_total{reason=%q} %d\n", reason, n); !strings.Contains(page, "\n"+want) {
				t.Errorf("%s: the page lacks %s", kernel, want)
			}
		}
		if len(sum.Hops) < 3 || dropped == 0 {
			t.Errorf("%s: %d pairs of probes, %d drops", kernel, len(sum.Hops), dropped)
		}
		for _, m := range regexp.MustCompile(`(?m)^skb_journeys_dropped_total\{.*\} (\d+)$`).FindAllStringSubmatch(page, -1) {
			n, _ := strconv.ParseUint(m[1], 10, 64)
			dropped -= n
		}
		if dropped != 0 {
			t.Errorf("%s: the reasons do not add up to the drops: %d\n%s", kernel, dropped, page)
		}
	}
}

// TestMetricsOfAll: a selection does not change what is counted.
func TestMetricsOfAll(t *testing.T) {
	stream, err := os.ReadFile("../../testdata/traffic-6.12.skb")
	if err != nil {
		t.Fatal(err)
	}
	all, _ := served(t, metricOptions(), stream)
	o := metricOptions()
	o.Ended = []string{"dropped"}
	some, _ := served(t, o, stream)
	if all != some {
		t.Errorf("with --ended dropped:\n%s\nwithout:\n%s", some, all)
	}
}

// TestMeterBounded: series are so many at most, whatever a stream holds.
func TestMeterBounded(t *testing.T) {
	var page metrics.Page
	var out bytes.Buffer
	sink, err := pipe.NewSink(pipe.Options{Output: "stream"}, &out)
	if err != nil {
		t.Fatal(err)
	}
	m := newMeter(sink)
	in, err := pipe.OpenInputs(nil, strings.NewReader(hostile()))
	if err != nil {
		t.Fatal(err)
	}
	in.Part = true
	if err := pipe.Copy(in, sink, m.Write); err != nil {
		t.Fatal(err)
	}
	m.write(&page)
	text := page.String()
	metricstest.Check(t, text)
	if n := strings.Count(text, "\nskb_hop_duration_seconds_count{"); n > maxHopSeries || n < maxHopSeries/3 {
		t.Errorf("%d pairs of probes", n)
	}
	if n := strings.Count(text, "\nskb_journeys_dropped_total{"); n > maxReasonSeries+1 || n < maxReasonSeries/2 {
		t.Errorf("%d reasons", n)
	}
	if strings.ContainsAny(text, "\x1b\u202e") || len(text) > 1<<20 {
		t.Errorf("%d bytes:\n%.2000s", len(text), text)
	}
	if !strings.Contains(text, "\nskb_journeys_dropped_total{reason=\"(other)\"} ") || strings.Contains(text, "\nskb_hops_beyond_total 0\n") {
		t.Error("what is beyond the limits is not counted")
	}
}

// hostile has a thousand probes and reasons, with long names, of tracked packets.
func hostile() string {
	var b strings.Builder
	b.WriteString(`{"type":"start","ts":1,"version":1}` + "\n")
	long := strings.Repeat(`\u202e`, 30)
	for i := range 1000 {
		name := fmt.Sprintf(`p\u001b\"\\%d`, i)
		if i%2 == 0 {
			name = long + fmt.Sprint(i%4) // the same where it is cut
		}
		fmt.Fprintf(&b, `{"type":"event","ts":%d,"cpu":0,"probe":"a","track":{"packet":%d,"hop":0,"total":0}}`+"\n", 2*i+2, i+1)
		fmt.Fprintf(&b, `{"type":"event","ts":%d,"cpu":0,"probe":"%s","track":{"packet":%d,"hop":1,"since":1,"total":1}}`+"\n", 2*i+3, name, i+1)
		fmt.Fprintf(&b, `{"type":"journey","ts":%d,"packet":%d,"first":%d,"total":1,"hops":2,"branches":1,"slowest":1,"end":{"how":"dropped","reason":"%s"}}`+"\n", 2*i+3, i+1, 2*i+2, name)
	}
	return b.String()
}
