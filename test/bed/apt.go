//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// An apt is one for a release of Debian and an architecture, with lists of its own in the cache, so that the
// machine's stay as they are, and what is fetched again is what has changed. It knows of no installed package.
type apt struct {
	dir     string
	options []string
}

func newApt(suite, arch string) (*apt, error) {
	site, err := mirror()
	if err != nil {
		return nil, err
	}
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "testbed-apt-")
	if err != nil {
		return nil, err
	}
	a := &apt{dir: dir}
	lists := filepath.Join(cache, "lists-"+suite+"-"+arch)
	for _, d := range []string{filepath.Join(lists, "partial"), filepath.Join(dir, "archives/partial")} {
		if err := os.MkdirAll(d, 0o777); err != nil {
			a.close()
			return nil, err
		}
	}
	const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
	sources := filepath.Join(dir, "sources.list")
	line := fmt.Sprintf("deb [arch=%s signed-by=%s] %s %s main\n", arch, keyring, site, suite)
	if err := os.WriteFile(sources, []byte(line), 0o666); err != nil {
		a.close()
		return nil, err
	}
	status := filepath.Join(dir, "status")
	if err := os.WriteFile(status, nil, 0o666); err != nil {
		a.close()
		return nil, err
	}
	for _, o := range []string{
		"APT::Architecture=" + arch, "APT::Architectures=" + arch,
		"Dir::State::Lists=" + lists, "Dir::State::status=" + status,
		"Dir::Etc::sourcelist=" + sources, "Dir::Etc::sourceparts=-",
		"Dir::Cache::archives=" + filepath.Join(dir, "archives"), "Dir::Cache::pkgcache=", "Dir::Cache::srcpkgcache=",
		"APT::Sandbox::User=root", "Debug::NoLocking=true",
	} {
		a.options = append(a.options, "-o", o)
	}
	if _, err := a.run("apt-get", "update"); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *apt) close() { os.RemoveAll(a.dir) }

// run runs a command of apt's in the folder that unpack looks into.
func (a *apt) run(command string, args ...string) (string, error) {
	cmd := exec.Command(command, append(a.options[:len(a.options):len(a.options)], args...)...)
	cmd.Dir = filepath.Join(a.dir, "archives")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %s", command, args[len(args)-1], lastLine(out))
	}
	return string(out), nil
}

// size is what the packages have to be fetched of, in bytes. apt prints a line for each: 'URI' file size sum.
func (a *apt) size(packages []string) (int64, error) {
	out, err := a.run("apt-get", append([]string{"download", "--print-uris"}, packages...)...)
	if err != nil {
		return 0, err
	}
	var all int64
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) >= 3 && strings.HasPrefix(f[0], "'") {
			n, err := strconv.ParseInt(f[2], 10, 64)
			if err != nil {
				return 0, err
			}
			all += n
		}
	}
	return all, nil
}

// unpack unpacks the packages that were downloaded into root.
func (a *apt) unpack(root string) error {
	debs, _ := filepath.Glob(filepath.Join(a.dir, "archives", "*.deb"))
	for _, d := range debs {
		if out, err := exec.Command("dpkg", "-x", d, root).CombinedOutput(); err != nil {
			return fmt.Errorf("unpacking %s: %s", filepath.Base(d), lastLine(out))
		}
	}
	return nil
}

// unpackPackages downloads packages and unpacks them into root.
func unpackPackages(root, suite, arch string, packages []string) error {
	a, err := newApt(suite, arch)
	if err != nil {
		return err
	}
	defer a.close()
	return a.downloadInto(root, packages)
}

// unpackWithLibraries is unpackPackages of them and of the libraries that they need.
func unpackWithLibraries(root string, s suite, packages []string) error {
	a, err := newApt(s.debian, s.arch)
	if err != nil {
		return err
	}
	defer a.close()
	packages, err = withLibraries(packages, func(pkg string) (string, error) {
		return a.run("apt-cache", "depends", pkg)
	})
	if err != nil {
		return err
	}
	return a.downloadInto(root, packages)
}

func (a *apt) downloadInto(root string, packages []string) error {
	if _, err := a.run("apt-get", append([]string{"download"}, packages...)...); err != nil {
		return err
	}
	return a.unpack(root)
}

// mirror is where this machine's apt gets Debian from, or SKB_MIRROR.
func mirror() (string, error) {
	if m := os.Getenv("SKB_MIRROR"); m != "" {
		return m, nil
	}
	out, err := exec.Command("apt-get", "indextargets", "--format", "$(SITE)").Output()
	if err == nil {
		for site := range strings.Lines(string(out)) {
			if !strings.Contains(site, "security") {
				return strings.TrimSpace(site), nil
			}
		}
	}
	return "", fmt.Errorf("apt knows no Debian mirror (run apt-get update, or set SKB_MIRROR)")
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
