package drops

import (
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/format/wire"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// stacks keeps the stack records that events refer to, as function names.
type stacks map[uint64][]string

const (
	maxStacks = 16384
	maxFrames = 64
	maxSymbol = 128
)

// add takes a stack record. At maxStacks all are forgotten: a collector that is still
// running writes those that still occur again only for a new stream, so their drops are
// then explained without them.
func (s stacks) add(r format.Raw, h *host) {
	id, ok := r.Get("id").Uint()
	if !ok {
		return
	}
	if len(s) >= maxStacks {
		clear(s)
	}
	var frames []string
	_ = r.Get("frames").Elems(func(v wire.Value) bool {
		name, _ := v.Str()
		name = kfunc.Function(name)
		if len(name) <= maxSymbol {
			frames = append(frames, string(name))
		}
		return len(frames) < maxFrames
	})
	s[id^h.id] = frames
}

// of gives the stack that an event refers to.
func (s stacks) of(f *facts) []string {
	id, ok := f.find.Uint(findStack)
	if !ok {
		return nil
	}
	return s[id^f.host.id]
}
