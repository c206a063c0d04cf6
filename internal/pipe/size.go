package pipe

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Size is a number of bytes, written as 4096, 64k, 100MB or 2G. Units are powers of
// 1000 when they end in B without an i and of 1024 otherwise, as in dd(1).
type Size uint64

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) error {
	t := strings.ToUpper(string(text))
	digits := strings.TrimRight(t, "KMGIB")
	n, err := strconv.ParseFloat(digits, 64)
	unit := t[len(digits):]
	base := 1024.0
	if strings.HasSuffix(unit, "B") && !strings.HasSuffix(unit, "IB") {
		base = 1000
	}
	powers := map[string]float64{"": 0, "B": 0, "K": 1, "M": 2, "G": 3}
	power, ok := powers[strings.TrimSuffix(strings.TrimSuffix(unit, "B"), "I")]
	if err != nil || !ok || !(n >= 0) || n*math.Pow(base, power) > 1<<62 {
		return fmt.Errorf("%q is not a size (4096, 64k, 100MB, 2G)", text)
	}
	*s = Size(n * math.Pow(base, power))
	return nil
}
