//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// packagesCommand is for what is made of Debian's packages without an installation.
type packagesCommand struct {
	Suite string   `default:"trixie" help:"Debian release."`
	Arch  string   `default:"amd64" help:"amd64 or arm64."`
	Names []string `arg:""`
}

// fetchPackages returns a folder with the files of Debian's packages, from the cache or else from Debian.
func fetchPackages(c packagesCommand) (string, error) {
	what := fmt.Sprintf("packages %s of Debian %s for %s", strings.Join(c.Names, ", "), c.Suite, c.Arch)
	var found string
	err := inCache("packages-"+strings.Join(append([]string{c.Suite, c.Arch}, c.Names...), "-"), func(dir string) error {
		found = dir
		_, err := os.Stat(filepath.Join(dir, "usr"))
		return err
	}, func(root string) error {
		fmt.Fprintf(os.Stderr, "testbed: fetching the %s\n", what)
		if err := unpackPackages(root, c.Suite, c.Arch, c.Names); err != nil {
			return fmt.Errorf("the %s can't be had: %w", what, err)
		}
		return nil
	})
	return found, err
}

// fileCommand is for a file of Debian's mirror that no package list names.
type fileCommand struct {
	SHA256 string `name:"sha256" required:"" help:"What the file's content must have."`
	Path   string `arg:"" help:"On the mirror, as pool/main/libp/libpcap/libpcap_1.10.5.orig.tar.xz."`
}

// fetchFile returns the path of the file in the cache.
func fetchFile(c fileCommand) (string, error) {
	var found string
	err := inCache("file-"+c.SHA256[:min(12, len(c.SHA256))], func(dir string) error {
		found = filepath.Join(dir, filepath.Base(c.Path))
		_, err := os.Stat(found)
		return err
	}, func(root string) error {
		site, err := mirror()
		if err != nil {
			return err
		}
		url := strings.TrimSuffix(site, "/") + "/" + c.Path
		fmt.Fprintf(os.Stderr, "testbed: fetching %s\n", url)
		// apt's own helper knows its proxies and its kinds of mirrors, and checks the sum.
		out, err := exec.Command("/usr/lib/apt/apt-helper", "-o", "APT::Sandbox::User=root", "download-file", url,
			filepath.Join(root, filepath.Base(c.Path)), "SHA256:"+c.SHA256).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s can't be had: %s", url, lastLine(out))
		}
		return nil
	})
	return found, err
}
