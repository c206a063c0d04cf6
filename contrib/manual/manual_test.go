//go:build linux && (amd64 || arm64)

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// made writes what the generator makes, and returns where.
func made(t *testing.T, what string) string {
	t.Helper()
	t.Setenv("SOURCE_DATE_EPOCH", "1764500000")
	dir := t.TempDir()
	if err := run([]string{what, dir}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestFlags: each flag is in a group of --help, and says its units; each program has three examples that are lines of
// a terminal, and says where to read on.
func TestFlags(t *testing.T) {
	for _, p := range programs() {
		shown := 0
		for _, g := range pipe.Groups {
			shown += len(pipe.FlagsOf(p.app, g.Key))
		}
		all := 0
		for _, f := range p.app.Flags {
			if f.Hidden {
				continue
			}
			all++
			if f.Help == "" {
				t.Errorf("%s --%s has no help", p.name, f.Name)
			}
			v := pipe.ValueOf(f)
			if f.Enum != "" {
				for _, w := range strings.Split(f.Enum, ",") {
					if !strings.Contains(f.Help, w) {
						t.Errorf("%s --%s: its help does not say that it may be %s", p.name, f.Name, w)
					}
				}
			}
			if isDuration := fmt.Sprint(f.Target.Type()) == "time.Duration"; isDuration && v != "TIME" {
				t.Errorf("%s --%s=%s: a duration is called TIME", p.name, f.Name, v)
			}
			if v == "N" && !regexp.MustCompile(`(?i)events|calls|buffers|journeys|packets|packet numbers|files`).MatchString(f.Help) {
				t.Errorf("%s --%s=%s: a number of what?", p.name, f.Name, v)
			}
		}
		if shown != all {
			t.Errorf("%s: %d of %d flags are in a group that --help has", p.name, shown, all)
		}
		if len(p.manual.Examples) != 3 || p.manual.See == "" || p.manual.Does == "" {
			t.Errorf("%s: %d examples; %q; %q", p.name, len(p.manual.Examples), p.manual.See, p.manual.Does)
		}
		for _, e := range p.manual.Examples {
			if len(e.Command) > 78 || !strings.Contains(e.Command, p.name) {
				t.Errorf("%s: the example %q", p.name, e.Command)
			}
		}
		for _, page := range regexp.MustCompile(`[\w/]+\.md`).FindAllString(p.manual.See, -1) {
			if _, err := os.Stat(filepath.Join("../..", page)); err != nil {
				t.Errorf("%s: %v", p.name, err)
			}
		}
	}
}

// TestPages: each page has each flag, and man and mandoc find nothing wrong with it.
func TestPages(t *testing.T) {
	dir := made(t, "man")
	for _, p := range programs() {
		path := filepath.Join(dir, fmt.Sprintf("%s.%d", p.name, p.section))
		page := read(t, path)
		for _, f := range p.app.Flags {
			if !f.Hidden && !strings.Contains(page, `\-\-`+strings.ReplaceAll(f.Name, "-", `\-`)) {
				t.Errorf("%s: --%s is missing", path, f.Name)
			}
		}
		for _, title := range []string{"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "FILES", "EXIT STATUS", "SEE ALSO"} {
			if strings.Count(page, "\n.SH "+title+"\n") != 1 {
				t.Errorf("%s: has no %s, or two", path, title)
			}
		}
		for _, check := range [][]string{{"groff", "-ww", "-man", "-Tutf8", "-z", path}, {"mandoc", "-Tlint", "-W", "warning", path},
			{"man", "--warnings", "-l", path}} {
			cmd := exec.Command(check[0], check[1:]...)
			cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "MANWIDTH=80")
			out, err := cmd.CombinedOutput()
			if err != nil || check[0] != "man" && len(out) > 0 || check[0] == "man" && !strings.Contains(string(out), "EXIT STATUS") {
				t.Errorf("%q: %v\n%s", check, err, out)
			}
		}
	}
}

// TestExitStatus: docs/exit-status.md has what the pages say.
func TestExitStatus(t *testing.T) {
	doc := read(t, "../../docs/exit-status.md")
	for _, s := range exitStatuses {
		of := s.of
		if of == "" {
			of = "all"
		}
		if row := fmt.Sprintf("| %s | %s | %s |\n", s.status, of, s.means); !strings.Contains(doc, row) {
			t.Errorf("docs/exit-status.md lacks the row\n%s", row)
		}
	}
}

// TestOneProgram: skb-tools says of each program what its own --help says.
func TestOneProgram(t *testing.T) {
	usage := read(t, "../../cmd/skb-tools/main.go")
	for _, p := range programs() {
		if line := fmt.Sprintf("\n  %-8s %s\n", strings.TrimPrefix(p.name, "skb-"), p.manual.Does); !strings.Contains(usage, line) {
			t.Errorf("cmd/skb-tools lacks the line %q", line)
		}
	}
}

// TestSame: made twice, all is the same.
func TestSame(t *testing.T) {
	for _, what := range []string{"man", "completions"} {
		if out, err := exec.Command("diff", "-r", made(t, what), made(t, what)).CombinedOutput(); err != nil {
			t.Errorf("%s: %s", what, out)
		}
	}
}

// TestShare: all has its place in /usr/share, which is that of make install.
func TestShare(t *testing.T) {
	share, man, completions := made(t, "share"), made(t, "man"), made(t, "completions")
	files, err := filepath.Glob(share + "/*/*/*")
	if err != nil || len(files) != 4*len(programs()) {
		t.Errorf("%q, want a page and three completions of each program (%v)", files, err)
	}
	makefile := read(t, "../../Makefile")
	for _, p := range programs() {
		page := fmt.Sprintf("%s.%d", p.name, p.section)
		for at, from := range map[string]string{
			fmt.Sprintf("man/man%d/%s", p.section, page):    man + "/" + page,
			"bash-completion/completions/" + p.name:         completions + "/bash/" + p.name,
			"zsh/site-functions/_" + p.name:                 completions + "/zsh/_" + p.name,
			"fish/vendor_completions.d/" + p.name + ".fish": completions + "/fish/" + p.name + ".fish",
		} {
			if read(t, filepath.Join(share, at)) != read(t, from) {
				t.Errorf("%s is not %s", at, from)
			}
			if !strings.Contains(makefile, "$(PREFIX)/share/"+filepath.Dir(at)+" ") {
				t.Errorf("make install has another place than %s", at)
			}
		}
	}
}

// home is a machine for completions: programs that list, and a folder for the cache.
func home(t *testing.T) (env []string, dir string) {
	t.Helper()
	dir = t.TempDir()
	script := `#!/bin/sh
case "$*" in
--list) echo x >>"` + dir + `/listed"; printf 'net:netif_receive_skb\nnet:netif_rx\nip_rcv\nip_rcv_core\nskb:kfree_skb\n' ;;
"--profile list") printf 'drop     What is dropped.\ngeneric  Stations.\n' ;;
"--with list") printf 'SECTION  INSTRUCTIONS  WHAT\nskb          struct sk_buff (always)\nsock   10  the socket\nstack  20  calls\n' ;;
esac
`
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bin/skb-collect"), []byte(script), 0o755); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "some.skb"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return append(os.Environ(), "PATH="+dir+"/bin:"+os.Getenv("PATH"), "XDG_CACHE_HOME="+dir+"/cache", "HOME="+dir, "LC_ALL=C.UTF-8"), dir
}

// completed are lines, and what each completes to.
var completed = []struct {
	line string
	want []string // of the last word, all
}{
	{"skb-collect --prof", []string{"--profile="}},
	{"skb-collect -p net:netif_re", []string{"net:netif_receive_skb"}},
	{"skb-collect -p skb:kfree_skb,ip_r", []string{"skb:kfree_skb,ip_rcv", "skb:kfree_skb,ip_rcv_core"}},
	{"skb-collect --probe ret:ip_rcv_", []string{"ret:ip_rcv_core"}},
	{"skb-collect --profile ", []string{"drop", "generic"}},
	{"skb-collect --with sock,st", []string{"sock,stack"}},
	{"skb-collect -i lo", []string{"lo"}},
	{"skb-collect --backend kprobe.", []string{"kprobe.multi"}},
	{"skb-sort -o j", []string{"json"}},
	{"skb-sort --mem", []string{"--memory="}},
	{"skb-sort --by jo", []string{"journey"}},
	{"skb-track --ended merged,lo", []string{"merged,lost"}},
	{"skb-drops --fail-if su", []string{"suspect"}},
	{"skb-pcap --linktype s", []string{"sll2"}},
	{"skb-pcap som", []string{"some.skb"}},
	{"skb-sort -o json som", []string{"some.skb"}},
}

// inBash returns what bash completes the last word of a line to. first are commands that it runs before.
func inBash(env []string, dir, files, line, first string) ([]string, error) {
	program, _, _ := strings.Cut(line, " ")
	// As readline parts a line into words, at blanks and at what COMP_WORDBREAKS has.
	script := `source "$1/bash/` + program + `"
` + first + `
COMP_LINE=$2 COMP_POINT=${#2}
mapfile -t COMP_WORDS < <(printf '%s' "$2" | grep -oE '[^[:space:]=:]+|[=:]+')
[[ $2 = *[[:space:]=:] && $2 != *[=:] ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
cur=${COMP_WORDS[COMP_CWORD]}
case $cur in =|:) cur= ;; esac
` + "_" + strings.ReplaceAll(program, "-", "_") + `
word=${2##*[[:space:]]}
for r in "${COMPREPLY[@]}"; do echo "${word%"$cur"}$r"; done`
	cmd := exec.Command("bash", "--norc", "-c", script, "bash", files, line)
	cmd.Env, cmd.Dir = env, dir
	out, err := cmd.CombinedOutput()
	got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(out) == 0 {
		return nil, err
	}
	return got, nil
}

// TestBash: bash completes flags, their values and files.
func TestBash(t *testing.T) {
	env, dir := home(t)
	files := made(t, "completions")
	for _, c := range append(completed, struct {
		line string
		want []string
	}{"skb-collect --probe=net:netif_re", []string{"--probe=net:netif_receive_skb"}}) {
		if got, err := inBash(env, dir, files, c.line, ""); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, want %q (%v)", c.line, got, c.want, err)
		}
	}
	if n := len(strings.Fields(read(t, filepath.Join(dir, "listed")))); n != 1 {
		t.Errorf("probes were listed %d times: they are to be kept", n)
	}
}

// TestBashNames: a device may be called what bash takes for a command. It is not run, neither by the completion nor by
// the line that the completion made.
func TestBashNames(t *testing.T) {
	env, dir := home(t)
	files := made(t, "completions")
	names := []string{"$(touch${IFS}ran)", "`touch${IFS}ran`", "a;touch${IFS}ran", "a'b", "a*"}
	first := "__skb_devices() { printf '%s\\n'"
	for _, n := range names {
		first += " '" + strings.ReplaceAll(n, "'", `'\''`) + "'"
	}
	first += "; }"
	for _, line := range []string{"skb-collect -i ", "skb-collect --ifname=", "skb-collect -i lo,"} {
		got, err := inBash(env, dir, files, line, first)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if _, err := os.Lstat(filepath.Join(dir, "ran")); err == nil {
			t.Fatalf("%q: the name of a device was run", line)
		}
		start := line[strings.LastIndexByte(line, ' ')+1:]
		cmd := exec.Command("bash", "--norc", "-c", `printf '%s\n' `+strings.Join(got, " "))
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if want := start + strings.Join(names, "\n"+start) + "\n"; err != nil || string(out) != want {
			t.Errorf("%q: bash reads %q as %q, want %q (%v)", line, got, out, want, err)
		}
	}
}

// TestProbesKept: names of probes are kept in a folder that is the user's own, and in no other: in none that is a link
// or another user's.
func TestProbesKept(t *testing.T) {
	for _, c := range []struct {
		what   string
		change func(dir string) error
		listed int // times, of two
	}{
		{"no folder", func(string) error { return nil }, 1},
		{"a link", func(dir string) error {
			return errors.Join(os.MkdirAll(dir+"/cache", 0o700), os.Mkdir(dir+"/other", 0o700),
				os.Symlink(dir+"/other", dir+"/cache/skb-tools"))
		}, 2},
		{"another user's", func(dir string) error {
			return errors.Join(os.MkdirAll(dir+"/cache/skb-tools", 0o700), os.Chown(dir+"/cache/skb-tools", 65534, 65534))
		}, 2},
		{"in another user's", func(dir string) error {
			return errors.Join(os.MkdirAll(dir+"/cache", 0o700), os.Chown(dir+"/cache", 65534, 65534))
		}, 2},
	} {
		for _, shell := range [][]string{{"bash", "--norc"}, {"zsh", "-f"}, {"sh"}} { // fish has it from sh
			if strings.Contains(c.what, "another") && os.Getuid() != 0 {
				continue // only root can give a folder away
			}
			env, dir := home(t)
			if err := c.change(dir); err != nil {
				t.Fatal(err)
			}
			for word, want := range map[string]string{
				"":     "net:netif_receive_skb\nnet:netif_rx\nip_rcv\nip_rcv_core\nskb:kfree_skb\n",
				"ret:": "ret:ip_rcv\nret:ip_rcv_core\n"} {
				cmd := exec.Command(shell[0], append(shell[1:], "-c", finders+"__skb_probes \"$1\"", shell[0], word)...)
				cmd.Env, cmd.Dir = env, dir
				if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
					t.Errorf("%s, %s: %q finds %q, want %q (%v)", c.what, shell, word, out, want, err)
				}
			}
			if n := len(strings.Fields(read(t, filepath.Join(dir, "listed")))); n != c.listed {
				t.Errorf("%s, %s: probes were listed %d times, want %d", c.what, shell, n, c.listed)
			}
			var kept []string
			for _, in := range []string{"cache/skb-tools", "other"} {
				found, err := filepath.Glob(filepath.Join(dir, in, "*"))
				if err != nil {
					t.Fatal(err)
				}
				kept = append(kept, found...)
			}
			if want := 2 - c.listed; len(kept) != want {
				t.Errorf("%s, %s: kept %q, want %d", c.what, shell, kept, want)
			}
		}
	}
}

// TestProbesInterrupted: a ^C while probes are listed, which takes a second, leaves no half of a list behind.
func TestProbesInterrupted(t *testing.T) {
	for _, shell := range [][]string{{"bash", "--norc"}, {"zsh", "-f"}, {"sh"}} {
		env, dir := home(t)
		// As a terminal does, it sends the signal to all.
		script := "#!/bin/sh\necho ip_rcv\nkill -INT 0\n"
		if err := os.WriteFile(filepath.Join(dir, "bin/skb-collect"), []byte(script), 0o755); err != nil { //nolint:gosec // it is run
			t.Fatal(err)
		}
		cmd := exec.Command(shell[0], append(shell[1:], "-c", finders+"__skb_probes ''; echo", shell[0])...)
		cmd.Env, cmd.Dir, cmd.SysProcAttr = env, dir, &syscall.SysProcAttr{Setpgid: true}
		out, err := cmd.CombinedOutput()
		var status *exec.ExitError
		if err != nil && !errors.As(err, &status) {
			t.Fatal(err)
		}
		kept, err := os.ReadDir(filepath.Join(dir, "cache/skb-tools"))
		if err != nil || len(kept) > 0 {
			t.Errorf("%s: kept %v (%v, %q)", shell, kept, err, out)
		}
	}
}

// TestFish: fish completes the same.
func TestFish(t *testing.T) {
	env, dir := home(t)
	files := made(t, "completions")
	for _, c := range completed {
		program, _, _ := strings.Cut(c.line, " ")
		cmd := exec.Command("fish", "--no-config", "-c", `source "$argv[1]"; complete -C "$argv[2]" | string replace -r '\t.*' ''`,
			filepath.Join(files, "fish", program+".fish"), c.line)
		cmd.Env, cmd.Dir = env, dir
		out, err := cmd.CombinedOutput()
		got := strings.Fields(string(out))
		want := slices.Clone(c.want)
		for i := range want {
			want[i] = strings.TrimSuffix(want[i], "=")
		}
		for i := range got {
			got[i] = strings.TrimSuffix(got[i], "=")
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q (%v)", c.line, got, want, err)
		}
	}
}

// zsh are the lines that it is tried with: each takes a second.
var zsh = map[string]bool{"skb-collect --prof": true, "skb-collect -p net:netif_re": true, "skb-collect --with sock,st": true,
	"skb-track --ended merged,lo": true, "skb-pcap --linktype s": true, "skb-sort -o json som": true}

// TestZsh: zsh, at a terminal, inserts what is the only way to go on.
func TestZsh(t *testing.T) {
	env, dir := home(t)
	files := made(t, "completions")
	for _, c := range completed {
		if len(c.want) != 1 || !zsh[c.line] {
			continue
		}
		script := `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=; unsetopt beep; fpath=($1/zsh \$fpath); autoload -U compinit; compinit -u -D; stty -echo; print READY-\$((1 + 1))"
zpty -r z out '*READY-2*'
zpty -w -n z "$2"$'\t'
# The line is printed as it is by then.
zpty -w -n z $'\x01print -r -- LINE: \x05 END\n'
zpty -r -m z out '*LINE: * END*'
print -r -- "$out"
zpty -d z`
		cmd := exec.Command("timeout", "120", "zsh", "-f", "-c", script, "zsh", files, c.line)
		cmd.Env, cmd.Dir = append(env, "TERM=dumb"), dir
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), c.want[0]) {
			t.Errorf("%q: %q, want %q (%v)", c.line, out, c.want, err)
		}
	}
}

// TestCompleteFlags: no completion lacks a flag.
func TestCompleteFlags(t *testing.T) {
	dir := made(t, "completions")
	for _, p := range programs() {
		for shell, flag := range map[string]string{"bash/" + p.name: "--%s", "zsh/_" + p.name: "*--%s", "fish/" + p.name + ".fish": " -l %s "} {
			text := read(t, filepath.Join(dir, shell))
			for _, f := range p.app.Flags {
				if !f.Hidden && !strings.Contains(text, fmt.Sprintf(flag, f.Name)) {
					t.Errorf("%s: --%s is missing", shell, f.Name)
				}
			}
		}
	}
}
