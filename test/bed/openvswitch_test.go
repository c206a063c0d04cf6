//go:build linux

package main

import (
	"slices"
	"testing"
)

// TestWithLibraries: libraries of libraries come along, nothing else does, and each once.
func TestWithLibraries(t *testing.T) {
	depends := map[string]string{
		"openvswitch-switch": "openvswitch-switch\n |Depends: kmod\n  Depends: libssl3t64\n  PreDepends: libc6\n  Depends: python3\n",
		"libssl3t64":         "libssl3t64\n  Depends: libc6\n  Depends: zlib1g\n  Breaks: libold\n  Recommends: libwished\n",
		"libc6":              "libc6\n  Depends: libgcc-s1\n  Depends: <libvirtual>\n",
		"libgcc-s1":          "libgcc-s1\n  Depends: libc6\n",
	}
	got, err := withLibraries([]string{"openvswitch-switch"}, func(pkg string) (string, error) { return depends[pkg], nil })
	if want := []string{"openvswitch-switch", "libssl3t64", "libc6", "zlib1g", "libgcc-s1"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, want %v; %v", got, want, err)
	}
}
