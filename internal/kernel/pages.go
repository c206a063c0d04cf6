//go:build linux && (amd64 || arm64)

package kernel

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"runtime"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/bpf"
)

// A pageMap is where the kernel has its array of struct page and the memory that it maps:
// page_to_virt() is that memory at the page's place in the array. The zero pageMap: not known.
type pageMap struct {
	vmemmap, pageOffset uint64
	end                 uint64 // of that memory: behind it are devices
}

// A pageSizes is what else page_to_virt() calculates with.
type pageSizes struct {
	shift      uint   // bits of an offset in a page
	structPage uint64 // bytes of struct page
}

// address is page_to_virt().
func (m pageMap) address(page uint64, s pageSizes) uint64 {
	return (page-m.vmemmap)/s.structPage<<s.shift + m.pageOffset
}

// pageMaps are those that kernels for arch (as Go names it) may have, given the values of
// its variables vmemmap_base and page_offset_base, 0 where it has none, and an address in the
// memory that it maps. Which of them it is must be tried: they depend on how it was built.
func pageMaps(arch string, s pageSizes, vmemmapBase, pageOffsetBase, mapped uint64) []pageMap {
	switch arch {
	case "amd64":
		if vmemmapBase != 0 && pageOffsetBase != 0 {
			return []pageMap{{vmemmapBase, pageOffsetBase, vmemmapBase}}
		}
		// Built without CONFIG_DYNAMIC_MEMORY_LAYOUT, or without CONFIG_KALLSYMS_ALL and run
		// with nokaslr: Documentation/arch/x86/x86_64/mm.rst, 4 and 5 levels of tables.
		return []pageMap{
			{0xffffea0000000000, 0xffff888000000000, 0xffffc88000000000},
			{0xffd4000000000000, 0xff11000000000000, 0xff91000000000000},
		}
	case "arm64":
		return arm64PageMaps(s, mapped)
	}
	return nil
}

// arm64PageMaps follows arch/arm64/include/asm/memory.h, whose VA_BITS is a choice of
// whoever built the kernel and whose VMEMMAP_START has changed with 5.11 and 6.9.
func arm64PageMaps(s pageSizes, mapped uint64) (maps []pageMap) {
	minus := ^uint64(0) // -1
	for _, vaBits := range []uint{36, 39, 42, 47, 48, 52} {
		least := vaBits // VA_BITS_MIN: what hardware must have
		if vaBits == 52 {
			least = 48
			if s.shift == 14 {
				least = 47
			}
		}
		start, end := minus<<vaBits, minus<<(least-1) // PAGE_OFFSET, PAGE_END
		if mapped < start || mapped >= end {
			continue
		}
		shift := s.shift - uint(bits.Len64(s.structPage-1)) // VMEMMAP_SHIFT
		for _, vmemmap := range []uint64{
			minus<<30 - (end-start)>>s.shift*s.structPage,
			minus << (vaBits - shift),
			-((end - start) >> shift) - 2<<20,
		} {
			maps = append(maps, pageMap{vmemmap, start, end})
		}
	}
	return maps
}

// memory reads the kernel's: 8 bytes at an address, 0 where there are none to read.
type memory interface {
	word(addr uint64) uint64
}

// choosePageMap returns the map by which the page has the words at the offset off.
func choosePageMap(m memory, maps []pageMap, s pageSizes, page, off uint64, words [2]uint64) pageMap {
	for _, p := range maps {
		if page < p.vmemmap {
			continue
		}
		at := p.address(page, s) + off
		if at < p.pageOffset || at >= p.end {
			continue
		}
		if m.word(at) == words[0] && m.word(at+8) == words[1] {
			return p
		}
	}
	return pageMap{}
}

// searchDistance is how far apart, in GB, a page and the address that it is searched from may
// be: on most machines all memory is within.
const searchDistance = 512

// searchPageMap finds the map of x86 without its variables vmemmap_base and page_offset_base,
// to look for which takes reading all of /proc/kallsyms: both are whole GB, wherever a kernel
// has put them (arch/x86/mm/kaslr.c), so all but the GB of a page's address follows from that
// of its struct page. The GB are tried around mapped, an address of that memory.
func searchPageMap(m memory, s pageSizes, page, off uint64, words [2]uint64, mapped uint64) pageMap {
	const gb = uint64(1 << 30)
	if s.structPage != 64 || page%s.structPage != 0 {
		return pageMap{} // a GB of struct page would be no whole GB of pages
	}
	// Each GB of struct page less goes with so many of memory less, for the same result.
	vmemmap := (page - (searchDistance<<30)>>s.shift*s.structPage) &^ (gb - 1)
	behind := (page - vmemmap) / s.structPage << s.shift
	within := behind % gb
	try := func(at uint64) (pageMap, bool) {
		if m.word(at+off) != words[0] || m.word(at+off+8) != words[1] {
			return pageMap{}, false
		}
		return pageMap{vmemmap: vmemmap, pageOffset: at - behind}, true
	}
	start := mapped&^(gb-1) + within
	for i := range uint64(searchDistance) {
		if p, ok := try(start + i*gb); ok {
			return p
		}
		if p, ok := try(start - i*gb); ok && i > 0 {
			return p
		}
	}
	return pageMap{}
}

// findPageMap finds how the kernel gets from a struct page to its memory, and makes sure of
// it by a page whose struct page and content are known: the one at the front of a ring
// buffer, in which user space tells how far it has read.
func (k *Kernel) findPageMap(peek *ebpf.Program, events *ebpf.Map) (p pageMap, s pageSizes, err error) {
	pageSize := uint64(os.Getpagesize())
	s.shift = uint(bits.TrailingZeros64(pageSize))
	m := &peeker{program: peek}
	rb, err := k.offset("bpf_ringbuf_map", "rb")
	if err != nil {
		return p, s, err
	}
	pages, err := k.offset("bpf_ringbuf", "pages")
	if err != nil {
		return p, s, err
	}
	front, err := k.offset("bpf_ringbuf", "consumer_pos")
	if err != nil {
		return p, s, err
	}
	page, err := k.structure("page")
	if err != nil {
		return p, s, err
	}
	n, err := btf.Sizeof(page)
	if err != nil {
		return p, s, err
	}
	s.structPage = uint64(n)

	shared, err := unix.Mmap(events.FD(), 0, int(pageSize), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return p, s, fmt.Errorf("mapping the ring buffer: %w", err)
	}
	defer func() { _ = unix.Munmap(shared) }() // of what is mapped it can't fail
	const off = 64                             // behind the position
	secret := shared[off:][:16]
	rand.Read(secret)
	defer clear(secret)
	words := [2]uint64{binary.NativeEndian.Uint64(secret), binary.NativeEndian.Uint64(secret[8:])}

	mapped := m.peek(peekTask, 0)
	list := m.word(m.word(m.peek(peekEvents, 0)+rb) + pages)
	known := m.word(list + front/pageSize*8)
	if runtime.GOARCH == "amd64" {
		if p = searchPageMap(m, s, known, off, words, mapped); p != (pageMap{}) {
			return p, s, m.err
		}
	}
	var vmemmapBase, pageOffsetBase uint64
	if runtime.GOARCH == "amd64" {
		variables, err := k.symbols.variables("vmemmap_base", "page_offset_base")
		if err != nil {
			return p, s, err
		}
		if at := variables["vmemmap_base"]; at != 0 {
			vmemmapBase = m.word(at)
		}
		if at := variables["page_offset_base"]; at != 0 {
			pageOffsetBase = m.word(at)
		}
	}
	p = choosePageMap(m, pageMaps(runtime.GOARCH, s, vmemmapBase, pageOffsetBase, mapped), s, known, off, words)
	if m.err == nil && p == (pageMap{}) {
		m.err = errors.New("its memory is laid out like that of no kernel known")
	}
	return p, s, m.err
}

// offset is where a member lies in a struct of vmlinux, in bytes.
func (k *Kernel) offset(structure, member string) (uint64, error) {
	s, err := k.structure(structure)
	if err != nil {
		return 0, err
	}
	m, ok := findMember(s.Members, member, 0)
	if !ok {
		return 0, fmt.Errorf("this kernel's struct %s has no member %s", structure, member)
	}
	return uint64(m.bitOffset / 8), nil
}

// What the BPF program peek can be asked.
const (
	peekMemory = uint64(bpf.SkbPeekWhatPEEK_MEMORY)
	peekEvents = uint64(bpf.SkbPeekWhatPEEK_EVENTS)
	peekTask   = uint64(bpf.SkbPeekWhatPEEK_TASK)
)

// A peeker is a memory by a BPF program. err is the first error of running it.
type peeker struct {
	program *ebpf.Program
	err     error
}

func (p *peeker) word(addr uint64) uint64 { return p.peek(peekMemory, addr) }

func (p *peeker) peek(what, addr uint64) (v uint64) {
	for half := range uint64(2) {
		n, err := p.program.Run(&ebpf.RunOptions{Context: []uint64{what, addr, half}})
		if err != nil && p.err == nil {
			p.err = err
		}
		v |= uint64(n) << (32 * half)
	}
	return v
}
