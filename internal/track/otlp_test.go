package track

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/internal/otlp"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/recent"
)

// A receiver takes what --otlp sends, as a collector of OpenTelemetry does, and looks whether it is as the
// specification has it.
type receiver struct {
	t       *testing.T
	mu      sync.Mutex
	spans   []receivedSpan
	hosts   []string
	answers []int  // statuses of the first requests
	answer  string // the body
	asked   int
}

type receivedSpan struct {
	TraceID, SpanID, ParentSpanID, Name string
	StartTimeUnixNano, EndTimeUnixNano  string
	Kind                                int
	Status                              struct {
		Code    int
		Message string
	}
	Attributes []struct {
		Key   string
		Value struct {
			StringValue *string
			IntValue    *string
		}
	}
}

func (s *receivedSpan) get(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key && a.Value.StringValue != nil {
			return *a.Value.StringValue
		} else if a.Key == key {
			return *a.Value.IntValue
		}
	}
	return ""
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	if len(r.answers) > 0 {
		status := r.answers[0]
		r.answers = r.answers[1:]
		if status != 200 {
			w.WriteHeader(status)
			return
		}
	}
	if q.Method != "POST" || q.URL.Path != "/v1/traces" || q.Header.Get("Content-Type") != "application/json" {
		r.t.Errorf("%s %s, %s", q.Method, q.URL.Path, q.Header.Get("Content-Type"))
	}
	var body struct {
		ResourceSpans []struct {
			Resource   receivedSpan // its attributes
			ScopeSpans []struct{ Spans []receivedSpan }
		}
	}
	d := json.NewDecoder(q.Body)
	if err := d.Decode(&body); err != nil {
		r.t.Error(err)
	}
	for _, resource := range body.ResourceSpans {
		if resource.Resource.get("service.name") != "skb-track" {
			r.t.Errorf("%+v", resource.Resource)
		}
		r.hosts = append(r.hosts, resource.Resource.get("host.name"))
		for _, scope := range resource.ScopeSpans {
			r.spans = append(r.spans, scope.Spans...)
		}
	}
	io.WriteString(w, r.answer)
}

// export runs skb-track --otlp on a stream.
func export(t *testing.T, r *receiver, o Options, stream []byte) (out []byte, err error) {
	t.Helper()
	r.t = t
	s := httptest.NewServer(r)
	defer s.Close()
	o.OTLP = s.URL
	defer func(usual otlp.Times) { otlpTimes = usual }(otlpTimes)
	otlpTimes = otlp.Times{Batch: time.Hour, Answer: time.Hour, End: time.Hour} // however slow this machine is
	var b bytes.Buffer
	err = Run(t.Context(), o, bytes.NewReader(stream), &b, io.Discard)
	return b.Bytes(), err
}

func recordedTraffic(t *testing.T) []byte {
	t.Helper()
	stream, err := os.ReadFile("../../testdata/traffic-6.12.skb")
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// TestOTLP: each journey is a trace, with a span of it and one of each hop, at the times of the stream.
func TestOTLP(t *testing.T) {
	stream := recordedTraffic(t)
	o := metricOptions()
	many := 1_000_000
	o.OTLPRate = &many
	r := &receiver{}
	out, err := export(t, r, o, stream)
	if err != nil {
		t.Fatal(err)
	}
	o.Options.Output = "json"
	var text bytes.Buffer
	o.OTLPRate = nil
	if err := Run(t.Context(), o, bytes.NewReader(stream), &text, io.Discard); err != nil {
		t.Fatal(err)
	}
	o.Options.Output = "stream"
	var plain bytes.Buffer
	if err := Run(t.Context(), o, bytes.NewReader(stream), &plain, io.Discard); err != nil || !bytes.Equal(plain.Bytes(), out) {
		t.Errorf("with --otlp another stream is handed on: %v", err)
	}
	roots := map[string]receivedSpan{}      // by packet
	children := map[string][]receivedSpan{} // by span
	for _, s := range r.spans {
		start, _ := strconv.ParseUint(s.StartTimeUnixNano, 10, 64)
		end, _ := strconv.ParseUint(s.EndTimeUnixNano, 10, 64)
		if len(s.TraceID) != 32 || len(s.SpanID) != 16 || s.Kind != 1 || start > end || start < 17e17 {
			t.Errorf("%+v", s)
		}
		if s.ParentSpanID == "" {
			roots[s.get("skb.packet")] = s
		} else {
			children[s.ParentSpanID] = append(children[s.ParentSpanID], s)
		}
	}
	var offset int64
	events := map[string][]string{} // of each packet: its probes and times
	journeys := 0
	for line := range strings.Lines(text.String()) {
		var x struct {
			Type, Probe string
			TS, Packet  json.Number
			Offset      string `json:"clock_offset"`
			Track       struct{ Packet json.Number }
			Total       uint64
			End         struct{ How, Reason, Location string }
		}
		if err := json.Unmarshal([]byte(line), &x); err != nil && x.Type != "event" {
			t.Fatal(err, line)
		}
		ts, _ := x.TS.Int64()
		switch x.Type {
		case "start":
			offset, _ = strconv.ParseInt(x.Offset, 10, 64)
		case "event":
			events[x.Track.Packet.String()] = append(events[x.Track.Packet.String()], fmt.Sprint(x.Probe, " ", ts+offset))
		case "journey":
			journeys++
			root, ok := roots[x.Packet.String()]
			if !ok || root.Name != "packet "+x.End.How || root.get("skb.how") != x.End.How {
				t.Fatalf("journey %s: %+v", x.Packet, root)
			}
			start, _ := strconv.ParseUint(root.StartTimeUnixNano, 10, 64)
			end, _ := strconv.ParseUint(root.EndTimeUnixNano, 10, 64)
			if end-start < x.Total {
				t.Errorf("journey %s lasts %d ns, want %d", x.Packet, end-start, x.Total)
			}
			if dropped := x.End.How == "dropped"; dropped != (root.Status.Code == 2) || dropped && !strings.Contains(root.Status.Message, x.End.Location) ||
				root.get("skb.reason") != x.End.Reason {
				t.Errorf("journey %s: %+v", x.Packet, root)
			}
			var hops []string
			for _, s := range children[root.SpanID] {
				hops = append(hops, s.Name+" "+s.StartTimeUnixNano)
				if s.TraceID != root.TraceID || s.EndTimeUnixNano > root.EndTimeUnixNano {
					t.Errorf("%+v", s)
				}
			}
			want := events[x.Packet.String()]
			slices.Sort(want)
			slices.Sort(hops)
			if !slices.Equal(hops, want) {
				t.Errorf("journey %s: hops %q, want %q", x.Packet, hops, want)
			}
		}
	}
	if journeys != len(roots) || journeys < 10 {
		t.Errorf("%d traces of %d journeys", len(roots), journeys)
	}
	ids := map[string]bool{}
	for _, s := range r.spans {
		if ids[s.SpanID] {
			t.Errorf("span %s comes twice", s.SpanID)
		}
		ids[s.SpanID] = true
	}
	if !slices.Contains(r.hosts, "guest") || strings.Count(fmt.Sprint(r.hosts), "guest") != len(r.hosts) {
		t.Errorf("hosts: %q", r.hosts)
	}
}

// TestOTLPRate: of each second so many, and of a selection only what is selected.
func TestOTLPRate(t *testing.T) {
	stream := recordedTraffic(t)
	one := 1
	o := metricOptions()
	o.OTLPRate = &one
	r := &receiver{}
	if _, err := export(t, r, o, stream); err != nil {
		t.Fatal(err)
	}
	seconds := map[string]int{}
	for _, s := range r.spans {
		if s.ParentSpanID == "" {
			seconds[s.EndTimeUnixNano[:10]]++
		}
	}
	if len(seconds) < 2 || len(r.hosts) > 8 {
		t.Errorf("%d journeys: %v", len(r.hosts), seconds)
	}
	many := 1_000_000
	o.OTLPRate, o.Ended, o.Options.Output = &many, []string{"dropped"}, "json"
	r = &receiver{}
	out, err := export(t, r, o, stream)
	if err != nil {
		t.Fatal(err)
	}
	var sent, selected []string
	for _, s := range r.spans {
		if s.ParentSpanID == "" {
			sent = append(sent, s.get("skb.packet"))
		}
	}
	for line := range bytes.Lines(out) {
		var x struct {
			Type   string
			Packet json.RawMessage // a number, or a section
		}
		if err := json.Unmarshal(line, &x); err != nil {
			t.Fatal(err)
		}
		if x.Type == "journey" {
			selected = append(selected, string(x.Packet))
		}
	}
	slices.Sort(sent)
	slices.Sort(selected)
	if !slices.Equal(sent, selected) || len(sent) < 3 {
		t.Errorf("sent %v, selected %v", sent, selected)
	}
}

// TestOTLPReceiver: what the receiver does not take is told at the end, and the stream is handed on in any case.
func TestOTLPReceiver(t *testing.T) {
	stream := recordedTraffic(t)
	for name, c := range map[string]struct {
		r     *receiver
		says  string // "": no error
		asked int
	}{
		"busy twice":  {&receiver{answers: []int{503, 429}}, "", 3},
		"refuses all": {&receiver{answers: []int{400, 400, 400, 400}}, "it answers 400 Bad Request", 1},
		"takes some":  {&receiver{answer: `{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no\u001b[31m"}}`}, `it refuses 3 spans: no\x1b[31m`, 1},
		"odd answer":  {&receiver{answer: "\xff"}, "", 1},
	} {
		out, err := export(t, c.r, metricOptions(), stream)
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.HasSuffix(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
		if c.r.asked != c.asked || len(out) < len(stream) {
			t.Errorf("%s: asked %d times, want %d; %d bytes", name, c.r.asked, c.asked, len(out))
		}
	}
	o := metricOptions()
	o.OTLP = "http://127.0.0.1:1"
	var out bytes.Buffer
	if err := Run(t.Context(), o, bytes.NewReader(stream), &out, io.Discard); err == nil || !strings.Contains(err.Error(), "journeys did not get to http://127.0.0.1:1/v1/traces: ") ||
		!strings.HasSuffix(err.Error(), "connection refused") || out.Len() < len(stream) {
		t.Errorf("%v", err)
	}
}

func TestOTLPUsage(t *testing.T) {
	none, some := 0, 5
	for _, c := range []struct {
		o    Options
		says string
	}{
		{Options{OTLP: "localhost:4318"}, "give one as http://localhost:4318"},
		{Options{OTLP: "file:///x"}, "give one as http://localhost:4318"},
		{Options{OTLP: "http://x\x1b/"}, "give one as http://localhost:4318"},
		{Options{OTLPRate: &some}, "--otlp-rate is for --otlp"},
		{Options{OTLP: "http://localhost", OTLPRate: &none}, "at least one"},
	} {
		c.o.MaxOpen, c.o.Idle, c.o.Options = 1, 1, pipe.Options{Output: "stream"}
		if err := Run(t.Context(), c.o, strings.NewReader(""), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, want %q", err, c.says)
		}
	}
}

// journeyAt is a stream of one journey, which ends at a time on a host. Its start says offset, unless that is nil.
func journeyAt(host string, ts uint64, offset *int64) string {
	clock := ""
	if offset != nil {
		clock = fmt.Sprintf(`"clock_offset":%d,`, *offset)
	}
	return fmt.Sprintf(`{"type":"start","ts":%d,"version":1,%s"host":%q}
{"type":"event","ts":%d,"cpu":0,"probe":"a","skb":{"len":1},"track":{"packet":1,"hop":0,"total":0}}
{"type":"journey","ts":%d,"packet":1,"first":%d,"total":1,"hops":1,"branches":1,"end":{"how":"delivered"}}
`, ts-2, clock, host, ts-1, ts, ts-1)
}

// TestOTLPHosts: each second of each host has its journeys, in whatever order they come.
func TestOTLPHosts(t *testing.T) {
	one, none := 1, int64(0)
	o := metricOptions()
	o.OTLPRate, o.Part = &one, true
	in := ""
	for _, host := range []string{"new", "old"} {
		for i, ts := range []uint64{9e18, 8e18, 8e18 + 5} { // of one second are the last two
			if host == "old" {
				ts -= 1e18
			}
			in += strings.ReplaceAll(journeyAt(host, ts, &none), `"packet":1`, fmt.Sprintf(`"packet":%d`, i+1))
		}
	}
	r := &receiver{}
	if _, err := export(t, r, o, []byte(in)); err != nil {
		t.Fatal(err)
	}
	var sent []string
	for _, s := range r.spans {
		if s.ParentSpanID == "" {
			sent = append(sent, s.EndTimeUnixNano[:2]+" "+s.get("skb.packet"))
		}
	}
	if slices.Sort(sent); !slices.Equal(sent, []string{"70 2", "80 1", "80 2", "90 1"}) {
		t.Errorf("%q", sent)
	}
}

// TestOTLPTime: a stream that was read from a capture has an offset of 0 and tells the time. One without an offset does
// not: its journeys are not sent, which is said.
func TestOTLPTime(t *testing.T) {
	o := metricOptions()
	o.Part = true
	none := int64(0)
	r := &receiver{}
	if _, err := export(t, r, o, []byte(journeyAt("h", 17e17, &none))); err != nil || len(r.hosts) != 1 {
		t.Errorf("%d hosts: %v", len(r.hosts), err)
	}
	r = &receiver{}
	_, err := export(t, r, o, []byte(journeyAt("h", 17e17, nil)))
	if err == nil || err.Error() != "--otlp: 1 journey not sent, as the stream does not tell the time (clock_offset in its start)" || r.asked > 0 {
		t.Errorf("asked %d times: %v", r.asked, err)
	}
	r = &receiver{answers: []int{400}}
	_, err = export(t, r, o, []byte(journeyAt("h", 17e17, nil)+journeyAt("h", 17e17, &none)))
	if err == nil || !strings.HasSuffix(err.Error(), ": it answers 400 Bad Request; 1 journey not sent, as the stream does not tell the time (clock_offset in its start)") {
		t.Errorf("%v", err)
	}
}

// TestSenderBounded: however many hosts and seconds there are, so many are counted at most.
func TestSenderBounded(t *testing.T) {
	to, err := otlp.New("http://127.0.0.1:1", otlp.Times{Batch: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	s := &sender{to: to, rate: 1, sent: recent.New[hostSecond, int](maxSeconds)}
	for i := range uint64(5 * maxSeconds) {
		g := &gathered{from: origin{host: strings.Repeat("h", 1000) + fmt.Sprint(i), clock: true}}
		g.j.Last = i * 1e9
		s.take(g)
		at := secondOf(g)
		if len(at.host) > maxHost {
			t.Errorf("%d bytes of a name", len(at.host))
		}
		if !s.sent.Has(at) {
			t.Errorf("second %d is not counted", i)
		}
	}
	if s.sent.Len() != maxSeconds {
		t.Errorf("%d seconds", s.sent.Len())
	}
	_ = s.Close()
}
