package escape

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestAppend: what a terminal obeys is written as Go writes it, all else as it is.
func TestAppend(t *testing.T) {
	for in, want := range map[string]string{
		"eth0": "eth0", "ein Gerät 日本": "ein Gerät 日本", "": "",
		"a\x1b[31m":             `a\x1b[31m`,
		"a\u009b2Jb":            `a\u009b2Jb`,
		"\u202eabc\u2066d":      `\u202eabc\u2066d`,
		"line\nnext\u2028":      `line\nnext\u2028`,
		"zero\u200bwidth\ufeff": `zero\u200bwidth\ufeff`,
		`\x1b`:                  `\\x1b`,
		"bad\xff\x9b":           `bad\xff\x9b`,
		"\U000e0041":            `\U000e0041`,
		"\x7f\u00a0":            `\x7f\u00a0`,
	} {
		if got := string(Append([]byte("<"), in)); got != "<"+want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
		if got := String(in); got != want {
			t.Errorf("String(%q): %s, want %s", in, got, want)
		}
	}
}

// TestCut: text is cut between runes and escapes.
func TestCut(t *testing.T) {
	for _, c := range []struct {
		in   string // before Append
		n    int
		want string
	}{
		{"eth0", 4, "eth0"}, {"eth0", 3, "eth"}, {"eth0", 0, ""}, {"", 0, ""}, {"日本", 5, "日"}, {"日本", 2, ""},
		{"a\x1bb", 5, `a\x1b`}, {"a\x1bb", 4, "a"}, {"a\u202e", 6, "a"}, {"a\U000e0041b", 11, `a\U000e0041`},
		{"a\U000e0041b", 10, "a"}, {"\n\\\xff", 4, `\n\\`}, {"\n\\\xff", 3, `\n`}, {"\n\\\xff", 7, `\n\\`}, {"\"'", 1, `"`},
	} {
		if got := string(Cut(Append(nil, c.in), c.n)); got != c.want {
			t.Errorf("%q, %d bytes: %s, want %s", c.in, c.n, got, c.want)
		}
	}
}

// TestCutRunes: text is cut between runes, and what is none does not shift the cut by more than 4 bytes.
func TestCutRunes(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"eth0", 4, "eth0"}, {"eth0", 3, "eth"}, {"eth0", 0, ""}, {"", 0, ""}, {"日本", 5, "日"}, {"日本", 3, "日"},
		{"日本", 2, ""}, {"\x80\x80\x80", 2, ""}, {"abcdef\x80\x80\x80\x80\x80", 10, "abcdef"},
	} {
		if got := CutRunes(c.in, c.n); got != c.want {
			t.Errorf("%q, %d bytes: %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

// FuzzEscape: nothing that is not Printable comes through, and JSON reads back as what it was.
func FuzzEscape(f *testing.F) {
	f.Add("a\u009b\u202e\U000e0001\x7f\\\"é")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range String(s) {
			if !Printable(r) {
				t.Fatalf("%q: %q comes through", s, r)
			}
		}
		for n, whole := 0, Append(nil, s); n <= len(whole); n++ {
			got := Cut(whole, n)
			if len(got) > n || n-len(got) > len(`\U00000000`) || !strings.HasPrefix(string(whole), string(got)) {
				t.Fatalf("%q: cut to %d bytes it is %q", whole, n, got)
			}
			if short := Short(s, n); short != string(got) {
				t.Fatalf("%q: short it is %q, cut %q", whole, short, got)
			}
		}
		s = strings.ToValidUTF8(s, "?")
		text, _ := json.Marshal(s)
		clean := JSON(nil, text)
		for _, r := range string(clean) {
			if !Printable(r) {
				t.Fatalf("%q: %q comes through in JSON", s, r)
			}
		}
		var back string
		if err := json.Unmarshal(clean, &back); err != nil || back != s || !utf8.Valid(clean) {
			t.Fatalf("%q: reads back as %q, %v", s, back, err)
		}
	})
}
