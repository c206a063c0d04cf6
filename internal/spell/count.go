package spell

import "strconv"

// Count is a number of things, whose name with an s at its end is that of several.
func Count[T ~int | ~int64 | ~uint32 | ~uint64](n T, thing string) string {
	s := strconv.FormatUint(uint64(n), 10) + " " + thing
	if n != 1 {
		s += "s"
	}
	return s
}
