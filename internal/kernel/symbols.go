//go:build linux && (amd64 || arm64)

package kernel

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

// symbols is /proc/kallsyms: the text symbols. Not strings in maps, which took a quarter of a
// start's CPU time. To read it all takes the kernel a third of a second of a guest, so that is
// done when the first address wants a name.
type symbols struct {
	loaded bool
	names  []byte
	all    []symbol // sorted by address; of several at one, in the order of the file
	// Where code can be: what is outside belongs to no symbol, whichever is before it.
	regions []region // sorted

	// Both are read again when code is seen that was not there: a module was loaded. They
	// stay open, as their addresses are for whoever had CAP_SYSLOG when they were opened.
	kallsyms, modules *os.File
	// Calls f for the symbols whose names begin as one of these does, without the file; nil: there is only the file.
	pick func(names map[string][]uint64, f func(addr uint64, kind byte, name, module []byte)) error
	// Not before, as long as there is nothing new: there are addresses that nobody names.
	again time.Time
	wait  time.Duration
}

// How long is waited from one reading to the next, at first and at most.
const (
	leastWait = time.Second
	mostWait  = 5 * time.Minute
)

type symbol struct {
	addr uint64
	at   uint32 // of its name, in names
	len  uint16
	// of its module's, right behind; 0: vmlinux
	module uint16
}

type region struct{ from, to uint64 }

// ErrHiddenAddresses means that /proc/kallsyms shows zeros instead of addresses.
var ErrHiddenAddresses = errors.New("/proc/kallsyms hides its addresses: CAP_SYSLOG is needed " +
	"(or sysctl kernel.kptr_restrict=0)")

// openSymbols opens the files, and looks whether this user may know addresses.
func openSymbols() (*symbols, error) {
	s := &symbols{}
	var err error
	if s.kallsyms, err = os.Open("/proc/kallsyms"); err != nil {
		return nil, fmt.Errorf("reading the kernel's symbols: %w", err)
	}
	// A kernel without modules has no such file.
	s.modules, _ = os.Open("/proc/modules")
	return s, s.shown()
}

// shown is ErrHiddenAddresses when the first symbols have no addresses. Those of variables of
// each cpu may count from 0, but not all are at it.
func (s *symbols) shown() error {
	b := make([]byte, 4096)
	n, err := s.kallsyms.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return fmt.Errorf("reading /proc/kallsyms: %w", err)
	}
	if i := bytes.LastIndexByte(b[:n], '\n'); i >= 0 {
		n = i + 1
	}
	hidden := n > 0
	err = eachSymbol(bytes.NewReader(b[:n]), func(addr uint64, _ byte, _, _ []byte) { hidden = hidden && addr == 0 })
	if err == nil && hidden {
		err = ErrHiddenAddresses
	}
	return err
}

// load reads all anew.
func (s *symbols) load() error {
	if _, err := s.kallsyms.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading /proc/kallsyms: %w", err)
	}
	s.wait, s.again = leastWait, time.Now().Add(leastWait)
	if err := s.parse(s.kallsyms); err != nil {
		return err
	}
	var modules []byte
	if s.modules != nil {
		if _, err := s.modules.Seek(0, io.SeekStart); err != nil {
			return fmt.Errorf("reading /proc/modules: %w", err)
		}
		var err error
		if modules, err = io.ReadAll(s.modules); err != nil {
			return fmt.Errorf("reading /proc/modules: %w", err)
		}
	}
	s.findRegions(string(modules))
	s.loaded = true
	return nil
}

// need loads what was not loaded yet.
func (s *symbols) need() error {
	if s.loaded || s.kallsyms == nil {
		return nil
	}
	return s.load()
}

// look is find in what may have come since the files were read.
func (s *symbols) look(addr uint64) int {
	if s.kallsyms == nil || addr>>63 == 0 || time.Now().Before(s.again) {
		return -1
	}
	wait := s.wait
	if s.load() != nil {
		return -1
	}
	i := s.find(addr)
	if s.wait = min(2*wait, mostWait); i >= 0 {
		s.wait = leastWait
	}
	s.again = time.Now().Add(s.wait)
	return i
}

// eachSymbol calls f for each line `ADDRESS KIND NAME` or `ADDRESS KIND NAME\t[MODULE]` of
// /proc/kallsyms; module is "" for vmlinux. What it is given is valid until it returns.
func eachSymbol(r io.Reader, f func(addr uint64, kind byte, name, module []byte)) error {
	b, n := make([]byte, 64<<10), 0
	for {
		got, err := r.Read(b[n:])
		n += got
		lines := b[:n]
		for {
			i := bytes.IndexByte(lines, '\n')
			if i < 0 {
				break
			}
			line := lines[:i]
			lines = lines[i+1:]
			addr, kind, name, ok := cutSymbol(line)
			if !ok {
				return fmt.Errorf("/proc/kallsyms: unexpected line %q", line)
			}
			var module []byte
			if i := bytes.IndexByte(name, '\t'); i >= 0 {
				name, module = name[:i], bytes.Trim(name[i+1:], "[]")
			}
			if len(name) > 0 {
				f(addr, kind, name, module)
			}
		}
		n = copy(b, lines)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading /proc/kallsyms: %w", err)
		}
		if n == len(b) {
			return fmt.Errorf("/proc/kallsyms: a line of more than %d bytes", n)
		}
	}
}

// cutSymbol takes a line of /proc/kallsyms apart; a short one has no name.
func cutSymbol(line []byte) (addr uint64, kind byte, name []byte, ok bool) {
	i := 0
	for ; i < len(line) && line[i] != ' '; i++ {
		digit := line[i] - '0'
		if digit > 9 {
			if digit = line[i] | 0x20 - 'a' + 10; digit < 10 || digit > 15 {
				return 0, 0, nil, false
			}
		}
		addr = addr<<4 | uint64(digit)
	}
	if i == 0 || i > 16 || len(line) < i+4 {
		return 0, 0, nil, true
	}
	return addr, line[i+1], line[i+3:], true
}

func isText(kind byte) bool { return kind|0x20 == 't' || kind|0x20 == 'w' }

func (s *symbols) parse(r io.Reader) error {
	s.names, s.all = make([]byte, 0, 4<<20), make([]symbol, 0, 1<<17)
	err := eachSymbol(r, func(addr uint64, kind byte, name, module []byte) {
		if !isText(kind) {
			return
		}
		s.all = append(s.all, symbol{addr, uint32(len(s.names)), uint16(len(name)), uint16(len(module))})
		s.names = append(append(s.names, name...), module...)
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(s.all, func(a, b symbol) int { return cmp.Compare(a.addr, b.addr) })
	return nil
}

func (s *symbols) name(x symbol) string { return string(s.names[x.at:][:x.len]) }

func (s *symbols) moduleOf(x symbol) string {
	return string(s.names[x.at+uint32(x.len):][:x.module])
}

// addresses looks the names of functions up: each key of known gets its addresses. It keeps
// nothing of the file.
func (s *symbols) addresses(known map[string][]uint64) error {
	take := func(addr uint64, kind byte, name, _ []byte) {
		if at, ok := known[string(name)]; ok && isText(kind) {
			known[string(name)] = append(at, addr)
		}
	}
	if s.pick != nil {
		if err := s.pick(known, take); err == nil {
			return nil
		}
		for name := range known { // what came before the error
			known[name] = nil
		}
	}
	return s.each(take)
}

// addressesOf is the same for one name.
func (s *symbols) addressesOf(name string) ([]uint64, error) {
	known := map[string][]uint64{name: nil}
	err := s.addresses(known)
	return known[name], err
}

// variables looks up where some are; those that the kernel does not tell of are missing.
func (s *symbols) variables(names ...string) (map[string]uint64, error) {
	at := map[string]uint64{}
	err := s.each(func(addr uint64, kind byte, name, _ []byte) {
		if !isText(kind) && slices.Contains(names, string(name)) {
			at[string(name)] = addr
		}
	})
	return at, err
}

// each reads the file from its start.
func (s *symbols) each(f func(addr uint64, kind byte, name, module []byte)) error {
	if _, err := s.kallsyms.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("reading /proc/kallsyms: %w", err)
	}
	return eachSymbol(s.kallsyms, f)
}

// findRegions: the kernel's own code ends at _etext, or with the code of its start, which is
// gone by now; a module's lies within its memory, as a line `NAME SIZE USERS BY STATE ADDRESS`
// of /proc/modules has it. Of BPF programs, and of what kprobes and ftrace make, a page is taken for
// each.
func (s *symbols) findRegions(modules string) {
	s.regions = nil
	var first, last uint64
	for _, x := range s.all {
		switch {
		case x.module == 0:
			if n := s.name(x); n == "_etext" {
				last = x.addr
			} else if n == "_stext" || first == 0 {
				first = x.addr
			}
		case s.moduleOf(x) == "bpf" || strings.HasPrefix(s.moduleOf(x), "__builtin__"):
			s.regions = append(s.regions, region{x.addr, x.addr&^0xfff + 0x1000})
		}
	}
	if last == 0 { // should a kernel not have it
		for _, x := range s.all {
			if x.module == 0 {
				last = x.addr + 1<<16
			}
		}
	}
	s.regions = append(s.regions, region{first, last})
	for line := range strings.Lines(modules) {
		f := strings.Fields(line)
		if len(f) < 6 {
			continue
		}
		size, err1 := strconv.ParseUint(f[1], 10, 64)
		from, err2 := strconv.ParseUint(f[5], 0, 64)
		if err1 == nil && err2 == nil && from != 0 {
			s.regions = append(s.regions, region{from, from + size})
		}
	}
	sort.Slice(s.regions, func(i, j int) bool { return s.regions[i].from < s.regions[j].from })
}

// holds tells whether there is code at addr, and where that begins.
func (s *symbols) holds(addr uint64) (from uint64, ok bool) {
	i := sort.Search(len(s.regions), func(i int) bool { return s.regions[i].from > addr }) - 1
	if i < 0 || addr >= s.regions[i].to {
		return 0, false
	}
	return s.regions[i].from, true
}

// find returns the index of the symbol that addr belongs to, or -1.
func (s *symbols) find(addr uint64) int {
	from, ok := s.holds(addr)
	if !ok {
		return -1
	}
	i := sort.Search(len(s.all), func(i int) bool { return s.all[i].addr > addr }) - 1
	if i < 0 || s.all[i].addr < from {
		return -1
	}
	for i > 0 && s.all[i-1].addr == s.all[i].addr {
		i-- // aliases: always the first, as it was listed
	}
	return i
}

// Location names an address as function+0xoffset, or in hexadecimal when no function of
// the kernel holds it.
func (k *Kernel) Location(addr uint64) string {
	s := k.symbols
	if s.need() != nil {
		return fmt.Sprintf("0x%x", addr)
	}
	i := s.find(addr)
	if i < 0 {
		i = s.look(addr) // perhaps of a module that was loaded since
	}
	if i < 0 {
		return fmt.Sprintf("0x%x", addr)
	}
	return s.name(s.all[i]) + "+0x" + strconv.FormatUint(addr-s.all[i].addr, 16)
}

// ReturnAddress names the function that will be returned to at addr, as Location does. It is
// the one that made the call: the next one's first instruction when nothing comes behind a
// call that does not return.
func (k *Kernel) ReturnAddress(addr uint64) string {
	s := k.symbols
	if s.need() != nil {
		return k.Location(addr)
	}
	if i, j := s.find(addr-1), s.find(addr); i >= 0 && i != j {
		return s.name(s.all[i]) + "+0x" + strconv.FormatUint(addr-s.all[i].addr, 16)
	}
	return k.Location(addr)
}
