//go:build kernel

package kerneltest

import (
	"bufio"
	"bytes"
	"debug/elf"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// notInGuests are modules, and options that put functions into the kernel, which Debian's cloud kernels
// or the test bed's guests do not have. The rows of these are held against the sources alone.
var notInGuests = strings.Fields(`CONFIG_INET_ESPINTCP af_iucv amt bareudp bluetooth caif_socket ebtables gtp l2tp_ppp llc2 nfc
	ppp_generic qrtr-tun rxrpc`)

// TestNames holds the rows of package kfunc against this kernel: what a row says is there has a symbol or
// is a tracepoint, and what it says is gone has not. A kernel that is newer than all of kfunc.Kernels is
// taken for the newest of them: what it renamed is a failure. Types (BTF) tell no more than symbols do:
// pahole makes them of these.
func TestNames(t *testing.T) {
	release, kernel := runningKernel(t)
	symbols := readSymbols(t)
	tracepoints := map[string]bool{}
	for line := range strings.Lines(contents(t, "/sys/kernel/tracing/available_events")) {
		tracepoints[strings.TrimSpace(line)] = true
	}
	files := moduleFiles(t, release)
	modules := map[string]map[string]bool{}
	lacking := map[string][]string{}
	checked, inlined := 0, 0
	for _, f := range kfunc.All() {
		has := symbols[f.Name] || tracepoints[f.Name]
		if !has && f.Module != "" {
			if files[f.Module] == "" && f.IsOn(kernel) {
				lacking[f.Module] = append(lacking[f.Module], f.Name)
				continue
			}
			if modules[f.Module] == nil && files[f.Module] != "" {
				modules[f.Module] = functionsOf(t, files[f.Module])
			}
			has = modules[f.Module][f.Name]
			if _, tracepoint, ok := strings.Cut(f.Name, ":"); ok {
				has = modules[f.Module]["__traceiter_"+tracepoint] // include/linux/tracepoint.h
			}
		}
		checked++
		switch {
		case has && !f.IsOn(kernel):
			t.Errorf("%s: Linux %s has it, and internal/kfunc says that it is on %s alone", f.Name, release, f.On)
		case !has && f.HasSymbol(kernel):
			t.Errorf("%s: Linux %s has no symbol and no tracepoint of that name: it is renamed, gone or inlined; internal/kfunc says that it is there", f.Name, release)
		case !has && f.IsOn(kernel):
			inlined++
		}
	}
	t.Logf("Linux %s: %d of %d rows checked, %d of them inlined", release, checked, len(kfunc.All()), inlined)
	for _, m := range slices.Sorted(maps.Keys(lacking)) {
		t.Logf("not checked: this guest has no %s, with %s", m, strings.Join(lacking[m], ", "))
		if !slices.Contains(notInGuests, m) {
			t.Errorf("the guest has no module %s, which has %s", m, strings.Join(lacking[m], ", "))
		}
	}
	if checked < 400 || inlined > 80 {
		t.Errorf("%d rows checked, %d of them inlined: the test does not look where the kernel is", checked, inlined)
	}
}

// runningKernel is the kernel's release, and which of kfunc.Kernels it is.
func runningKernel(t *testing.T) (release, kernel string) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	release = unix.ByteSliceToString(u.Release[:])
	for _, k := range kfunc.Kernels {
		if strings.HasPrefix(release, k+".") {
			return release, k
		}
	}
	newest := kfunc.Kernels[len(kfunc.Kernels)-1]
	t.Logf("Linux %s is taken for %s", release, newest)
	return release, newest
}

// readSymbols returns the functions of the kernel itself, by the names that its sources have.
func readSymbols(t *testing.T) map[string]bool {
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols := map[string]bool{}
	for in := bufio.NewScanner(f); in.Scan(); {
		// ffffffff81000000 T _stext; a module's have "	[module]" behind
		line := in.Bytes()
		i := bytes.IndexByte(line, ' ')
		if i < 0 || i+3 > len(line) || !bytes.ContainsRune([]byte("tTwW"), rune(line[i+1])) || line[len(line)-1] == ']' {
			continue
		}
		if name := kfunc.Function(line[i+3:]); kfunc.Lookup(name) != nil {
			symbols[string(name)] = true
		}
	}
	return symbols
}

// moduleFiles returns the files of the modules that kfunc's rows name, unpacked, of those that the guest
// has. They need not be loaded.
func moduleFiles(t *testing.T, release string) map[string]string {
	wanted := map[string]bool{}
	for _, f := range kfunc.All() {
		wanted[f.Module] = true
	}
	folder, unpacked := "/usr/lib/modules/"+release, t.TempDir()
	files := map[string]string{}
	unpack := []string{"-d"}
	for line := range strings.Lines(contents(t, folder+"/modules.dep")) {
		file, _, _ := strings.Cut(line, ":")
		name, packed, _ := strings.Cut(filepath.Base(file), ".ko")
		path := filepath.Join(folder, file)
		if _, err := os.Stat(path); err != nil || !wanted[name] {
			continue
		}
		if packed == ".xz" {
			copied := filepath.Join(unpacked, name+".ko")
			if err := os.WriteFile(copied+packed, []byte(contents(t, path)), 0o600); err != nil {
				t.Fatal(err)
			}
			unpack = append(unpack, copied+packed)
			path = copied
		}
		files[name] = path
	}
	if len(unpack) > 1 {
		if out, err := exec.Command("xz", unpack...).CombinedOutput(); err != nil {
			t.Fatalf("xz: %v\n%s", err, out)
		}
	}
	return files
}

// functionsOf returns the functions of a module, by the names that its sources have.
func functionsOf(t *testing.T, file string) map[string]bool {
	e, err := elf.Open(file)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	defer e.Close()
	symbols, err := e.Symbols()
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	functions := map[string]bool{}
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Section != elf.SHN_UNDEF {
			functions[kfunc.Function(s.Name)] = true
		}
	}
	return functions
}

func contents(t *testing.T, file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
