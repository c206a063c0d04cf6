//go:build linux && (amd64 || arm64)

// Package kernel is what skb-tools knows of the running kernel: its types (BTF), its
// symbols, the places where an sk_buff can be seen, and how to attach there.
package kernel

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/bpf"
)

// A Kernel is the running kernel. What is read of it is read once; a module loaded later is not
// in it.
type Kernel struct {
	Release        string
	types          types
	probesPrograms bool // BPF programs may be probed
	symbols        *symbols
	tracefs        string // "" when it is not mounted or not readable

	scanOnce sync.Once
	scanned  []scan
	scanErr  error

	redirectOnce               sync.Once // for redirectVariables
	redirectInfo, perCPUOffset uint64

	commonOnce sync.Once
	common     *common
	commonErr  error

	ovs *bpf.OVSLayout // once it has been found
}

// Open looks at the running kernel. modules names the kernel modules to look into, nil meaning
// all that are loaded. BPF programs can be probed only if probesPrograms says so.
func Open(modules []string, probesPrograms bool) (*Kernel, error) {
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return nil, fmt.Errorf("uname: %w", err)
	}
	k := &Kernel{Release: unix.ByteSliceToString(uts.Release[:]), types: types{cache: btf.NewCache()},
		probesPrograms: probesPrograms}
	if _, err := os.Stat(vmlinuxTypes); os.IsNotExist(err) {
		return nil, fmt.Errorf("kernel %s has no BTF (%s): it was built without CONFIG_DEBUG_INFO_BTF", k.Release,
			vmlinuxTypes)
	}
	var err error
	if k.types.selected, err = moduleNames(modules); err != nil {
		return nil, err
	}
	if k.symbols, err = openSymbols(); err != nil {
		return nil, err
	}
	k.symbols.pick = k.pick
	for _, dir := range []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"} {
		if _, err := os.ReadDir(dir + "/events"); err == nil {
			k.tracefs = dir
			break
		}
	}
	return k, nil
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
	s, err := k.structure(structure)
	if err != nil {
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
