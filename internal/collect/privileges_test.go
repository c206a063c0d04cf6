//go:build linux && (amd64 || arm64)

package collect

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDropCapabilities: every thread loses them, with cgo and without.
func TestDropCapabilities(t *testing.T) {
	if os.Getenv("SKB_TEST_DROP") == "" {
		// What a process gives up is gone: so another one does.
		cmd := exec.Command(os.Args[0], "-test.run=^TestDropCapabilities$", "-test.v")
		has, err := exec.Command("grep", "CapEff", "/proc/self/status").Output()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Env = append(os.Environ(), "SKB_TEST_DROP="+string(has))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if err := (&collector{options: &Options{}}).dropCapabilities(); err != nil {
		t.Fatal(err)
	}
	// What root runs after -- has root's capabilities as ever.
	if os.Getuid() == 0 {
		before := os.Getenv("SKB_TEST_DROP")
		after, err := exec.Command("grep", "CapEff", "/proc/self/status").Output()
		if err != nil || string(after) != before {
			t.Errorf("a child has %q, not %q: %v", after, before, err)
		}
	}
	threads, _ := filepath.Glob("/proc/self/task/*/status")
	for _, file := range threads {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		for line := range strings.Lines(string(b)) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			// CAP_BPF is 39; whoever runs this may have none, or it alone.
			if v := strings.TrimSpace(value); (name == "CapEff" || name == "CapPrm") && strings.Trim(v, "0") != "" && v != "0000008000000000" {
				t.Errorf("%s: %s %s", file, name, v)
			}
		}
	}
	if len(threads) < 2 {
		t.Errorf("%d threads", len(threads))
	}
}
