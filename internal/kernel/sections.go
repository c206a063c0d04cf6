//go:build linux && (amd64 || arm64)

package kernel

import (
	"maps"

	"github.com/skb-tools/skb-tools/bpf"
)

// anywhere are the sections that need no function's registers. --show has code for each kind of place.
const anywhere = bpf.SectionSock | bpf.SectionCt | bpf.SectionStack

// sections returns the settings of a program whose events have s, and what the code of --show with that number gives.
func (l *Loader) sections(s bpf.Sections, show uint32) map[string]any {
	if show != 0 {
		s |= bpf.SectionShow
	}
	vars := map[string]any{"sections": uint32(s)}
	if s == 0 {
		return vars
	}
	if show != 0 {
		vars["show_code"] = show
	}
	at, size := s.At(bpf.Sizes{Stack: l.settings.StackSize, Show: l.settings.ShowSize})
	for i, name := range [...]string{"sock_at", "ct_at", "nft_at", "caller_at", "args_at", "stack_at",
		"ovs_at", "show_at"} {
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
