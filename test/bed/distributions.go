//go:build linux

package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// rootPackages are what a small root of Debian is made of: its C library, a shell, and ping.
var rootPackages = strings.Fields("base-files dash libc6 netbase iputils-ping")

// leftOutOfRoots is in the packages, and nothing that runs in the roots reads it.
var leftOutOfRoots = strings.Fields("./usr/share */gconv */audit")

// fetchRoots returns archives of roots, NAME.tar each, in which a guest starts the programs of a release: of Debian's
// releases, of busybox, which has no library, and of musl.
func fetchRoots() (archives []string, err error) {
	makers := map[string]func(root string) error{"busybox": busyboxRoot, "musl": muslRoot}
	for _, s := range suites {
		if !s.foreign() {
			makers[s.debian] = func(root string) error { return debianRoot(s, root) }
		}
	}
	for _, name := range slices.Sorted(maps.Keys(makers)) {
		err := inCache("root-"+name, func(dir string) error {
			archive := filepath.Join(dir, name+".tar")
			_, err := os.Stat(archive)
			if err == nil {
				archives = append(archives, archive)
			}
			return err
		}, func(dir string) error {
			fmt.Fprintf(os.Stderr, "testbed: making a small root of %s\n", name)
			root := filepath.Join(dir, name)
			if err := errors.Join(os.Mkdir(root, 0o755), makers[name](root)); err != nil {
				return fmt.Errorf("a root of %s can't be had: %w", name, err)
			}
			args := []string{"-C", root, "-cf", root + ".tar"}
			for _, pattern := range leftOutOfRoots {
				args = append(args, "--exclude", pattern)
			}
			if out, err := exec.Command("tar", append(args, ".")...).CombinedOutput(); err != nil {
				return fmt.Errorf("tar: %s", lastLine(out))
			}
			return os.RemoveAll(root)
		})
		if err != nil {
			return nil, err
		}
	}
	return archives, nil
}

// debianRoot unpacks a release's packages: 4 MB, which are 8 MB then.
func debianRoot(s suite, root string) error {
	return unpackWithLibraries(root, s, slices.Clone(rootPackages))
}

// busyboxRoot has one program, which is static.
func busyboxRoot(root string) error {
	return unpackPackages(root, "trixie", "amd64", []string{"busybox-static"})
}

// muslRoot has musl's library, and a program that is linked with it: /bin/say sends a datagram to the IPv4 address
// that it is given, port 53, and exits with status 7. Debian has no program that is linked so.
func muslRoot(root string) error {
	from, err := os.MkdirTemp("", "testbed-musl-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(from)
	if err := unpackPackages(from, "trixie", "amd64", []string{"musl", "musl-dev"}); err != nil {
		return err
	}
	var lib string
	for _, dir := range []string{"lib", "usr/lib"} {
		if p := filepath.Join(from, dir, "x86_64-linux-musl"); resolve(from, filepath.Join(p, "libc.so")) != "" {
			lib = p
			break
		}
	}
	b, err := os.ReadFile(resolve(from, filepath.Join(lib, "libc.so")))
	if err != nil {
		return err
	}
	const loader = "lib/ld-musl-x86_64.so.1"
	if err := errors.Join(os.Mkdir(filepath.Join(root, "lib"), 0o755), os.Mkdir(filepath.Join(root, "bin"), 0o755),
		os.WriteFile(filepath.Join(root, loader), b, 0o755)); err != nil {
		return err
	}
	parts := filepath.Join(from, "usr/lib/x86_64-linux-musl")
	cmd := exec.Command("gcc", "-nostdinc", "-isystem", filepath.Join(from, "usr/include/x86_64-linux-musl"), "-nostdlib",
		"-no-pie", "-fno-stack-protector", "-Wl,-dynamic-linker,/"+loader, "-o", filepath.Join(root, "bin/say"),
		filepath.Join(parts, "crt1.o"), filepath.Join(parts, "crti.o"), "-x", "c", "-", "-x", "none",
		"-L", lib, "-lc", filepath.Join(parts, "crtn.o"))
	cmd.Stdin = strings.NewReader(saySource)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("gcc: %s", lastLine(out))
	}
	return nil
}

const saySource = `
#include <arpa/inet.h>
#include <sys/socket.h>
int main(int argc, char **argv) {
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53)};
	if (argc != 2 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1)
		return 2;
	return sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, (void *)&to, sizeof to) == 1 ? 7 : 1;
}
`
