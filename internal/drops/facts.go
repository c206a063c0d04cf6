package drops

import (
	"bytes"
	"math"
	"strconv"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/flowrules"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// facts is all that is known of one drop. It is used again for the next: what it gives
// out is valid until then.
type facts struct {
	raw     format.Raw
	find    *format.Finder // has found what is in raw
	host    *host
	earlier *memory // what was seen of the packet before; nil: nothing
	frames  []string

	reason   []byte // by the kernel's name, "" where it gave none
	location []byte
	function []byte // that dropped the packet, without offset and the compiler's suffixes
	dropped  uint64 // packets; 0: one

	rules flowrules.Answer // of the flow of Open vSwitch that dropped the packet: a wire.Value

	frame  frame
	packet packet
	parsed bool // frame and packet are those of the record

	verdict   verdict
	fitting   []*way   // that fit its reason
	countedBy []string // counters that may count it

	// Texts that values need made are appended to buf, one after the other: the part of
	// texts that is not used yet. Where they outgrow it, append allocates.
	buf   []byte
	texts [4096]byte
	line  []byte // a sentence or command that is being put together from them
}

// set begins anew with a record, which f.find has just gone through.
func (f *facts) set(r format.Raw, h *host) {
	f.raw, f.host, f.earlier, f.frames = r, h, nil, nil
	f.rules = flowrules.Answer{}
	f.parsed, f.buf = false, f.texts[:0]
}

// inXDP begins the location of a drop by an XDP program of a packet that no sk_buff had: `xdp:lb`.
var inXDP = []byte("xdp:")

// place is what rules have in `at`: the function or, of such a drop, `xdp`.
func (f *facts) place() []byte {
	if bytes.HasPrefix(f.location, inXDP) {
		return inXDP[:len(inXDP)-1]
	}
	return f.function
}

// packets is how many were dropped: a tracepoint of group xdp tells of several at once.
func (f *facts) packets() uint64 { return max(f.dropped, 1) }

// setDrop reads who dropped the packet, and why.
func (f *facts) setDrop() {
	f.location, _ = f.find.Str(findDropLocation)
	f.function = kfunc.Function(f.location)
	f.dropped, _ = f.find.Uint(findBPFDropped)
	f.reason, _ = f.find.Str(findDropName)
	if len(f.reason) > 0 {
		return
	}
	if n, ok := f.find.Uint(findDropReason); ok {
		if name, ok := f.host.reasons[uint32(n)]; ok && n <= math.MaxUint32 {
			f.reason = append(f.buf, name...)
		} else {
			f.reason = strconv.AppendUint(f.buf, n, 10)
		}
		f.buf = f.reason[len(f.reason):]
	}
}

// hasReason says that the kernel gave one.
func (f *facts) hasReason() bool { return len(f.reason) > 0 && string(f.reason) != notSpecified }

// look past what frees to who had it freed, if the stack is known.
func (f *facts) setStack(frames []string) {
	f.frames = frames
	if !kfunc.Lookup(f.function).Is(kfunc.Frees) {
		return
	}
	at := 0
	for i, frame := range frames {
		if frame == string(f.function) {
			at = i
			break
		}
	}
	for _, frame := range frames[at:] {
		if frame != "" && !kfunc.Lookup(frame).Is(kfunc.Frees) {
			f.function = append(f.buf, frame...)
			f.buf = f.function[len(f.function):]
			return
		}
	}
}
