package streamtest

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/sort"
	"github.com/skb-tools/skb-tools/internal/track"
)

// TestPart: what jq has chosen from a stream is whole again behind a filter with --part.
func TestPart(t *testing.T) {
	for i, in := range bases(t) {
		var part []byte
		for n, r := range recordsOf(in) {
			if raw := format.Raw(r[4:]); in[0] == '{' && bytes.HasPrefix(r, []byte(`{"type":"event"`)) && n%2 == 0 || in[0] == 0 && raw.Type() == format.TypeEvent && n%2 == 0 {
				continue
			}
			part = append(part, r...)
		}
		if Whole(spec(t), part) == nil {
			t.Fatalf("base %d: nothing was left out", i)
		}
		for name, run := range map[string]func(io.Reader, io.Writer) error{
			"skb-sort": func(in io.Reader, out io.Writer) error {
				return sort.Run(context.Background(), sort.Options{Input: pipe.Input{Part: true}, Memory: 1 << 20}, in, out, io.Discard)
			},
			"skb-track": func(in io.Reader, out io.Writer) error {
				o := tracking()
				o.Part = true
				return track.Run(context.Background(), o, in, out, io.Discard)
			},
		} {
			var out bytes.Buffer
			if err := run(bytes.NewReader(part), &out); err != nil {
				t.Errorf("base %d, %s: %v", i, name, err)
			}
			if err := Whole(spec(t), out.Bytes()); err != nil {
				t.Errorf("base %d, behind %s: %v", i, name, err)
			}
		}
	}
}
