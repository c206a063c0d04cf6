package track

import (
	"bytes"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// A drawing is well-formed whatever the names in the stream are, has a lane for each device
// and cpu, and each hop as a dot in both, of which none hides another.
func TestSVG(t *testing.T) {
	s := newScene()
	s.start("a", 0)
	h := wireHeaders{src: [4]byte{10, 0, 0, 1}, dst: [4]byte{10, 0, 0, 2}, sport: 1, dport: 53, ttl: 64, ipid: 7}
	s.event("ip_output", "", 1, 5, h, "hello")
	s.event("net:net_dev_start_xmit", `<eth"0&`, 1, 5, h, "hello")
	h.ttl = 63
	s.event("net:netif_receive_skb", "eth1\x01", 1, 5, h, "hello")
	s.enc.Write(&format.Link{TS: s.ts, How: "clone", From: format.Buffer{Addr: 1 << 8, ID: 1}, To: format.Buffer{Addr: 7, ID: 1}})
	s.ts -= 9_999 // so close to the hop before that their dots would be one
	s.event("ip_rcv", "eth1\x01", 1, 5, h, "hello")
	s.free(1)
	s.end()
	s.enc.Flush()
	file := filepath.Join(t.TempDir(), "journey.svg")
	o := options()
	o.Packet, o.SVG = []uint64{1}, file
	out := runTrack(t, o, s.b.Bytes())
	each(t, out, func(format.Raw) {}) // what is selected still is handed on
	svg, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	type dot struct{ x, y int }
	var dots []dot
	var words strings.Builder
	d := xml.NewDecoder(bytes.NewReader(svg))
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
		switch x := token.(type) {
		case xml.StartElement:
			if x.Name.Local == "circle" {
				var p dot
				for _, a := range x.Attr {
					switch a.Name.Local {
					case "cx":
						p.x, _ = strconv.Atoi(a.Value)
					case "cy":
						p.y, _ = strconv.Atoi(a.Value)
					}
				}
				dots = append(dots, p)
			}
		case xml.CharData:
			words.Write(x)
		}
	}
	if len(dots) != 8 {
		t.Errorf("%d dots, want 8", len(dots))
	}
	for i, a := range dots {
		for _, b := range dots[:i] {
			if a.y == b.y && abs(int64(a.x-b.x)) < 2*drawDot {
				t.Errorf("dots at %v and %v hide each other", a, b)
			}
		}
	}
	for _, want := range []string{"#1", "10.0.0.1.1 > 10.0.0.2.53 UDP", `<eth"0&`, "no device yet", "cpu 0", "ip_rcv", "ttl=64>63"} {
		if !strings.Contains(words.String(), want) {
			t.Errorf("the drawing does not say %q:\n%s", want, svg)
		}
	}
}
