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

// symbols is /proc/kallsyms: the text symbols, and the few variables that are read. Not
// strings in maps, which took a quarter of a start's CPU time.
type symbols struct {
	data  map[string]uint64 // of variables, as far as wanted
	names []byte
	all   []symbol // sorted by address; of several at one, in the order of the file
	// Where code can be: what is outside belongs to no symbol, whichever is before it.
	regions []region // sorted

	// Both are read again when code is seen that was not there: a module was loaded. They
	// stay open, as their addresses are for whoever had CAP_SYSLOG when they were opened.
	kallsyms, modules *os.File
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
var ErrHiddenAddresses = errors.New("/proc/kallsyms hides its addresses: CAP_SYSLOG is needed (or sysctl kernel.kptr_restrict=0)")

func readSymbols() (*symbols, error) {
	s := &symbols{}
	var err error
	if s.kallsyms, err = os.Open("/proc/kallsyms"); err != nil {
		return nil, fmt.Errorf("reading the kernel's symbols: %w", err)
	}
	// A kernel without modules has no such file.
	s.modules, _ = os.Open("/proc/modules")
	s.wait, s.again = leastWait, time.Now().Add(leastWait)
	return s, s.load()
}

// load reads all anew.
func (s *symbols) load() error {
	b, err := again(s.kallsyms)
	if err != nil {
		return fmt.Errorf("reading /proc/kallsyms: %w", err)
	}
	if err := s.parse(b); err != nil {
		return err
	}
	b = nil
	if s.modules != nil {
		if b, err = again(s.modules); err != nil {
			return fmt.Errorf("reading /proc/modules: %w", err)
		}
	}
	s.findRegions(string(b))
	return nil
}

// look is find in what may have come since the files were read.
func (s *symbols) look(addr uint64) int {
	if s.kallsyms == nil || addr>>63 == 0 || time.Now().Before(s.again) || s.load() != nil {
		return -1
	}
	i := s.find(addr)
	if s.wait = min(2*s.wait, mostWait); i >= 0 {
		s.wait = leastWait
	}
	s.again = time.Now().Add(s.wait)
	return i
}

// again reads a file of /proc from its start.
func again(f *os.File) ([]byte, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	b := make([]byte, 0, 16<<20)
	for {
		if len(b) == cap(b) {
			b = slices.Grow(b, len(b))
		}
		n, err := f.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (s *symbols) parse(b []byte) error {
	s.data = map[string]uint64{}
	s.names, s.all = make([]byte, 0, 4<<20), make([]symbol, 0, 1<<17)
	for len(b) > 0 {
		line := b
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			line, b = b[:i], b[i+1:]
		} else {
			b = nil
		}
		var addr uint64
		i := 0
		for ; i < len(line) && line[i] != ' '; i++ {
			digit := line[i] - '0'
			if digit > 9 {
				if digit = line[i] | 0x20 - 'a' + 10; digit < 10 || digit > 15 {
					return fmt.Errorf("/proc/kallsyms: unexpected line %q", line)
				}
			}
			addr = addr<<4 | uint64(digit)
		}
		if i == 0 || i > 16 || len(line) < i+4 {
			continue
		}
		kind, rest := line[i+1]|0x20, line[i+3:]
		if kind != 't' && kind != 'w' {
			if n := string(rest); n == "vmemmap_base" || n == "page_offset_base" {
				s.data[n] = addr
			}
			continue
		}
		name, module, _ := bytes.Cut(rest, []byte("\t"))
		module = bytes.Trim(module, "[]")
		s.all = append(s.all, symbol{addr, uint32(len(s.names)), uint16(len(name)), uint16(len(module))})
		s.names = append(append(s.names, name...), module...)
	}
	if n := len(s.all); n > 0 && s.all[0].addr == 0 && s.all[n/2].addr == 0 {
		return ErrHiddenAddresses
	}
	slices.SortStableFunc(s.all, func(a, b symbol) int { return cmp.Compare(a.addr, b.addr) })
	return nil
}

func (s *symbols) name(x symbol) string { return string(s.names[x.at:][:x.len]) }

func (s *symbols) moduleOf(x symbol) string {
	return string(s.names[x.at+uint32(x.len):][:x.module])
}

// addresses looks names up: each key of known gets its addresses.
func (s *symbols) addresses(known map[string][]uint64) {
	for _, x := range s.all {
		if at, ok := known[string(s.names[x.at:][:x.len])]; ok {
			known[s.name(x)] = append(at, x.addr)
		}
	}
}

// addressesOf is the same for one name.
func (s *symbols) addressesOf(name string) []uint64 {
	known := map[string][]uint64{name: nil}
	s.addresses(known)
	return known[name]
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
	if i, j := s.find(addr-1), s.find(addr); i >= 0 && i != j {
		return s.name(s.all[i]) + "+0x" + strconv.FormatUint(addr-s.all[i].addr, 16)
	}
	return k.Location(addr)
}
