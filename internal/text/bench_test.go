package text

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// recordings are streams whose events differ: with sections, tracked, dropped, cut off.
var recordings = map[string]string{
	"traffic": "../../testdata/traffic-6.12.skb",
	"nat":     "../pcap/testdata/nat.skb",
	"drops":   "../drops/testdata/drops/receive-7.2.skb",
}

func recorded(tb testing.TB, file string) (records []format.Raw) {
	tb.Helper()
	in, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	for d := format.NewDecoder(bytes.NewReader(in)); ; {
		r, err := d.Next()
		if err == io.EOF {
			return records
		}
		if err != nil {
			tb.Fatal(err)
		}
		if r.Type() != format.TypeStart {
			records = append(records, bytes.Clone(r))
		}
	}
}

// TestNoAllocations: to print what was printed before allocates nothing, in lines and as trees.
func TestNoAllocations(t *testing.T) {
	for name, file := range recordings {
		records := recorded(t, file)
		for _, trees := range []bool{false, true} {
			p := NewPrinter(discard{}, Options{Color: trees})
			if trees {
				p.Journeys()
			}
			all := func() {
				for _, r := range records {
					p.Write(r)
				}
			}
			for range 3 {
				all() // layouts are learned, buffers grow
			}
			if n := testing.AllocsPerRun(5, all); n > 0 {
				t.Errorf("%s, trees %v: %v allocations for %d records", name, trees, n, len(records))
			}
		}
	}
}

// An operation is a record.
func BenchmarkRecorded(b *testing.B) {
	for name, file := range recordings {
		records := recorded(b, file)
		b.Run(name, func(b *testing.B) {
			p := NewPrinter(discard{}, Options{})
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p.Write(records[i%len(records)])
			}
		})
	}
}
