package track

import (
	"errors"
	"fmt"

	"github.com/skb-tools/skb-tools/internal/tempfile"
)

// A drawer draws a journey to a file: the first one that is selected, or of all the slowest.
type drawer struct {
	file    string
	slowest bool
	best    *gathered
}

func (d *drawer) take(g *gathered) {
	if d.best == nil || d.slowest && g.j.Total() > d.best.j.Total() {
		d.best = g
	}
}

// Close writes the picture, and tells where nothing was drawn.
func (d *drawer) Close() error {
	if d.best == nil {
		if d.slowest {
			return errors.New("--svg: there is no journey, nothing is drawn")
		}
		return errors.New("--svg: no journey was selected, nothing is drawn")
	}
	if err := tempfile.Replace(d.file, d.best.svg()); err != nil {
		return fmt.Errorf("--svg %s: %w", d.file, err)
	}
	return nil
}
