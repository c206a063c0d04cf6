//go:build linux

package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/internal/terminal"
)

var update = flag.Bool("update", false, "write the golden files of screens anew")

// screenLines is how many lines of a program's text are kept in a golden file.
const screenLines = 60

// TestScreens: what the programs show of recorded streams on terminals of 80, 120 and 200 columns. Each line of an event
// fits. The text of skb-collect is that of skb-sort here: one printer makes both.
func TestScreens(t *testing.T) {
	tracked := filepath.Join(t.TempDir(), "tracked.skb")
	run := func(program string, args ...string) []byte {
		t.Helper()
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		out, err := (&exec.Cmd{Path: exe, Args: append([]string{program}, args...), Env: []string{"TZ=UTC"}}).Output()
		if err != nil {
			t.Fatalf("%s: %v", program, err)
		}
		return out
	}
	const nat, traffic = "../../internal/pcap/testdata/nat.skb", "../../testdata/traffic-6.12.skb"
	const drops = "../../internal/drops/testdata/drops/receive-7.2.skb"
	if err := os.WriteFile(tracked, run("skb-track", nat), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		args []string
		long bool // lines may be longer: commands, and what stands between them
	}{
		{name: "sort", args: []string{"skb-sort", traffic}},
		{name: "tree", args: []string{"skb-sort", tracked}},
		{name: "track", args: []string{"skb-track", nat}},
		{name: "track-summary", args: []string{"skb-track", "--summary", nat}, long: true},
		{name: "drops", args: []string{"skb-drops", drops}, long: true},
		{name: "drops-summary", args: []string{"skb-drops", "--summary", drops}, long: true},
	} {
		for _, columns := range []int{80, 120, 200} {
			args := append([]string{"--time", "utc"}, c.args[1:]...)
			status, shown := atWidth(t, columns, []string{"SKB_PAGER=cat"}, nil, c.args[0], args...).end()
			lines := strings.SplitAfter(strings.ReplaceAll(shown, "\r\n", "\n"), "\n")
			got := strings.Join(lines[:min(len(lines), screenLines)], "")
			if status != 0 || got == "" {
				t.Errorf("%s at %d columns: status %d: %.300q", c.name, columns, status, shown)
			}
			for _, line := range lines {
				if n := terminal.Columns([]byte(strings.TrimSuffix(line, "\n"))); n > columns && !c.long {
					t.Errorf("%s at %d columns: a line of %d: %s", c.name, columns, n, line)
				}
			}
			golden := filepath.Join("testdata", "screens", fmt.Sprintf("%s.%d.txt", c.name, columns))
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s at %d columns is not as %s has it:\n%s", c.name, columns, golden, got)
			}
		}
	}
}
