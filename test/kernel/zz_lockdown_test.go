//go:build kernel

package kerneltest

import (
	"os"
	"strings"
	"testing"
)

// TestZZLockdown: a kernel that forbids tracing is named as the cause. It is the last of
// the tests, since a lockdown can't be undone.
func TestZZLockdown(t *testing.T) {
	if err := os.WriteFile("/sys/kernel/security/lockdown", []byte("confidentiality"), 0); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-p", "ip_rcv"}, {"--list"}, {}} {
		status, stderr := says(t, args...)
		const want = "skb-collect: this kernel is locked down (confidentiality mode), so BPF programs may not read kernel memory; boot without lockdown=confidentiality to trace here\n"
		if status != 1 || stderr != want {
			t.Errorf("%q: status %d, says %q, want %q", strings.Join(args, " "), status, stderr, want)
		}
	}
}
