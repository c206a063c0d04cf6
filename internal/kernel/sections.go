//go:build linux && (amd64 || arm64)

package kernel

import (
	"maps"

	"github.com/skb-tools/skb-tools/bpf"
)

// anywhere are the sections that need no function's registers.
const anywhere = bpf.SectionSock | bpf.SectionCt | bpf.SectionStack

// sections returns the settings of a program whose events have s.
func (l *Loader) sections(s bpf.Sections) map[string]any {
	vars := map[string]any{"sections": uint32(s)}
	if s == 0 {
		return vars
	}
	at, size := s.At(l.settings.StackSize)
	for i, name := range [...]string{"sock_at", "ct_at", "nft_at", "caller_at", "args_at", "stack_at",
		"ovs_at"} {
		vars[name] = at[i]
	}
	vars["more_size"] = size
	vars["stack_size"] = l.settings.StackSize
	if s&bpf.SectionCt != 0 {
		l.k.ctVariables(vars)
	}
	if s&bpf.SectionOVS != 0 {
		maps.Copy(vars, l.ovsVariables())
	}
	return vars
}
