//go:build linux

package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// switchPrograms are Open vSwitch's programs that a guest has. Those of Debian that are scripts are left out: they
// want Python or systemd.
var switchPrograms = strings.Fields(`
	ovsdb-server ovsdb-tool ovsdb-client ovs-vswitchd ovs-vsctl ovs-ofctl ovs-appctl ovs-dpctl`)

// switchDir is where a guest has them, with libraries of their own: they are of the kernel's release of Debian, and
// all other programs are of this machine's.
const switchDir = "usr/lib/ovs"

// fetchSwitch returns a folder with Open vSwitch of the suite, from the cache or else from Debian.
func fetchSwitch(s suite) (string, error) {
	var found string
	err := inCache("ovs-"+s.debian, func(dir string) error {
		found = dir
		_, err := switchFiles(dir)
		return err
	}, func(root string) error {
		fmt.Fprintf(os.Stderr, "testbed: fetching Open vSwitch of Debian %s\n", s.debian)
		if err := downloadSwitch(s, root); err != nil {
			return fmt.Errorf("the Open vSwitch of Debian %s can't be had: %w", s.debian, err)
		}
		return nil
	})
	return found, err
}

// downloadSwitch unpacks the packages of Open vSwitch and of the libraries that they need: 8 MB. What apt would
// install with them, Python and systemd, is three times as much.
func downloadSwitch(s suite, root string) error {
	if err := unpackWithLibraries(root, s, []string{"openvswitch-switch", "openvswitch-common"}); err != nil {
		return err
	}
	// Programs name their loader in /lib64, which since trixie is a link of a package that nothing here depends on.
	for _, dir := range []string{"lib", "lib64"} {
		if err := os.Symlink("usr/"+dir, filepath.Join(root, dir)); err != nil && !os.IsExist(err) {
			return err
		}
	}
	return chooseLibraries(root)
}

// chooseLibraries makes the links to bullseye's libraries of Open vSwitch, which are alternatives of
// update-alternatives(1): there is another build of them with DPDK.
func chooseLibraries(root string) error {
	files, _ := filepath.Glob(filepath.Join(root, "usr/lib/openvswitch-common/*.so.0.0.0"))
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".0.0")
		link := filepath.Join(root, "usr/lib/x86_64-linux-gnu", name)
		os.Remove(link)
		if err := os.Symlink("../openvswitch-common/"+filepath.Base(file), link); err != nil {
			return err
		}
	}
	return nil
}

var libraryPackage = regexp.MustCompile(`(?m)^ +\|?(?:Pre)?Depends: (z?lib\S+)`)

// withLibraries returns the packages, and those of libraries that they depend on.
func withLibraries(packages []string, depends func(pkg string) (string, error)) ([]string, error) {
	have := map[string]bool{}
	for _, p := range packages {
		have[p] = true
	}
	for i := 0; i < len(packages); i++ {
		out, err := depends(packages[i])
		if err != nil {
			return nil, err
		}
		for _, m := range libraryPackage.FindAllStringSubmatch(out, -1) {
			if !have[m[1]] {
				have[m[1]] = true
				packages = append(packages, m[1])
			}
		}
	}
	return packages, nil
}

// switchFiles finds switchPrograms below root.
func switchFiles(root string) ([]string, error) {
	var files []string
	for _, name := range switchPrograms {
		found := ""
		// ovs-vswitchd is an alternative of update-alternatives(1), which only an installation makes.
		for _, dir := range []string{"usr/lib/openvswitch-switch", "usr/lib/openvswitch-common", "usr/sbin", "usr/bin"} {
			if p := resolve(root, filepath.Join(root, dir, name)); p != "" {
				found = p
				break
			}
		}
		if found == "" {
			return nil, fmt.Errorf("%s is in none of the packages of Open vSwitch", name)
		}
		files = append(files, found)
	}
	return files, nil
}

// openvswitch puts Open vSwitch into the guest, each program as a script on PATH.
func (a *archive) openvswitch(root string) error {
	files, err := switchFiles(root)
	if err != nil {
		return err
	}
	libs, err := libraries(root, files)
	if err != nil {
		return err
	}
	loader := ""
	for _, l := range libs {
		name := filepath.Base(l)
		if strings.HasPrefix(name, "ld-") {
			loader = "/" + switchDir + "/" + name[:2]
			name = name[:2]
		}
		if err := a.copy(switchDir+"/"+name, resolve(root, l)); err != nil {
			return err
		}
	}
	for i, name := range switchPrograms {
		b, err := withLoader(files[i], loader)
		if err != nil {
			return err
		}
		a.file(switchDir+"/"+name, 0o755, b)
		script := "#!/bin/sh\nLD_LIBRARY_PATH=/DIR exec /DIR/" + name + " \"$@\"\n"
		a.file("usr/bin/"+name, 0o755, []byte(strings.ReplaceAll(script, "DIR", switchDir)))
	}
	const schema = "usr/share/openvswitch/vswitch.ovsschema"
	return a.copy(schema, filepath.Join(root, schema))
}

// withLoader returns the program with another loader than its own, whose path has to be no longer. A program that is
// started as an argument of its loader has the loader's name in /proc.
func withLoader(program, loader string) ([]byte, error) {
	b, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		if uint64(len(loader)) >= p.Filesz {
			return nil, fmt.Errorf("%s: no room for the loader %s", program, loader)
		}
		clear(b[p.Off : p.Off+p.Filesz])
		copy(b[p.Off:], loader)
		return b, nil
	}
	return nil, fmt.Errorf("%s is not dynamic", program)
}
