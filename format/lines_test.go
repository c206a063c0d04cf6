package format

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestJSONLines: objects over several lines, as jq prints them, and byte order marks are read
// like lines, whatever parts they come in; one that has no end says where it began.
func TestJSONLines(t *testing.T) {
	const bom = "\ufeff"
	const pretty = "{\n  \"type\": \"x\",\n  \"a\": {\n    \"b\": [\n      1\n    ]\n  }\n}\n"
	for name, c := range map[string]struct {
		in    string
		want  int
		fails string
	}{
		"jq":                  {pretty + pretty, 2, ""},
		"without an end":      {strings.TrimSuffix(pretty, "\n"), 1, ""},
		"among lines":         {`{"type":"x"}` + "\n" + pretty + "\n" + `{"type":"x"}`, 3, ""},
		"of Windows":          {strings.ReplaceAll(pretty+pretty, "\n", "\r\n"), 2, ""},
		"a mark":              {bom + `{"type":"x"}` + "\n", 1, ""},
		"a mark, over lines":  {bom + pretty + bom + pretty, 2, ""},
		"joined":              {bom + `{"type":"x"}` + "\n" + bom + `{"type":"x"}` + "\n", 2, ""},
		"a mark and blanks":   {bom + "\n\n" + pretty, 1, ""},
		"a mark alone":        {bom, 0, ""},
		"cut off":             {pretty + "{\n  \"type\": \"x\",\n", 1, "at byte 74: the JSON line is cut off"},
		"a brace too few":     {"{\n\"type\": \"x\",\n\"a\": {\n}\n" + pretty, 0, "at byte 23: the JSON line is cut off"},
		"wrong, behind marks": {bom + `{"type":"x"}` + "\n" + bom + `{"type":x}` + "\n", 1, "at byte 27: 'x' where a value was expected"},
		"half a mark":         {"\xef\xbb{}", 0, "at byte 0: neither a stream nor JSON lines: it begins with 0xef"},
	} {
		for _, r := range []io.Reader{strings.NewReader(c.in), iotest.OneByteReader(strings.NewReader(c.in))} {
			d, n := NewDecoder(r), 0
			_, err := d.Next()
			for ; err == nil; _, err = d.Next() {
				n++
			}
			got := ""
			if err != io.EOF {
				got = err.Error()
			}
			if n != c.want || got != c.fails {
				t.Errorf("%s: %d records, %q, want %d, %q", name, n, got, c.want, c.fails)
			}
		}
	}
}
