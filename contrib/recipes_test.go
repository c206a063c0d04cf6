//go:build linux && (amd64 || arm64)

package contrib

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf/btf"

	"github.com/skb-tools/skb-tools/internal/collect"
	"github.com/skb-tools/skb-tools/internal/drops"
	"github.com/skb-tools/skb-tools/internal/filter"
	"github.com/skb-tools/skb-tools/internal/pcap"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/sort"
	"github.com/skb-tools/skb-tools/internal/stamp"
	"github.com/skb-tools/skb-tools/internal/track"
)

// A recipe is a command line that the documentation shows.
type recipe struct {
	where string // file:line
	line  string // what a user types
}

var (
	program  = regexp.MustCompile(`(^|[ (;|])skb-(collect|track|sort|drops|pcap|tools|stamp)( |$)`)
	codeSpan = regexp.MustCompile("`[^`\n]+`")
	comment  = regexp.MustCompile(`(  +| +)# .*$`)
)

// recipesOf finds those of a page: the lines of code that name one of the programs or are tshark's, and spans of code that
// begin with one of the programs and have arguments.
func recipesOf(name, text string) (all []recipe) {
	for _, r := range linesOfCode(name, text) {
		first, rest, _ := strings.Cut(r.line, " ")
		if program.MatchString(r.line) && starters[first] || first == "tshark" && !strings.HasPrefix(rest, "-i ") {
			all = append(all, r)
		}
	}
	for i, text := range strings.Split(text, "\n") {
		if strings.HasPrefix(text, "    ") {
			continue
		}
		for _, span := range codeSpan.FindAllString(text, -1) {
			line := strings.ReplaceAll(strings.Trim(span, "`"), `\|`, "|")
			if m := program.FindStringIndex(line); m != nil && m[0] == 0 && strings.Contains(line, " ") && !strings.Contains(line, "...") {
				all = append(all, recipe{fmt.Sprintf("%s:%d", name, i+1), line})
			}
		}
	}
	return all
}

// linesOfCode are the lines in a page's blocks of code, without comments; one that goes on in the next is one.
func linesOfCode(name, text string) (all []recipe) {
	lines := strings.Split(text, "\n")
	fenced := false
	for i := 0; i < len(lines); i++ {
		where := fmt.Sprintf("%s:%d", name, i+1)
		if strings.HasPrefix(lines[i], "<!-- make demo") { // TestReadmeShowsDemo runs this
			for !strings.HasPrefix(lines[i], "<!-- end of make demo") {
				i++
			}
		}
		if strings.HasPrefix(lines[i], "```") {
			fenced = !fenced
			continue
		}
		line, code := strings.CutPrefix(lines[i], "    ")
		line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
		if !code && !fenced || strings.HasPrefix(line, "#") {
			continue
		}
		for strings.HasSuffix(line, `\`) && i+1 < len(lines) {
			i++
			line = strings.TrimSuffix(line, `\`) + strings.TrimSpace(lines[i])
		}
		all = append(all, recipe{where, comment.ReplaceAllString(line, "")})
	}
	return all
}

// starters are the words that begin command lines with one of the programs.
var starters = map[string]bool{"ssh": true, "kubectl": true, "podman": true, "tcpdump": true, "cat": true, "taskset": true,
	"skb-collect": true, "skb-track": true, "skb-sort": true, "skb-drops": true, "skb-pcap": true, "skb-tools": true,
	"mkfifo": true, "timeout": true, "tail": true, "zcat": true, "docker": true, "sudo": true, "kcat": true, "skb-stamp": true}

// examples are those of --help.
func examples() (all []recipe) {
	for name, m := range map[string]*pipe.Manual{
		"skb-collect": (&collect.Options{}).Manual(), "skb-track": (&track.Options{}).Manual(), "skb-sort": (&sort.Options{}).Manual(),
		"skb-drops": (&drops.Options{}).Manual(), "skb-pcap": (&pcap.Options{}).Manual(),
		"skb-stamp": (&stamp.Options{}).Manual(),
	} {
		for _, e := range m.Examples {
			all = append(all, recipe{name + " --help", e.Command})
		}
	}
	return all
}

// stands are what recipes call besides the programs and this machine's tools, and what stands for it.
var stands = map[string]string{
	"ssh":  `shift; exec "$@"`,
	"curl": `exit 0`,
	// What comes out of a topic are lines of a host.
	"kcat": `case $1 in -P) exec cat > /dev/null ;; -C) skb-stamp --name x --bare x.skb | sed 's/"host":"guest"/"host":"web1"/g' ;; esac`,
	"sudo": `exec "$@"`,
	// The pod's log is what the container writes, to stderr as well.
	"kubectl": `case $1 in logs) echo skb-collect: 1 probe attached; exec skb-sort -o json x.skb ;; debug) while [ "$1" != -- ]; do shift; done; shift; exec "$@" ;; esac`,
	"podman": `case $1 in load) exit ;; run) while [[ $1 != *skb-tools:* ]]; do shift; done; shift; exec skb-tools "$@" ;; esac
exit 2`,
	"skb-tools": `p=$1; shift; exec "skb-$p" "$@"`,
	"taskset":   `shift 2; exec "$@"`,
	"tcpdump": `capture= ; while [ $# -gt 0 ]; do case $1 in -i) capture=1; shift ;; -w) file=$2; shift ;; esac; shift; done
if [ "$capture" ]; then cp capture.pcap "$file"; else exec cat > /dev/null; fi`,
}

// words of recipes that stand for something, and what.
var words = strings.NewReplacer("--read FILE", "--read capture.pcap", "--explain NAME", "--explain NO_SOCKET", " FILE", " x.skb",
	"/usr/bin/skb-collect", "skb-collect")

// capture is a file of tcpdump's: a header and one packet, ARP.
var capture = slices.Concat(
	[]byte{0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0},
	[]byte{0, 0, 0, 1, 0, 0, 0, 0, 42, 0, 0, 0, 42, 0, 0, 0},
	[]byte{255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1,
		0, 0, 0, 0, 0, 0, 10, 0, 0, 2})

// pages are the texts whose recipes are run here, by their paths.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found := []string{"../README.md", "../format/FORMAT.md"}
	for _, pattern := range []string{"../docs/*.md", "manual/text/*.txt"} {
		more, _ := filepath.Glob(pattern)
		found = append(found, more...)
	}
	texts := map[string]string{}
	for _, page := range found {
		if filepath.Base(page) == "recipes.md" {
			continue // contrib/python/tests runs these, and looks at what they print
		}
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		texts[strings.TrimPrefix(page, "../")] = string(b)
	}
	return texts
}

// TestRecipes runs each command line of the documentation. skb-collect checks its arguments and then writes a recorded
// stream; the other programs run on that, or on files that are made of it.
func TestRecipes(t *testing.T) {
	all := examples()
	for page, text := range pages(t) {
		all = append(all, recipesOf(page, text)...)
	}
	if len(all) < 120 {
		t.Fatalf("%d recipes: where are they?", len(all))
	}
	recorded, err := filepath.Abs("../testdata/traffic-6.12.skb")
	if err != nil {
		t.Fatal(err)
	}
	stream, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) // of OpenTelemetry
	t.Cleanup(receiver.Close)
	bin := t.TempDir()
	for name, script := range stands {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/bash\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	types, err := filepath.Abs("../internal/filter/testdata/types-6.12.btf")
	if err != nil {
		t.Fatal(err)
	}
	plugin, err := filepath.Abs("wireshark/skb.lua")
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, r := range all {
		if slices.Contains(seen, r.line) {
			continue
		}
		seen = append(seen, r.line)
		t.Run(r.where, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			line := strings.ReplaceAll(words.Replace(r.line), "http://localhost:4318", receiver.URL)
			names := append(regexp.MustCompile(`[\w-]+\.skb\b`).FindAllString(line, -1), "x.skb")
			for _, name := range names {
				if err := os.WriteFile(filepath.Join(dir, name), stream, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range append(regexp.MustCompile(`[\w-]+\.pcap(ng)?\b`).FindAllString(line, -1), "capture.pcap") {
				if err := os.WriteFile(filepath.Join(dir, name), capture, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, "my-probes"), []byte("ip_rcv\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(line, "tshark ") {
				line = regexp.MustCompile(`-r ([\w.-]+)`).ReplaceAllString(line, "-r <(skb-pcap x.skb)")
				line = strings.ReplaceAll(line, ":skb.lua", ":"+plugin)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "bash", "-o", "pipefail", "-c", line)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "DEMO_STREAM="+recorded, "RECIPE_TYPES="+types,
				"XDG_CONFIG_HOME="+dir)
			in, err := os.Open(filepath.Join(dir, "x.skb"))
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			cmd.Stdin = in
			out, err := cmd.CombinedOutput()
			if named := len(strings.Fields(line)) == 2; named && strings.Contains(string(out), ": needs a value") {
				return // the text speaks of a flag, and the program has it
			}
			if err != nil {
				t.Errorf("%s\n%v\n%s", r.line, err, out[:min(len(out), 2000)])
			}
		})
	}
}

// In a recipe skb-collect takes the arguments that the real one takes, and writes the recorded stream as they say.
func init() {
	asked = func() {
		types := os.Getenv("RECIPE_TYPES")
		if types == "" {
			return
		}
		args, err := collect.WithProfiles(os.Args)
		if err != nil {
			pipe.Say(os.Stderr, "skb-collect", err.Error())
			os.Exit(2)
		}
		os.Args = args
		var o collect.Options
		pipe.Parse("skb-collect", &o)
		pipe.Main("skb-collect", func(context.Context) error {
			if o.List {
				return nil
			}
			if err := o.Check(); err != nil {
				return err
			}
			f, err := os.Open(types)
			if err != nil {
				return err
			}
			defer f.Close()
			kernel, err := btf.LoadSpecFromReader(f)
			if err != nil {
				return err
			}
			o.Packets.Netns = nil // names are looked up on this machine
			if _, err := filter.New(o.Packets, kernel); err != nil {
				return err
			}
			into := os.Stdout
			if o.Write != "" {
				if into, err = os.Create(o.Write); err != nil {
					return err
				}
			}
			cmd := exec.Command("skb-sort", "-o", o.Output, os.Getenv("DEMO_STREAM"))
			cmd.Stdout, cmd.Stderr = into, os.Stderr
			return cmd.Run()
		})
		os.Exit(0)
	}
}
