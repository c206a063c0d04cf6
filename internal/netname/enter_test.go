package netname

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// TestEnter: what is put before a command is cut off again, is a command that a shell runs, and has no name in it that
// could be anything else.
func TestEnter(t *testing.T) {
	const command = `ip -s link show dev 'a)" b'`
	const find = `nsenter --net="$(find -L /run/netns/* /proc/[0-9]*/ns/net -maxdepth 0 -inum `
	n := Of(start(format.Start{Namespaces: map[uint32]format.Namespace{
		1: {Name: "web", By: format.ByIPNetns, PID: 7},
		2: {Name: "docker:4f1c9bd2a0e3", By: "docker", PID: 812},
		3: {Name: "lost", By: format.ByCapture},
		4: {Name: "a; rm -rf /", By: format.ByIPNetns, PID: 9},
		5: {Name: "-all", By: format.ByIPNetns}, 6: {Name: "../x", By: format.ByIPNetns}, 7: {Name: "..", By: format.ByIPNetns},
		8: {Name: strings.Repeat("x", 100), By: format.ByIPNetns, PID: 10},
	}}))
	for inum, want := range map[uint64]string{1: "nsenter --net=/run/netns/web ", 2: "nsenter -t 812 -n ", 3: find, 4: "nsenter -t 9 -n ", 5: find,
		6: find, 7: find, 8: "nsenter -t 10 -n ", 9: find} {
		whole := string(n.AppendEnter([]byte("> "), inum)[2:])
		if !strings.HasPrefix(whole, want) || want != find && whole != want {
			t.Errorf("%d: %s\nwant\n%s", inum, whole, want)
		}
		enter, rest := CutEnter(whole + command)
		if enter != whole || rest != command {
			t.Errorf("cut into %q and %q", enter, rest)
		}
		if out, err := exec.Command("sh", "-n", "-c", whole+command).CombinedOutput(); err != nil {
			t.Errorf("a shell does not take it: %v, %s", err, out)
		}
	}
	for _, s := range []string{"", command, "nsenter", `nsenter --net="$(`, `nsenter --net="$(find`, "nsenter --net=/run/netns/", "nsenter -t 1 -m"} {
		if enter, rest := CutEnter(s); enter != "" || rest != s {
			t.Errorf("%q is cut into %q and %q", s, enter, rest)
		}
	}
}
