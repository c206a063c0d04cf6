package terminal

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Columns is how many columns of a terminal text takes: two for an East Asian wide character (Unicode's UAX #11), none
// for a combining one and for what sets a colour (SGR of ECMA-48).
func Columns(text []byte) int {
	for i, c := range text {
		if c >= utf8.RuneSelf || c == esc {
			return i + columns(text[i:])
		}
	}
	return len(text)
}

func columns(text []byte) (n int) {
	for len(text) > 0 {
		size, columns := Next(text)
		text, n = text[size:], n+columns
	}
	return n
}

const esc = 0x1b

// Next is what text, which is not empty, begins with: a character, or all that sets a colour. It returns its size in
// bytes and how many columns it takes.
func Next(text []byte) (size, columns int) {
	if text[0] == esc {
		for i, c := range text {
			if c == 'm' {
				return i + 1, 0
			}
		}
		return len(text), 0
	}
	if text[0] < utf8.RuneSelf {
		return 1, 1
	}
	r, size := utf8.DecodeRune(text)
	return size, runeColumns(r)
}

func runeColumns(r rune) int {
	switch {
	case r < 0x300: // the first combining one
		return 1
	case 0x1160 <= r && r <= 0x11ff, unicode.In(r, unicode.Mn, unicode.Me): // the former join the Hangul before
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}
