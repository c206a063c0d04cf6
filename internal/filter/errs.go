//go:build linux && (amd64 || arm64)

package filter

import "fmt"

// errTooLarge is what makes a filter more than libpcap, the loader or the verifier takes.
type errTooLarge struct {
	n     int
	what  string
	limit int
}

func (e errTooLarge) Error() string {
	return fmt.Sprintf("it is too large: %d %s (limit %d)", e.n, e.what, e.limit)
}
