package text

import (
	"strconv"
	"unicode/utf8"
)

// appendEscaped appends s with everything that could act on a terminal or
// break the line (C0 and C1 control characters, bidirectional overrides and
// what else is not printable, invalid UTF-8) written as \xNN, \uNNNN or \n, as
// Go writes it. A backslash is doubled, so that no text can pass for an escape.
func appendEscaped[T ~string | ~[]byte](dst []byte, s T) []byte {
	plain := 0
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c > '~' || c == '\\' {
			dst = append(dst, s[plain:i]...)
			n := 0
			dst, n = appendEscapedRune(dst, string(s[i:min(i+utf8.UTFMax, len(s))]))
			i += n - 1
			plain = i + 1
		}
	}
	return append(dst, s[plain:]...)
}

// appendEscapedRune appends the first rune of s and returns its size in s.
func appendEscapedRune(dst []byte, s string) ([]byte, int) {
	r, n := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && n <= 1 {
		const hex = "0123456789abcdef"
		return append(dst, '\\', 'x', hex[s[0]>>4], hex[s[0]&15]), 1
	}
	if strconv.IsPrint(r) && r != '\\' {
		return append(dst, s[:n]...), n
	}
	quoted := strconv.AppendQuoteRune(dst, r) // 'x': the quotes go
	copy(quoted[len(dst):], quoted[len(dst)+1:])
	return quoted[:len(quoted)-2], n
}
