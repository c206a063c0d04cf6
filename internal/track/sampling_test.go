package track

import (
	"bytes"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// TestSampling: where one packet in so many was looked at, each journey stands for so many, and counts have an error; but
// the journeys of a flow that was chosen are all there.
func TestSampling(t *testing.T) {
	stream := func(hosts ...*format.Start) []byte {
		var b bytes.Buffer
		enc := format.NewEncoder(&b)
		for _, s := range hosts {
			s.TS, s.Host = 1e9, "h"
			enc.Write(s)
			for i := range uint64(4) {
				e := seenAt(1e9+10*i+1, "ip_rcv", 0x100+i, i+1, 1)
				e.Skb.Set(format.SkbHead, i+1)
				enc.Write(e)
				enc.Write(&format.Free{TS: 1e9 + 10*i + 2, How: "consumed", Skb: format.Buffer{Addr: 0x100 + i, Head: i + 1, ID: i + 1}, Last: true})
			}
			enc.Write(&format.End{TS: 2e9, Events: 4, Frees: 4, Cause: "signal"})
		}
		enc.Flush()
		return b.Bytes()
	}
	for name, c := range map[string]struct {
		in   []byte
		json bool
		want []string // and behind a minus, what is not there
	}{
		"all":      {stream(&format.Start{}), false, []string{"4 journeys of 4 branches, 4 events\n", "-±"}},
		"sampled":  {stream(&format.Start{Sample: 10, SampleBy: "packet"}), false, []string{"about 40 ±19 journeys of 40 branches, 40 events\none packet in 10 was looked at (skb-collect --sample)", "40 ±19", "-at least"}},
		"by flow":  {stream(&format.Start{Sample: 10, SampleBy: "flow"}), false, []string{"about 40 ±19 journeys", "at least: the packets of a flow"}},
		"in JSON":  {stream(&format.Start{Sample: 10, SampleBy: "flow"}), true, []string{`"journeys":40,`, `"sample":10,"by_flow":true,"error":19,"errors":{`}},
		"not JSON": {stream(&format.Start{}), true, []string{`"journeys":4,`, "-sample", "-error"}},
		"two":      {stream(&format.Start{Sample: 10, SampleBy: "packet"}, &format.Start{}), false, []string{"about 44 ±19 journeys", "one packet in 10 or fewer"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Summary = true
			o.Output = "text"
			if c.json {
				o.Output = "json"
			}
			var out, stderr bytes.Buffer
			if err := Run(t.Context(), o, bytes.NewReader(c.in), &out, &stderr); err != nil {
				t.Fatal(err, stderr.String())
			}
			for _, want := range c.want {
				if not, is := strings.CutPrefix(want, "-"); strings.Contains(out.String(), not) == is {
					t.Errorf("%q in:\n%s", want, out.String())
				}
			}
		})
	}
}
