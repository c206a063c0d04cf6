//go:build linux

package main

import (
	"slices"
	"strings"
	"testing"
)

func TestLinks(t *testing.T) {
	links, err := parseLinks([]string{"/tmp/a,1:/tmp/b", "/tmp/b:/tmp/a,1"})
	if err != nil || len(links) != 2 {
		t.Fatalf("%v, %v", links, err)
	}
	here, there := links[0], links[1]
	if here.local != there.remote || there.local != here.remote || slices.Equal(here.mac(), there.mac()) {
		t.Errorf("%+v, %v and %+v, %v are not the two ends of a cable", here, here.mac(), there, there.mac())
	}
	if a := strings.Join(here.arguments(0), " "); !strings.Contains(a, "local.path=/tmp/a,,1,") {
		t.Errorf("qemu takes the path apart in %s", a)
	}
	for _, w := range []string{"", "a", "a:", ":b", "a:b:c"} {
		if _, err := parseLinks([]string{w}); err == nil {
			t.Errorf("--net %q is no error", w)
		}
	}
}
