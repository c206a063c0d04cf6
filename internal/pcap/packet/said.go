package packet

import (
	"bytes"

	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// What statistics of the first interface say in their comments: in front of all packets that a
// stream begins which is to be whole, and behind them whether it was.
const (
	StreamOpen  = "stream=open"
	StreamWhole = "stream=whole"
	StreamPart  = "stream=part"
)

// Describe says what kind of place a probe is.
func Describe(probe []byte) string {
	switch {
	case bytes.HasPrefix(probe, []byte(kfunc.Return)):
		return "return of a kernel function"
	case bytes.IndexByte(probe, ':') >= 0:
		return "tracepoint"
	}
	return "kernel function"
}
