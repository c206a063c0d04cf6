// Package escape writes text that came from a stream so that no terminal obeys it. It is
// the one place that says which characters a terminal may have as they are.
package escape

import (
	"strconv"
	"unicode/utf8"
)

// Printable reports whether a terminal may have r as it is: letters, marks, digits,
// punctuation, symbols and the blank. C0 and C1 controls, bidirectional controls, line
// separators, other blanks and what has no width are not.
func Printable(r rune) bool { return strconv.IsPrint(r) }

// Append appends s with everything that could act on a terminal or break the line, and
// invalid UTF-8, written as \xNN, \uNNNN or \n, as Go writes it. A backslash is doubled,
// so that no text can pass for an escape.
func Append[T ~string | ~[]byte](dst []byte, s T) []byte {
	i := 0
	for i < len(s) && clean[s[i]] {
		i++
	}
	if i == len(s) { // as nearly always
		return append(dst, s...)
	}
	plain := 0
	for ; i < len(s); i++ {
		if !clean[s[i]] {
			dst = append(dst, s[plain:i]...)
			n := 0
			dst, n = appendRune(dst, string(s[i:min(i+utf8.UTFMax, len(s))]))
			i += n - 1
			plain = i + 1
		}
	}
	return append(dst, s[plain:]...)
}

// clean are the bytes that are a character which Append leaves as it is.
var clean = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c <= '~' && c != '\\'
	}
	return t
}()

// String is Append for a string.
func String(s string) string {
	for i := range len(s) {
		if !clean[s[i]] {
			return string(Append(nil, s))
		}
	}
	return s
}

// Command is String for what has backslashes of its own, which are not doubled: a command that is
// there to be pasted, a sentence in which names are escaped already.
func Command(s string) string { return string(AppendCommand(nil, s)) }

// AppendCommand is Command behind dst.
func AppendCommand[T ~string | ~[]byte](dst []byte, s T) []byte {
	from := 0
	for i := range len(s) {
		if s[i] == '\\' {
			dst = append(Append(dst, s[from:i]), '\\')
			from = i + 1
		}
	}
	return Append(dst, s[from:])
}

// Strings is String for each of list, which it leaves as it is.
func Strings(list []string) []string {
	clean := make([]string, len(list))
	for i, s := range list {
		clean[i] = String(s)
	}
	return clean
}

// AppendBytes appends s with what Append would escape as \xNN for each of its bytes: the form of
// comments in captures, which is read back and which docs/pcapng.md promises.
func AppendBytes(dst, s []byte) []byte {
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		if r == utf8.RuneError && n == 1 || !Printable(r) || r == '\\' {
			for _, c := range s[:n] {
				dst = append(dst, '\\', 'x', hex[c>>4], hex[c&15])
			}
		} else {
			dst = append(dst, s[:n]...)
		}
		s = s[n:]
	}
	return dst
}

// Cut returns as much of text that Append wrote as n bytes hold, without a part of a rune or of an escape.
func Cut(text []byte, n int) []byte {
	if len(text) <= n {
		return text
	}
	for rest := string(text); ; {
		_, _, tail, err := strconv.UnquoteChar(rest, 0)
		if err != nil || len(text)-len(tail) > n {
			return text[:len(text)-len(rest)]
		}
		rest = tail
	}
}

// Short is String, or as much of it as n bytes hold.
func Short(s string, n int) string {
	// Escaped it is no shorter, so that what is left out here first would be cut off anyway.
	return string(Cut(Append(nil, s[:min(len(s), 2*n)]), n))
}

// CutRunes returns as much of text that is not escaped as n bytes hold, without a part of a rune. What is no UTF-8 may
// be cut 4 bytes earlier.
func CutRunes(text string, n int) string {
	if len(text) <= n {
		return text
	}
	at := n
	for at > max(n-utf8.UTFMax, 0) && !utf8.RuneStart(text[at]) {
		at--
	}
	return text[:at]
}

// appendRune appends the first rune of s and returns its size in s.
func appendRune(dst []byte, s string) ([]byte, int) {
	r, n := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && n <= 1 {
		return append(dst, '\\', 'x', hex[s[0]>>4], hex[s[0]&15]), 1
	}
	if Printable(r) && r != '\\' {
		return append(dst, s[:n]...), n
	}
	quoted := strconv.AppendQuoteRune(dst, r) // 'x': the quotes go
	copy(quoted[len(dst):], quoted[len(dst)+1:])
	return quoted[:len(quoted)-2], n
}

const hex = "0123456789abcdef"

// JSON appends text, which is JSON of valid UTF-8, with what is beyond ASCII and not
// Printable as \uNNNN, which reads back as the same. JSON has escaped the C0 controls
// itself, but DEL.
func JSON(dst, text []byte) []byte {
	plain := 0
	for i := 0; i < len(text); {
		if text[i] < 0x7f {
			i++
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		if !Printable(r) {
			dst = AppendJSONRune(append(dst, text[plain:i]...), r)
			plain = i + n
		}
		i += n
	}
	return append(dst, text[plain:]...)
}

// AppendJSONRune appends r as \uNNNN, twice where it is beyond 16 bits (RFC 8259, section 7).
func AppendJSONRune(dst []byte, r rune) []byte {
	if r > 0xffff {
		r -= 0x10000
		dst = AppendJSONRune(dst, 0xd800|r>>10)
		r = 0xdc00 | r&0x3ff
	}
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
