//go:build linux && (amd64 || arm64)

package contrib

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// callers are first words of a command line, besides starters. A line of code that begins with another word and does not
// name one of the programs is taken for output, a picture or Python.
var callers = []string{"make", "go", "git", "cp", "mv", "rm", "install", "chgrp", "chmod", "chown", "setcap", "getcap", "sysctl",
	"systemctl", "systemd-run", "journalctl", "dpkg", "rpm", "apk", "apt-get", "apt", "dnf", "pacman", "pip", "python3",
	"buildah", "crun", "helm", "nsenter", "unshare", "ip", "ss", "nstat", "ethtool", "bpftool", "nft", "iptables", "conntrack", "perf",
	"wireshark", "tshark", "editcap", "mergecap", "jq", "mlr", "duckdb", "clickhouse-client", "kafka-topics.sh", "curl",
	"promtool", "echo", "printf", "export", "gzip", "zstd", "xz", "lz4", "sha256sum", "tar", "less", "man"}

// isCommand tells whether a user may type a line.
var isCommand = func() func(string) bool {
	path := regexp.MustCompile(`^(\./)?(bin|bench|build|contrib|test)/[\w/-]+$|^[A-Z][A-Z0-9_]*=`)
	return func(line string) bool {
		first, _, _ := strings.Cut(line, " ")
		return starters[first] || slices.Contains(callers, first) || path.MatchString(first) || program.MatchString(line) && !strings.HasPrefix(line, " ")
	}
}()

// commandsOf finds the command lines in a page's blocks of code.
func commandsOf(name, text string) (all []recipe) {
	for _, r := range linesOfCode(name, text) {
		if isCommand(r.line) {
			all = append(all, r)
		}
	}
	return all
}

// notRun reads testdata/not-run: commands, and why no test runs them.
func notRun(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/not-run")
	if err != nil {
		t.Fatal(err)
	}
	all, reason := map[string]string{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		command, indented := strings.CutPrefix(line, "    ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case indented && reason != "":
			if all[command] != "" {
				t.Errorf("testdata/not-run has %q twice", command)
			}
			all[command] = reason
		case strings.HasSuffix(line, ":"):
			reason = strings.TrimSuffix(line, ":")
		default:
			t.Errorf("testdata/not-run: %q is neither a reason nor a command below one", line)
		}
	}
	return all
}

// TestRecipesNotRun: TestRecipes runs each command in a page's blocks of code, or testdata/not-run says why not. What
// that file has is in a page, is not run, and names tests, targets and files that there are.
func TestRecipesNotRun(t *testing.T) {
	listed, seen := notRun(t), map[string]bool{}
	for name, text := range pages(t) {
		run := recipesOf(name, text)
		for _, c := range commandsOf(name, text) {
			isRun := slices.ContainsFunc(run, func(r recipe) bool { return r.line == c.line })
			switch {
			case isRun && listed[c.line] != "":
				t.Errorf("%s: %q is run, and in testdata/not-run", c.where, c.line)
			case !isRun && listed[c.line] == "":
				t.Errorf("%s: nothing runs %q: let TestRecipes do so, or say in testdata/not-run why not", c.where, c.line)
			}
			seen[c.line] = true
		}
	}
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	target, file := regexp.MustCompile(`\bmake ([a-z0-9-]+)`), regexp.MustCompile(`(?:^|[ <])(?:\./)?((?:bench|contrib|test|internal|cmd)/[\w./-]+)`)
	for command, reason := range listed {
		if !seen[command] {
			t.Errorf("testdata/not-run has %q, which is in no page", command)
		}
		for _, m := range target.FindAllStringSubmatch(command, -1) {
			if !regexp.MustCompile(`(?m)^([a-z0-9-]+ )*` + m[1] + `( [a-z0-9-]+)*:`).Match(makefile) {
				t.Errorf("%q: the Makefile has no target %s", command, m[1])
			}
		}
		for _, m := range file.FindAllStringSubmatch(command+" "+reason, -1) {
			if _, err := os.Stat(filepath.Join("..", strings.TrimSuffix(m[1], "..."))); err != nil {
				t.Errorf("%q: %v", command, err)
			}
		}
		for _, name := range regexp.MustCompile(`\b(Test[A-Z]\w+|test_\w+)`).FindAllString(reason, -1) {
			find := exec.Command("grep", "-rqE", "--include=*_test.go", "--include=test_*.py", `^(func|def) `+name+`\(`, "..")
			if err := find.Run(); err != nil {
				t.Errorf("%q: there is no test %s", command, name)
			}
		}
	}
}
