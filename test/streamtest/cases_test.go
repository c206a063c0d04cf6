package streamtest

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/drops"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/sort"
	"github.com/skb-tools/skb-tools/internal/track"
)

// TestCases: inputs that passed for good ones. Each program ends with an error that says
// what is wrong, and with an offset that is the file's, and has handed on what was good.
func TestCases(t *testing.T) {
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join("testdata/cases", name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	recorded, err := os.ReadFile("../../testdata/traffic-6.12.skb")
	if err != nil {
		t.Fatal(err)
	}
	frames := Frames(recorded)
	half := len(frames) / 2
	cut := bytes.Join(frames[:half], nil)
	behind := bytes.Join(append([][]byte{frames[0]}, frames[half:]...), nil)
	for name, c := range map[string]struct {
		in   []byte
		says string
	}{
		"cut at a record":  {cut, "it has no end record"},
		"the second half":  {behind, "its end counts "},
		"version 99":       {read("version-99.jsonl"), "at byte 0: the stream is of version 99"},
		"times with point": {read("float-ts.jsonl"), "at byte 3658: `ts` of an event is not an integer"},
		"empty":            {nil, "it is empty"},
		"no end":           {read("nft-inject.jsonl"), "it has no end record"},
	} {
		for program, run := range programs {
			if err := run(bytes.NewReader(c.in), io.Discard); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s, %s: %v, want %q", name, program, err, c.says)
			}
		}
	}
	// All that is there is handed on.
	for name, in := range map[string][]byte{"cut": cut, "the second half": behind} {
		var out bytes.Buffer
		_ = programs["skb-sort"](bytes.NewReader(in), &out)
		if got, want := len(Frames(out.Bytes())), len(Frames(in)); got != want {
			t.Errorf("%s: %d of %d records are handed on", name, got, want)
		}
	}
	// Of what has no form in JSON the good comes out first.
	ext := read("ext-after-good.skb")
	for program, run := range map[string]func(io.Reader, io.Writer) error{
		"skb-sort": func(in io.Reader, out io.Writer) error {
			return sort.Run(context.Background(), sort.Options{Options: pipe.Options{Output: "json"}, Memory: 1 << 20}, in, out, io.Discard)
		},
		"skb-track": func(in io.Reader, out io.Writer) error {
			o := tracking()
			o.Options.Output = "json"
			return track.Run(context.Background(), o, in, out, io.Discard)
		},
	} {
		var out bytes.Buffer
		err := run(bytes.NewReader(ext), &out)
		if err == nil || !strings.HasPrefix(err.Error(), "stdin: at byte 33") || !strings.HasSuffix(err.Error(), "an extension type has no form in JSON") {
			t.Errorf("%s: %v", program, err)
		}
		if n := bytes.Count(out.Bytes(), []byte("\n")); n != len(Frames(ext))-countExt(ext) {
			t.Errorf("%s: %d lines of %d records", program, n, len(Frames(ext)))
		}
	}
	// Of a summary that nothing could be counted for there is none.
	for _, name := range []string{"version-99.jsonl", "float-ts.jsonl"} {
		var out bytes.Buffer
		if err := drops.Run(context.Background(), drops.Options{Summary: true}, bytes.NewReader(read(name)), &out, io.Discard); err == nil || out.Len() > 0 {
			t.Errorf("%s: %v, and a summary of nothing: %s", name, err, out.String())
		}
		o := tracking()
		o.Summary, o.Options.Output = true, ""
		if err := track.Run(context.Background(), o, bytes.NewReader(read(name)), &out, io.Discard); err == nil || out.Len() > 0 {
			t.Errorf("%s: %v, and a summary of nothing: %s", name, err, out.String())
		}
	}
}

// countExt is how many records a stream has from the first on that has no form in JSON.
func countExt(stream []byte) int {
	frames := Frames(stream)
	for i, f := range frames {
		if format.ValidJSON(f[4:]) != nil {
			return len(frames) - i
		}
	}
	return 0
}
