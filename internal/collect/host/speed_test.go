//go:build linux && (amd64 || arm64)

package host

import (
	"net"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// Only devices of the same namespace count, and only those that tell.
func TestSpeeds(t *testing.T) {
	sys := t.TempDir()
	device := func(name, ifindex, speed string) {
		if err := os.Mkdir(filepath.Join(sys, name), 0o777); err != nil {
			t.Fatal(err)
		}
		for file, content := range map[string]string{"ifindex": ifindex, "speed": speed} {
			if err := os.WriteFile(filepath.Join(sys, name, file), []byte(content+"\n"), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	device("eth0", "2", "10000")
	device("down", "3", "-1")
	device("other", "9", "1000")
	device("unknown", "5", "")
	devices := []net.Interface{{Index: 2, Name: "eth0"}, {Index: 3, Name: "down"}, {Index: 4, Name: "other"}, {Index: 5, Name: "unknown"}, {Index: 6, Name: "none"}}
	if got := speedsIn(sys, devices); !reflect.DeepEqual(got, map[string]uint64{"eth0": 10000}) {
		t.Errorf("%v", got)
	}
	if got := speedsIn(sys, devices[1:]); got != nil {
		t.Errorf("%v, want nothing", got)
	}
}
