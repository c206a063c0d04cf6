package pcap

import (
	"bytes"

	"github.com/skb-tools/skb-tools/format"
)

// maxStack is how long a comment with the calls that led to an event may be, in bytes.
// That is some 40 frames.
const maxStack = 1 << 10

// maxStacks bounds how many a host's are kept, as skb-collect does. Then all are forgotten.
const maxStacks = 1 << 16

// stack keeps the comment for the events that name the stack record r.
func (o *origin) stack(r format.Raw) {
	id, ok := r.Get("id").Uint()
	if !ok {
		return
	}
	if o.stacks == nil || len(o.stacks) >= maxStacks {
		o.stacks = map[uint64][]byte{}
	}
	frames := format.Raw(r.Get("frames")).Cursor()
	var dst []byte
	b := beginComment(&dst, "stack=")
	for n, i := frames.Array(), 0; i < n; i++ {
		frame, _ := frames.Str()
		before := len(dst)
		if i > 0 {
			dst = append(dst, '<')
		}
		dst = appendEscaped(dst, frame)
		if len(dst)-b > maxStack {
			dst = append(dst[:before], cutStack...)
			break
		}
	}
	o.stacks[id] = endComment(dst, b)
}

// cutStack stands where the rest of a stack would.
const cutStack = "<..."

// isStack reports whether origin.stack writes this behind stack=: not longer.
func isStack(value []byte) bool {
	n := 4 + len("stack=") + len(value)
	return n <= maxStack || n-len(cutStack) <= maxStack && bytes.HasSuffix(value, []byte(cutStack))
}

// stack returns the number of the calls that a comment has, whose record it writes when
// they are new to the source, which is in force.
func (s *streamer) stack(src *source, calls []byte) (uint64, error) {
	if id, known := src.stacks[string(calls)]; known {
		return id, nil
	}
	if src.stacks == nil || len(src.stacks) >= maxStacks {
		src.stacks = map[string]uint64{}
	}
	src.lastStack++
	src.stacks[string(calls)] = src.lastStack
	r := format.Stack{ID: src.lastStack}
	for call := range bytes.SplitSeq(calls, []byte("<")) {
		r.Frames = append(r.Frames, string(call))
	}
	return src.lastStack, s.sink.Write(r.AppendMsgpack(nil))
}
