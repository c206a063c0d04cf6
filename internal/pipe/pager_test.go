package pipe

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestPagerHolds: behind the pager is told what was said meanwhile, up to a limit, and that there was more.
func TestPagerHolds(t *testing.T) {
	const line = "skb-sort: a.skb: a message of 50 bytes with its end\n"
	for lines, more := range map[int]bool{0: false, 2: false, maxHeld / len(line): false, maxHeld/len(line) + 1: true,
		10 * maxHeld / len(line): true} {
		shown, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		stdout, stderr := os.Stdout, os.Stderr
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		p := &pager{out: stdout, err: shown, cmd: exec.Command(exe, "-test.run=^$")}
		if err := p.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		os.Stdout, os.Stderr = null, shown
		p.holdStderr()
		for range lines {
			fmt.Fprint(os.Stderr, line)
		}
		p.end()
		os.Stdout, os.Stderr = stdout, stderr
		b, err := os.ReadFile(shown.Name())
		if err != nil {
			t.Fatal(err)
		}
		shown.Close()
		want := strings.Repeat(line, min(lines, maxHeld/len(line)))
		if more {
			want += "(more was said)\n"
		}
		if string(b) != want {
			t.Errorf("%d lines: %d bytes are told that end in %q, want %d", lines, len(b), b[max(0, len(b)-70):], len(want))
		}
	}
}

// TestPagerCommand: the first of the two variables that is set says which pager, and nothing or cat is none.
func TestPagerCommand(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"TERM": "xterm", "PAGER": " most -w "}, "most -w"},
		{map[string]string{"TERM": "xterm", "PAGER": "most", "SKB_PAGER": "less -S"}, "less -S"},
		{map[string]string{"TERM": "xterm", "PAGER": "most", "SKB_PAGER": ""}, ""},
		{map[string]string{"TERM": "xterm", "PAGER": ""}, ""},
		{map[string]string{"TERM": "xterm", "PAGER": "cat"}, ""},
		{map[string]string{"TERM": "xterm", "PAGER": "cat", "SKB_PAGER": "most"}, "most"},
		{map[string]string{"TERM": "dumb", "PAGER": "most"}, ""},
		{map[string]string{"PAGER": "most"}, ""},
	} {
		have, _ := pagerCommand(func(name string) (string, bool) { v, isSet := c.env[name]; return v, isSet })
		if have != c.want {
			t.Errorf("%v: %q, want %q", c.env, have, c.want)
		}
	}
}
