package page

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/skb-tools/skb-tools/format"
)

// TestCapturedShort: however long the texts of a stream are, a page has the beginning of each, in whole runes.
func TestCapturedShort(t *testing.T) {
	long := "x" + strings.Repeat("\u00e9", 1000)
	var words []string
	for range 1000 {
		words = append(words, long)
	}
	var c Captured
	c.Write((&format.Start{TS: 1, Host: long, Kernel: long, Arch: long, Tool: long, Cmdline: words}).AppendMsgpack(nil))
	c.Write((&format.Loss{TS: 2, Since: 1, Count: 1, What: long, Cause: long}).AppendMsgpack(nil))
	var d Data
	c.Finish(&d)
	s, l := d.Starts[0], d.Lost[0]
	for _, text := range []string{s.Host, s.Kernel, s.Arch, s.Tool, l.What, l.Cause} {
		if len(text) > 300 || !utf8.ValidString(text) || !strings.HasPrefix(text, "x\u00e9") || !strings.HasSuffix(text, "\u00e9...") {
			t.Errorf("%d bytes: %q", len(text), text)
		}
	}
	if len(s.Command) > 300*maxWords || !strings.HasSuffix(s.Command, " ...") {
		t.Errorf("%d bytes of a command", len(s.Command))
	}
	if short := strings.Repeat("y", maxText); Short(short) != short {
		t.Error(Short(short))
	}
}
