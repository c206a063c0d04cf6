//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// captureTools are the readers of captures that tests run in other versions than this
// machine's.
var captureTools = []string{"tshark", "dumpcap", "capinfos", "editcap", "mergecap", "reordercap", "tcpdump"}

// toolsFormat changes when the scripts below do, for cached ones to be made anew.
const toolsFormat = "1"

// fetchTools returns a folder for PATH with a Debian release's tools, from the cache or
// else from Debian. They run with the libraries of their release, and as an ordinary user:
// Wireshark does not run Lua scripts for root from 4.4 on.
func fetchTools(suite string) (string, error) {
	var bin string
	err := inCache("tools-"+suite, func(dir string) error {
		bin = filepath.Join(dir, "run")
		_, err := os.Stat(filepath.Join(bin, "."+toolsFormat))
		return err
	}, func(root string) error {
		fmt.Fprintf(os.Stderr, "testbed: fetching tshark and tcpdump of Debian %s\n", suite)
		a, err := newApt(suite, "amd64")
		if err != nil {
			return fmt.Errorf("the tools of Debian %s can't be had: %w", suite, err)
		}
		defer a.close()
		if _, err := a.run("apt-get", "-qq", "--yes", "--no-install-recommends", "--download-only", "install", "tshark",
			"tcpdump"); err != nil {
			return fmt.Errorf("the tools of Debian %s can't be had: %w", suite, err)
		}
		if err := a.unpack(root); err != nil {
			return err
		}
		return writeTools(root)
	})
	return bin, err
}

// toolScript starts a program of ROOT with the loader and the libraries that it has there.
const toolScript = `#!/bin/sh
root=$(dirname "$(dirname "$(realpath "$0")")")
export WIRESHARK_DATA_DIR="$root/usr/share/wireshark" WIRESHARK_PLUGIN_DIR="$root/none" WIRESHARK_EXTCAP_DIR="$root/none"
set -- "$root/LIB/ld-linux-x86-64.so.2" --library-path "$root/LIB" "$root/PROGRAM" "$@"
if [ "$(id -u)" = 0 ]; then
	set -- setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps +dac_override --ambient-caps +dac_override "$@"
fi
exec "$@"
`

// writeTools writes the scripts that start the tools.
func writeTools(root string) error {
	loaders, _ := filepath.Glob(filepath.Join(root, "usr/lib/*/ld-linux-x86-64.so.2"))
	if len(loaders) != 1 {
		return errors.New("these packages have no loader for this machine's programs")
	}
	lib, err := filepath.Rel(root, filepath.Dir(loaders[0]))
	if err != nil {
		return err
	}
	bin := filepath.Join(root, "run")
	for _, dir := range []string{bin, filepath.Join(root, "none")} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	for _, t := range captureTools {
		program := "usr/bin/" + t
		if _, err := os.Stat(filepath.Join(root, program)); err != nil {
			program = "usr/sbin/" + t
		}
		script := strings.NewReplacer("LIB", lib, "PROGRAM", program).Replace(toolScript)
		if err := os.WriteFile(filepath.Join(bin, t), []byte(script), 0o777); err != nil {
			return err
		}
	}
	// tshark looks for dumpcap where its own program is, which to the kernel is the loader.
	if err := os.Symlink("../../../run/dumpcap", filepath.Join(root, lib, "dumpcap")); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(bin, "."+toolsFormat), nil, 0o666)
}
