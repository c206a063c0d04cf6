//go:build linux && (amd64 || arm64)

package collect

import (
	"errors"
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/internal/kernel"
)

// wanted are the probes that -p and --try name, without those of --try that this kernel
// does not have.
func (p *places) wanted(probes, try []string) ([]string, error) {
	out, err := readFiles(probes)
	if err != nil {
		return nil, err
	}
	try, err = readFiles(try)
	if err != nil {
		return nil, err
	}
	if err := p.lookUp(append(slices.Clone(out), try...)); err != nil {
		return nil, err
	}
	for _, arg := range try {
		if p.has(arg) {
			out = append(out, arg)
		}
	}
	if len(out) == 0 && len(try) > 0 {
		return nil, errors.New("this kernel has none of the probes that --try names")
	}
	return out, nil
}

// has reports whether a glob or name, as typed after -p, matches any place.
func (p *places) has(arg string) bool {
	arg, _, _ = strings.Cut(arg, "/") // and sections
	if isNFTTrace(arg) {
		_, err := p.kernel.NFTTrace()
		return err == nil
	}
	name, isReturn := strings.CutPrefix(arg, "ret:")
	if g, _ := programsWanted(arg); g != nil {
		if all, _ := p.programs(); slices.ContainsFunc(all, func(p kernel.Program) bool { return g.matches(&p) }) {
			return true
		}
	}
	if strings.Contains(name, ":") {
		return !isReturn && slices.ContainsFunc(p.tracepoints, func(t kernel.Tracepoint) bool {
			return match(arg, t.String()) && (t.HasPacket() || strings.HasPrefix(arg, "xdp:"))
		})
	}
	if _, ok := p.function(name); ok {
		return true
	}
	if p.looked {
		return false
	}
	functions, _ := p.functions() // an error is said for those that -p names
	return slices.ContainsFunc(functions, func(f kernel.Function) bool { return match(name, f.Name) })
}
