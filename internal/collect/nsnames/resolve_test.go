//go:build linux

package nsnames

import (
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// TestResolve: names that --netns takes.
func TestResolve(t *testing.T) {
	all := map[uint32]format.Namespace{
		1: {Name: "web", By: "ip netns", PID: 7, Comm: "nginx"},
		2: {Name: "docker:4f1c9bd2a0e3", By: "docker", Container: id, Host: "db"},
		3: {Name: "pod:web-7d9f", By: "pod", Container: "ab" + id[2:], Pod: uid, Host: "web-7d9f"},
		4: {Name: "nginx.service", By: "systemd"},
		5: {Name: "podman:4f1c9bffffff", By: "podman", Container: "4f1c9bffffff" + id[12:], Host: "db"},
	}
	for name, want := range map[string]uint32{"web": 1, "docker:4f1c9bd2a0e3": 2, "4f1c9bd2a0e3": 2, "4f1c9bd": 2, id: 2, "docker:" + id: 2,
		"pod:web-7d9f": 3, "web-7d9f": 3, uid: 3, "nginx.service": 4, "podman:4f1c9bff": 5, "4f1c9bff": 5} {
		if got, found, err := resolve(name, all); got != want || !found || err != nil {
			t.Errorf("%s is %d, %v, %v; want %d", name, got, found, err, want)
		}
	}
	for _, name := range []string{"", "nginx", "4f1c", "we", "docker:", "pod:", "docker:4f1c9bff"} {
		if got, found, err := resolve(name, all); found || err != nil {
			t.Errorf("%q is %d, %v", name, got, err)
		}
	}
	for _, name := range []string{"4f1c9b", "db"} {
		if _, found, err := resolve(name, all); found || err == nil || !strings.Contains(err.Error(), "docker:4f1c9bd2a0e3 (2), podman:4f1c9bffffff (5)") {
			t.Errorf("%q: %v, %v", name, found, err)
		}
	}
}
