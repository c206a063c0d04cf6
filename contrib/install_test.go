package contrib

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestUninstall: make uninstall removes each file that make install has installed, and no other. What is installed are
// files of the names that a build has: the build is not tried here.
func TestUninstall(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("Makefile", string(makefile))
	programs := []string{"skb-collect", "skb-track", "skb-sort", "skb-pcap", "skb-drops"}
	for _, p := range programs {
		section := "1"
		if p == "skb-collect" {
			section = "8"
		}
		for _, name := range []string{"bin/" + p, "build/man/" + p + "." + section, "build/completions/bash/" + p,
			"build/completions/zsh/_" + p, "build/completions/fish/" + p + ".fish"} {
			write(name, p)
		}
	}
	root := filepath.Join(dir, "root")
	others := []string{"root/usr/bin/skb-stamp", "root/usr/bin/skb-collector", "root/usr/share/man/man1/ls.1",
		"root/usr/share/zsh/site-functions/_ls"}
	for _, other := range others {
		write(other, "")
	}
	call := func(target string) []string {
		t.Helper()
		cmd := exec.Command("make", "-s", "-o", "build", "-o", "man", "-o", "completions", target, "DESTDIR="+root, "PREFIX=/usr")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("make %s: %v\n%s", target, err, out)
		}
		var files []string
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				path, err = filepath.Rel(dir, path)
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	if files := call("install"); len(files) != len(others)+5*len(programs) {
		t.Errorf("installed: %q", files)
	}
	slices.Sort(others)
	for range 2 { // the second time there is nothing to remove
		if files := call("uninstall"); !slices.Equal(files, others) {
			t.Errorf("left after make uninstall: %q, want %q", files, others)
		}
	}
}

// rows are the first cells of a page's table of libraries, parted at commas.
var rows = regexp.MustCompile(`(?m)^\| ([^|]+?) \|.*\|$`)

// TestDependencies: docs/dependencies.md names each module that go.mod requires, and no other.
func TestDependencies(t *testing.T) {
	page, err := os.ReadFile("../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, row := range rows.FindAllStringSubmatch(string(page), -1) {
		for name := range strings.SplitSeq(row[1], ", ") {
			named = append(named, name)
		}
	}
	cmd := exec.Command("go", "list", "-m", "-f", "{{if not (or .Main .Indirect)}}{{.Path}}{{end}}", "all")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	required := strings.Fields(string(out))
	if len(required) < 10 {
		t.Fatalf("go.mod requires %q: where are the others?", required)
	}
	is := func(name, module string) bool {
		name = strings.TrimSuffix(name, " (kernel.org)")
		if prefix, any := strings.CutSuffix(name, "..."); any {
			return strings.HasPrefix(module, prefix)
		}
		return regexp.MustCompile(`(^|/)` + regexp.QuoteMeta(name) + `(/v\d+|-go)?$`).MatchString(module)
	}
	for _, module := range required {
		if !slices.ContainsFunc(named, func(name string) bool { return is(name, module) }) {
			t.Errorf("docs/dependencies.md does not name %s", module)
		}
	}
	for _, name := range named {
		if name == "library" || name == "uPlot (npm)" { // the table's head; what is no module
			continue
		}
		if !slices.ContainsFunc(required, func(module string) bool { return is(name, module) }) {
			t.Errorf("docs/dependencies.md names %s, which go.mod does not require", name)
		}
	}
}
