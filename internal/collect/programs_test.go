//go:build linux && (amd64 || arm64)

package collect

import (
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/internal/kernel"
)

// TestProgramsWanted: what -p asks for of BPF programs.
func TestProgramsWanted(t *testing.T) {
	lb := kernel.Program{Kind: "xdp", ID: 42, Name: "lb_main", Tag: "3b185187f1855c4c"}
	fw := kernel.Program{Kind: "tc", ID: 43, Name: "fw", Tag: "a04f5eef06a7f555"}
	for arg, want := range map[string]struct {
		lb, fw, exit, none bool
		err                string
	}{
		"xdp:lb_main":              {lb: true},
		"xdp:*":                    {lb: true},
		"tc:*":                     {fw: true},
		"ret:xdp:lb*":              {lb: true, exit: true},
		"xdp:id:42":                {lb: true},
		"id:43":                    {fw: true},
		"tc:id:42":                 {},
		"tag:3B185187F1855C4C":     {lb: true},
		"tc:tag:a04f5eef06a7f555":  {fw: true},
		"xdp:lb":                   {},
		"xdp:id:0":                 {err: `"0" is no id of a BPF program`},
		"id:x":                     {err: `"x" is no id of a BPF program`},
		"id:4294967296":            {err: "is no id of a BPF program"},
		"tag:":                     {err: "no tag"},
		"ip_rcv":                   {none: true},
		"ret:ip_rcv":               {none: true},
		"net:netif_receive_skb":    {none: true},
		"netfilter:*":              {},
		"ret:net:netif_receive_sk": {none: true},
	} {
		g, err := programsWanted(arg)
		switch {
		case want.err != "":
			if err == nil || !strings.Contains(err.Error(), want.err) {
				t.Errorf("%s: %v", arg, err)
			}
		case err != nil || want.none != (g == nil):
			t.Errorf("%s: %+v, %v", arg, g, err)
		case g != nil && (g.matches(&lb) != want.lb || g.matches(&fw) != want.fw || g.exit != want.exit):
			t.Errorf("%s: %+v means lb: %v, fw: %v", arg, g, g.matches(&lb), g.matches(&fw))
		}
	}
}
