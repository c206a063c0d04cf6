//go:build unix

package page_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/drops"
	"github.com/skb-tools/skb-tools/internal/text"
	"github.com/skb-tools/skb-tools/internal/track"
	"github.com/skb-tools/skb-tools/test/browser"
)

var screenshots = flag.String("screenshots", "", "folder to write pictures of the pages to")

// trackPage makes the page of a stream, and returns the summary, as JSON, that was printed with it.
func trackPage(t *testing.T, file string, stream []byte, change func(*track.Options)) (summary struct {
	Events, Journeys, Branches uint64
	Endings, Reasons           map[string]uint64
	Total                      struct{ P50, P90, P99, Max uint64 }
	Hops                       []struct {
		From, To                  string
		Count, P50, P90, P99, Max uint64
	}
}, err error) {
	t.Helper()
	o := track.Options{HTML: file, MaxOpen: 1000, Idle: 30 * time.Second, Window: 10 * time.Millisecond}
	o.Output = "json"
	if change != nil {
		change(&o)
	}
	var out bytes.Buffer
	err = track.Run(context.Background(), o, bytes.NewReader(stream), &out, io.Discard)
	if e := json.Unmarshal(out.Bytes(), &summary); e != nil {
		t.Fatalf("%v: %.200s, %v", e, out.Bytes(), err)
	}
	return summary, err
}

func read(t *testing.T, files ...string) (all []byte) {
	t.Helper()
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	return all
}

// stream is one of what fill writes.
func stream(t *testing.T, fill func(write func(format.Appender))) []byte {
	t.Helper()
	var b bytes.Buffer
	e := format.NewEncoder(&b)
	fill(func(r format.Appender) {
		t.Helper()
		if err := e.WriteRaw(r.AppendMsgpack(nil)); err != nil {
			t.Fatal(err)
		}
	})
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lossy is a stream of one lost event between two packets, with a string wherever a stream can have one.
func lossy(t *testing.T, s string) []byte {
	t.Helper()
	return stream(t, func(write func(format.Appender)) {
		ts := uint64(1e9)
		write(&format.Start{TS: ts, Host: s, Kernel: s, Arch: s, Tool: s, Cmdline: []string{s, s}, BootID: "x", ClockOffset: 1_700_000_000e9})
		for i := range uint64(6) {
			for hop := range uint64(3) {
				ts += 2e6
				x := format.Event{TS: ts, Probe: s + []string{"ip_rcv", "udp_rcv", "skb:kfree_skb"}[hop], Netns: format.Netns{Inum: 7}}
				x.Dev = format.Dev{Name: s, Ifindex: 1, Type: 1}
				x.Process = format.Process{PID: 1, TGID: 1, Comm: s}
				x.Skb.Set(format.SkbAddr, i+1<<8)
				x.Skb.Set(format.SkbHead, i+1<<16)
				x.Skb.Set(format.SkbID, i+1)
				if hop == 2 {
					x.Drop = format.Drop{Reason: 3, Name: s + "NO_SOCKET", Location: s + "udp_rcv+0x1"}
				}
				write(&x)
			}
			if i == 2 {
				write(&format.Loss{TS: ts + 3e6, Since: ts + 1e6, Count: 41, What: "event", Cause: s})
				ts += 4e6
			}
		}
		write(&format.End{TS: ts, Events: 18, Lost: 41})
	})
}

// cloned is a stream of one packet with a number of events, of that many clones, on that many devices in three namespaces.
func cloned(t *testing.T, events, clones, devices int) []byte {
	t.Helper()
	return stream(t, func(write func(format.Appender)) {
		ts := uint64(1e9)
		write(&format.Start{TS: ts, Host: "h", BootID: "x", ClockOffset: 1_700_000_000e9})
		for i := range events {
			ts += 2e3
			x := format.Event{TS: ts, Probe: fmt.Sprintf("probe_%d", i%20), Netns: format.Netns{Inum: uint32(7 + i%3)}}
			x.Dev = format.Dev{Name: fmt.Sprintf("veth%d", i%devices), Ifindex: 1, Type: 1}
			x.Skb.Set(format.SkbAddr, uint64(1+i%clones)<<8)
			x.Skb.Set(format.SkbHead, 1<<16)
			x.Skb.Set(format.SkbID, 1)
			write(&x)
		}
		write(&format.End{TS: ts, Events: uint64(events)})
	})
}

// cells returns the cells of a table on the page, by its id.
func cells(b *browser.Browser, id string) (rows [][]string) {
	b.Eval(fmt.Sprintf(`[...document.querySelectorAll("#%s tbody tr")].map((r) => [...r.cells].map((c) => c.textContent))`, id), &rows)
	return rows
}

// TestBrowser opens pages in a browser: they show what the summary says, can be used with a mouse and with keys alone at
// any width, and ask for nothing.
func TestBrowser(t *testing.T) {
	b := browser.Start(t)
	dir := t.TempDir()
	page := func(name string) string { return filepath.Join(dir, name+".html") }
	quiet := func(t *testing.T, what string) {
		t.Helper()
		var ready string
		b.Eval(`document.documentElement.dataset.ready || "no"`, &ready)
		if faults := b.Faults(); len(faults) > 0 || ready != "yes" {
			t.Errorf("%s: ready: %s, %q", what, ready, faults)
		}
	}
	// frames waits until what was asked for is drawn.
	frames := func() {
		b.Eval(`new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(() => r(1)))))`, nil)
	}
	streams := []string{"../../testdata/traffic-6.12.skb", "../../contrib/testdata/demo.skb", "../drops/testdata/drops/innocent-6.12.skb"}
	stream := read(t, streams...)
	summary, err := trackPage(t, page("track"), stream, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Open(page("track"), 1280)
	quiet(t, "track")

	t.Run("numbers", func(t *testing.T) {
		want := func(m map[string]uint64) (rows []string) {
			for _, k := range slices.Sorted(maps.Keys(m)) {
				rows = append(rows, fmt.Sprint([]string{k, fmt.Sprint(m[k])}))
			}
			return rows
		}
		for id, m := range map[string]map[string]uint64{"endings": summary.Endings, "reasons": summary.Reasons} {
			var got []string
			for _, row := range cells(b, id) {
				got = append(got, fmt.Sprint(row))
			}
			slices.Sort(got)
			if !slices.Equal(got, want(m)) || len(got) == 0 {
				t.Errorf("%s: %v, want %v", id, got, want(m))
			}
		}
		took := func(ns uint64) string { return string(text.AppendDuration(nil, ns)) }
		var got []string
		for _, row := range cells(b, "total") {
			got = append(got, row[1])
		}
		q := summary.Total
		if want := []string{took(q.P50), took(q.P90), took(q.P99), took(q.Max)}; !slices.Equal(got, want) {
			t.Errorf("times %v, want %v", got, want)
		}
		for i, row := range cells(b, "hops") {
			h := summary.Hops[i]
			want := []string{h.From, h.To, fmt.Sprint(h.Count), took(h.P50), took(h.P90), took(h.P99), took(h.Max)}
			if !slices.Equal(row, want) {
				t.Errorf("hop %d: %v, want %v", i, row, want)
			}
		}
		var counts string
		b.Eval(`document.getElementById("counts").textContent`, &counts)
		if want := fmt.Sprintf("%d journeys, %d branches, %d events", summary.Journeys, summary.Branches, summary.Events); counts != want {
			t.Errorf("%q, want %q", counts, want)
		}
		// What the charts add up to.
		var drawn, hops uint64
		b.Eval(`JSON.parse(document.getElementById("data").textContent).series.counts.flat().reduce((a, b) => a + b, 0)`, &drawn)
		b.Eval(`JSON.parse(document.getElementById("data").textContent).heat.rows.flatMap((r) => r.count).reduce((a, b) => a + b, 0)`, &hops)
		all := uint64(0)
		for _, h := range summary.Hops[:min(30, len(summary.Hops))] {
			all += h.Count
		}
		if drawn != summary.Journeys || hops != all {
			t.Errorf("the charts have %d journeys and %d hops, want %d and %d", drawn, hops, summary.Journeys, all)
		}
	})

	count := func(selector string) (n int) {
		b.Eval(fmt.Sprintf(`document.querySelectorAll(%q).length`, selector), &n)
		return n
	}
	t.Run("mouse", func(t *testing.T) {
		var want int
		b.Eval(`(() => { const j = JSON.parse(document.getElementById("data").textContent).chosen.all[2]; return j.h.length + (j.x || []).length; })()`, &want)
		b.Click(".list li:nth-child(3) button")
		if got := count(".journey .hop:not(.lossrow)"); got != want || want < 3 {
			t.Errorf("%d hops and ends are shown, want %d", got, want)
		}
		b.Click(".list li:nth-child(3) button")
		if got := count(".journey"); got != 0 {
			t.Error("a second click does not close the journey")
		}
	})
	t.Run("keys", func(t *testing.T) {
		b.Eval(`document.querySelector(".list button").focus()`, nil)
		b.Key("ArrowDown")
		b.Key("ArrowDown")
		b.Key("ArrowUp")
		b.Key("Enter")
		var open string
		b.Eval(`document.querySelector("[aria-expanded=true] .num").textContent`, &open)
		var want string
		b.Eval(`document.querySelectorAll(".list .num")[1].textContent`, &want)
		if open != want || count(".journey") != 1 {
			t.Errorf("%q is open, want %q", open, want)
		}
		b.Key("Escape")
		if count(".journey") != 0 {
			t.Error("Escape does not close the journey")
		}
		zoom := func() (at [2]float64) {
			frames()
			b.Eval(`(() => { const x = document.querySelector(".chart").plot.scales.x; return [x.min, x.max]; })()`, &at)
			return at
		}
		all := zoom()
		b.Eval(`document.querySelector(".chart").focus()`, nil)
		b.Key("+")
		half := zoom()
		if d := (all[1] - all[0]) / 2; half[1]-half[0] > d*1.01 || half[1]-half[0] < d*0.99 {
			t.Errorf("+ shows %v of %v", half, all)
		}
		b.Key("ArrowRight")
		if right := zoom(); right[0] <= half[0] {
			t.Errorf("an arrow moves %v to %v", half, right)
		}
		b.Key("0")
		if zoom() != all {
			t.Errorf("0 shows %v of %v", zoom(), all)
		}
		b.Eval(`document.querySelector(".heat .cells[tabindex]").focus()`, nil)
		b.Key("ArrowRight")
		var said string
		b.Eval(`document.querySelector(".read").textContent`, &said)
		if !strings.Contains(said, summary.Hops[0].From+" → "+summary.Hops[0].To) || count(".heat .at") != 1 {
			t.Errorf("the heat map says %q", said)
		}
	})
	t.Run("filters", func(t *testing.T) {
		found := func(set string) (n int) {
			var words string
			b.Eval(`(async () => { for (const i of document.querySelectorAll("#filters input, #filters select")) i.value = i.tagName === "SELECT" ? i.options[0].value : "";
				const by = (name) => [...document.querySelectorAll("#filters label")].find((l) => l.textContent.startsWith(name)).lastChild;
				const pick = (s, name) => { s.value = [...s.options].find((o) => o.textContent.startsWith(name)).value; };
				`+set+`
				for (const i of document.querySelectorAll("#filters input, #filters select")) i.dispatchEvent(new Event(i.tagName === "SELECT" ? "change" : "input"));
				await new Promise((r) => setTimeout(r, 200));
				return document.getElementById("found").textContent; })()`, &words)
			if _, err := fmt.Sscan(words, &n); err != nil {
				t.Errorf("%q: %v", words, err)
			}
			return n
		}
		// count counts journeys from the stream itself.
		count := func(selection func(*track.Options)) int {
			s, err := trackPage(t, page("part"), stream, selection)
			if err != nil {
				t.Fatal(err)
			}
			return int(s.Journeys)
		}
		for set, want := range map[string]int{
			``:                                      int(summary.Journeys),
			`pick(by("ended"), "delivered");`:       int(summary.Endings["delivered"]),
			`by("slower than").value = "2ms";`:      count(func(o *track.Options) { o.SlowerThan = 2 * time.Millisecond }),
			`pick(by("device"), "veth-a");`:         count(func(o *track.Options) { o.Through = []string{"veth-a"} }),
			`by("search").value = "no such thing";`: 0,
		} {
			if got := found(set); got != want || want == 0 && !strings.Contains(set, "no such") {
				t.Errorf("%q finds %d journeys, want %d", set, got, want)
			}
		}
		if dns, all := found(`by("search").value = "10.0.0.2.53";`), found(``); dns == 0 || dns >= all {
			t.Errorf("an address and port finds %d of %d journeys", dns, all)
		}
		if ns, all := found(`by("namespace").selectedIndex = 1;`), found(``); ns == 0 || ns >= all {
			t.Errorf("a namespace finds %d of %d journeys", ns, all)
		}
		found(``)
	})
	t.Run("widths", func(t *testing.T) {
		b.Eval(`document.querySelectorAll(".list button")[4].click()`, nil)
		b.Eval(`document.querySelector("details").open = true`, nil)
		for _, width := range []int{360, 768, 1280, 2560} {
			b.Width(width)
			frames()
			var wide []string
			b.Eval(`[...document.querySelectorAll("body *")].filter((e) => !e.closest(".scroll") && e.getBoundingClientRect().right > innerWidth + 1)
				.map((e) => e.tagName + "." + e.className + " " + e.getBoundingClientRect().right).slice(0, 5)`, &wide)
			var canvas float64
			b.Eval(`document.querySelector("canvas").getBoundingClientRect().width / innerWidth`, &canvas)
			if len(wide) > 0 || canvas < 0.8 {
				t.Errorf("at %d px: %v are beyond the edge, the chart has %v of the width", width, wide, canvas)
			}
			if *screenshots != "" {
				_ = os.WriteFile(filepath.Join(*screenshots, fmt.Sprintf("track-%d.png", width)), b.Shot(width, 2600), 0o644)
			}
		}
	})
	if *screenshots != "" {
		b.Open(page("track"), 1280)
		b.Eval(`document.querySelectorAll("section").forEach((s) => { if (s.querySelector("h2").textContent !== "Journeys") s.remove(); });
			document.querySelectorAll(".captures, h3, #sure, h1, p.dim").forEach((e) => e.remove());
			document.querySelectorAll(".list button")[6].click(); document.querySelectorAll(".list button")[22].click();`, nil)
		_ = os.WriteFile(filepath.Join(*screenshots, "journeys-1280.png"), b.Shot(1280, 1700), 0o644)
		b.Width(360)
		_ = os.WriteFile(filepath.Join(*screenshots, "journeys-360.png"), b.Shot(360, 2600), 0o644)
		b.Open(page("track"), 1280)
	}
	t.Run("dark", func(t *testing.T) {
		colors := func() (c [2]string) {
			b.Eval(`[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]`, &c)
			return c
		}
		light := colors()
		b.Dark(true)
		dark := colors()
		b.Dark(false)
		if light[0] != "rgb(255, 255, 255)" || dark[0] == light[0] || dark[1] == light[1] {
			t.Errorf("light %v, dark %v", light, dark)
		}
	})
	quiet(t, "track, used")

	// A packet that was cloned 100 times, through 150 devices of namespaces: a picture is made in parts, since all of it at
	// once kept the browser busy for half a minute.
	t.Run("a long journey", func(t *testing.T) {
		if _, err := trackPage(t, page("long"), cloned(t, 1000, 100, 50), nil); err != nil {
			t.Fatal(err)
		}
		b.Open(page("long"), 1280)
		b.Eval(`document.querySelector(".list button").click()`, nil)
		if hops, all := count(".journey .hop"), count("*"); hops != 200 || all > 20_000 {
			t.Errorf("%d hops are shown first, with %d elements", hops, all)
		}
		for range 5 {
			b.Eval(`(() => { const b = document.querySelector(".journey > button"); if (!b.hidden) b.click(); })()`, nil)
		}
		var last string
		b.Eval(`[...document.querySelectorAll(".journey .no")].map((e) => e.textContent).filter((n) => n !== "").at(-1)`, &last)
		if last != "999" || count(".journey > button[hidden]") != 1 {
			t.Errorf("the last hop that can be shown is %s", last)
		}
		quiet(t, "a long journey")
	})

	hostile := `</script><script>window.pwned=1</script><!--<img src=x onerror=window.pwned=2>` + "\u202e\x1b[31m\u2028'\"&"
	t.Run("hostile names and losses", func(t *testing.T) {
		for _, name := range []string{"track", "drops"} {
			file := page("hostile-" + name)
			if name == "track" {
				if _, err := trackPage(t, file, lossy(t, hostile), nil); err != nil {
					t.Fatal(err)
				}
			} else if err := dropsPage(file, lossy(t, hostile), io.Discard); err != nil {
				t.Fatal(err)
			}
			b.Open(file, 360)
			b.Eval(`document.querySelectorAll(".list button").forEach((e) => e.click())`, nil)
			var bad []string
			b.Eval(`[String(window.pwned), ...[...document.querySelectorAll("img, script:not(#data)")].map((e) => e.outerHTML.slice(0, 40))].slice(0, 9)`, &bad)
			if len(bad) != 3 || bad[0] != "undefined" {
				t.Errorf("%s: %q", name, bad)
			}
			var words string
			b.Eval(`document.body.innerText`, &words)
			for _, want := range []string{`</script><script>window.pwned=1</script>`, `\u202e\x1b[31m`, "Events were lost", "41 of kind event"} {
				if !strings.Contains(words, want) {
					t.Errorf("%s does not show %q", name, want)
				}
			}
			if strings.ContainsAny(words, "\u202e\x1b") {
				t.Errorf("%s shows what acts on the reader", name)
			}
			frames()
			// The loss is red in the chart, where it was.
			var red []int
			b.Eval(`(() => { const u = document.querySelector(".chart").plot, d = JSON.parse(document.getElementById("data").textContent);
				const x = u.valToPos((d.lost[0].since + d.lost[0].until) / 2 - d.series.since, "x", true);
				const line = u.ctx.getImageData(u.bbox.left + 3, u.bbox.top + 3, x - u.bbox.left - 2, 1).data;
				return [...line.slice(-4), ...line.slice(0, 4)]; })()`, &red)
			if len(red) != 8 || red[0]-red[1] < 20 || red[3] == 0 || red[7] != 0 && red[4]-red[5] > 20 {
				t.Errorf("%s: the colours at the loss and beside it are %v", name, red)
			}
			if name == "track" {
				if count(".lossrow") == 0 && count(".heat i.lost") == 0 {
					t.Error("no loss is marked in the heat map and the pictures")
				}
				if count(".heat i.lost") == 0 {
					t.Error("no loss is marked in the heat map")
				}
			}
			quiet(t, "hostile "+name)
		}
	})

	t.Run("drops", func(t *testing.T) {
		var out bytes.Buffer
		if err := dropsPage(page("drops"), read(t, "../drops/testdata/drops/firewall-6.1.skb", "../drops/testdata/drops/receive-5.10.skb"), &out); err != nil {
			t.Fatal(err)
		}
		want, total := []string{}, uint64(0)
		for _, line := range bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n")) {
			var l struct {
				Type, Severity string
				Count          uint64
				Example        struct{ Look []string }
			}
			if err := json.Unmarshal(line, &l); err != nil {
				t.Fatal(err)
			}
			switch l.Type {
			case "summary":
				want = append(want, fmt.Sprintf("%s%d %d", l.Severity, l.Count, len(l.Example.Look)))
			case "total":
				total = l.Count
			}
		}
		b.Open(page("drops"), 1280)
		quiet(t, "drops")
		var got []string
		b.Eval(`[...document.querySelectorAll(".cause")].map((c) => c.querySelector(".sev").textContent + c.querySelector(".count").textContent + " " + c.querySelectorAll(".look").length)`, &got)
		if fmt.Sprint(got) != fmt.Sprint(want) || len(got) < 3 {
			t.Errorf("causes %v, want %v", got, want)
		}
		var drawn uint64
		b.Eval(`JSON.parse(document.getElementById("data").textContent).series.counts.flat().reduce((a, b) => a + b, 0)`, &drawn)
		if drawn != total {
			t.Errorf("the chart has %d drops, want %d", drawn, total)
		}
		if *screenshots != "" {
			_ = os.WriteFile(filepath.Join(*screenshots, "drops-1280.png"), b.Shot(1280, 1500), 0o644)
		}
	})

	t.Run("cut off", func(t *testing.T) {
		_, err := trackPage(t, page("cut"), stream[:len(stream)/3], nil)
		if err == nil {
			t.Fatal("a stream that was cut off is no error")
		}
		b.Open(page("cut"), 800)
		quiet(t, "cut off")
		var said string
		b.Eval(`document.getElementById("notwhole").textContent`, &said)
		if !strings.Contains(said, "not whole") || count(".list li") == 0 {
			t.Errorf("the page says %q", said)
		}
	})
}

func dropsPage(file string, stream []byte, out io.Writer) error {
	o := drops.Options{HTML: file, Normal: true}
	o.Output = "json"
	return drops.Run(context.Background(), o, bytes.NewReader(stream), out, io.Discard)
}
