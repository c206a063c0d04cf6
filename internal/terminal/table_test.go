package terminal

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func lines(t *Table, width int) string {
	var b strings.Builder
	if err := t.Write(&b, width); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// table is one whose columns go one after the other.
func table() *Table {
	t := NewTable("NAME", ">COUNT", ">SHARE", "BARS")
	t.Column("REASON")
	t.Row("é", "1", "0.1%", "▁▂▃▄", "no socket")
	t.Row("eth0", "1000000", "99.9%", "▅▆▇█", "")
	t.Row("other", "2")
	t.Spare("SHARE", "COUNT", "NONE")
	return t
}

// TestTable: a table is as wide as its content where there is room, and what is wider adapts.
func TestTable(t *testing.T) {
	for _, c := range []struct {
		width int
		want  string
	}{
		{0, `
NAME     COUNT  SHARE  BARS  REASON
é            1   0.1%  ▁▂▃▄  no socket
eth0   1000000  99.9%  ▅▆▇█
other        2`},
		{38, `
NAME     COUNT  SHARE  BARS  REASON
é            1   0.1%  ▁▂▃▄  no socket
eth0   1000000  99.9%  ▅▆▇█
other        2`},
		{37, `
NAME     COUNT  BARS  REASON
é            1  ▁▂▃▄  no socket
eth0   1000000  ▅▆▇█
other        2`},
		{22, `
NAME   BARS  REASON
é      ▁▂▃▄  no socket
eth0   ▅▆▇█
other`},
		{15, `
NAME   BARS  RE
é      ▁▂▃▄  no
eth0   ▅▆▇█
other`},
	} {
		if got := lines(table(), c.width); got != c.want[1:] {
			t.Errorf("%d wide:\n%s\nwant\n%s", c.width, got, c.want[1:])
		}
	}
	for width := 1; width < 60; width++ {
		for l := range table().Lines(width) {
			if utf8.RuneCountInString(l) > width {
				t.Errorf("%q is wider than %d", l, width)
			}
		}
	}
}

// TestNarrow: of what changes over time the latest is kept, which stands last.
func TestNarrow(t *testing.T) {
	tab := table()
	tab.Spare()
	before := tab.Over(10)
	tab.Narrow("BARS", 2)
	tab.Narrow("REASON", 100) // is narrower already
	tab.Narrow("NONE", 1)
	if now := tab.Over(10); now != before-2 {
		t.Errorf("wider than 10 by %d, before by %d", now, before)
	}
	if got, want := lines(tab, 0), `
NAME     COUNT  SHARE  BA  REASON
é            1   0.1%  ▃▄  no socket
eth0   1000000  99.9%  ▇█
other        2`; got != want[1:] {
		t.Errorf("\n%s\nwant\n%s", got, want[1:])
	}
}

// TestHeadless: a head that has no names is not shown, and aligns all the same.
func TestHeadless(t *testing.T) {
	tab := NewTable("", ">")
	tab.Row("up to 1 s", "5")
	tab.Row("up to 10 s", "12")
	if got, want := lines(tab, 0), "up to 1 s    5\nup to 10 s  12"; got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	if got := lines(NewTable("A", "B"), 0); got != "A  B" {
		t.Errorf("a head alone: %q", got)
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		s     string
		width int
		want  string
	}{{"abc", 0, "abc"}, {"abc", 3, "abc"}, {"abc", 2, "ab"}, {"éèê", 2, "éè"}, {"", 1, ""}} {
		if got := Clip(c.s, c.width); got != c.want {
			t.Errorf("%q at %d: %q, want %q", c.s, c.width, got, c.want)
		}
	}
}
