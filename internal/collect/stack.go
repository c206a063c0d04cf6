//go:build linux && (amd64 || arm64)

package collect

import (
	"strings"
	"unsafe"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// stacks are those seen, by their addresses, so that each is named and written once.
type stacks struct {
	depth int // frames of each, at most
	known map[string]*stack
	last  uint64
}

type stack struct {
	format.Stack
	file int // the output file that it is in, 0: none yet
}

// maxStacks bounds what is kept. Then all are forgotten and come again with new numbers.
const maxStacks = 1 << 16

// of returns the stack of these addresses: of where the innermost function is, and of where
// each returns to.
func (s *stacks) of(addrs []uint64, location, caller func(uint64) string) *stack {
	// Looking up a string made of bytes does not copy them.
	key := unsafe.String((*byte)(unsafe.Pointer(&addrs[0])), 8*len(addrs))
	if known := s.known[key]; known != nil {
		return known
	}
	if len(s.known) >= maxStacks {
		clear(s.known)
	}
	s.last++
	new := &stack{Stack: format.Stack{ID: s.last}}
	for _, a := range addrs {
		new.Frames = append(new.Frames, location(a))
		location = caller
	}
	new.Frames = new.Frames[ownFrames(new.Frames):]
	new.Frames = new.Frames[:min(len(new.Frames), s.depth)]
	s.known[strings.Clone(key)] = new
	return new
}

// ownFrames is how many of the innermost frames are not the kernel's way to the probe but
// the probe's to us: at a tracepoint our program, whose symbol is newer than our list of
// them, and the functions that run it.
func ownFrames(frames []string) int {
	own := 0
	for i, f := range frames[:min(len(frames), 8)] {
		if name, _, _ := strings.Cut(f, "+"); kfunc.IsTracing(name) {
			own = i + 1
		}
	}
	return own
}

// stackSize is the bytes for so many frames, and the few of ownFrames.
func stackSize(depth int) uint32 { return 8 * uint32(depth+extraFrames) }

const (
	extraFrames = 6
	// The kernel's own limit is 127 (kernel.perf_event_max_stack).
	maxDepth = 127 - extraFrames
)
