//go:build linux

package main

import (
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// libraries returns the shared libraries and loaders that the ELF files need, and those
// need in turn, as paths below root. Files that are no ELF need none.
func libraries(root string, paths []string) ([]string, error) {
	seen := map[string]bool{}
	var out []string
	for len(paths) > 0 {
		path := paths[0]
		paths = paths[1:]
		needs, err := needed(root, path)
		if err != nil {
			return nil, err
		}
		for _, n := range needs {
			if !seen[n] {
				seen[n] = true
				out = append(out, n)
				paths = append(paths, n)
			}
		}
	}
	return out, nil
}

// needed returns what one ELF file needs directly.
func needed(root, path string) ([]string, error) {
	file := resolve(root, path)
	if file == "" {
		return nil, errors.New(path + " is not there")
	}
	f, err := elf.Open(file)
	if err != nil {
		var format *elf.FormatError
		if errors.As(err, &format) || strings.Contains(err.Error(), "EOF") {
			return nil, nil
		}
		return nil, err
	}
	defer f.Close()
	var out []string
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			b := make([]byte, p.Filesz)
			if _, err := p.ReadAt(b, 0); err != nil {
				return nil, err
			}
			out = append(out, filepath.Join(root, strings.TrimRight(string(b), "\x00")))
		}
	}
	libs, err := f.ImportedLibraries()
	if err != nil {
		return nil, err
	}
	dirs := searchPath(root)
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		paths, _ := f.DynString(tag)
		for _, p := range paths {
			dirs = append(dirs, strings.Split(strings.ReplaceAll(p, "$ORIGIN", filepath.Dir(path)), ":")...)
		}
	}
	for _, lib := range libs {
		found := ""
		for _, d := range dirs {
			if resolve(root, filepath.Join(d, lib)) != "" {
				found = filepath.Join(d, lib)
				break
			}
		}
		if found == "" {
			return nil, errors.New(path + " needs " + lib + ", which is not below " + root)
		}
		out = append(out, found)
	}
	return out, nil
}

// searchPath is where the loader looks: /etc/ld.so.conf.d and its own defaults.
func searchPath(root string) []string {
	var dirs []string
	confs, _ := filepath.Glob(filepath.Join(root, "etc/ld.so.conf.d/*.conf"))
	for _, c := range confs {
		b, _ := os.ReadFile(c)
		for line := range strings.Lines(string(b)) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "/") {
				dirs = append(dirs, filepath.Join(root, line))
			}
		}
	}
	for _, dir := range []string{"lib", "usr/lib", "lib64", "usr/lib64"} {
		dirs = append(dirs, filepath.Join(root, dir))
	}
	return dirs
}
