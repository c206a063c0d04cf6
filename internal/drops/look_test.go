package drops

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// hostile are names that an ordinary user can give to a device of a namespace of his own, to
// an nftables table or chain, or to anything in a stream that he has made.
var hostile = []string{
	"t c; delete table inet precious #", "t{delete table inet precious;}", "t c\ndelete table inet precious", `"t"; delete table inet precious`, "t;flush ruleset",
	"$(touch canary)", "`touch canary`", "x; touch canary", "x' ; touch canary ; '", `x" ; touch canary ; "`, "x && touch canary", "x|touch canary", "x\ntouch canary",
	"--help", "-f/etc/passwd", "-", "all.forwarding=1", "all/forwarding=1", "tcp:10.0.0.1:6633", "unix:/tmp/x", "@/etc/passwd", "*", "x\x1b[2J", "x\u009b2J", "x\u202e", "x\xff",
	"", "a b", "é", "#", "!", "~root", "include", "; delete table inet precious",
}

// looksOf are all commands that the rules and reasons have for an event whose names are
// all these.
func looksOf(t *testing.T, name string) (all []string) {
	t.Helper()
	quoted, err := json.Marshal(name)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.ReplaceAll(`{"type":"event","ts":1,"probe":"skb:kfree_skb","skb":{"protocol":2048},"dev":{"name":NAME,"ifindex":2},"nft":{"verdict":"drop","handle":7,"family":NAME,"table":NAME,"chain":NAME},`+
		`"process":{"comm":NAME},"sock":{"state":NAME},"drop":{"name":"XDP","location":"a+1"},"packet":{"at":"network","data":"RQAAHAAAAABAEWbPCgAAAQoAAAIAAQACAAgAAA=="}}`, "NAME", string(quoted))
	r, err := format.FromJSON(nil, []byte(line))
	if err != nil {
		t.Fatal(err)
	}
	f := &facts{find: format.NewFinder(paths[:]...)}
	if err := f.find.Find(r); err != nil {
		t.Fatal(err)
	}
	f.set(r, &host{})
	f.setDrop()
	add := func(choices []choice) {
		for _, c := range choices {
			if s, ok := f.command(c); ok {
				all = append(all, string(s))
			}
		}
	}
	for _, r := range table().rules {
		add(r.look)
	}
	for _, r := range Reasons() {
		add(r.look)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestLookRunsNothingElse: whatever names a stream has, a command that is proposed runs its
// one program and nothing else, and that gets no word that it would take for more than a name.
func TestLookRunsNothingElse(t *testing.T) {
	dir := t.TempDir()
	bin, log := filepath.Join(dir, "bin"), filepath.Join(dir, "log")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	stub := "#!/bin/sh\n{ printf '%s' \"${0##*/}\"; for a; do printf '\\t%s' \"$a\"; done; printf '\\n'; } >>" + log + "\n"
	stubbed := map[string]bool{}
	good := looksOf(t, "eth0")
	for _, line := range good {
		program, _, _ := strings.Cut(line, " ")
		stubbed[program] = true
	}
	stubbed["touch"] = true
	for program := range stubbed {
		if err := os.WriteFile(filepath.Join(bin, filepath.Base(program)), []byte(stub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	filled := 0
	for _, line := range good {
		if strings.Contains(line, "eth0") {
			filled++
		}
	}
	if filled < 20 || !stubbed["nft"] || !stubbed["ip"] || !stubbed["tc"] || !stubbed["sysctl"] {
		t.Fatalf("only %d commands have the name in them: %q", filled, good)
	}
	for _, name := range hostile {
		var script strings.Builder
		lines := looksOf(t, name)
		for i, line := range lines {
			if strings.ContainsAny(line, "\x1b\n\u009b\u202e") {
				t.Errorf("%q: %q", name, line)
			}
			fmt.Fprintf(&script, "echo %d >>%s\n%s\n", i, log, line)
		}
		_ = os.Remove(log)
		cmd := exec.Command("/bin/sh", "-c", script.String())
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + bin}
		if out, err := cmd.CombinedOutput(); err != nil && len(out) > 0 && strings.Contains(string(out), "yntax") {
			t.Errorf("%q: %s", name, out)
		}
		ran, _ := os.ReadFile(log)
		words := strings.Split(strings.TrimSpace(string(ran)), "\n")
		at := -1
		runs := make([]int, len(lines))
		for _, w := range words {
			var n int
			if _, err := fmt.Sscanf(w, "%d", &n); err == nil {
				at = n
				continue
			}
			runs[at]++
			argv := strings.Split(w, "\t")
			if program, _, _ := strings.Cut(lines[at], " "); argv[0] != program && runs[at] == 1 || argv[0] == "touch" {
				t.Errorf("%q: %q runs %q", name, lines[at], argv)
			}
			for _, a := range argv[1:] {
				switch argv[0] {
				case "nft":
					if strings.ContainsAny(a, ";{}\"' \t#\n") {
						t.Errorf("%q: nft would parse %q", name, argv)
					}
				case "sysctl":
					if strings.Contains(a, "=") {
						t.Errorf("%q: sysctl would write %q", name, argv)
					}
				}
			}
		}
		for i, n := range runs {
			// A pipe of the rule's own may run several.
			if n > 1+strings.Count(lines[i], "|") {
				t.Errorf("%q: %q runs %d programs", name, lines[i], n)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, "canary")); err == nil {
			t.Fatalf("%q: a command made a file", name)
		}
	}
}

// TestWithinQuotes: a value that a rule puts within quotes of its own can't end them.
func TestWithinQuotes(t *testing.T) {
	tt, err := parseTemplate("ss -H 'dev = {dev.name} and sport = 1'", true)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"eth0": "ss -H 'dev = eth0 and sport = 1'", "$(id)": "", "a b": "", "x'y": ""} {
		quoted, _ := json.Marshal(name)
		r := record(t, `{"type":"event","ts":1,"probe":"p","dev":{"name":`+string(quoted)+`},"drop":{"name":"XDP","location":"a+1"}}`)
		f := &facts{find: format.NewFinder(paths[:]...)}
		if err := f.find.Find(r); err != nil {
			t.Fatal(err)
		}
		f.set(r, &host{})
		got, ok := tt.append(nil, f)
		if ok != (want != "") || string(got) != want {
			t.Errorf("%q: %q, %v", name, got, ok)
		}
	}
}

// TestLookAndNFT: the real nft, given the commands for tables of these names, deletes nothing.
// It runs in a network namespace of its own.
func TestLookAndNFT(t *testing.T) {
	if out, err := exec.Command("unshare", "-rn", "nft", "list", "ruleset").CombinedOutput(); err != nil {
		t.Skipf("no network namespace of one's own, or no nft, here: %v: %s", err, out)
	}
	var script strings.Builder
	script.WriteString("nft add table inet precious\nnft add table inet t\nnft add chain inet t c\n")
	for _, name := range hostile {
		for _, line := range looksOf(t, name) {
			if strings.HasPrefix(line, "nft ") {
				script.WriteString("(" + line + ") >/dev/null 2>&1 </dev/null\n")
			}
		}
	}
	script.WriteString("nft list tables\n")
	out, err := exec.Command("unshare", "-rn", "sh", "-c", script.String()).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "table inet precious") || !strings.Contains(string(out), "table inet t") {
		t.Errorf("%v: what is left: %s", err, out)
	}
	// The same by the way that was: nft does take such a name for commands.
	way := "nft add table inet precious; nft add table inet t; nft add chain inet t c; nft -a list chain inet 't c; delete table inet precious #' c >/dev/null 2>&1; nft list tables"
	if out, _ := exec.Command("unshare", "-rn", "sh", "-c", way).CombinedOutput(); strings.Contains(string(out), "precious") {
		t.Logf("nft here does not parse its joined arguments: %s", out)
	}
}
