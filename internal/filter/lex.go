//go:build linux && (amd64 || arm64)

package filter

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

type tokenKind int

const (
	end tokenKind = iota
	name
	number
	text   // a string literal
	symbol // an operator or parenthesis
)

type token struct {
	kind     tokenKind
	s        string // as written; for text what it stands for
	value    uint64 // of a number
	unsigned bool   // by its suffix
	long     bool
}

func (t token) String() string {
	switch t.kind {
	case end:
		return "the end"
	case text:
		return strconv.Quote(t.s)
	}
	return t.s
}

// The operators, longest first.
var symbols = []string{
	"->", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||",
	"(", ")", "[", "]", ".", "+", "-", "*", "/", "%", "&", "|", "^", "<", ">", "!", "~", "?", ":", ",",
}

// lex cuts a C expression into tokens.
func lex(s string) ([]token, error) {
	var tokens []token
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		if s == "" {
			return append(tokens, token{kind: end}), nil
		}
		t, n, err := lexOne(s)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		s = s[n:]
	}
}

func lexOne(s string) (token, int, error) {
	switch c := s[0]; {
	case letter(c):
		n := 1
		for n < len(s) && (letter(s[n]) || digit(s[n])) {
			n++
		}
		return token{kind: name, s: s[:n]}, n, nil
	case digit(c):
		return lexNumber(s)
	case c == '"' || c == '\'':
		return lexQuoted(s)
	}
	for _, op := range symbols {
		if strings.HasPrefix(s, op) {
			return token{kind: symbol, s: op}, len(op), nil
		}
	}
	r, _ := utf8.DecodeRuneInString(s)
	return token{}, 0, fmt.Errorf("%q is no operator", r)
}

func letter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }

func lexNumber(s string) (token, int, error) {
	n := 1
	for n < len(s) && (letter(s[n]) || digit(s[n])) {
		n++
	}
	t := token{kind: number, s: s[:n]}
	digits := strings.TrimRight(t.s, "uUlL")
	suffix := strings.ToLower(t.s[len(digits):])
	switch suffix {
	case "", "l", "ll", "u", "ul", "lu", "ull", "llu":
	default:
		return t, 0, fmt.Errorf("%q is no number", t.s)
	}
	t.unsigned = strings.Contains(suffix, "u")
	t.long = strings.Contains(suffix, "l")
	base := 10
	switch {
	case strings.HasPrefix(digits, "0x"), strings.HasPrefix(digits, "0X"):
		base, digits = 16, digits[2:]
	case strings.HasPrefix(digits, "0b"), strings.HasPrefix(digits, "0B"):
		base, digits = 2, digits[2:]
	case len(digits) > 1 && digits[0] == '0':
		base, digits = 8, digits[1:]
	}
	v, err := strconv.ParseUint(digits, base, 64)
	if err != nil {
		return t, 0, fmt.Errorf("%q is no number", t.s)
	}
	t.value = v
	return t, n, nil
}

// lexQuoted reads "..." or 'c'.
func lexQuoted(s string) (token, int, error) {
	mark := s[0]
	var b []byte
	rest := s[1:]
	for rest != "" && rest[0] != mark {
		if rest[0] != '\\' {
			b = append(b, rest[0])
			rest = rest[1:]
			continue
		}
		c, n, err := escape(rest)
		if err != nil {
			return token{}, 0, err
		}
		b = append(b, c)
		rest = rest[n:]
	}
	if rest == "" {
		return token{}, 0, fmt.Errorf("%s has no closing %c", quote(s), mark)
	}
	n := len(s) - len(rest) + 1
	if mark == '"' {
		return token{kind: text, s: string(b)}, n, nil
	}
	if len(b) != 1 {
		return token{}, 0, fmt.Errorf("%s is not one character", quote(s[:n]))
	}
	// Plain char is signed on x86, but no field of the kernel's depends on it.
	return token{kind: number, s: s[:n], value: uint64(b[0])}, n, nil
}

func escape(s string) (c byte, n int, err error) {
	if len(s) < 2 {
		return 0, 0, fmt.Errorf(`nothing follows \`)
	}
	if i := strings.IndexByte(`abfnrtv\'"`, s[1]); i >= 0 {
		return "\a\b\f\n\r\t\v\\'\""[i], 2, nil
	}
	base, digits := 8, s[1:]
	if s[1] == 'x' {
		base, digits = 16, s[2:]
	}
	for n < len(digits) && n < 3-base/16 {
		if _, err := strconv.ParseUint(digits[n:n+1], base, 8); err != nil {
			break
		}
		n++
	}
	v, err := strconv.ParseUint(digits[:n], base, 8)
	if err != nil {
		return 0, 0, fmt.Errorf(`%q is no escape sequence`, s[:min(len(s), 4)])
	}
	return byte(v), n + len(s) - len(digits), nil
}
