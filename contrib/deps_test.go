package contrib

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// aMachine has fakes of what contrib/deps asks: apt with the packages of a release of Debian, and without lists of
// them until it fetches these.
func aMachine(t *testing.T, codename, uid string, has, installed []string, lists bool) (env []string, dir string) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	in := func(words []string) string { return "case \" " + strings.Join(words, " ") + " \" in *\" $p \"*) " }
	write("apt-get", `#!/bin/sh
echo "$*" >>`+dir+`/asked
case $1 in
indextargets) cat `+dir+`/lists 2>/dev/null ;;
update) echo Packages >`+dir+`/lists ;;
esac
exit 0
`, 0o755)
	write("apt-cache", "#!/bin/sh\np=$2\n[ -e "+dir+"/lists ] || exit 100\n"+in(has)+"exit 0 ;; esac\nexit 100\n", 0o755)
	write("dpkg-query", "#!/bin/sh\nfor p; do :; done\n"+in(installed)+"printf 'install ok installed' ;; *) exit 1 ;; esac\n", 0o755)
	write("id", "#!/bin/sh\necho "+uid+"\n", 0o755)
	write("os-release", "ID=debian\nVERSION_CODENAME="+codename+"\n", 0o644)
	if lists {
		write("lists", "Packages\n", 0o644)
	}
	return append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "OS_RELEASE="+dir+"/os-release"), dir
}

// TestDeps: what can't be had is told from what apt has no list of yet, and on Debian 12 no check is left out.
func TestDeps(t *testing.T) {
	all := []string{"git", "shellcheck", "clang-14", "llvm-14", "clang-format-14"}
	newer := []string{"git", "shellcheck"}
	for _, c := range []struct {
		what, codename, uid string
		has, installed      []string
		lists               bool
		args                string
		status              int
		want                string // on stderr
		asked               string // of apt-get, at last
	}{
		{"a bare Debian 12", "bookworm", "0", all, nil, false, "install build lint", 0, "clang-format-14",
			"install -y -qq --no-install-recommends git shellcheck clang-format-14"},
		{"a bare Debian 13", "trixie", "0", newer, nil, false, "install lint", 0, "git shellcheck",
			"install -y -qq --no-install-recommends git shellcheck"},
		{"all but clang", "bookworm", "0", all, newer, false, "skip generate", 1, "missing: clang-14 llvm-14; 'make deps-generate' installs it", ""},
		{"all but clang, no root", "bookworm", "1000", all, newer, false, "skip generate", 1, "missing: clang-14 llvm-14", ""},
		{"all is there", "bookworm", "0", all, all, false, "skip generate", 1, "", ""},
		{"lists that lack clang", "bookworm", "0", newer, newer, true, "skip generate", 1, "Debian 12 has it", ""},
		{"lists that lack clang-format", "bookworm", "0", newer, newer, true, "skip layout", 1, "Debian 12 has it", ""},
		{"Debian 13", "trixie", "0", newer, newer, false, "skip generate", 0, "left out: clang-14 can't be had: the committed objects", ""},
		{"Debian 13, lists are there", "trixie", "1000", newer, newer, true, "skip layout", 0, "left out: clang-format-14 can't be had", ""},
		{"nothing is installed by check", "bookworm", "0", all, nil, false, "check lint", 1, "apt-get install --no-install-recommends git shellcheck clang-format-14",
			"indextargets --format $(FILENAME) Created-By: Packages"},
	} {
		env, dir := aMachine(t, c.codename, c.uid, c.has, append(c.installed, "gcc", "libc6-dev", "libpcap-dev"), c.lists)
		cmd := exec.Command("./deps", strings.Fields(c.args)...)
		cmd.Env = env
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != c.status || !strings.Contains(string(out), c.want) || c.want == "" && len(out) > 0 {
			t.Errorf("%s: deps %s: status %d, %q; want %d, %q", c.what, c.args, got, out, c.status, c.want)
		}
		asked, err := os.ReadFile(filepath.Join(dir, "asked"))
		if err != nil && c.asked != "" {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(asked)), "\n")
		if last := lines[len(lines)-1]; c.asked != "" && last != c.asked {
			t.Errorf("%s: deps %s: asked of apt-get at last: %q, want %q", c.what, c.args, last, c.asked)
		}
	}
}

// TestDepsOfManagers: what a build lacks has the names that each package manager knows, nothing is installed unless
// asked, and all but Go is installed then. PATH has nothing but the manager.
func TestDepsOfManagers(t *testing.T) {
	for manager, want := range map[string]struct{ says, asked string }{
		"apt-get": {"apt-get install --no-install-recommends gcc libc6-dev libpcap-dev", "install -y -qq --no-install-recommends gcc libc6-dev libpcap-dev"},
		"dnf":     {"dnf install gcc libpcap-devel", "install -y gcc libpcap-devel"},
		"apk":     {"apk add gcc musl-dev linux-headers libpcap-dev", "add gcc musl-dev linux-headers libpcap-dev"},
		"pacman":  {"pacman -S --needed gcc libpcap", "-S --needed --noconfirm gcc libpcap"},
		"":        {"has none of apt-get, dnf, apk and pacman: install a C compiler and libpcap's headers", ""},
	} {
		dir := t.TempDir()
		deps := func(mode string, status int) string {
			t.Helper()
			cmd := exec.Command("./deps", mode, "build")
			cmd.Env = []string{"PATH=" + dir, "CC="}
			out, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != status {
				t.Errorf("%q: deps %s build: status %d, want %d\n%s", manager, mode, got, status, out)
			}
			return string(out)
		}
		stand := func(name, script string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		stand("id", "echo 0\n")
		for _, tool := range []string{"bash", "sed"} {
			path, err := exec.LookPath(tool)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(path, filepath.Join(dir, tool)); err != nil {
				t.Fatal(err)
			}
		}
		if manager != "" {
			stand(manager, "echo \"$*\" >>"+dir+"/asked\n")
		}
		said := deps("check", 1)
		for _, want := range []string{want.says, "missing: Go 1.26", "missing: a C compiler", "missing: libpcap's header", "CGO_ENABLED=0 go build"} {
			if !strings.Contains(said, want) {
				t.Errorf("%q: does not say %q:\n%s", manager, want, said)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, "asked")); err == nil {
			t.Errorf("%q: a check asks for packages", manager)
		}
		said = deps("install", 1)
		asked, _ := os.ReadFile(filepath.Join(dir, "asked"))
		lines := strings.Split(strings.TrimSpace(string(asked)), "\n")
		if last := lines[len(lines)-1]; last != want.asked || manager != "" && !strings.Contains(said, "missing: Go 1.26") {
			t.Errorf("%q: asked for %q, want %q\n%s", manager, last, want.asked, said)
		}
		stand("go", "")
		if manager == "" {
			deps("install", 1)
		} else {
			deps("install", 0)
		}
	}
}

// TestDepsOfOldGo: a Go that can't build the programs and can't fetch one that can is told of, with what it is.
func TestDepsOfOldGo(t *testing.T) {
	for _, c := range []struct{ version, toolchain, want string }{
		{"go1.19.8", "", "missing: Go 1.26 or newer, this one is 1.19 (https"},
		{"go1.24.4", "local", "missing: Go 1.26 or newer, this one is 1.24 and fetches none: set GOTOOLCHAIN=auto and it does (https"},
		{"go1.24.4", "auto", ""},
		{"go1.26.0", "local", ""},
		{"go1.27rc1", "auto", ""},
	} {
		dir := t.TempDir()
		script := "#!/bin/sh\ncase $1 in version) echo go version " + c.version + " linux/amd64 ;; env) echo " + c.toolchain + " ;; esac\n"
		for name, text := range map[string]string{"go": script, "gcc": "#!/bin/sh\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("./deps", "check", "build")
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "CC=")
		out, err := cmd.CombinedOutput()
		if !strings.Contains(string(out), c.want) || c.want == "" && len(out) > 0 || (err != nil) != (c.want != "") {
			t.Errorf("%s, GOTOOLCHAIN=%s: %v %q, want %q", c.version, c.toolchain, err, out, c.want)
		}
	}
}
