//go:build linux && (amd64 || arm64)

package collect

import (
	"errors"

	"github.com/skb-tools/skb-tools/internal/kernel"
)

// followPrograms begins to look for BPF programs that are loaded from now on. Those that came while probes
// were attached are found as new ones.
func (c *collector) followPrograms() error {
	all, err := c.places.programs()
	if err != nil {
		return err
	}
	for _, p := range all {
		c.newestProgram = max(c.newestProgram, p.ID)
	}
	c.attachment.Progress = nil // that was for the probes asked for
	return nil
}

// newPrograms attaches to the BPF programs that were loaded since it was called last, if the probes asked
// for mean them.
func (c *collector) newPrograms() error {
	programs, err := c.kernel.ProgramsAfter(c.newestProgram)
	if err != nil {
		return err
	}
	for _, p := range programs {
		c.newestProgram = max(c.newestProgram, p.ID)
		s := selection{}
		for _, g := range c.selection.globs {
			if g.matches(&p) {
				s.addProgram(p, g)
			}
		}
		for _, p := range s.programs {
			p.Sections |= c.with.bits
			if err := c.attachProgram(p); errors.As(err, new(*kernel.RefusedError)) {
				c.say("%s was loaded, but can't be probed: %v", p.Called(), err)
			} else if err != nil {
				return err
			} else {
				c.say("%s was loaded, and is probed from now on", p.Called())
			}
		}
	}
	return nil
}
