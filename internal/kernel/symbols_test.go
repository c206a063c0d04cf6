//go:build linux && (amd64 || arm64)

package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const kallsyms = `ffffffff81000000 T _stext
ffffffff81000100 T ip_rcv
ffffffff81000100 T ip_rcv_alias
ffffffff81000080 t first
ffffffff81000200 t twice
ffffffff81000300 t twice
ffffffff81001000 T _etext
ffffffff82000000 d not_text
ffffffff82000008 D vmemmap_base
ffffffffc0000100 t veth_xmit	[veth]
ffffffffc0000180 t veth_poll	[veth]
ffffffffc0900000 t bpf_prog_0123456789abcdef_x	[bpf]
`

const modules = "veth 8192 0 - Live 0xffffffffc0000000\n"

func symbolFiles(t *testing.T) (*Kernel, func(kallsyms, modules string)) {
	t.Helper()
	dir := t.TempDir()
	write := func(kallsyms, modules string) {
		for name, text := range map[string]string{"kallsyms": kallsyms, "modules": modules} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(kallsyms, modules)
	open := func(name string) *os.File {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	s := &symbols{kallsyms: open("kallsyms"), modules: open("modules")}
	if err := s.shown(); err != nil || s.loaded {
		t.Fatal(err, s.loaded)
	}
	return &Kernel{symbols: s}, write
}

func TestLocation(t *testing.T) {
	k, _ := symbolFiles(t)
	for addr, want := range map[uint64]string{
		0xffffffff81000100: "ip_rcv+0x0",
		0xffffffff810001ff: "ip_rcv+0xff",
		0xffffffff81000084: "first+0x4",
		0xffffffffc0000104: "veth_xmit+0x4",
		0xffffffffc0001fff: "veth_poll+0x1e7f",
		0xffffffffc0002000: "0xffffffffc0002000", // behind the module
		0xffffffffc0000010: "0xffffffffc0000010", // in it, before its first symbol
		0xffffffffc0900020: "bpf_prog_0123456789abcdef_x+0x20",
		0xffffffffc0901000: "0xffffffffc0901000",
		0xffffffff81001000: "0xffffffff81001000", // behind the kernel's code
		0x1000:             "0x1000",
	} {
		if got := k.Location(addr); got != want {
			t.Errorf("%#x: %s, want %s", addr, got, want)
		}
	}
	if got := k.ReturnAddress(0xffffffff81000200); got != "ip_rcv+0x100" {
		t.Errorf("behind a call that does not return: %s", got)
	}
	if got := k.ReturnAddress(0xffffffff81000201); got != "twice+0x1" {
		t.Errorf("a return address: %s", got)
	}
	if got, err := k.symbols.addressesOf("twice"); err != nil || !slices.Equal(got, []uint64{0xffffffff81000200, 0xffffffff81000300}) {
		t.Errorf("twice is at %x, %v", got, err)
	}
	variables, err := k.symbols.variables("vmemmap_base", "page_offset_base", "ip_rcv")
	if err != nil || len(variables) != 1 || variables["vmemmap_base"] != 0xffffffff82000008 {
		t.Errorf("variables: %x, %v", variables, err)
	}
	if k.HasSymbol("not_text") || !k.HasSymbol("ip_rcv_alias") {
		t.Error("variables and text are mixed up")
	}
}

// A module that is loaded later has its own names, not those of what was before it.
func TestLocationOfNewModule(t *testing.T) {
	k, write := symbolFiles(t)
	const addr = 0xffffffffc0004010
	s := k.symbols
	k.Location(addr) // the first reads them
	s.wait, s.again = leastWait, time.Now().Add(time.Hour)
	write(kallsyms+"ffffffffc0004000 t netem_enqueue\t[sch_netem]\n", modules+"sch_netem 4096 0 - Live 0xffffffffc0004000\n")
	if got := k.Location(addr); got != "0xffffffffc0004010" {
		t.Errorf("at once: %s: the files must not be read for each address", got)
	}
	s.again = time.Now()
	if got := k.Location(addr); got != "netem_enqueue+0x10" || s.wait != leastWait {
		t.Errorf("later: %s, and then after %v", got, s.wait)
	}
	// What stays without a name is looked for less and less often.
	for range 20 {
		s.again = time.Now()
		k.Location(0xffffffffc0ffff00)
	}
	if s.wait != mostWait || time.Until(s.again) < mostWait/2 {
		t.Errorf("after 20 readings for nothing the next comes after %v", s.wait)
	}
}

func TestHiddenAddresses(t *testing.T) {
	for text, want := range map[string]error{
		"0000000000000000 A a\n0000000000000000 T b\n":                            ErrHiddenAddresses,
		strings.Repeat("0000000000000000 T a\n", 1000) + "ffffffff81000000 T b\n": ErrHiddenAddresses, // nothing is beyond the first page but more of them
		"0000000000000000 A fixed_percpu_data\n0000000000001000 A x\n":            nil,
		"": nil,
	} {
		k, write := symbolFiles(t)
		write(text, "")
		if err := k.symbols.shown(); err != want {
			t.Errorf("%.60q: %v", text, err)
		}
	}
	if err := (&symbols{}).parse(strings.NewReader("ffffffff8100zz00 T a\n")); err == nil {
		t.Error("no error for a malformed address")
	}
}

// Lines are found whole wherever a read ends.
func TestEachSymbolInPieces(t *testing.T) {
	var got []string
	err := eachSymbol(iotest.OneByteReader(strings.NewReader(kallsyms)), func(addr uint64, kind byte, name, module []byte) {
		got = append(got, fmt.Sprintf("%016x %c %s", addr, kind, name))
		if len(module) > 0 {
			got[len(got)-1] += "\t[" + string(module) + "]"
		}
	})
	if err != nil || strings.Join(got, "\n")+"\n" != kallsyms {
		t.Errorf("%q, %v", got, err)
	}
	if err := eachSymbol(strings.NewReader(strings.Repeat("f", 1<<20)), nil); err == nil {
		t.Error("no error for a line without end")
	}
}
