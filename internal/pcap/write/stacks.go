package write

import (
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pcap/packet"
)

// stack keeps the comment for the events that name the stack record r.
func (o *origin) stack(r format.Raw) {
	id, ok := r.Get("id").Uint()
	if !ok {
		return
	}
	if o.stacks == nil || len(o.stacks) >= packet.MaxStacks {
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
		dst = packet.AppendEscaped(dst, frame)
		if len(dst)-b > packet.MaxStack {
			dst = append(dst[:before], packet.CutStack...)
			break
		}
	}
	o.stacks[id] = endComment(dst, b)
}
