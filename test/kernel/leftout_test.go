//go:build kernel

package kerneltest

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestLeftOut: what a glob would choose and can't be probed is counted, -v names it with the
// reason, and asked for by name it is an error with that reason.
func TestLeftOut(t *testing.T) {
	const leftGlobs = "skb_*,__udp*"
	args := []string{"-w", "/dev/null", "-p", leftGlobs, "--duration", "1ms", "--no-follow"}
	out := run(t, "skb-collect", args...)
	counted := regexp.MustCompile(`skb-collect: (\d+) functions with an sk_buff can't be probed and are left out \(-v names them\)\n`).FindStringSubmatch(out)
	if counted == nil || strings.Count(out, "\n") != 3 { // and how many are attached, and seen
		t.Fatalf("says %q", out)
	}
	out = run(t, "skb-collect", append(args, "-v")...)
	named := regexp.MustCompile(`(?m)^skb-collect:   (\w+): (.+)$`).FindAllStringSubmatch(out, -1)
	if strconv.Itoa(len(named)) != counted[1] {
		t.Fatalf("%d are named, %s were counted: %q", len(named), counted[1], out)
	}
	listed := strings.Fields(run(t, "skb-collect", append([]string{"--list"}, strings.Split(leftGlobs, ",")...)...))
	left := map[string]bool{}
	for _, m := range named {
		left[m[1]] = true
	}
	for _, name := range listed {
		if left[name] {
			t.Errorf("%s is listed and left out", name)
		}
	}
	m := named[0]
	status, stderr := says(t, "-p", m[1])
	if want := "skb-collect: " + m[1] + ": can't be probed: " + m[2] + "\n"; status != 1 || stderr != want {
		t.Errorf("status %d, says %q, want %q", status, stderr, want)
	}
}
