package text

import (
	"regexp"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/terminal"
)

var colors = regexp.MustCompile("\x1b\\[[0-9;]*m")

// mayBeLong reports whether a line need not fit: a command that is to be copied, or a word of what is never cut.
func mayBeLong(line string, width int) bool {
	text := strings.TrimLeft(colors.ReplaceAllString(line, ""), " ")
	if strings.HasPrefix(text, "look") || strings.HasPrefix(text, "in its network namespace") {
		return true
	}
	for _, word := range strings.Fields(text) {
		if terminal.Columns([]byte(word)) > width-8 {
			return true
		}
	}
	return false
}

// TestFit: each line of what was recorded fits each terminal, and what matters most is still there.
func TestFit(t *testing.T) {
	for name, file := range recordings {
		records := recorded(t, file)
		for _, width := range []int{40, 80, 99, 100, 120, 139, 140, 200} {
			for _, color := range []bool{false, true} {
				for _, trees := range []bool{false, true} {
					checkFit(t, name, records, Options{Width: width, Color: color, Time: "utc"}, trees)
				}
			}
		}
	}
}

func checkFit(t *testing.T, name string, records []format.Raw, o Options, trees bool) {
	t.Helper()
	for _, r := range records {
		var out strings.Builder
		p := NewPrinter(&out, o)
		if trees {
			p.Journeys()
		}
		if err := p.Write(r); err != nil {
			t.Fatal(err)
		}
		if err := p.Flush(); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		for line := range strings.Lines(got) {
			line = strings.TrimSuffix(line, "\n")
			if n := terminal.Columns([]byte(line)); n > o.Width && !mayBeLong(line, o.Width) {
				t.Errorf("%s: %d columns of %d: %s", name, n, o.Width, line)
			}
			// A colour that is set is taken back.
			if strings.Count(line, "\x1b[0m")*2 != strings.Count(line, "\x1b[") {
				t.Errorf("%s, %d columns: colours: %q", name, o.Width, line)
			}
			// Nothing is cut within an escape.
			for rest := line; ; {
				at := strings.IndexByte(rest, '\\')
				if at < 0 {
					break
				}
				if n := escapeLen([]byte(rest[at:])); n > len(rest)-at || strings.Contains(rest[at:at+n], ellipsis) {
					t.Errorf("%s, %d columns: an escape is cut: %q", name, o.Width, line)
				}
				rest = rest[min(at+escapeLen([]byte(rest[at:])), len(rest)):]
			}
		}
		reason, _ := r.Get("drop", "name").Str()
		if r.Type() == format.TypeEvent && len(reason) > 0 && o.Width >= 80 && !strings.Contains(got, "drop="+string(reason)) {
			t.Errorf("%s, %d columns: no reason of the drop: %s", name, o.Width, got)
		}
		// What is left out is marked.
		plain := colors.ReplaceAllString(got, "")
		var all strings.Builder
		q := NewPrinter(&all, Options{Time: o.Time, Width: 100_000})
		if trees {
			q.Journeys()
		}
		if q.Write(r) != nil || q.Flush() != nil {
			t.Fatal("the other printer")
		}
		if strings.Join(strings.Fields(plain), " ") != strings.Join(strings.Fields(all.String()), " ") &&
			!strings.Contains(plain, ellipsis) && o.Width >= wide {
			t.Errorf("%s, %d columns: something is left out without a mark:\n%s%s", name, o.Width, plain, all.String())
		}
	}
}

// TestFitNames: wide characters, escapes and colours are counted as a terminal shows them, and cut as a whole.
func TestFitNames(t *testing.T) {
	event := func(dev string) format.Raw {
		return record(t, `{"type":"event","ts":1000,"cpu":0,"probe":"skb:kfree_skb","dev":{"name":"`+dev+`"},"netns":{"inum":7},"skb":{"protocol":2048,"len":9},"drop":{"name":"NO_SOCKET"},"mystery":"`+strings.Repeat("日本 ", 20)+`"}`)
	}
	for _, dev := range []string{"日本日本日本日本日本日本", `\u001b[31m\u001b[31m\u001b[31m\u001b[31m`, "e\u0301e\u0301e\u0301", `\\\\\\\\\\\\\\\\\\\\\\\\`} {
		for width := 20; width < 220; width++ {
			checkFit(t, dev, []format.Raw{event(dev)}, Options{Width: width, Color: width%2 == 0}, false)
		}
	}
}

// TestFitOrder says what goes first.
func TestFitOrder(t *testing.T) {
	e := record(t, `{"type":"event","ts":1000000,"cpu":0,"probe":"skb:kfree_skb","process":{"comm":"curl","tgid":7},"dev":{"name":"eth0"},
		"skb":{"protocol":34525,"len":40},"packet":{"len":40,"at":"network","data":"YAAAAAAAO0AgAQ24AAAAAAAAAAAAAAABIAENuAAAAAAAAAAAAAAAAg=="},
		"drop":{"name":"NO_SOCKET","location":"udp_rcv+0x1"},"stack":3}`)
	for _, c := range []struct {
		width int
		want  string
	}{
		{200, "       0.001000 [0] curl/7           skb:kfree_skb            eth0   IP6 2001:db8::1 > 2001:db8::2: no next header drop=NO_SOCKET location=udp_rcv+0x1 stack=3\n"},
		{139, "       0.001000 skb:kfree_skb            eth0   IP6 2001:db8::1 > 2001:db8::2: no next header drop=NO_SOCKET location=udp_rcv+0x1 stack=3\n"},
		{132, "       0.001000 skb:kfree_skb            eth0   IP6 2001:db8::1 > 2001:db8::2: no next header drop=NO_SOCKET location=udp_rcv+0x1 …\n"},
		{110, "0.001000 skb:kfree_skb eth0 IP6 2001:db8::1 > 2001:db8::2: no next head… drop=NO_SOCKET location=udp_rcv+0x1 …\n"},
		{100, "0.001000 skb:kfree_skb eth0 IP6 2001:db8::1 > 2001:db8::2: no n… drop=NO_SOCKET …\n"},
		{80, "0.001000 skb:kfree_skb eth0 IP6 2001:db8::1 > 2001:db8::2: no … drop=NO_SOCKET …\n"},
		{60, "0.001000 skb:kfree_skb eth0 IP6 2001:db8::… drop=NO_SOCKET …\n"},
		{30, "0.001000 skb:kfree_skb eth0 d…\n"},
	} {
		if got := print(t, Options{Width: c.width}, e); got != c.want {
			t.Errorf("%d columns:\n got %swant %s", c.width, got, c.want)
		}
	}
}

// FuzzFit gives records of any bytes: each line fits, or may be long.
func FuzzFit(f *testing.F) {
	for _, r := range screen(f) {
		f.Add([]byte(r), 80)
	}
	f.Fuzz(func(t *testing.T, r []byte, width int) {
		if width < 20 || width > 300 {
			return
		}
		for _, trees := range []bool{false, true} {
			checkFit(t, "fuzz", []format.Raw{r}, Options{Width: width, Color: true, Records: true}, trees)
		}
	})
}
