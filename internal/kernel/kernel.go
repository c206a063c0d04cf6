// Package kernel is what skb-tools knows of the running kernel: its types (BTF), its
// symbols, the places where an sk_buff can be seen, and how to attach there.
package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// A Kernel is the running kernel. It is read once; a module loaded later is not in it.
type Kernel struct {
	Release string
	types   *btf.Spec            // vmlinux
	modules map[string]*btf.Spec // split BTF of each loaded module, by name
	cache   *btf.Cache           // the same for the loader, so that nothing is parsed twice
	symbols *symbols
	tracefs string // "" when it is not mounted or not readable

	scanOnce sync.Once
	scanned  []scan
	scanErr  error
}

// Open reads the running kernel's types and symbols. modules names the kernel modules to
// look into, nil meaning all that are loaded.
func Open(modules []string) (*Kernel, error) {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return nil, fmt.Errorf("uname: %w", err)
	}
	k := &Kernel{Release: unix.ByteSliceToString(uts.Release[:]), modules: map[string]*btf.Spec{}}
	var symbolsErr error
	var reading sync.WaitGroup
	reading.Go(func() { k.symbols, symbolsErr = readSymbols() })
	err := k.readTypes(modules)
	reading.Wait()
	if err = cmp.Or(err, symbolsErr); err != nil {
		return nil, err
	}
	for _, dir := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		if _, err := os.ReadDir(dir + "/events"); err == nil {
			k.tracefs = dir
			break
		}
	}
	return k, nil
}

// Cache returns the parsed BTF for the loader of package ebpf.
func (k *Kernel) Cache() *btf.Cache { return k.cache }

// Types returns the types of vmlinux.
func (k *Kernel) Types() *btf.Spec { return k.types }

func (k *Kernel) readTypes(modules []string) error {
	k.cache = btf.NewCache()
	types, err := k.cache.Kernel()
	if err != nil {
		if _, statErr := os.Stat("/sys/kernel/btf/vmlinux"); os.IsNotExist(statErr) {
			return fmt.Errorf("kernel %s has no BTF (/sys/kernel/btf/vmlinux): it was built without CONFIG_DEBUG_INFO_BTF", k.Release)
		}
		return fmt.Errorf("reading the kernel's types from /sys/kernel/btf/vmlinux: %w", err)
	}
	k.types = types
	entries, err := os.ReadDir("/sys/kernel/btf")
	if err != nil {
		return fmt.Errorf("listing the modules that have BTF: %w", err)
	}
	found := map[string]bool{}
	for _, e := range entries {
		name := e.Name()
		if name == "vmlinux" || modules != nil && !contains(modules, name) {
			continue
		}
		spec, err := k.cache.Module(name)
		if errors.Is(err, os.ErrNotExist) {
			continue // unloaded meanwhile
		}
		if err != nil {
			return fmt.Errorf("reading the types of module %s: %w", name, err)
		}
		k.modules[name] = spec
		found[name] = true
	}
	for _, m := range modules {
		if !found[strings.ReplaceAll(m, "-", "_")] {
			return fmt.Errorf("module %s is not loaded, or this kernel has no BTF for modules (5.11 and newer have)", m)
		}
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if strings.ReplaceAll(l, "-", "_") == s {
			return true
		}
	}
	return false
}

// HasMember reports whether this kernel's struct has the named member, at any depth of
// anonymous structs and unions.
func (k *Kernel) HasMember(structure, member string) bool {
	var s *btf.Struct
	if k.types.TypeByName(structure, &s) != nil {
		return false
	}
	_, ok := findMember(s.Members, member, 0)
	return ok
}

// memberAt is where a member lies in its outermost struct.
type memberAt struct {
	bitOffset uint32
	bits      uint32 // 0 when it is no bitfield
	typ       btf.Type
}

// findMember looks through anonymous members too, as C does.
func findMember(members []btf.Member, name string, base uint32) (memberAt, bool) {
	for _, m := range members {
		at := base + uint32(m.Offset)
		if m.Name == name {
			return memberAt{at, uint32(m.BitfieldSize), btf.UnderlyingType(m.Type)}, true
		}
		if m.Name != "" {
			continue
		}
		var inner []btf.Member
		switch t := btf.UnderlyingType(m.Type).(type) {
		case *btf.Struct:
			inner = t.Members
		case *btf.Union:
			inner = t.Members
		}
		if found, ok := findMember(inner, name, at); ok {
			return found, true
		}
	}
	return memberAt{}, false
}
