//go:build linux && (amd64 || arm64)

package collect

import (
	"errors"
	"strings"
	"sync"

	"github.com/skb-tools/skb-tools/internal/kernel"
)

// A discovery attaches to the functions that stacks name, while collecting goes on.
type discovery struct {
	c       *collector
	known   map[string]kernel.Function // that can be probed, and are not yet
	mu      sync.Mutex
	ended   bool // nothing more is put into waiting
	waiting chan kernel.Function
	done    sync.WaitGroup

	// How many were, and could not be; to be read when done.
	attached, refused int
}

func (c *collector) startDiscovery() (*discovery, error) {
	functions, err := c.places.functions()
	if err != nil {
		return nil, err
	}
	d := &discovery{c: c, known: map[string]kernel.Function{}, waiting: make(chan kernel.Function, len(functions))}
	for _, f := range functions {
		f.Sections = c.with.bits
		d.known[f.Name] = f
	}
	for _, f := range c.selection.functions {
		delete(d.known, f.Name)
	}
	c.attachment.Progress = nil // that was for the probes asked for
	d.done.Go(d.attach)
	return d, nil
}

// found has the functions of a stack attached. There is room for all of them in waiting.
func (d *discovery) found(frames []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return
	}
	for _, frame := range frames {
		name, _, _ := strings.Cut(frame, "+")
		if f, ok := d.known[name]; ok {
			delete(d.known, name)
			d.c.decoder.nameFunction(f)
			d.waiting <- f
		}
	}
}

func (d *discovery) attach() {
	for f := range d.waiting {
		functions := []kernel.Function{f}
		for len(d.waiting) > 0 {
			functions = append(functions, <-d.waiting)
		}
		refused, err := d.c.attachment.Functions(d.c.options.Backend, functions)
		if errors.Is(err, kernel.ErrCanceled) {
			return
		}
		for _, f := range functions {
			if err != nil || refused[f.Name] != nil {
				d.refused++
			} else {
				d.attached++
			}
		}
	}
}

// stopDiscovery attaches no more, and waits for the one that is being attached.
func (c *collector) stopDiscovery() {
	d := c.discovery
	if d == nil {
		return
	}
	d.mu.Lock()
	already := d.ended
	d.ended = true
	d.mu.Unlock()
	if already {
		return
	}
	c.attachment.Cancel()
	close(d.waiting)
	d.done.Wait()
	c.say("%d functions were found in stacks and probed", d.attached)
	if d.refused > 0 {
		c.say("%d functions in stacks can't be probed", d.refused)
	}
}
