package kernel

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
)

// symbols is /proc/kallsyms: the text symbols, and the few variables that are read.
type symbols struct {
	data   map[string]uint64 // of variables, as far as wanted
	byName map[string][]uint64
	addrs  []uint64 // sorted
	names  []string // of addrs
	module []string // of addrs, "" for vmlinux
}

// ErrHiddenAddresses means that /proc/kallsyms shows zeros instead of addresses.
var ErrHiddenAddresses = errors.New("/proc/kallsyms hides its addresses: CAP_SYSLOG is needed (or sysctl kernel.kptr_restrict=0)")

func readSymbols() (*symbols, error) {
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		return nil, fmt.Errorf("reading the kernel's symbols: %w", err)
	}
	defer f.Close()
	s := &symbols{byName: map[string][]uint64{}, data: map[string]uint64{}}
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		line := sc.Bytes()
		addr, rest, ok := bytes.Cut(line, []byte(" "))
		if !ok || len(rest) < 3 {
			continue
		}
		text := rest[0]|0x20 == 't' || rest[0]|0x20 == 'w'
		if !text && string(rest[2:]) != "vmemmap_base" && string(rest[2:]) != "page_offset_base" {
			continue
		}
		name, module, _ := bytes.Cut(rest[2:], []byte("\t"))
		a, err := strconv.ParseUint(string(addr), 16, 64)
		if err != nil {
			return nil, fmt.Errorf("/proc/kallsyms: unexpected line %q", line)
		}
		n := string(name)
		if !text {
			s.data[n] = a
			continue
		}
		s.byName[n] = append(s.byName[n], a)
		s.addrs = append(s.addrs, a)
		s.names = append(s.names, n)
		s.module = append(s.module, string(bytes.Trim(module, "[]")))
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("reading /proc/kallsyms: %w", err)
	}
	if len(s.addrs) > 0 && s.addrs[0] == 0 && s.addrs[len(s.addrs)/2] == 0 {
		return nil, ErrHiddenAddresses
	}
	sort.Stable(s)
	return s, nil
}

func (s *symbols) Len() int           { return len(s.addrs) }
func (s *symbols) Less(i, j int) bool { return s.addrs[i] < s.addrs[j] }
func (s *symbols) Swap(i, j int) {
	s.addrs[i], s.addrs[j] = s.addrs[j], s.addrs[i]
	s.names[i], s.names[j] = s.names[j], s.names[i]
	s.module[i], s.module[j] = s.module[j], s.module[i]
}

// find returns the index of the last symbol at or before addr, or -1.
func (s *symbols) find(addr uint64) int {
	return sort.Search(len(s.addrs), func(i int) bool { return s.addrs[i] > addr }) - 1
}

// Location names an address as function+0xoffset, or in hexadecimal when no function of
// the kernel holds it.
func (k *Kernel) Location(addr uint64) string {
	s := k.symbols
	i := s.find(addr)
	// The kernel's text ends somewhere behind its last symbol: nothing a megabyte
	// behind one belongs to it.
	if i < 0 || addr-s.addrs[i] > 1<<20 {
		return fmt.Sprintf("0x%x", addr)
	}
	for i > 0 && s.addrs[i-1] == s.addrs[i] {
		i-- // aliases: always the first, as it was listed
	}
	return s.names[i] + "+0x" + strconv.FormatUint(addr-s.addrs[i], 16)
}
