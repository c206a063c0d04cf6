package metrics

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/test/metricstest"
)

func TestPage(t *testing.T) {
	var p Page
	p.Family("skb_x_total", "counter", "What it is.")
	p.Count(18446744073709551615)
	p.Family("skb_y_total", "counter", "What it is.")
	p.Count(1, Label{"a", Clean("a\"b\\c\nd\x1b[31m\xff\u202e")}, Label{"b", ""})
	p.Family("skb_z_seconds", "histogram", "What it is.")
	var h Histogram
	for _, ns := range []uint64{0, 1000, 1001, 1e9, 1e12} {
		h.Add(ns)
	}
	p.Histogram(&h, Label{"how", "x"})
	p.Build("skb-x")
	text := p.String()
	metricstest.Check(t, text)
	for _, want := range []string{
		"skb_x_total 18446744073709551615\n",
		`skb_y_total{a="a\"b\\\\c\\nd\\x1b[31m\\xff\\u202e",b=""} 1` + "\n",
		`skb_z_seconds_bucket{how="x",le="1e-06"} 2` + "\n",
		`skb_z_seconds_bucket{how="x",le="2e-06"} 3` + "\n",
		`skb_z_seconds_bucket{how="x",le="0.5"} 3` + "\n",
		`skb_z_seconds_bucket{how="x",le="1"} 4` + "\n",
		`skb_z_seconds_bucket{how="x",le="10"} 4` + "\n",
		`skb_z_seconds_bucket{how="x",le="+Inf"} 5` + "\n",
		`skb_z_seconds_sum{how="x"} 1001.000002001` + "\n",
		`skb_z_seconds_count{how="x"} 5` + "\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
}

// FuzzClean: any text becomes the value of a label that is short, printable UTF-8, and not cut within an escape.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "eth0", "a\x00b", strings.Repeat("\u202e", 100), strings.Repeat("é", 300), "\\x1b", "\xff\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := Clean(s)
		if len(c) > MaxLabel || !utf8.ValidString(c) {
			t.Fatalf("%q", c)
		}
		for _, r := range c {
			if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x202e {
				t.Fatalf("%q", c)
			}
		}
		if strings.Count(c, `\`)-2*strings.Count(c, `\\`) < 0 || strings.HasSuffix(strings.ReplaceAll(c, `\\`, ""), `\`) {
			t.Fatalf("%q is cut within an escape", c)
		}
	})
}

func TestLabelName(t *testing.T) {
	for field, want := range map[string]string{"dev.name": "dev_name", "reason": "reason", "9x": "f_9x", "": "f_", "__x": "f___x",
		"é": "f___", "Aa1": "Aa1", "a-b:c": "a_b_c"} {
		if got := LabelName(field); got != want {
			t.Errorf("%q: %q, want %q", field, got, want)
		}
	}
}

func TestServe(t *testing.T) {
	n := 0
	s, err := Serve("x", "localhost:0", io.Discard, func(p *Page) {
		n++
		p.Family("skb_n_total", "counter", "Questions.")
		p.Count(uint64(n))
	})
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) (int, string, string) {
		t.Helper()
		r, err := http.Get("http://" + s.Addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, r.Header.Get("Content-Type"), string(b)
	}
	for i := 1; i <= 2; i++ {
		if status, kind, text := get("/metrics"); status != 200 || kind != ContentType || !strings.Contains(text, fmt.Sprintf("skb_n_total %d\n", i)) {
			t.Errorf("%d %s %s", status, kind, text)
		}
	}
	if status, _, _ := get("/other"); status != 404 {
		t.Errorf("status %d", status)
	}
	if r, err := http.Post("http://"+s.Addr()+"/metrics", "", nil); err != nil || r.StatusCode != 405 {
		t.Errorf("%v %v", r, err)
	}
	if _, err := Serve("x", s.Addr(), io.Discard, nil); err == nil || !strings.HasSuffix(err.Error(), "address already in use") {
		t.Errorf("%v", err)
	}
	// Connections that say nothing can't keep it from ending.
	for range 2 * maxConnections {
		c, err := net.Dial("tcp", s.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", s.Addr()); err == nil {
		t.Error("it still listens")
	}
	for _, addr := range []string{"", "localhost", "9435", "localhost:"} {
		if _, err := Serve("x", addr, io.Discard, nil); err == nil || !strings.Contains(err.Error(), "give HOST:PORT") {
			t.Errorf("%q: %v", addr, err)
		}
	}
}

func TestLosses(t *testing.T) {
	var l Losses
	for _, loss := range []format.Loss{{What: "event", Count: 3}, {What: "event", Count: 4}, {What: "free", Count: 1}, {What: "\x1bnew", Count: 2}} {
		l.Take(loss.AppendMsgpack(nil))
	}
	var p Page
	l.Write(&p)
	metricstest.Check(t, p.String())
	for _, want := range []string{`{what="event"} 7`, `{what="free"} 1`, `{what="link"} 0`, `{what="(other)"} 2`} {
		if !strings.Contains(string(p.text), "skb_lost_total"+want+"\n") {
			t.Errorf("no %s:\n%s", want, p.text)
		}
	}
}
