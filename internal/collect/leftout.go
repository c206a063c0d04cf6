//go:build linux && (amd64 || arm64)

package collect

import (
	"maps"
	"slices"
	"strings"
)

// leftOut are the functions that the globs of -p would have chosen if they could be probed,
// with the reason why not.
func (p *places) leftOut(probes []string) map[string]string {
	left := map[string]string{}
	for _, arg := range probes {
		glob, _, _ := strings.Cut(strings.TrimPrefix(arg, "ret:"), "/")
		if !isGlob(glob) {
			continue
		}
		for name, why := range p.left {
			if match(glob, name) {
				left[name] = why
			}
		}
	}
	return left
}

// sayLeftOut counts them, and with -v names them.
func (c *collector) sayLeftOut(left map[string]string) {
	if len(left) == 0 {
		return
	}
	if c.options.Verbose == 0 {
		c.say("%d functions with an sk_buff can't be probed and are left out (-v names them)", len(left))
		return
	}
	c.say("%d functions with an sk_buff can't be probed:", len(left))
	for _, name := range slices.Sorted(maps.Keys(left)) {
		c.say("  %s: %s", name, left[name])
	}
}
