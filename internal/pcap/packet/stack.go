package packet

import "bytes"

// MaxStack is how long a comment with the calls that led to an event may be, in bytes.
// That is some 40 frames.
const MaxStack = 1 << 10

// MaxStacks bounds how many a host's are kept, as skb-collect does. Then all are forgotten.
const MaxStacks = 1 << 16

// CutStack stands where the rest of a stack would.
const CutStack = "<..."

// IsStack reports whether package write writes this behind stack=: not longer.
func IsStack(value []byte) bool {
	n := 4 + len("stack=") + len(value)
	return n <= MaxStack || n-len(CutStack) <= MaxStack && bytes.HasSuffix(value, []byte(CutStack))
}
