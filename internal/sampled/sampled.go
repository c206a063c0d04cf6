// Package sampled is what a summary knows of `skb-collect --sample`: how many packets one of the stream stands for, and
// how far a count that was multiplied by it may be off.
package sampled

import (
	"fmt"
	"math"

	"github.com/skb-tools/skb-tools/format"
)

// A Rate is how the packets of a stream were chosen. The zero value is that of a stream with all packets.
type Rate struct {
	N      uint64 // one packet in so many is there; 0: all
	ByFlow bool   // all packets of a flow are there, or none
}

// most bounds how many packets one stands for, whatever a stream says.
const most = 1 << 20

// Of reads a start record.
func Of(start format.Raw) Rate {
	n, _ := start.Get("sample").Uint()
	by, _ := start.Get("sample_by").Str()
	return Rate{min(n, most), string(by) == "flow"}
}

// Stands is how many there were for each that the stream has, at least 1.
func (r Rate) Stands() uint64 { return max(1, r.N) }

// Variance is that of a count by one that is in the sample: chosen with the chance 1/n, it counts as n.
func Variance(n uint64) float64 { return float64(n) * float64(n-1) }

// Error is the standard error of an estimate of this variance, rounded up.
func Error(variance float64) uint64 { return uint64(math.Ceil(math.Sqrt(variance))) }

// Words say how counts were found, where one packet in n was looked at, or in some streams fewer.
func Words(n uint64, orFewer, byFlow bool) string {
	words := fmt.Sprintf("one packet in %d", n)
	if orFewer {
		words += " or fewer"
	}
	words += " was looked at (skb-collect --sample): counts are estimates, ± their standard error"
	if byFlow {
		words += ", at least: the packets of a flow were chosen together"
	}
	return words
}
