package read

import (
	"bytes"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
)

// stack returns the number of the calls that a comment has, whose record it writes when
// they are new to the source, which is in force.
func (s *streamer) stack(src *source, calls []byte) (uint64, error) {
	if id, known := src.stacks[string(calls)]; known {
		return id, nil
	}
	if src.stacks == nil || len(src.stacks) >= packet.MaxStacks {
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
