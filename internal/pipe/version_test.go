package pipe

import (
	"runtime/debug"
	"testing"
)

func TestModuleVersion(t *testing.T) {
	for version, want := range map[string]string{"": "dev", "(devel)": "dev", "v1.2.3": "v1.2.3",
		"v0.0.0-20261130120000-0123456789ab+dirty": "v0.0.0-20261130120000-0123456789ab+dirty"} {
		if got := moduleVersion(&debug.BuildInfo{Main: debug.Module{Version: version}}, true); got != want {
			t.Errorf("%q: %s, want %s", version, got, want)
		}
	}
	if got := moduleVersion(nil, false); got != "dev" {
		t.Errorf("no build info: %s", got)
	}
	if Version == "" {
		t.Error("no version")
	}
}
