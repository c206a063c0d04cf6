//go:build linux && (amd64 || arm64)

package kernel

import (
	"strings"
	"testing"
)

// TestOVSWithoutBTF: the layout that is written down is used for the module that it was taken from, and no other.
func TestOVSWithoutBTF(t *testing.T) {
	for _, c := range []struct{ release, taint, want string }{
		{"5.10.0-36-amd64", "\n", ""},
		{"5.10.218", "", ""},
		{"5.10.0-36-amd64", "E\n", ""}, // unsigned
		{"5.10.0-36-amd64", "OE\n", "built outside of the kernel's source"},
		{"5.15.0-100-generic", "\n", "kernel 5.15.0-100-generic has no BTF (CONFIG_DEBUG_INFO_BTF_MODULES)"},
		{"5.100.1", "\n", "kernel 5.100.1 has no BTF"},
		{"6.12.1", "O\n", "built outside of the kernel's source"},
	} {
		err := hasLayoutOf510(c.release, c.taint)
		if got := err == nil; got != (c.want == "") {
			t.Errorf("kernel %s, taint %q: %v", c.release, c.taint, err)
		} else if err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("kernel %s, taint %q: %v, want %q", c.release, c.taint, err, c.want)
		}
	}
}
