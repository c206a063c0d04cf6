//go:build linux && (amd64 || arm64)

package kernel

import "testing"

// fakeMemory is words by their address.
type fakeMemory map[uint64]uint64

func (f fakeMemory) word(addr uint64) uint64 { return f[addr] }

// TestPageMaps: the map of each kind of kernel is found by a page of it, from the addresses
// that such a kernel has: those of arm64 were worked out by hand from
// Documentation/arch/arm64/memory.rst and arch/arm64/include/asm/memory.h.
func TestPageMaps(t *testing.T) {
	k4, k16, k64 := pageSizes{12, 64}, pageSizes{14, 64}, pageSizes{16, 64}
	for _, c := range []struct {
		name            string
		arch            string
		sizes           pageSizes
		vmemmap, offset uint64 // variables
		mapped          uint64
		page, at        uint64 // what must come out
	}{
		{"x86, randomised", "amd64", k4, 0xfffff1a5c0000000, 0xffff9c8b80000000, 0xffff9c8b81234000, 0xfffff1a5c0000000 + 5*64, 0xffff9c8b80005000},
		{"x86, 4 levels", "amd64", k4, 0, 0, 0xffff888001234000, 0xffffea0000000000 + 0x1234*64, 0xffff888001234000},
		{"x86, 5 levels", "amd64", k4, 0, 0, 0xff11000001234000, 0xffd4000000000000 + 0x1234*64, 0xff11000001234000},
		{"arm64 5.10, 48 bits", "arm64", k4, 0, 0, 0xffff000001234000, 0xfffffdffffe00000 + 0x1234*64, 0xffff000001234000},
		{"arm64 6.1, 48 bits", "arm64", k4, 0, 0, 0xffff000001234000, 0xfffffc0000000000 + 0x1234*64, 0xffff000001234000},
		{"arm64 6.1, 39 bits", "arm64", k4, 0, 0, 0xffffff8001234000, 0xfffffffe00000000 + 0x1234*64, 0xffffff8001234000},
		{"arm64 6.12, 48 bits", "arm64", k4, 0, 0, 0xffff000001234000, 0xfffffdffc0000000 + 0x1234*64, 0xffff000001234000},
		{"arm64 6.12, 52 bits", "arm64", k4, 0, 0, 0xfff0000001234000, 0xffffc1ffc0000000 + 0x1234*64, 0xfff0000001234000},
		// The same kernel on hardware with 48: the array is used from further behind.
		{"arm64 6.12, 52 bits, hardware 48", "arm64", k4, 0, 0, 0xffff000001234000, 0xfffffdffc0000000 + 0x1234*64, 0xffff000001234000},
		{"arm64 6.12, 47 bits, 16 kB", "arm64", k16, 0, 0, 0xffff800001234000, 0xffffffbfc0000000 + 0x48d*64, 0xffff800001234000},
		{"arm64 6.1, 52 bits, 64 kB", "arm64", k64, 0, 0, 0xfff0000001230000, 0xfffffc0000000000 + 0x123*64, 0xfff0000001230000},
		{"arm64, struct page of 56", "arm64", pageSizes{12, 56}, 0, 0, 0xffff000001234000, 0xfffffe3fc0000000 + 0x1234*56, 0xffff000001234000},
	} {
		t.Run(c.name, func(t *testing.T) {
			maps := pageMaps(c.arch, c.sizes, c.vmemmap, c.offset, c.mapped)
			words := [2]uint64{0x1122334455667788, 0x99aabbccddeeff00}
			m := fakeMemory{c.at + 64: words[0], c.at + 72: words[1]}
			p := choosePageMap(m, maps, c.sizes, c.page, 64, words)
			if p == (pageMap{}) {
				t.Fatalf("not found among %x", maps)
			}
			if at := p.address(c.page+3*c.sizes.structPage, c.sizes); at != c.at+3<<c.sizes.shift {
				t.Errorf("3 pages further: %x", at)
			}
			m[c.at+72]++
			if p := choosePageMap(m, maps, c.sizes, c.page, 64, words); p != (pageMap{}) {
				t.Errorf("%x for a page with another content", p)
			}
		})
	}
	if maps := pageMaps("riscv64", k4, 0, 0, 0xffffaf8001234000); maps != nil {
		t.Errorf("of a machine that nothing is known of: %x", maps)
	}
}

// TestSearchPageMap: what it finds is right for pages on either side, too.
func TestSearchPageMap(t *testing.T) {
	const gb = uint64(1 << 30)
	k4 := pageSizes{12, 64}
	words := [2]uint64{0x1122334455667788, 0x99aabbccddeeff00}
	for _, c := range []struct {
		name                 string
		vmemmap, offset      uint64
		page, mapped, memory uint64 // the page's and the task's place in memory, and how much there is
	}{
		{"randomised", 0xfffff1a5c0000000, 0xffff9c8b80000000, 0x5000, 0x81234000, 4 * gb},
		{"fixed", 0xffffea0000000000, 0xffff888000000000, 0x1234000, 0x2345000, gb},
		{"5 levels", 0xffd4000000000000, 0xff11000000000000, 3*gb + 0x1234000, 0x2345000, 4 * gb},
		{"a page above the task", 0xfffff1a5c0000000, 0xffff9c8b80000000, 400 * gb, gb / 2, 500 * gb},
		{"a page below the task", 0xfffff1a5c0000000, 0xffff9c8b80000000, 0x7000, 499 * gb, 500 * gb},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := fakeMemory{c.offset + c.page + 64: words[0], c.offset + c.page + 72: words[1]}
			known := c.vmemmap + c.page>>12*64
			p := searchPageMap(m, k4, known, 64, words, c.offset+c.mapped)
			if p == (pageMap{}) {
				t.Fatal("not found")
			}
			for _, at := range []uint64{0, c.page, c.mapped, c.memory - 4096} {
				page := c.vmemmap + at>>12*64
				if page < p.vmemmap || p.address(page, k4) != c.offset+at&^0xfff {
					t.Errorf("the page at %x: %x from %x on, want %x", at, p.address(page, k4), p.vmemmap, c.offset+at)
				}
			}
			m[c.offset+c.page+72]++
			if p := searchPageMap(m, k4, known, 64, words, c.offset+c.mapped); p != (pageMap{}) {
				t.Errorf("%x for a page with another content", p)
			}
		})
	}
	if p := searchPageMap(fakeMemory{}, pageSizes{12, 56}, 0xfffff1a5c0000000, 64, words, 0); p != (pageMap{}) {
		t.Errorf("%x with a struct page of 56 bytes", p)
	}
}
