package track

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/skb-tools/skb-tools/format"
)

// A box is where something is in a picture, px.
type box struct {
	left, top, right, bottom float64
	what, class              string
}

func (b box) meets(o box) bool {
	return b.left < o.right-0.1 && o.left < b.right-0.1 && b.top < o.bottom-0.1 && o.top < b.bottom-0.1
}

// pictureOf reads where the marks and texts of a picture are, and its words.
func pictureOf(t *testing.T, svg []byte) (frame box, marks, texts []box, words string) {
	t.Helper()
	var all strings.Builder
	var text *box
	var at struct{ x, size float64 }
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return frame, marks, texts, all.String()
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
		switch x := token.(type) {
		case xml.StartElement:
			of := map[string]string{}
			for _, a := range x.Attr {
				of[a.Name.Local] = a.Value
			}
			number := func(key string) float64 {
				f, err := strconv.ParseFloat(of[key], 64)
				if err != nil {
					t.Fatalf("%s of %v: %v", key, x, err)
				}
				return f
			}
			mark := box{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1), x.Name.Local, of["class"]}
			add := func(x, y float64) {
				mark.left, mark.right = min(mark.left, x), max(mark.right, x)
				mark.top, mark.bottom = min(mark.top, y), max(mark.bottom, y)
			}
			switch x.Name.Local {
			case "svg":
				if n, _ := fmt.Sscan(of["viewBox"], &frame.left, &frame.top, &frame.right, &frame.bottom); n != 4 {
					t.Fatalf("viewBox %q", of["viewBox"])
				}
			case "rect":
				if of["width"] != "100%" {
					add(number("x"), number("y"))
					add(number("x")+number("width"), number("y")+number("height"))
					marks = append(marks, mark)
				}
			case "line":
				add(number("x1"), number("y1"))
				add(number("x2"), number("y2"))
				marks = append(marks, mark)
			case "polygon":
				for _, point := range strings.Fields(of["points"]) {
					var x, y float64
					if n, _ := fmt.Sscanf(point, "%f,%f", &x, &y); n != 2 {
						t.Fatalf("point %q", point)
					}
					add(x, y)
				}
				marks = append(marks, mark)
			case "text":
				at.x, at.size = number("x"), 7.25 // DejaVu Sans Mono of 12 px: 0.602
				if of["class"] == "in" || of["font-size"] == "9" {
					at.size = 5.45
				}
				text = &box{top: number("y") - 10*at.size/7.25, bottom: number("y") + 3*at.size/7.25, class: of["class"]}
				if of["text-anchor"] == "middle" {
					text.what = "middle"
				}
			case "g", "title", "style":
			default:
				t.Fatalf("an element that this test does not know: %v", x)
			}
		case xml.CharData:
			all.Write(x)
			if text != nil {
				width := at.size * float64(utf8.RuneCount(x))
				text.left, text.right = at.x, at.x+width
				if text.what == "middle" {
					text.left, text.right = at.x-width/2, at.x+width/2
				}
				text.what = string(x)
				texts = append(texts, *text)
				text = nil
			}
		case xml.EndElement:
			all.WriteByte('\n')
		}
	}
}

// checkPicture says what is wrong with the places in a picture.
func checkPicture(t *testing.T, what string, svg []byte) {
	t.Helper()
	frame, marks, texts, _ := pictureOf(t, svg)
	for _, b := range append(marks, texts...) {
		if b.left < 0 || b.top < 0 || b.right > frame.right || b.bottom > frame.bottom || !(b.left <= b.right) {
			t.Errorf("%s: %+v is outside of the frame %+v", what, b, frame)
		}
	}
	var dots []box
	for _, b := range marks {
		switch b.class {
		case "dot", "drop", "good", "fold", "freed":
			for _, o := range dots {
				if b.meets(o) {
					t.Errorf("%s: %+v and %+v hide each other", what, b, o)
				}
			}
			dots = append(dots, b)
		}
	}
	for i, b := range texts {
		for _, o := range texts[:i] {
			if b.meets(o) {
				t.Errorf("%s: %+v and %+v lie on each other", what, b, o)
			}
		}
		inside := 0
		for _, o := range dots {
			if b.meets(o) {
				inside++
			}
		}
		if of := b.class == "in" || strings.HasPrefix(b.what, "+") && b.class == ""; inside > 0 != of || inside > 1 {
			t.Errorf("%s: text %+v lies on %d dots", what, b, inside)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

// recordedStreams are all streams of this repository.
func recordedStreams(t *testing.T) (files []string) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == "build" || strings.HasPrefix(d.Name(), ".") && len(d.Name()) > 2) {
			return fs.SkipDir
		}
		if filepath.Ext(path) == ".skb" && !strings.Contains(path, "streamtest") {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) < 20 {
		t.Fatalf("%v, %v", files, err)
	}
	return files
}

// gatherAll returns the journeys of a stream as pictures have them.
func gatherAll(t *testing.T, stream []byte) (all []*gathered) {
	t.Helper()
	ends := newBranchEnds(nil)
	ends.next = newGatherer(nothing{}, ends, func(g *gathered) { all = append(all, g) })
	o := options()
	o.Part = true
	each(t, runTrack(t, o, stream), func(r format.Raw) {
		if err := ends.Write(r); err != nil {
			t.Fatal(err)
		}
	})
	return all
}

type nothing struct{}

func (nothing) Write(format.Raw) error { return nil }
func (nothing) Flush() error           { return nil }

// TestSVGPlaces: in the picture of every journey of every recorded stream all is inside of the
// frame, and no dot or text hides another.
func TestSVGPlaces(t *testing.T) {
	pictures, drops, freed := 0, 0, 0
	for _, file := range recordedStreams(t) {
		stream, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range gatherAll(t, stream) {
			svg := g.svg()
			checkPicture(t, fmt.Sprintf("%s #%d", file, g.j.Packet), svg)
			pictures++
			drops += bytes.Count(svg, []byte("<polygon")) - bytes.Count(svg, []byte(`class="good"`))
			freed += bytes.Count(svg, []byte(`class="freed"`))
			for _, h := range g.hops {
				if h.drop != "" && !bytes.Contains(svg, []byte(`class="drop"/>`)) {
					t.Errorf("%s #%d: no drop is seen", file, g.j.Packet)
				}
			}
		}
	}
	if pictures < 300 || drops < 100 || freed < 50 {
		t.Errorf("%d pictures with %d drops and %d freed branches", pictures, drops, freed)
	}
}

// hostileJourney has n hops on so many lanes, with names of any length.
func hostileJourney(n, lanes int, long string) *gathered {
	g := &gathered{j: format.Journey{Packet: 1<<64 - 1, First: 5}, from: origin{host: long}}
	g.j.End = format.JourneyEnd{How: "dropped", Reason: long, Location: long, Dev: long, TS: 1 << 40}
	for i := range n {
		h := drawnHop{ts: 5 + uint64(i*i), total: uint64(i * i), since: uint64(i), timed: i > 0, probe: long,
			dev: fmt.Sprint(long, i%lanes), netns: uint32(i % lanes), cpu: uint32(i % lanes), branch: uint32(i % 7), number: uint32(i)}
		if i%3 == 0 {
			h.changed = " a=" + long + ">" + long
		}
		if i%11 == 0 {
			h.drop = long
		}
		g.hops = append(g.hops, h)
	}
	for b := range uint32(7) {
		g.ends = append(g.ends, branchEnd{branch: b, ts: 1 << 40, how: "consumed"})
	}
	g.sort()
	return g
}

// TestSVGHostile: so it is with one hop and with thousands, with names of no and of any length.
func TestSVGHostile(t *testing.T) {
	for _, long := range []string{"", "x", strings.Repeat("long ", 100), strings.Repeat("W", 250), strings.Repeat("漢", 80), `<a href="&">` + "\x1b[31m\x00"} {
		for _, n := range []int{0, 1, 2, 9, 121, 3000} {
			for _, lanes := range []int{1, 40} {
				what := fmt.Sprintf("%.10q, %d hops, %d lanes", long, n, lanes)
				svg := hostileJourney(n, lanes, long).svg()
				checkPicture(t, what, svg)
				if frame, _, _, _ := pictureOf(t, svg); frame.right > 5000 {
					t.Errorf("%s: %v px wide", what, frame.right)
				}
			}
		}
	}
}

// TestSVGScale: what is not marked is to scale, and what is crowded or cut is marked.
func TestSVGScale(t *testing.T) {
	for name, c := range map[string]struct {
		ns   []uint64
		want string
	}{
		"to scale":        {[]uint64{0, 100, 400, 1000}, "000"},
		"crowded":         {[]uint64{0, 100, 101, 400, 1000}, "0100"},
		"all at once":     {[]uint64{5, 5, 5}, "11"},
		"one long":        {[]uint64{0, 10, 20, 40, 10_000_000}, "0002"},
		"one point":       {[]uint64{7}, ""},
		"nothing at all":  {nil, ""},
		"the largest gap": {[]uint64{0, 1<<64 - 1}, "0"},
	} {
		all := columns(c.ns, func(int) uint64 { return 0 })
		marks, right := spread(all, 100, 900, 18)
		got := ""
		scale := 0.0
		for i, m := range marks {
			got += fmt.Sprint(m)
			wide := all[i+1].x - all[i].x
			if wide < 18 {
				t.Errorf("%s: columns %d and %d are %v px apart", name, i, i+1, wide)
			}
			if m == toScale {
				s := wide / float64(c.ns[i+1]-c.ns[i])
				if scale != 0 && math.Abs(s/scale-1) > 1e-6 {
					t.Errorf("%s: stretch %d has another scale", name, i)
				}
				scale = s
			}
		}
		if got != c.want || right > 1000.001 {
			t.Errorf("%s: %s up to %v, want %s", name, got, right, c.want)
		}
	}
}

// TestSVG: the picture says who, where and what changed, and shows where a clone was freed.
// Without a selection it is that of the slowest journey.
func TestSVG(t *testing.T) {
	s := newScene()
	s.start("a", 0)
	h := wireHeaders{src: [4]byte{10, 0, 0, 1}, dst: [4]byte{10, 0, 0, 2}, sport: 1, dport: 53, ttl: 64, ipid: 7}
	s.event("ip_output", "", 1, 5, h, "hello")
	s.event("net:net_dev_start_xmit", `<eth"0&`, 1, 5, h, "hello")
	h.ttl = 63
	s.event("net:netif_receive_skb", "eth1\x01", 1, 5, h, "hello")
	s.enc.Write(&format.Link{TS: s.ts, How: "copy", From: format.Buffer{Addr: 1 << 8, ID: 1}, To: format.Buffer{Addr: 7 << 8, ID: 7}})
	s.event("packet_rcv", "eth1\x01", 7, 5, h, "hello")
	s.free(7)
	s.event("ip_rcv", "eth1\x01", 1, 5, h, "hello")
	s.free(1)
	s.event("udp_rcv", "eth9", 2, 6, h, "other") // a shorter journey
	s.free(2)
	s.end()
	s.enc.Flush()
	file := filepath.Join(t.TempDir(), "journey.svg")
	for _, packets := range [][]uint64{{1}, nil, {2}} {
		o := options()
		o.Packet, o.SVG = packets, file
		out := runTrack(t, o, s.b.Bytes())
		each(t, out, func(format.Raw) {}) // what is selected still is handed on
		svg, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		checkPicture(t, "scene", svg)
		_, marks, _, words := pictureOf(t, svg)
		wants := []string{"#1", "on a", "10.0.0.1.1 > 10.0.0.2.53 UDP", `<eth"0&`, "no device yet", "cpu 0", "ip_rcv", "ttl=64>63", "from copy", "freed"}
		dots, freed := 10, 2
		if len(packets) > 0 && packets[0] == 2 {
			wants, dots, freed = []string{"#2", "udp_rcv", "eth9", "triangle: delivered"}, 2, 0
		}
		for _, want := range wants {
			if !strings.Contains(words, want) {
				t.Errorf("%v: the picture does not say %q:\n%s", packets, want, svg)
			}
		}
		for _, m := range marks {
			switch m.class {
			case "dot":
				dots--
			case "freed":
				freed--
			}
		}
		if dots != 0 || freed != 0 {
			t.Errorf("%v: %d dots and %d ends are missing\n%s", packets, dots, freed, svg)
		}
	}
}
