//go:build linux && (amd64 || arm64)

package collect

import (
	"slices"
	"testing"
)

// TestGuardCommand: the guard of a table is skb-collect by its name, whatever this program is called: cmd/skb-tools would
// know no program "exe", and the table would stay for ever.
func TestGuardCommand(t *testing.T) {
	cmd := guardCommand("skb_1")
	if want := []string{"skb-collect", "--remove-nft-table", "skb_1"}; !slices.Equal(cmd.Args, want) {
		t.Errorf("%q, want %q", cmd.Args, want)
	}
	if cmd.Path != "/proc/self/exe" || !cmd.SysProcAttr.Setsid {
		t.Errorf("%s, %+v: want this program, in a session of its own", cmd.Path, cmd.SysProcAttr)
	}
}
