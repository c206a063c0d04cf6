package text

import "github.com/skb-tools/skb-tools/internal/escape"

// appendEscaped appends s as a terminal may have it.
func appendEscaped[T ~string | ~[]byte](dst []byte, s T) []byte { return escape.Append(dst, s) }
