package main

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// compiled is what a kernel's code for x86-64 shows: which functions it has as such, and
// from which of them drops are called or jumped to. The address after a call is what a drop
// event has as its location; after a jump it is the caller's.
type compiled struct {
	has          map[string]bool
	calls, jumps map[string]int
}

// isCallee says that what calls a symbol is where a drop is. Where the location is that of the function that
// frees, the stack has the one that is wanted; so it counts as the others do.
func isCallee(symbol string) bool {
	d, _ := kfunc.CallToDrop(symbol)
	return d.Compiled
}

// readCompiled reads DIRECTORY/vmlinux (as the kernel's scripts/extract-vmlinux makes it of a
// vmlinuz), DIRECTORY/kallsyms (/proc/kallsyms as root on that kernel) and the modules below
// DIRECTORY/modules, .ko or .ko.xz.
func readCompiled(dir string) (*compiled, error) {
	c := &compiled{map[string]bool{}, map[string]int{}, map[string]int{}}
	if err := c.kernel(filepath.Join(dir, "vmlinux"), filepath.Join(dir, "kallsyms")); err != nil {
		return nil, err
	}
	modules, err := filepath.EvalSymlinks(filepath.Join(dir, "modules"))
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(modules, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !strings.Contains(path, "/kernel/net/") && !strings.Contains(path, "/kernel/drivers/net/") {
			return nil
		}
		var image []byte
		switch {
		case strings.HasSuffix(path, ".ko"):
			image, err = os.ReadFile(path)
		case strings.HasSuffix(path, ".ko.xz"):
			image, err = exec.Command("xz", "-dc", path).Output()
		default:
			return nil
		}
		if err != nil {
			return err
		}
		return c.module(path, image)
	})
	return c, err
}

type symbol struct {
	at   uint64
	name string
}

// plainName is a symbol without what the compiler and objtool add.
func plainName(s string) string { return strings.TrimPrefix(kfunc.Function(s), "__pfx_") }

func (c *compiled) kernel(image, symbols string) error {
	all, err := readSymbols(symbols)
	if err != nil {
		return err
	}
	targets := map[uint64]bool{}
	for _, s := range all {
		c.has[plainName(s.name)] = true
		if isCallee(s.name) {
			targets[s.at] = true
		}
	}
	f, err := elf.Open(image)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, sec := range f.Sections {
		if sec.Name != ".text" && sec.Name != ".init.text" {
			continue
		}
		code, err := sec.Data()
		if err != nil {
			return err
		}
		c.scan(code, sec.Addr, all, targets)
	}
	return nil
}

// readSymbols reads a kernel's symbols, ordered by the addresses that they have without a shift (KASLR).
func readSymbols(path string) ([]symbol, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []symbol
	base := uint64(0)
	s := bufio.NewScanner(bytes.NewReader(data))
	for s.Scan() {
		w := strings.Fields(s.Text())
		if len(w) != 3 || strings.HasPrefix(w[2], "__pfx_") {
			continue
		}
		at, err := strconv.ParseUint(w[0], 16, 64)
		if err != nil || at == 0 {
			return nil, fmt.Errorf("%s: no addresses: it must be read as root", path)
		}
		if w[2] == "_text" {
			base = at - 0xffffffff81000000
		}
		all = append(all, symbol{at, w[2]})
	}
	for i := range all {
		all[i].at -= base
	}
	slices.SortStableFunc(all, func(a, b symbol) int { return int(int64(a.at - b.at)) })
	return all, nil
}

// scan counts the calls of targets, and the jumps to them, in code that begins at an address.
func (c *compiled) scan(code []byte, start uint64, all []symbol, targets map[uint64]bool) {
	for i := 0; i+5 <= len(code); i++ {
		if !isJump(code, i) {
			continue
		}
		at := start + uint64(i)
		if !targets[at+5+uint64(int64(int32(binary.LittleEndian.Uint32(code[i+1:]))))] {
			continue
		}
		n, _ := slices.BinarySearchFunc(all, at+1, func(s symbol, at uint64) int {
			if s.at < at {
				return -1
			}
			return 1
		})
		if n > 0 {
			c.add(all[n-1].name, code[i])
		}
	}
}

// isJump says that a call (e8), a jump (e9) or the last byte of a conditional jump (0f 8x) may
// begin here.
func isJump(code []byte, i int) bool {
	switch b := code[i]; {
	case b == 0xe8 || b == 0xe9:
		return true
	case b&0xf0 == 0x80:
		return i > 0 && code[i-1] == 0x0f
	}
	return false
}

func (c *compiled) add(function string, op byte) {
	if op == 0xe8 {
		c.calls[plainName(function)]++
	} else {
		c.jumps[plainName(function)]++
	}
}

func (c *compiled) module(path string, image []byte) error {
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil // nothing in it
	}
	bySection := map[elf.SectionIndex][]symbol{}
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC {
			c.has[plainName(s.Name)] = true
			bySection[s.Section] = append(bySection[s.Section], symbol{s.Value, s.Name})
		}
	}
	for _, list := range bySection {
		slices.SortStableFunc(list, func(a, b symbol) int { return int(int64(a.at - b.at)) })
	}
	for _, sec := range f.Sections {
		if sec.Type != elf.SHT_RELA || int(sec.Info) >= len(f.Sections) {
			continue
		}
		of := f.Sections[sec.Info]
		if of.Flags&elf.SHF_EXECINSTR == 0 {
			continue
		}
		rela, err := sec.Data()
		if err != nil {
			return err
		}
		code, err := of.Data()
		if err != nil {
			return err
		}
		for ; len(rela) >= 24; rela = rela[24:] {
			offset := binary.LittleEndian.Uint64(rela)
			n := binary.LittleEndian.Uint32(rela[12:])
			if n == 0 || int(n) > len(symbols) || !isCallee(plainName(symbols[n-1].Name)) || offset == 0 ||
				offset > uint64(len(code)) {
				continue
			}
			list := bySection[elf.SectionIndex(sec.Info)]
			at, _ := slices.BinarySearchFunc(list, offset, func(s symbol, at uint64) int {
				if s.at <= at {
					return -1
				}
				return 1
			})
			if at > 0 {
				c.add(list[at-1].name, code[offset-1])
			}
		}
	}
	return nil
}
