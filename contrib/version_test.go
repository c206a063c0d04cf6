package contrib

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPackageVersions: what packages call a version is in the order of releases, as dpkg has it. That rpm and apk have
// it so too was tried by hand: `rpm --eval '%{lua:print(rpm.vercmp(A, B))}'`, `apk version -t A B`.
func TestPackageVersions(t *testing.T) {
	in := func(kind, version string) (string, error) {
		cmd := exec.Command("packaging/version", kind, version)
		cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1796000000")
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	before := ""
	for _, c := range [][3]string{ // in their order: what git describe says; of .deb and .rpm; of .apk
		{"af51090", "0+20261130.gaf51090", "0_git20261130"},
		{"v1.2.3-rc1", "1.2.3~rc1", "1.2.3_rc1"},
		{"v1.2.3-rc1-2-gabcdef0", "1.2.3~rc1+2.gabcdef0", "1.2.3_rc1_git2"},
		{"v1.2.3", "1.2.3", "1.2.3"},
		{"1.2.3-dirty", "1.2.3+0.dirty", "1.2.3_git0"},
		{"v1.2.3-4-gabcdef0", "1.2.3+4.gabcdef0", "1.2.3_git4"},
		{"v1.2.3-10-gabcdef0-dirty", "1.2.3+10.gabcdef0.dirty", "1.2.3_git10"},
		{"1.2.10", "1.2.10", "1.2.10"},
	} {
		for i, kind := range []string{"deb", "rpm", "apk"} {
			want := c[1]
			if i == 2 {
				want = c[2]
			}
			if have, err := in(kind, c[0]); err != nil || have != want {
				t.Errorf("%s %s: %q %v, want %q", kind, c[0], have, err, want)
			}
		}
		if out, err := exec.Command("dpkg", "--validate-version", c[1]).CombinedOutput(); err != nil {
			t.Errorf("dpkg: %s", out)
		}
		if before != "" && exec.Command("dpkg", "--compare-versions", before, "lt", c[1]).Run() != nil {
			t.Errorf("to dpkg %s is not before %s", before, c[1])
		}
		before = c[1]
	}
	for _, wrong := range []string{"", "main", "1.2-3", "v1.x"} {
		if have, err := in("deb", wrong); err == nil || !strings.Contains(have, "is no version that packages can have") {
			t.Errorf("%q: %q %v", wrong, have, err)
		}
	}
}

// TestBuildVersion: a build says what git describes, and leaves the version to what Go knows where git describes nothing.
func TestBuildVersion(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Makefile"), makefile, 0o644); err != nil {
		t.Fatal(err)
	}
	call := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "GIT_CONFIG_GLOBAL=/dev/null",
			"MAKEFLAGS=", "MAKELEVEL=0") // those of the make that runs the tests have it print directories
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	build := func() string { return call("make", "-n", "-o", "check-build", "build") } // -n: it is printed and not done
	if lines := build(); strings.Contains(lines, "Version") || !strings.Contains(lines, "go build") {
		t.Errorf("without git: %s", lines)
	}
	call("git", "init", "-q")
	call("git", "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "--allow-empty", "-m", "x")
	call("git", "tag", "v9.8.7")
	if lines := build(); strings.Count(lines, "internal/pipe.Version=v9.8.7\"") != 2 {
		t.Errorf("with git: %s", lines)
	}
}
